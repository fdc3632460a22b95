"""Every file of patient-level data that the project has seen imports through a study file alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from analysis.errors import DataError
from analysis.intake import read_trial
from analysis.readers.table import read_table
from analysis.studies.records import Data
from analysis.trial.records import Trial

FILES = Path(__file__).parent / "open_files"
OPEN = Path(__file__).resolve().parents[2] / "data" / "open"
FOLDERS = ("trials", "trials/original", "reference", "reference/original", "reference/adam", "own")
# Study file, patients, values of the primary measure (None: counted by a test of its own)
EXPECTED = {
    "vickers2004_long": (401, 401 + 326 + 301), "ashar2022_simple_long": (151, 286),
    "ashar2022_simple_wide": (151, 286), "dinat2015_bocf": (124, 372), "dinat2015_pp": (122, 366),
    "dinat2015_parallel": (122, 366), "dinat2015_baselines": (122, 244), "dinat2015_dose": (122, 244),
    "dinat2015_with_people": (124, 372), "fev": (200, 737), "bcva": (1000, 8605),
    "antidepressant": (172, 172 + 608), "antidepressant_by_day": (172, None),
    "btheb": (100, 380), "samon1": (255, 1724), "samon2": (256, 1520), "cdisc_pilot": (254, 705 - 168),
    "pain150": (150, 150 + 592),
}  # fmt: skip
# Results of trials, not patients: nothing to import.
SUMMARIES = {
    "ashar2022_published_pain_by_visit.csv", "dat_bcg.csv", "dat_normand1999.csv", "dat_senn2013.csv",
}  # fmt: skip
# Study files of the CSV that a file of R was written to, here or among the open trials.
OF_R = {
    "vickers2004_long": "vickers2004_refbasedmi_acupuncture.RData", "fev": "fev_data.rda",
    "bcva": "bcva_data.rda", "antidepressant": "antidepressant_data.rda", "btheb": "hsaur3_BtheB.rda",
}  # fmt: skip
OPEN_OF_R = {
    "brashear1999": ("brashear1999_cdystonia.rda", "brashear1999_cdystonia.csv"),
    "alter2021": ("alter2021_choir_pain.rda", "alter2021_choir_registry.csv"),
}
# A workspace of MATLAB; it holds a table that is here as CSV too.
UNREAD = {".mat"}


@pytest.fixture
def imported(shared_data, tmp_path):
    """Function that reads a study file beside copies of the data it names."""

    def read(name: str, folders: tuple[str, ...] = FOLDERS, changes: dict[str, str] | None = None) -> Trial:
        home = FILES if (FILES / f"{name}.yml").is_file() else OPEN
        text = (home / f"{name}.yml").read_text(encoding="utf-8")
        for old, new in (changes or {}).items():
            assert old in text
            text = text.replace(old, new)
        for file in _named(text):
            source = next(path for f in folders if (path := shared_data / f / file).is_file())
            shutil.copy(source, tmp_path)
        (tmp_path / "study.yml").write_text(text, encoding="utf-8")
        return read_trial(tmp_path / "study.yml")

    return read


def _named(text: str) -> list[str]:
    data = yaml.safe_load(text)["data"]
    return [data[role] for role in ("outcomes", "patients", "events") if role in data]


def values(trial: Trial) -> pd.DataFrame:
    rows = trial.outcomes[trial.outcomes["measure"] == trial.study.primary.name]
    frame = rows[["patient", "week", "value"]].astype({"patient": "str"})
    return frame.sort_values(["patient", "week"], ignore_index=True)


def test_every_study_file_is_tested():
    assert {path.stem for path in FILES.glob("*.yml")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_file_imports_by_its_study_file_alone(imported, name):
    trial = imported(name)
    patients, scores = EXPECTED[name]
    assert len(trial.patients) == patients
    assert len(values(trial)) == scores or scores is None
    assert not trial.findings["severity"].eq("error").any()
    for _, part in trial.account.groupby(["file", "item"]):
        n = part.groupby("step")["n"].sum()
        assert n["in"] == n.get("set aside", 0) + n["used"]


def test_no_file_is_left_out(shared_data):
    named = {file for path in [*FILES.glob("*.yml"), *OPEN.glob("*.yml")]
             for file in _named(path.read_text(encoding="utf-8"))}  # fmt: skip
    # The CSV beside an xpt and the originals under other names hold the same tables.
    same = {"adqscibc.csv", "adsl.csv", "vickers2004_raw_data.csv", "Ashar2022_outcomes_demographics.csv"}
    same |= {*OF_R.values(), *(csv for _, csv in OPEN_OF_R.values())}
    there = {
        path.name for folder in ("trials", "reference", "own") for path in (shared_data / folder).rglob("*")
        if path.is_file() and path.suffix not in UNREAD
    }  # fmt: skip
    assert there - named - SUMMARIES == same


def test_the_long_and_the_wide_copy_of_the_headache_trial_agree(imported):
    long, wide = imported("vickers2004_long"), read_trial(OPEN / "vickers2004.yml")
    pd.testing.assert_frame_equal(values(long), values(wide), atol=1e-6)
    one, other = (t.patients.set_index("patient")["therapy"].astype(str) for t in (long, wide))
    assert one.sort_index().equals(other.sort_index())


def test_the_long_and_the_wide_subset_of_the_back_pain_trial_agree(imported):
    long, wide = imported("ashar2022_simple_long"), imported("ashar2022_simple_wide")
    pd.testing.assert_frame_equal(values(long), values(wide))


@pytest.mark.parametrize(
    "name", ["dinat2015_bocf", "dinat2015_pp", "dinat2015_parallel", "dinat2015_baselines", "dinat2015_dose",
             "dinat2015_with_people"],
)  # fmt: skip
def test_originals_with_other_line_ends_read_the_same(imported, name):
    original, converted = imported(name, folders=("trials/original",)), imported(name)
    assert {f.sha256 for f in original.files}.isdisjoint(f.sha256 for f in converted.files)
    pd.testing.assert_frame_equal(values(original), values(converted))
    pd.testing.assert_frame_equal(original.patients, converted.patients)


def test_visits_found_by_day_are_those_that_the_labels_name(imported):
    by_label, by_day = values(imported("antidepressant")), imported("antidepressant_by_day")
    both = by_label.merge(values(by_day), on=["patient", "week"], suffixes=("", "_day"))
    # Nearly every record was taken within the window of its own visit.
    assert len(both) > 0.9 * len(by_label)
    assert (both["value"] == both["value_day"]).mean() > 0.97
    aside = by_day.account.query("item == 'row' and step == 'set aside'")["n"].sum()
    again = (by_day.findings["rule"] == "several_in_window").sum()
    assert len(values(by_day)) == 172 + 608 - aside - again


def test_the_second_period_of_a_crossover_is_no_follow_up(imported):
    trial = imported("dinat2015_bocf")
    aside = trial.account.query("item == 'row' and step == 'set aside'")
    assert aside["reason"].tolist() == ["Second period of the crossover"] and aside["n"].tolist() == [124]
    assert "no_long_term_visit" in set(trial.findings["rule"])


def _assert_same(one: Trial, other: Trial) -> None:
    pd.testing.assert_frame_equal(values(one), values(other))
    pd.testing.assert_frame_equal(one.patients, other.patients)
    assert one.account[["item", "step", "reason", "n"]].equals(other.account[["item", "step", "reason", "n"]])


@pytest.mark.parametrize("name", sorted(OF_R))
def test_a_file_of_r_imports_as_the_csv_beside_it(imported, name):
    csv = imported(name)
    _assert_same(imported(name, changes={csv.study.data.outcomes: OF_R[name]}), csv)


@pytest.mark.parametrize("name", sorted(OPEN_OF_R))
def test_an_open_trial_imports_alike_from_r_and_from_csv(imported, name):
    file, csv = OPEN_OF_R[name]
    of_r = imported(name)
    assert of_r.files[0].name == file
    changes = {file: csv, "  sha256: ": "  # ", "  url: ": "  # "}
    _assert_same(of_r, imported(name, changes=changes))


def test_every_file_of_r_is_compared_with_a_csv(shared_data):
    endings = (".rda", ".rdata", ".rds")
    there = {path.name for path in shared_data.rglob("*") if path.suffix.lower() in endings}
    assert there == {*OF_R.values(), *(file for file, _ in OPEN_OF_R.values())}


def test_a_workspace_of_matlab_is_refused_in_words(shared_data):
    paths = [path for path in shared_data.rglob("*") if path.suffix in UNREAD]
    assert paths
    for path in paths:
        with pytest.raises(DataError, match=r"the ending '.+' is not known"):
            read_table(path, Data(outcomes=path.name))
