"""From files to a trial: joined, recoded, and every row accounted for."""

from __future__ import annotations

import pandas as pd
import pyreadstat
import pytest
from small_study import content, csv_text, findings_of, only, sound_rows, write_study

from analysis.errors import DataError
from analysis.intake import read_trial


def lines(trial, item: str) -> dict[tuple[str, str], int]:
    part = trial.account[trial.account["item"] == item]
    return {(step, reason): n for step, reason, n in part[["step", "reason", "n"]].to_numpy()}


def assert_adds_up(trial) -> None:
    assert not trial.account.empty
    for _, part in trial.account.groupby(["file", "item"]):
        n = part.groupby("step")["n"].sum()
        assert n["in"] == n.get("set aside", 0) + n["used"]
    values = trial.account[trial.account["item"] == "value"]
    assert values.loc[values["step"] == "used", "n"].sum() == len(trial.outcomes)
    patients = trial.account[trial.account["item"] == "patient"]
    assert patients.loc[patients["step"] == "used", "n"].sum() == len(trial.patients)


def test_a_sound_study_becomes_tables_of_the_house(tmp_path):
    trial = read_trial(write_study(tmp_path))
    assert trial.findings.empty
    assert list(trial.patients.columns) == ["patient", "therapy", "age"]
    assert trial.patients["therapy"].cat.categories.tolist() == ["Usual care", "Massage"]
    assert trial.patients["age"].tolist() == [30.0, 31, 32, 33, 34, 35]
    first = trial.outcomes.iloc[1]
    assert first.to_list() == ["P00", "week 4", 4.0, "pain", 4.0, 3]
    assert trial.outcomes["visit"].cat.ordered
    kinds = {name: str(kind) for name, kind in trial.outcomes.dtypes.items()}
    assert kinds == {"patient": "str", "visit": "category", "week": "float64", "measure": "str",
                     "value": "float64", "row": "Int64"}  # fmt: skip
    (file,) = trial.files
    assert (file.name, file.role, file.rows, len(file.sha256)) == ("pain.csv", "outcomes", 18, 64)
    assert_adds_up(trial)


def test_wide_and_long_give_the_same_outcomes(tmp_path):
    (tmp_path / "long").mkdir()
    long = read_trial(write_study(tmp_path / "long"))
    wide = pd.DataFrame(sound_rows()).pivot(
        index=["id", "therapy", "age"], columns="visit", values="pain"
    )
    study = content() | {"layout": "wide"}
    del study["visits"]["column"], study["measures"][0]["column"]
    study["measures"][0]["columns"] = {name: name for name in ("start", "week 4", "week 26")}
    path = write_study(tmp_path, study, pain_csv=wide.reset_index().to_csv(index=False))
    trial = read_trial(path)
    columns = ["patient", "visit", "week", "measure", "value"]
    pd.testing.assert_frame_equal(trial.outcomes[columns], long.outcomes[columns])
    pd.testing.assert_frame_equal(trial.patients, long.patients)
    assert_adds_up(trial)


def test_codes_match_as_text_or_number(tmp_path):
    study = content()
    arms = [{"label": "Usual care", "code": 0}, {"label": "Massage", "code": "1"}]
    study["therapy"]["arms"] = arms
    study["visits"]["schedule"][1]["code"] = 4
    rows = sound_rows()
    for row in rows:
        row["therapy"] = {"Usual care": "0.0", "Massage": " 1"}[row["therapy"]]
        row["visit"] = {"start": "start", "week 4": "4.0", "week 26": "26"}[row["visit"]]
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows))
    assert trial.patients["therapy"].value_counts().to_dict() == {"Usual care": 3, "Massage": 3}
    assert trial.outcomes["visit"].value_counts().tolist() == [6, 6, 6]


def test_patients_within_sites_have_a_joined_key(tmp_path):
    study = content() | {"patient": ["site", "id"], "site": "site"}
    rows = [row | {"site": 1 + n // 3, "id": 7} for n, row in enumerate(sound_rows(2))]
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows))
    assert trial.patients["patient"].tolist() == ["1/7", "2/7"]
    assert trial.patients["site"].tolist() == ["1", "2"]


def test_filters_set_rows_and_patients_aside_with_their_reason(tmp_path):
    study = content()
    study["filters"] = [
        {"column": "kind", "keep": ["patient"], "reason": "Healthy control"},
        {"column": "id", "drop": ["P01"], "reason": "Consent withdrawn"},
    ]
    rows = [row | {"kind": "control" if row["id"] == "P00" else "patient"} for row in sound_rows()]
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows))
    assert lines(trial, "row") == {
        ("in", ""): 18, ("set aside", "Consent withdrawn"): 3, ("set aside", "Healthy control"): 3,
        ("used", ""): 12,
    }  # fmt: skip
    assert lines(trial, "patient")[("set aside", "Healthy control")] == 1
    assert_adds_up(trial)


def test_missing_values_are_counted_by_kind(tmp_path):
    study = content()
    study["measures"][0] |= {"missing_codes": [99, "refused"], "requires": {"week 26": "diary"}}
    rows = [row | {"diary": "" if row["id"] == "P03" else 1} for row in sound_rows()]
    rows[1]["pain"], rows[4]["pain"], rows[7]["pain"], rows[2]["pain"] = "NA", 99, "refused", ""
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows))
    assert lines(trial, "value") == {
        ("in", ""): 18, ("set aside", "missing"): 2, ("set aside", "missing code"): 2,
        ("set aside", "diary is empty"): 1, ("used", ""): 13,
    }  # fmt: skip
    assert_adds_up(trial)


def test_empty_rows_are_set_aside_with_a_note(tmp_path):
    path = write_study(tmp_path, pain_csv=csv_text(sound_rows()) + ",,,,\n")
    note = only(findings_of(path), "empty_rows")
    assert (note["row"], note["severity"]) == (20, "note")
    assert_adds_up(read_trial(path))


def timed(by: str, **more) -> dict:
    study = content()
    study["visits"] |= {"by": by, "column": "when", **more}
    for visit in study["visits"]["schedule"]:
        visit["window_days"] = [7, 14]
    return study


def test_visits_are_found_in_windows_by_day(tmp_path):
    study = timed("day")
    study["visits"]["schedule"][0]["window_days"] = [14, 0]
    day = {"start": -3, "week 4": 30, "week 26": 190}
    rows = [row | {"when": day[row["visit"]]} for row in sound_rows()]
    rows += [rows[1] | {"when": 26, "pain": 1}, rows[1] | {"when": 90, "pain": 2}]
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows))
    again = only(trial.findings, "several_in_window")
    # Days 26 and 30 are equally near to day 28; the later record counts.
    assert (again["row"], again["patient"], again["visit"]) == (20, "P00", "week 4")
    far = only(trial.findings, "outside_window")
    assert (far["row"], far["value"]) == (21, "90") and "day 90" in far["message"]
    assert lines(trial, "row")[("set aside", "outside every visit window")] == 1
    assert lines(trial, "value")[("set aside", "another record in the window counts")] == 1
    assert_adds_up(trial)


def test_the_nearest_record_of_a_window_counts_if_it_has_a_value(tmp_path):
    study = timed("week")
    week = {"start": 0, "week 4": "4.0", "week 26": 26.5}
    rows = [row | {"when": week[row["visit"]]} for row in sound_rows()]
    rows[1]["pain"] = ""
    rows.append(rows[1] | {"when": 5, "pain": 3})
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows))
    first = trial.outcomes.query("patient == 'P00' and visit == 'week 4'")
    assert first["value"].tolist() == [3.0]
    assert trial.findings["rule"].tolist() == ["visit_windows"]


def dated(order: str | None, start_in_patients: bool = False) -> tuple[dict, dict[str, object]]:
    study = timed("date", start="randomised")
    if order:
        study["data"]["dates"] = order
    day = {"start": "5/4/2000", "week 4": "3/5/2000", "week 26": "4/10/2000"}
    rows = [row | {"when": day[row["visit"]], "randomised": "5/4/2000"} for row in sound_rows()]
    files: dict[str, object] = {"pain_csv": rows}
    if start_in_patients:
        study["data"]["patients"] = "people.csv"
        people = [row | {} for row in rows if row["visit"] == "start"]
        files["people_csv"] = people
        files["pain_csv"] = [{k: row[k] for k in ("id", "when", "pain")} for row in rows]
    return study, files


@pytest.mark.parametrize("in_patients", [False, True])
def test_visits_are_found_by_date_once_the_order_is_declared(tmp_path, in_patients):
    study, files = dated("day_first", in_patients)
    trial = read_trial(write_study(tmp_path, study, **files))
    assert trial.outcomes["visit"].value_counts().to_dict() == {
        "start": 6, "week 4": 6, "week 26": 6,
    }  # fmt: skip
    assert_adds_up(trial)


def test_day_first_dates_without_a_declared_order_are_an_error(tmp_path):
    study, files = dated(None)
    errors = findings_of(write_study(tmp_path, study, **files)).query("rule == 'ambiguous_date'")
    assert errors["column"].tolist() == ["when", "randomised"]
    assert errors["severity"].tolist() == ["error", "error"]
    assert "Set data.dates in the study file" in errors["message"].iloc[0]


def test_a_visit_that_is_not_scheduled_is_set_aside_with_a_warning(tmp_path):
    rows = [*sound_rows(), sound_rows()[0] | {"visit": "week 9"}]
    trial = read_trial(write_study(tmp_path, pain_csv=rows))
    warning = only(trial.findings, "unknown_visit")
    assert (warning["severity"], warning["row"], warning["value"]) == ("warning", 20, "week 9")
    assert "'start', 'week 4', 'week 26'" in warning["message"]
    assert_adds_up(trial)


def test_a_baseline_column_becomes_the_baseline_visit(tmp_path):
    study = content()
    study["measures"][0]["baseline_column"] = "base"
    rows = [row | {"base": "6,5"} for row in sound_rows() if row["visit"] != "start"]
    path = write_study(tmp_path, study, pain_csv=csv_text(rows, ";"))
    trial = read_trial(path)
    assert trial.baseline().tolist() == [6.5] * 6
    assert only(trial.findings, "decimal_comma")["column"] == "base"
    assert_adds_up(trial)
    rows[1]["base"] = 7
    path = write_study(tmp_path, study, pain_csv=csv_text(rows, ";"))
    error = only(findings_of(path), "baseline_varies")
    assert (error["row"], error["patient"], error["severity"]) == (3, "P00", "error")


def test_a_measured_baseline_goes_before_a_baseline_column(tmp_path):
    study = content()
    study["measures"][0]["baseline_column"] = "base"
    trial = read_trial(
        write_study(tmp_path, study, pain_csv=[row | {"base": 9} for row in sound_rows()])
    )
    assert trial.baseline().tolist() == [6.0, 7, 8, 6, 7, 8]
    assert_adds_up(trial)


def joined(rows: list[dict]) -> dict[str, object]:
    people = [{k: row[k] for k in ("id", "therapy", "age")} for row in rows[::3]]
    return {
        "people_csv": people,
        "pain_csv": [{k: row[k] for k in ("id", "visit", "pain")} for row in rows],
    }


def test_a_patients_file_is_joined(tmp_path):
    study = content()
    study["data"]["patients"] = "people.csv"
    study["filters"] = [{"column": "age", "drop": [30], "reason": "Too young"}]
    files = joined(sound_rows())
    files["people_csv"].append({"id": "P99", "therapy": "Massage", "age": 50})
    trial = read_trial(write_study(tmp_path, study, **files))
    assert trial.patients["patient"].tolist() == ["P01", "P02", "P03", "P04", "P05", "P99"]
    assert lines(trial, "patient")[("set aside", "Too young")] == 1
    assert trial.account.query("file == 'pain.csv' and reason == 'Too young'")["n"].tolist() == [3]
    assert_adds_up(trial)


def test_patients_missing_from_or_repeated_in_the_patients_file_are_errors(tmp_path):
    study = content()
    study["data"]["patients"] = "people.csv"
    files = joined(sound_rows())
    files["people_csv"][5] = files["people_csv"][0]
    found = findings_of(write_study(tmp_path, study, **files))
    unknown, repeated = only(found, "unknown_patient"), only(found, "duplicate_patient")
    assert (unknown["file"], unknown["row"], unknown["patient"]) == ("pain.csv", 17, "P05")
    assert (repeated["file"], repeated["row"], repeated["patient"]) == ("people.csv", 7, "P00")


def test_value_labels_of_spss_match_therapies(tmp_path):
    frame = pd.DataFrame(sound_rows())
    frame["therapy"] = frame["therapy"].map({"Usual care": 1.0, "Massage": 2.0})
    labels = {"therapy": {1: "Usual care", 2: "Massage"}}
    pyreadstat.write_sav(frame, str(tmp_path / "pain.sav"), variable_value_labels=labels)
    study = content()
    study["data"]["outcomes"] = "pain.sav"
    trial = read_trial(write_study(tmp_path, study))
    assert trial.patients["therapy"].tolist() == ["Usual care", "Massage"] * 3


def test_without_a_patient_column_nothing_can_be_read(tmp_path):
    study = content() | {"patient": "ID"}
    study["covariates"][0]["column"] = "agee"
    with pytest.raises(DataError) as caught:
        read_trial(write_study(tmp_path, study))
    message = str(caught.value)
    assert "names the column 'ID' (patient), which is not there" in message
    assert "'agee' (covariate age), which is not there. Did you mean 'age'?" in message


def test_a_study_of_one_group_has_all_patients_in_it(tmp_path):
    study = content() | {"design": "observational"}
    del study["therapy"]
    trial = read_trial(write_study(tmp_path, study))
    assert trial.patients["therapy"].unique().tolist() == ["All patients"]
    assert only(trial.findings, "no_comparator")["severity"] == "note"


def test_the_patient_may_have_another_name_in_the_patients_file(tmp_path):
    study = content()
    study["data"] |= {"patients": "people.csv", "patients_id": "Number"}
    people = [{"Number": row["id"], "therapy": row["therapy"], "age": row["age"]}
              for row in sound_rows()[::3]]  # fmt: skip
    rows = [{key: row[key] for key in ("id", "visit", "pain")} for row in sound_rows()]
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows, people_csv=people))
    assert len(trial.patients) == 6 and len(trial.outcomes) == 18
    assert_adds_up(trial)


def test_a_row_that_a_filter_sets_aside_need_not_name_a_patient(tmp_path):
    study = content()
    rows = [row | {"status": "answer"} for row in sound_rows()]
    rows.append(rows[0] | {"id": "", "status": "preview"})
    path = write_study(tmp_path, study, pain_csv=rows)
    assert only(findings_of(path), "no_patient")["row"] == 20
    study["filters"] = [{"column": "status", "keep": ["answer"], "reason": "Preview"}]
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows))
    assert lines(trial, "row")[("set aside", "Preview")] == 1
    assert_adds_up(trial)
