"""The form that drafts a study file, driven as a person would, without a browser."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import ipywidgets
import nbformat
import pandas as pd
import pytest
from small_study import sound_rows

from analysis.draft import sketch_study
from analysis.intake import check_study
from analysis.report.execute import cleaned
from analysis.studies.load import read_study
from analysis.validate.readable import summary
from analysis.widgets import StudyForm

EXAMPLES = Path(__file__).resolve().parents[2] / "data" / "examples"
FILES = {
    "clinic_sheet": "patients.csv", "redcap": "export.csv", "google_forms": "form_responses.csv",
    "qualtrics": "answers.csv", "spss": "study.sav", "adam": "adqs.xpt",
}  # fmt: skip


@pytest.fixture
def clinic(tmp_path):
    return StudyForm(example(tmp_path, "clinic_sheet"))


def example(tmp_path: Path, name: str) -> Path:
    """A copy of an example's data, so that a study file can be saved beside them."""
    folder = tmp_path / name
    shutil.copytree(EXAMPLES / name, folder)
    return folder / FILES[name]


def controls(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """Controls below a widget in the order of the Tab key."""
    inner = [c for child in getattr(widget, "children", ()) for c in controls(child)]
    kinds = (ipywidgets.Dropdown, ipywidgets.Text, ipywidgets.Button)
    return [widget, *inner] if isinstance(widget, kinds) else inner


def labelled(form: StudyForm, label: str) -> ipywidgets.Widget:
    """The one control with that label."""
    found = [control for control in controls(form.view) if control.description == label]
    assert len(found) == 1, [control.description for control in controls(form.view)]
    return found[0]


def press(form: StudyForm, label: str) -> None:
    control = labelled(form, label)
    assert not control.disabled
    control.click()


@pytest.mark.parametrize("name", FILES)
def test_it_begins_with_the_draft_that_run_py_would_write(tmp_path, name):
    path = example(tmp_path, name)
    form = StudyForm(path)
    assert form.text == sketch_study(path).text


@pytest.mark.parametrize("name", ["google_forms", "qualtrics"])
def test_a_file_of_patients_turns_errors_into_a_study(tmp_path, name):
    path = example(tmp_path, name)
    form = StudyForm(path)
    assert not form.plan.sound
    form.patients.value = str(path.with_name("patients.csv"))
    assert form.plan.sound
    assert form.text == sketch_study(path, patients=path.with_name("patients.csv")).text


def test_a_dictionary_gives_codes_their_names(tmp_path):
    path = example(tmp_path, "redcap")
    form = StudyForm(path)
    assert form.comparator.value == "arm 0"
    form.dictionary.value = str(path.with_name("dictionary.csv"))
    assert form.comparator.value == "Usual care"


@pytest.mark.parametrize("name", FILES)
def test_a_saved_study_loads_and_has_the_findings_of_the_form(tmp_path, name):
    path = example(tmp_path, name)
    form = StudyForm(path)
    if (people := path.with_name("patients.csv")) != path and people.exists():
        form.patients.value = str(people)
    form.output.value = str(path.with_name("mine.yml"))
    saved = form.save()
    assert saved.read_text(encoding="utf-8") == form.text
    pd.testing.assert_frame_equal(summary(check_study(saved)), form.findings)
    assert "run.py report" in form.status.value


class TestAnswers:
    def test_answers_stand_in_the_study_and_their_questions_go(self, clinic):
        asked = len(clinic.questions)
        clinic.title.value = "Massage: does it last?"
        clinic.design.value = "randomised"
        clinic.comparator.value = "Massage"
        labelled(clinic, "schmerz: measured with").value = "VAS10"
        labelled(clinic, "Weeks from the last session to week 8").value = "0"
        labelled(clinic, "Weeks from the last session to week 26").value = "17,5"
        clinic.primary.value = "rmdq"
        study = read_study(clinic.save())
        assert (study.title, study.design) == ("Massage: does it last?", "randomised")
        assert study.therapy.comparator == "Massage"
        assert study.measures[0].instrument == "VAS10"
        assert [v.weeks_since_end for v in study.visits.schedule] == [None, 0, 17.5]
        assert study.primary.name == "rmdq"
        assert len(clinic.questions) == asked - 5

    def test_the_last_measure_made_primary_is_primary(self, clinic):
        for outcome in ("rmdq", "schmerz", "rmdq", "schmerz"):
            clinic.primary.value = outcome
        assert read_study(clinic.save()).primary.name == "schmerz"

    def test_horizons_and_baseline_are_chosen_visit_by_visit(self, clinic):
        labelled(clinic, "baseline is").value = ""
        labelled(clinic, "week 8 is").value = "baseline"
        assert "baseline comes first" in clinic.findings["message"][0]
        labelled(clinic, "week 8 is").value = ""
        labelled(clinic, "baseline is").value = "baseline"
        labelled(clinic, "week 26 is").value = "short"
        visits = read_study(clinic.save()).visits.schedule
        assert [(v.baseline, v.horizon) for v in visits] == [(True, ""), (False, ""), (False, "short")]

    def test_missing_codes_and_texts_are_lists(self, clinic):
        labelled(clinic, "schmerz: codes that mean missing").value = "-9; 99, x"
        clinic.missing.value = "NA, keine"
        study = read_study(clinic.save())
        assert study.measures[0].missing_codes == (-9, 99, "x")
        assert study.data.missing == ("NA", "keine")

    def test_another_column_of_scores_changes_the_findings(self, clinic):
        assert clinic.plan.sound
        labelled(clinic, "schmerz: column at week 26").value = "Alter"
        assert not clinic.plan.sound
        assert "outside_range" in set(clinic.findings["rule"])
        assert "the study cannot be analysed yet" in clinic.found.value
        labelled(clinic, "schmerz: column at week 26").value = "Schmerz Woche 26"
        assert clinic.plan.sound

    def test_what_is_no_number_is_refused_in_words(self, clinic):
        labelled(clinic, "Week of week 8").value = "eight"
        assert not clinic.plan.sound
        assert "visits.schedule[1].week is 'eight'" in clinic.findings["message"][0]

    def test_an_order_of_dates_can_be_said(self, clinic):
        clinic.dates.value = "month_first"
        assert read_study(clinic.save()).data.dates == "month_first"


class TestColumns:
    def test_no_therapy_makes_one_group_and_says_so(self, clinic):
        clinic.therapy.value = ""
        assert "no_comparator" in set(clinic.findings["rule"])
        assert read_study(clinic.save()).therapy is None

    def test_another_therapy_has_its_own_comparator(self, clinic):
        clinic.therapy.value = "Geschlecht"
        assert [label for label, _ in clinic.comparator.options] == ["m", "w"]
        assert read_study(clinic.save()).therapy.column == "Geschlecht"

    def test_without_a_patient_each_row_of_a_wide_file_is_one(self, clinic):
        clinic.patient.value = ""
        assert read_study(clinic.save()).patient == ("(row)",)

    def test_a_wrong_patient_is_said_and_can_be_taken_back(self, tmp_path):
        rows = pd.DataFrame(sound_rows()).assign(row=lambda f: f.index.astype(str) + "r")
        path = tmp_path / "long.csv"
        rows.to_csv(path, index=False)
        form = StudyForm(path)
        before = form.text
        form.patient.value = "row"
        assert not form.plan.sound and form.visit.value == ""
        form.patient.value, form.visit.value, form.therapy.value = "id", "visit", "therapy"
        assert form.plan.sound and form.text == before

    def test_a_title_that_was_cleared_is_missed_whatever_comes_next(self, clinic):
        clinic.title.value = ""
        clinic.therapy.value = "Geschlecht"
        assert "title is missing" in clinic.findings["message"][0] and clinic.title.value == ""

    def test_title_and_design_outlive_another_therapy(self, clinic):
        clinic.title.value, clinic.design.value = "Kept", "randomised"
        clinic.therapy.value = "Geschlecht"
        assert 'title: Kept' in clinic.text and clinic.design.value == "randomised"

    def test_visits_are_found_by_the_column_that_is_chosen(self, tmp_path):
        rows = pd.DataFrame(sound_rows()).assign(when=lambda f: f["visit"].str.replace("week", "W"))
        path = tmp_path / "long.csv"
        rows.to_csv(path, index=False)
        form = StudyForm(path)
        assert form.visit.value == "visit"
        form.visit.value = "when"
        study = read_study(form.save())
        assert study.visits.column == ("when",) and form.plan.sound

    def test_dates_find_visits_from_the_start_that_is_chosen(self, tmp_path):
        path = example(tmp_path, "google_forms")
        form = StudyForm(path)
        form.patients.value = str(path.with_name("patients.csv"))
        assert (form.visit.value, form.start.value) == ("Timestamp", "randomised_on")
        form.visit.value = ""
        assert not form.plan.sound
        form.visit.value = "Timestamp"
        assert form.plan.sound and form.start.value == "randomised_on"

    def test_an_outcome_is_left_out_and_added_again(self, clinic):
        press(clinic, "Leave out schmerz")
        assert [m.name for m in read_study(clinic.save()).measures] == ["rmdq"]
        assert labelled(clinic, "Leave out rmdq").disabled
        clinic.further.value = "schmerz"
        press(clinic, "Add this outcome")
        clinic.output.value = str(clinic.saved.with_name("again.yml"))
        assert {m.name for m in read_study(clinic.save()).measures} == {"schmerz", "rmdq"}


class TestFiles:
    def test_a_file_that_is_there_is_never_replaced(self, clinic):
        first = clinic.save().read_text(encoding="utf-8")
        clinic.title.value = "Another"
        assert clinic.save() is None
        assert clinic.saved.read_text(encoding="utf-8") == first
        assert "is not replaced" in clinic.status.value

    @pytest.mark.parametrize("name", ["patients.csv", "", "no/such/folder/x.yml", "a\0b", "~"])
    def test_a_study_file_goes_only_where_one_may_be(self, clinic, tmp_path, name):
        before = sorted(tmp_path.rglob("*"))
        clinic.output.value = str(tmp_path / "clinic_sheet" / name) if name else ""
        assert clinic.save() is None
        assert sorted(tmp_path.rglob("*")) == before

    def test_a_study_file_may_lie_above_its_data(self, clinic, tmp_path):
        clinic.output.value = str(tmp_path / "x.yml")
        assert read_study(clinic.save()).data.outcomes == "clinic_sheet/patients.csv"

    def test_a_file_that_cannot_be_read_leaves_nothing_to_save(self, clinic, tmp_path):
        broken = tmp_path / "broken.sav"
        broken.write_bytes(b"\x00\x01")
        clinic.other.value = str(broken)
        assert clinic.plan is None and clinic.text == "" and clinic.button.disabled
        assert clinic.save() is None and not clinic.visits.children
        assert (clinic.findings["severity"] == "error").all()
        clinic.other.value = str(tmp_path / "clinic_sheet" / "patients.csv")
        assert clinic.plan.sound

    @pytest.mark.parametrize("path", ["nowhere.csv", ".", "..", "x\0.csv", "patients.pdf", "~/x.csv"])
    def test_a_path_to_nothing_is_refused_in_words(self, clinic, path):
        clinic.other.value = path
        assert clinic.plan is None
        assert len(clinic.findings) == 1 and len(clinic.findings["message"][0]) > 20

    def test_another_file_of_the_folder_begins_anew(self, tmp_path):
        example(tmp_path, "spss")
        form = StudyForm(example(tmp_path, "clinic_sheet"), folder=tmp_path)
        form.title.value = "Of the first file"
        form.file.value = str(tmp_path / "spss" / "study.sav")
        assert form.title.value == "study" and form.output.value.endswith("study.yml")
        assert form.patient.value == "id"

    def test_a_file_without_anything_to_compare_asks_and_does_not_fail(self, tmp_path):
        path = tmp_path / "list.csv"
        path.write_text("colour,shape\nred,round\nblue,square\nred,square\n", encoding="utf-8")
        form = StudyForm(path)
        assert not form.plan.sound and form.questions
        assert "run.py check" in (form.save() and form.status.value)


class TestForEveryone:
    def test_every_control_has_a_label_of_its_own(self, clinic):
        labels = [control.description for control in controls(clinic.view)]
        assert all(len(label) > 3 for label in labels)
        assert len(labels) == len(set(labels))

    def test_the_tab_key_comes_by_from_file_to_save(self, clinic):
        order = [control.description for control in controls(clinic.view)]
        wanted = ["Data file", "Column of the patient", "Column of the therapy", "Week of baseline",
                  "schmerz: measured with", "Save as", "Save the study file"]  # fmt: skip
        assert [label for label in order if label in wanted] == wanted
        assert not [c for c in controls(clinic.view) if getattr(c, "tabbable", None) is False]

    def test_what_was_found_is_announced(self, clinic):
        assert '<p role="status"><b>no findings</b>; the study can be analysed.</p>' in clinic.found.value

    def test_a_stored_notebook_shows_the_same_as_a_table(self, clinic):
        bundle = clinic._repr_mimebundle_()
        assert "application/vnd.jupyter.widget-view+json" in bundle
        assert "Column of the therapy" in bundle["text/plain"] and "<table>" in bundle["text/html"]
        assert not re.search(r"[0-9a-f]{32}", bundle["text/html"] + bundle["text/plain"])

    def test_a_run_notebook_keeps_the_table_and_not_the_widget(self, clinic):
        cell = nbformat.v4.new_code_cell("form")
        cell.outputs = [nbformat.v4.new_output("execute_result", data=clinic._repr_mimebundle_())]
        kept = cleaned(nbformat.v4.new_notebook(cells=[cell])).cells[0].outputs[0].data
        assert set(kept) == {"text/html", "text/plain"}
        assert len(cell.outputs[0].data) == 3


HOSTILE = ("<script>alert(1)</script> pain", "pain' onclick='x", "pain\u202etxt", "=cmd|' /C calc'!A0 pain",
           "pain\x1b[31m", "&lt;pain", "{{pain}}", "pain: [x")  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_inert(tmp_path, name):
    rows = pd.DataFrame(sound_rows()).rename(columns={"pain": name})
    rows["therapy"] = rows["therapy"].str.replace("Massage", f"<img src=x> {name}", regex=False)
    path = tmp_path / "<b>d.csv"
    rows.to_csv(path, index=False)
    form = StudyForm(path)
    form.title.value = f"<i>{name}"
    assert form.save() is not None
    html = form._repr_mimebundle_()["text/html"] + form.found.value + form.status.value
    for tag in ("<script", "<img", "<b>d", "<i>"):
        assert tag not in html
    shown = [label for c in controls(form.view) for label, _ in getattr(c, "options", ())]
    assert all(text.isprintable() for text in [*shown, *(c.description for c in controls(form.view))])
    assert not [c for c in controls(form.view) if getattr(c, "description_allow_html", False)]


def test_no_row_of_a_patient_is_shown(tmp_path):
    rows = pd.DataFrame(sound_rows()).assign(name=lambda f: "Secret " + f["id"], note="Sickbed 17")
    rows.loc[0, "therapy"] = "Rosamunde Pilcher"
    path = tmp_path / "d.csv"
    rows.to_csv(path, index=False)
    form = StudyForm(path)
    form.patient.value = ""
    form.patient.value = "id"
    values = [f"{c.value} {getattr(c, 'options', '')}" for c in controls(form.view) if hasattr(c, "value")]
    seen = " ".join([*values, form.found.value, form.text, str(form._repr_mimebundle_())])
    for secret in ("Secret", "Sickbed", "Rosamunde", *rows["id"]):
        assert not re.search(rf"\b{secret}\b", seen)
