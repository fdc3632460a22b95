"""Exports of REDCap in which events or instruments repeat: what names a visit, and what is no visit."""

from __future__ import annotations

import pytest
from small_study import content, findings_of, only, write_study

from analysis.errors import StudyError
from analysis.intake import read_trial

BASE, LATER = "baseline_arm_1", "follow_up_arm_1"


def study(**visits) -> dict:
    made = content()
    made["visits"]["column"] = ["redcap_event_name", "redcap_repeat_instance"]
    codes = (BASE, f"{LATER} 1", f"{LATER} 2")
    for visit, code in zip(made["visits"]["schedule"], codes, strict=True):
        visit["code"] = code
    made["visits"] |= visits
    return made


def row(patient: int, event: str, instance: str = "", instrument: str = "", **filled) -> dict:
    """A row of an export: what is not filled is blank."""
    blank = dict.fromkeys(("redcap_survey_identifier", "therapy", "age", "site___1", "pain", "drug"), "")
    return {
        "id": f"P{patient:02d}", "redcap_event_name": event, "redcap_repeat_instrument": instrument,
        "redcap_repeat_instance": instance, **blank, "pain_complete": "0",
        "pain_timestamp": "[not completed]",
    } | filled  # fmt: skip


def rows() -> list[dict]:
    """Six patients: baseline once, the follow-up twice, and medicines of every other patient."""
    made = []
    for n in range(6):
        arm = ("Usual care", "Massage")[n % 2]
        made.append(row(n, BASE, therapy=arm, age=30 + n, site___1=n % 2, pain=6 + n % 3))
        made += [row(n, BASE, str(k), "medications", drug=k) for k in (1, 2) if n % 2]
        made += [row(n, LATER, str(k), pain=4 + n % 3) for k in (1, 2)]
    return made


def without_medicines(made: dict) -> dict:
    rule = {"column": "redcap_repeat_instrument", "drop": ["medications"], "reason": "A medicine"}
    return made | {"filters": [rule]}


def test_event_and_instance_name_a_visit_and_an_event_that_does_not_repeat_stands_alone(tmp_path):
    trial = read_trial(write_study(tmp_path, without_medicines(study()), pain_csv=rows()))
    assert trial.outcomes["visit"].value_counts().to_dict() == {"start": 6, "week 4": 6, "week 26": 6}
    assert trial.patients["therapy"].value_counts().to_dict() == {"Usual care": 3, "Massage": 3}
    aside = trial.account.query("item == 'row' and step == 'set aside'")
    assert dict(zip(aside["reason"], aside["n"], strict=True)) == {"A medicine": 6}


def test_rows_of_another_instrument_are_listed_where_no_filter_names_them(tmp_path):
    trial = read_trial(write_study(tmp_path, study(), pain_csv=rows()))
    assert len(trial.outcomes) == 18
    unknown = trial.findings[trial.findings["rule"] == "unknown_visit"]
    assert sorted(unknown["value"]) == [f"{BASE} 1", f"{BASE} 2"]


def test_instances_of_a_repeating_instrument_are_visits_and_the_baseline_stands_on_the_first_row(tmp_path):
    made = study()
    for visit, code in zip(made["visits"]["schedule"], (BASE, f"{BASE} 1", f"{BASE} 2"), strict=True):
        visit["code"] = code
    made["measures"][0]["baseline_column"] = "pain_before"
    data = []
    for n in range(6):
        arm = ("Usual care", "Massage")[n % 2]
        data.append(row(n, BASE, therapy=arm, age=30 + n) | {"pain_before": 6 + n % 3})
        data += [row(n, BASE, str(k), "diary", pain=4 + n % 3) | {"pain_before": ""} for k in (1, 2)]
    trial = read_trial(write_study(tmp_path, made, pain_csv=data))
    assert len(trial.outcomes) == 18 and trial.baseline().tolist() == [6, 7, 8, 6, 7, 8]
    assert trial.findings[trial.findings["rule"] == "unknown_visit"].empty


def test_an_instance_that_comes_twice_is_an_error_with_its_rows(tmp_path):
    data = [*rows(), row(0, LATER, "1", pain=9)]
    found = findings_of(write_study(tmp_path, without_medicines(study()), pain_csv=data))
    twice = found[found["rule"] == "duplicate_visit"]
    assert twice["severity"].eq("error").all() and set(twice["patient"]) == {"P00"}


def test_an_instance_beyond_the_schedule_is_set_aside_with_its_code(tmp_path):
    data = [*rows(), row(0, LATER, "3", pain=9)]
    trial = read_trial(write_study(tmp_path, without_medicines(study()), pain_csv=data))
    assert only(trial.findings, "unknown_visit")["value"] == f"{LATER} 3"
    assert len(trial.outcomes) == 18


def test_blanks_about_an_instance_do_not_matter(tmp_path):
    data = [r | {"redcap_repeat_instance": r["redcap_repeat_instance"] and f" {r['redcap_repeat_instance']} "}
            for r in rows()]  # fmt: skip
    assert len(read_trial(write_study(tmp_path, without_medicines(study()), pain_csv=data)).outcomes) == 18


@pytest.mark.parametrize("name", ["Redcap_event_name", "redcap_repeat_number"])
def test_each_of_the_columns_must_be_there_as_it_is_spelt(tmp_path, name):
    path = write_study(tmp_path, study(column=["redcap_event_name", name]), pain_csv=rows())
    assert f"'{name}' (visits.column)" in only(findings_of(path), "missing_column")["message"]


def test_visits_found_by_time_have_one_column(tmp_path):
    made = study(by="day")
    for visit in made["visits"]["schedule"]:
        visit["window_days"] = [7, 7]
    with pytest.raises(StudyError, match="holds several columns; the day of a row is in one"):
        read_trial(write_study(tmp_path, made, pain_csv=rows()))
