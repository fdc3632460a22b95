"""Drafts of exports: after a few answers, or none, they read as the trial behind the export."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis.draft import draft_study, sketch_study
from analysis.errors import ReliefError
from analysis.intake import check_study, read_trial
from analysis.simulate.export import EXPORTERS, example_trial
from analysis.studies.load import read_study

EXAMPLES = Path(__file__).resolve().parents[2] / "data" / "examples"
# Outcomes file, patients file, dictionary.
FILES = {
    "redcap": ("export.csv", None, "dictionary.csv"),
    "redcap_repeating": ("export.csv", None, None),
    "qualtrics": ("answers.csv", "patients.csv", None),
    "google_forms": ("form_responses.csv", "patients.csv", None),
    "spss": ("study.sav", None, None),
    "adam": ("adqs.xpt", None, None),
    "clinic_sheet": ("patients.csv", None, None),
    "clinic_dates": ("patients.csv", None, None),
}


@pytest.fixture
def drafted(tmp_path):
    """Function that drafts an example in a folder of its own."""

    def make(name: str):
        shutil.copytree(EXAMPLES / name, tmp_path / name)
        (tmp_path / name / "study.yml").unlink()
        data, patients, dictionary = (
            None if file is None else tmp_path / name / file for file in FILES[name]
        )
        return draft_study(data, patients=patients, dictionary=dictionary)

    return make


def values(trial) -> pd.DataFrame:
    """Patient, week, whether it is pain, value."""
    frame = trial.outcomes[["patient", "week", "value"]].assign(
        pain=trial.outcomes["measure"].eq(trial.study.primary.name)
    )
    frame["patient"] = frame["patient"].astype("str").str.removeprefix("MASSAGE1-")
    return frame.sort_values(["patient", "week", "pain"], ignore_index=True)


def test_every_export_is_drafted():
    assert set(FILES) == set(EXPORTERS)


def test_a_draft_of_repeated_events_asks_which_instances_are_visits(drafted):
    draft = drafted("redcap_repeating")
    (asked,) = [text for text in draft.questions if "repeating instruments" in text]
    assert "column: [redcap_event_name, redcap_repeat_instance]" in asked


@pytest.mark.parametrize("name", sorted(set(FILES) - {"redcap_repeating"}))
def test_a_draft_of_an_export_loads_and_reads_as_its_trial(drafted, name):
    draft = drafted(name)
    assert draft.problem == ""
    trial, truth = read_trial(draft.path), example_trial()
    pd.testing.assert_frame_equal(values(trial), values(truth))
    arms = trial.patients["therapy"].value_counts().tolist()
    assert arms == [12, 12] and len(trial.study.therapies) == 2
    assert trial.study.comparator in ("Usual care", "Übliche Versorgung")
    assert [visit.horizon for visit in trial.study.visits.schedule] == ["", "short", "long"]
    assert trial.study.primary.instrument == "NRS"
    assert not check_study(draft.path)["severity"].eq("error").any()


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_draft_gives_reasons_and_asks_what_it_cannot_know(drafted, name):
    draft = drafted(name)
    assert draft.text.count("# Guess: ") >= 5
    for number, question in enumerate(draft.questions, start=1):
        assert f"QUESTION {number}: {question[:20]}" in draft.text
    spoken = " ".join(draft.questions)
    for doubt in ("what is the study called", "did chance decide", "short term", "last session",
                  "which other characteristics"):  # fmt: skip
        assert doubt in spoken.lower()


def test_what_stands_in_the_examples_is_found(drafted):
    redcap = read_study(drafted("redcap").path)
    assert {arm.label: arm.code for arm in redcap.therapy.arms} == {"Usual care": 0, "Massage": 1}
    assert redcap.measures[1].missing_codes == (-99,)
    form = read_study(drafted("google_forms").path)
    assert (form.visits.by, form.visits.start) == ("date", "randomised_on")
    assert (form.data.dates, form.data.patients_id) == ("month_first", ("patient",))
    assert form.design == "randomised"
    survey = drafted("qualtrics")
    assert [rule.column for rule in read_study(survey.path).filters] == ["Status", "Finished"]
    sheet = read_study(drafted("clinic_sheet").path)
    assert (sheet.data.decimal, sheet.data.dates) == (",", "day_first")
    assert "k. A." in sheet.data.missing and sheet.data.encoding == "cp1252"
    adam = read_study(drafted("adam").path)
    assert (adam.layout, adam.data.patients) == ("adam", "adsl.xpt")


def test_identifying_columns_are_named_and_not_used(drafted):
    text = drafted("google_forms").text
    assert "may say who a patient is: 'Email Address'" in text
    assert "example.org" not in text


def test_a_draft_never_takes_the_place_of_a_file(drafted):
    draft = drafted("spss")
    draft.path.write_text("mine", encoding="utf-8")
    with pytest.raises(ReliefError, match="is there already and is not replaced"):
        draft_study(draft.path.with_name("study.sav"))
    assert draft.path.read_text(encoding="utf-8") == "mine"


def test_a_sketch_writes_nothing(tmp_path):
    shutil.copy(EXAMPLES / "spss" / "study.sav", tmp_path)
    sketch = sketch_study(tmp_path / "study.sav")
    assert [path.name for path in tmp_path.iterdir()] == ["study.sav"]
    assert draft_study(tmp_path / "study.sav").text == sketch.text


def test_the_data_are_not_changed(drafted, tmp_path):
    drafted("clinic_sheet")
    name = "patients.csv"
    assert (tmp_path / "clinic_sheet" / name).read_bytes() == (EXAMPLES / "clinic_sheet" / name).read_bytes()


def test_a_study_file_apart_from_its_data_is_refused(tmp_path):
    shutil.copy(EXAMPLES / "spss" / "study.sav", tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(ReliefError, match="not in the folder of the study file"):
        draft_study(tmp_path / "study.sav", output=tmp_path / "elsewhere" / "study.yml")
    (tmp_path / "below").mkdir()
    shutil.move(tmp_path / "study.sav", tmp_path / "below")
    draft = draft_study(tmp_path / "below" / "study.sav", output=tmp_path / "my.yml")
    assert read_study(draft.path).data.outcomes == "below/study.sav"
