"""Records find their visit by time: inside a window, the nearest, the earlier of two."""

from __future__ import annotations

import numpy as np
import pytest
from small_study import content, sound_rows, write_study

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
