"""Records find their visit by time: inside a window, the nearest, the earlier of two."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from small_study import content, only, sound_rows, write_study

from analysis.intake import read_trial
from analysis.studies.records import Visit
from analysis.trial.visits import nearest

SCHEDULE = (
    Visit(name="start", week=0, baseline=True, window_days=(14, 0)),
    Visit(name="week 2", week=2, window_days=(7, 7)),
    Visit(name="week 4", week=4, window_days=(10, 21)),
)


@pytest.mark.parametrize(
    ("day", "place", "after"),
    [
        (-14, 0, -14), (-15, -1, None), (0, 0, 0), (1, -1, None), (6, -1, None), (7, 1, -7),
        (20, 1, 6), (21, 1, 7), (22, 2, -6), (49, 2, 21), (50, -1, None), (18, 1, 4),
        (14.5, 1, 0.5),
    ],
)  # fmt: skip
def test_windows_include_their_ends_and_the_nearest_visit_wins(day, place, after):
    # Day 21 is as near to week 2 as to week 4: the earlier visit has it.
    found, offset = nearest(SCHEDULE, np.array([float(day)]))
    assert found[0] == place
    if after is not None:
        assert offset[0] == after


def test_the_later_of_two_equally_near_visits_has_the_day_where_the_study_says_so():
    days = np.array([20.0, 21.0, 22.0, 49.0, 50.0])
    assert nearest(SCHEDULE, days)[0].tolist() == [1, 1, 2, 2, -1]
    place, after = nearest(SCHEDULE, days, tie="later")
    assert place.tolist() == [1, 2, 2, 2, -1]
    assert after[:4].tolist() == [6, -7, -6, 21]


def test_a_day_has_one_visit_however_the_windows_overlap():
    schedule = tuple(
        Visit(name=f"week {week}", week=week, window_days=(60, 60)) for week in (1, 4, 9, 10)
    )
    days = np.arange(-80.0, 160.0)
    for tie in ("earlier", "later"):
        place, after = nearest(schedule, days, tie=tie)
        distance = np.array([np.abs(days - 7 * visit.week) for visit in schedule])
        within = distance.min(axis=0) <= 60
        np.testing.assert_array_equal(place >= 0, within)
        np.testing.assert_array_equal(np.abs(after[within]), distance.min(axis=0)[within])
        assert (np.diff(place[within]) >= 0).all()


def timed_study(**visits) -> dict:
    study = content()
    study["visits"] |= {"by": "day", "column": "when"} | visits
    for visit, window in zip(study["visits"]["schedule"], ([14, 0], [28, 28], [60, 60]), strict=True):
        visit["window_days"] = window
    return study


@pytest.mark.parametrize(
    ("rule", "value"),
    [("nearest_then_later", 2), ("nearest_then_earlier", 1), ("first", 0), ("last", 3)],
)
def test_several_records_in_a_window_are_settled_by_the_rule_of_the_study(tmp_path, rule, value):
    rows = [row | {"when": 0} for row in sound_rows() if row["visit"] == "start"]
    # Day 28 is the visit; days 26 and 30 are equally near, and P00 has four records.
    rows += [rows[0] | {"when": day, "pain": n} for n, day in enumerate((20, 26, 30, 40))]
    trial = read_trial(write_study(tmp_path, timed_study(several=rule), pain_csv=rows))
    kept = trial.outcomes.query("patient == 'P00' and visit == 'week 4'")
    assert kept["value"].tolist() == [value]
    aside = trial.findings.query("rule == 'several_in_window'")
    assert sorted(aside["value"]) == sorted({"0", "1", "2", "3"} - {str(value)})
    assert "visits.several" in aside["message"].iloc[0]


def test_of_two_records_of_one_day_the_lower_row_counts_as_the_later(tmp_path):
    rows = [row | {"when": 0} for row in sound_rows() if row["visit"] == "start"]
    rows += [rows[0] | {"when": 28, "pain": pain} for pain in (1, 2)]
    trial = read_trial(write_study(tmp_path, timed_study(), pain_csv=rows))
    assert trial.outcomes.query("visit == 'week 4'")["value"].tolist() == [2]


def test_the_findings_say_how_records_found_their_visits(tmp_path):
    rows = [row | {"when": {"start": 0, "week 4": 28, "week 26": 182}[row["visit"]]}
            for row in sound_rows()]  # fmt: skip
    rows.append(rows[0] | {"when": 60, "pain": 3})
    study = timed_study(tie="later")
    study["visits"]["schedule"][2]["window_days"] = [130, 30]
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows))
    note = only(trial.findings, "visit_windows")["message"]
    assert "start day -14 to 0; week 4 day 0 to 56; week 26 day 52 to 212" in note
    assert "'week 4' and 'week 26' overlap from day 52 to 56" in note
    assert "to the later one if both are equally near" in note
    assert "0 of 19 records lie outside" in note
    rows[-1]["when"] = 300
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows))
    assert "1 of 19 records lie outside" in only(trial.findings, "visit_windows")["message"]


@pytest.mark.parametrize(
    "stamp", ["2026-03-01 14:02:11", "2026/03/01 2:02:11 PM GMT+1", "2026-03-01T14:02:11+02:00",
              "01.03.2026 14:02", "2026-03-01T14:02:11Z", "1 Mar 2026 2:02 pm"],
)  # fmt: skip
def test_timestamps_of_forms_are_read_as_their_day(tmp_path, stamp):
    study = timed_study(by="date", start="from")
    study["data"]["dates"] = "day_first"
    rows = [row | {"when": "2026-02-01", "from": "2026-02-01"} for row in sound_rows()
            if row["visit"] == "start"]  # fmt: skip
    rows.append(rows[0] | {"when": stamp, "pain": 1})
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows))
    assert (datetime.date(2026, 3, 1) - datetime.date(2026, 2, 1)).days == 28
    assert trial.outcomes.query("visit == 'week 4'")["value"].tolist() == [1]


def test_an_unknown_day_has_no_visit():
    found, _ = nearest(SCHEDULE, np.array([np.nan, 14.0]))
    assert found.tolist() == [-1, 1]


def test_adam_flags_set_records_aside_by_reason(tmp_path):
    study = content() | {"layout": "adam", "patient": "id"}
    study["data"]["patients"] = "people.csv"
    study["measures"][0]["code"] = "PAIN"
    rows = [
        {"id": row["id"], "visit": row["visit"], "PARAMCD": "PAIN", "pain": row["pain"],
         "ANL01FL": "Y", "DTYPE": ""}
        for row in sound_rows()
    ]  # fmt: skip
    rows[1]["ANL01FL"], rows[2]["ANL01FL"], rows[5]["DTYPE"] = "N", "", "LOCF"
    rows[8]["PARAMCD"] = "SLEEP"
    people = [{key: row[key] for key in ("id", "therapy", "age")} for row in sound_rows()[::3]]
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows, people_csv=people))
    aside = trial.account.query("file == 'pain.csv' and item == 'row' and step == 'set aside'")
    assert dict(zip(aside["reason"], aside["n"], strict=True)) == {
        "ANL01FL is not Y": 2, "derived record (DTYPE LOCF)": 1,
        "measure is not in the study file": 1,
    }  # fmt: skip
    assert len(trial.outcomes) == 14
