"""Every rule, on a study spoilt in the way the rule is about."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from small_study import content, findings_of, only, sound_rows, write_study

import analysis
from analysis.intake import read_trial
from analysis.schema import FINDING_COLUMNS
from analysis.studies.records import Covariate
from analysis.trial.covariates import limits
from analysis.validate.check import check
from analysis.validate.rules import RULES


def spoilt(folder: Path, change, patients: int = 6, study: dict | None = None) -> pd.DataFrame:
    rows = sound_rows(patients)
    rows = change(rows) or rows
    return findings_of(write_study(folder, study, pain_csv=rows))


def place(finding: pd.Series) -> tuple:
    return tuple(finding[["severity", "file", "row", "column", "patient", "value"]])


def test_a_sound_trial_has_no_findings(tmp_path):
    found = findings_of(write_study(tmp_path))
    assert found.empty and tuple(found.columns) == FINDING_COLUMNS


def test_a_duplicated_visit_is_an_error(tmp_path):
    error = only(spoilt(tmp_path, lambda rows: [*rows, rows[1] | {"pain": 9}]), "duplicate_visit")
    assert place(error) == ("error", "pain.csv", 20, "pain", "P00", "9")
    assert error["visit"] == "week 4"
    assert "2 values of pain at this visit (rows 3, 20). Keep one record" in error["message"]


def test_an_impossible_score_is_an_error(tmp_path):
    error = only(spoilt(tmp_path, lambda rows: rows[4].update(pain=11)), "outside_range")
    assert place(error) == ("error", "pain.csv", 6, "pain", "P01", "11")
    assert "Numerical rating scale of pain runs from 0 to 10" in error["message"]


@pytest.mark.parametrize("code", [99, -9, -1, 77, 88, 999, -99])
def test_a_missing_code_outside_the_range_is_called_one(tmp_path, code):
    error = only(spoilt(tmp_path, lambda rows: rows[4].update(pain=code)), "suspicious_code")
    assert place(error) == ("error", "pain.csv", 6, "pain", "P01", str(code))
    assert "looks like a missing code. Add it to missing_codes of the measure pain" in (
        error["message"]
    )


def nines(rows: list[dict], highest: int) -> None:
    for n, row in enumerate(rows):
        row["pain"] = 9 if n % 8 == 0 else 1 + n % highest


def test_a_score_of_a_wide_file_is_named_by_its_own_column(tmp_path):
    study = content() | {"layout": "wide"}
    del study["visits"]["column"], study["measures"][0]["column"]
    study["measures"][0]["columns"] = {"start": "p0", "week 4": "p1", "week 26": "p2"}
    rows = [
        {"id": n, "therapy": ("Usual care", "Massage")[n % 2], "age": 30 + n, "p0": 6, "p1": 4 + n,
         "p2": 5}
        for n in range(6)
    ]
    rows[2]["p1"] = 12
    error = only(findings_of(write_study(tmp_path, study, pain_csv=rows)), "outside_range")
    assert place(error) == ("error", "pain.csv", 4, "p1", "2", "12")


def test_a_missing_code_inside_the_range_is_suspected_when_it_stands_apart(tmp_path):
    warning = only(spoilt(tmp_path, lambda rows: nines(rows, 5), 12), "suspicious_code")
    assert (warning["severity"], warning["value"], warning["row"]) == ("warning", "9", 2)
    assert "comes up 5 times and stands apart from all other scores (the nearest is 5)" in (
        warning["message"]
    )


def test_a_high_score_among_high_scores_is_not_suspected(tmp_path):
    assert spoilt(tmp_path, lambda rows: nines(rows, 8), 12).empty


def test_a_high_score_that_is_rare_is_not_suspected(tmp_path):
    def two_nines(rows):
        for n, row in enumerate(rows):
            row["pain"] = 9 if n in (5, 20) else 1 + n % 5

    assert spoilt(tmp_path, two_nines, 12).empty


def test_declared_missing_codes_are_no_finding(tmp_path):
    study = content()
    study["measures"][0]["missing_codes"] = [99]
    assert spoilt(tmp_path, lambda rows: rows[4].update(pain=99), study=study).empty


def test_swapped_arms_show_in_their_sizes(tmp_path):
    study = content()
    study["therapy"]["arms"] = [
        {"label": "Usual care", "code": 1, "randomised": 4},
        {"label": "Massage", "code": 2, "randomised": 3},
    ]
    codes = {"Usual care": 2, "Massage": 1}

    def swap(rows):
        for row in rows:
            row["therapy"] = codes[row["therapy"]]

    error = only(spoilt(tmp_path, swap, 7, study), "arm_sizes")
    assert (error["severity"], error["file"], error["column"]) == ("error", "pain.csv", "therapy")
    assert "Usual care has 3 patients, 4 were randomised" in error["message"]
    assert "the labels of the arms may be swapped" in error["message"]


def test_arms_of_another_size_are_an_error(tmp_path):
    study = content()
    study["therapy"]["arms"][1]["randomised"] = 5
    error = only(spoilt(tmp_path, lambda rows: None, 6, study), "arm_sizes")
    assert "Massage has 3 patients, 5 were randomised" in error["message"]
    assert "swapped" not in error["message"]


def test_an_unknown_therapy_is_an_error_that_lists_the_known(tmp_path):
    def misspell(rows):
        for row in rows[:3]:
            row["therapy"] = "usual-care"

    error = only(spoilt(tmp_path, misspell), "unknown_therapy")
    assert place(error) == ("error", "pain.csv", 2, "therapy", "P00", "usual-care")
    assert "lists 'Usual care', 'Massage'" in error["message"]


def test_a_patient_without_therapy_is_an_error(tmp_path):
    def empty(rows):
        for row in rows[3:6]:
            row["therapy"] = ""

    error = only(spoilt(tmp_path, empty), "unknown_therapy")
    assert place(error) == ("error", "pain.csv", 5, "therapy", "P01", "")
    assert "The patient has no therapy." in error["message"]


def test_a_patient_in_two_arms_is_an_error(tmp_path):
    error = only(spoilt(tmp_path, lambda rows: rows[2].update(therapy="Massage")), "two_arms")
    assert place(error) == ("error", "pain.csv", 4, "therapy", "P00", "Massage")
    assert "'Massage' here and 'Usual care' in row 2" in error["message"]


def test_an_impossible_age_is_an_error_told_once(tmp_path):
    def old(rows):
        for row in rows[3:6]:
            row["age"] = 310

    error = only(spoilt(tmp_path, old), "impossible_age")
    assert place(error) == ("error", "pain.csv", 5, "age", "P01", "310")
    assert "must lie between 0 and 120" in error["message"]


@pytest.mark.parametrize(
    ("column", "unit", "is_one"),
    [("AGE_AT_CONTACT", None, True), ("Age", "years", True), ("dosage", None, False),
     ("language", None, False), ("age", "months", False)],
)  # fmt: skip
def test_an_age_is_known_by_its_name_and_unit(column, unit, is_one):
    covariate = Covariate(name="x", column=column, type="number", unit=unit)
    assert (limits(covariate) == (0, 120)) is is_one


def test_a_covariate_outside_its_range_is_an_error(tmp_path):
    study = content()
    study["covariates"][0] |= {"name": "years", "range": [18, 34]}
    study["covariates"][0]["column"] = "years"

    def rename(rows):
        for row in rows:
            row["years"] = row.pop("age")

    error = only(spoilt(tmp_path, rename, 6, study), "covariate_range")
    assert (error["patient"], error["row"]) == ("P05", 17)


def test_a_category_that_is_not_listed_is_an_error(tmp_path):
    study = content()
    study["covariates"].append(
        {"name": "sex", "column": "sex", "type": "category", "labels": {1: "female", 2: "male"}}
    )

    def sexes(rows):
        for n, row in enumerate(rows):
            row["sex"] = 3 if n == 4 else 1 + n // 3 % 2

    error = only(spoilt(tmp_path, sexes, 6, study), "unknown_category")
    assert place(error) == ("error", "pain.csv", 6, "sex", "P01", "3")
    assert "'1 = female', '2 = male'" in error["message"]


def test_a_characteristic_that_varies_is_a_warning(tmp_path):
    warning = only(spoilt(tmp_path, lambda rows: rows[5].update(age=60)), "varying_characteristic")
    assert place(warning) == ("warning", "pain.csv", 7, "age", "P01", "60")


def test_a_constant_column_is_a_warning(tmp_path):
    def same(rows):
        for row in rows:
            row["age"] = 40

    warning = only(spoilt(tmp_path, same), "constant_column")
    assert (warning["severity"], warning["column"], warning["value"]) == ("warning", "age", "40")


def test_an_unknown_characteristic_is_a_warning(tmp_path):
    def empty(rows):
        for row in rows[:3]:
            row["age"] = ""

    warning = only(spoilt(tmp_path, empty), "covariate_missing")
    assert "1 of 6 patients have no age" in warning["message"]


def test_a_patient_without_baseline_is_a_warning(tmp_path):
    warning = only(spoilt(tmp_path, lambda rows: rows[3].update(pain="")), "no_baseline")
    assert (warning["severity"], warning["patient"]) == ("warning", "P01")
    none = only(spoilt(tmp_path, lambda rows: [r for r in rows if r["visit"] != "start"]),
                "no_baseline")  # fmt: skip
    assert "No patient has a baseline" in none["message"]


def test_a_visit_nobody_attended_is_a_warning(tmp_path):
    warning = only(
        spoilt(tmp_path, lambda rows: [r for r in rows if r["visit"] != "week 26"]),
        "visit_without_data",
    )
    assert (warning["severity"], warning["visit"]) == ("warning", "week 26")
    assert "Nobody has a value of any measure at the visit 'week 26'" in warning["message"]


def test_visits_never_seen_together_are_a_warning(tmp_path):
    def apart(rows):
        last = {"P00": "week 4", "P01": "week 4", "P02": "week 4"}
        return [row for row in rows if row["visit"] != last.get(row["id"], "week 26")]

    warning = only(spoilt(tmp_path, apart), "visits_never_together")
    assert (warning["severity"], warning["visit"]) == ("warning", "week 4, week 26")


def test_one_patient_in_an_arm_is_a_warning(tmp_path):
    found = spoilt(tmp_path, lambda rows: None, 2)
    warnings = found[found["rule"] == "one_patient_arm"]
    assert warnings["value"].tolist() == ["Usual care", "Massage"]
    assert "Usual care has 1 patient;" in warnings["message"].iloc[0]


def test_an_arm_without_patients_is_a_warning(tmp_path):
    study = content()
    study["therapy"]["arms"].append({"label": "Exercise"})
    warning = only(spoilt(tmp_path, lambda rows: None, 6, study), "one_patient_arm")
    assert "Exercise has no patients" in warning["message"]


def test_a_therapy_without_followup_is_a_warning(tmp_path):
    warning = only(
        spoilt(tmp_path, lambda rows: [
            row for row in rows if row["therapy"] == "Usual care" or row["visit"] == "start"
        ]),
        "therapy_without_followup",
    )  # fmt: skip
    assert (warning["severity"], warning["value"]) == ("warning", "Massage")
    assert "Massage has 3 patients and no value of pain after baseline" in warning["message"]


def test_all_values_equal_is_an_error(tmp_path):
    def flat(rows):
        for row in rows:
            row["pain"] = 5

    error = only(spoilt(tmp_path, flat), "all_values_equal")
    assert (error["severity"], error["column"], error["value"]) == ("error", "pain", "5")
    assert "All 18 values of pain are 5" in error["message"]


def test_undeclared_horizons_and_comparator_are_notes(tmp_path):
    study = content() | {"design": "observational"}
    del study["therapy"]
    for visit in study["visits"]["schedule"]:
        visit.pop("horizon", None)
    found = spoilt(tmp_path, lambda rows: None, 6, study)
    assert set(found["rule"]) == {"no_comparator", "no_short_term_visit", "no_long_term_visit"}
    assert set(found["severity"]) == {"note"}


def test_a_trial_that_came_from_no_file_is_checked_too(tmp_path):
    trial = read_trial(write_study(tmp_path))
    patients = pd.concat([trial.patients, trial.patients.iloc[:1].assign(therapy="Massage")])
    patients.loc[patients["patient"] == "P01", "age"] = -3.0
    patients.loc[patients["patient"] == "P02", "therapy"] = None
    found = check(replace(trial, patients=patients.reset_index(drop=True), files=()))
    assert set(found["rule"]) == {"two_arms", "impossible_age", "unknown_therapy"}
    assert set(found["file"]) == {""}


def test_checking_again_says_nothing_twice(tmp_path):
    trial = read_trial(write_study(tmp_path, pain_csv=[
        row for row in sound_rows() if row["visit"] != "week 26"
    ]))  # fmt: skip
    again = check(trial)
    pd.testing.assert_frame_equal(again, trial.findings)
    assert len(again) > 0


def test_checking_changes_nothing(tmp_path):
    trial = read_trial(write_study(tmp_path))
    before = trial.patients.copy(), trial.outcomes.copy()
    check(trial)
    pd.testing.assert_frame_equal(trial.patients, before[0])
    pd.testing.assert_frame_equal(trial.outcomes, before[1])


def test_every_rule_that_is_used_has_a_sentence():
    folder = Path(analysis.__file__).parent
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for room in ("readers", "trial", "validate")
        for path in sorted((folder / room).glob("*.py"))
    )
    used = set(re.findall(r'finding\(\s*"([a-z_]+)"', text))
    assert len(used) > 30
    assert used - set(RULES) == set()
