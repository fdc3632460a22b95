"""Drafts of wide files in which a column says when each visit was."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.draft import sketch_study
from analysis.intake import read_trial
from analysis.studies.yaml_text import parse_yaml

DAYS = {"0": (0, -2, -4), "6": (42, 38, 49), "24": (168, 175, 160)}


def sheet(patients: int = 12, ending: str = "", when: str = "date") -> pd.DataFrame:
    """A sheet of a clinic; `when` is what its columns of time are called."""
    rows = []
    for n in range(patients):
        row: dict[str, object] = {"id": f"P{n:02d}", "arm": ("Usual care", "Massage")[n % 2]}
        begun = pd.Timestamp("2024-01-10") + pd.Timedelta(days=n)
        for k, (visit, days) in enumerate(DAYS.items()):
            day = begun + pd.Timedelta(days=days[n % 3])
            counted = {
                "date": day.strftime("%d.%m.%Y"),
                "day": days[n % 3],
                "week": round(days[n % 3] / 7, 1),
            }
            row[f"pain{ending}_{visit}"] = 8 - 2 * k + n % 2
            row[f"{when}{ending}_{visit}"] = next(v for key, v in counted.items() if key in when)
        rows.append(row | {"enrolled": begun.strftime("%d.%m.%Y")})
    return pd.DataFrame(rows)


def drafted(tmp_path, frame):
    frame.to_csv(tmp_path / "d.csv", index=False)
    draft = sketch_study(tmp_path / "d.csv")
    return parse_yaml(draft.text, "d.yml")[0], draft


def test_pairs_of_scores_and_dates_are_recognised_with_weeks_and_windows(tmp_path):
    content, draft = drafted(tmp_path, sheet())
    visits = content["visits"]
    assert (visits["by"], visits["start"]) == ("date", "enrolled")
    assert list(visits["columns"].values()) == ["date_0", "date_6", "date_24"]
    assert [visit["week"] for visit in visits["schedule"]] == [0, 6, 24]
    assert [visit["window_days"] for visit in visits["schedule"]] == [[28, 0], [21, 63], [63, 63]]
    assert content["data"]["dates"] == "day_first"
    assert draft.problem == "" and "Which weeks were scheduled?" in draft.questions[2]
    (tmp_path / "d.yml").write_text(draft.text, encoding="utf-8")
    assert len(read_trial(tmp_path / "d.yml").outcomes) == 36


def test_names_that_say_weeks_keep_them(tmp_path):
    content, draft = drafted(tmp_path, sheet(ending="_week"))
    assert [visit["week"] for visit in content["visits"]["schedule"]] == [0, 6, 24]
    assert not any("Which weeks were scheduled?" in text for text in draft.questions)


@pytest.mark.parametrize(("when", "by"), [("actual_day", "day"), ("actual week", "week"), ("days", "day")])
def test_actual_days_and_weeks_are_recognised_and_are_no_outcome(tmp_path, when, by):
    content, draft = drafted(tmp_path, sheet(when=when))
    assert content["visits"]["by"] == by and "start" not in content["visits"]
    assert content["visits"]["columns"]["time 6"] == f"{when}_6"
    assert [measure["name"] for measure in content["measures"]] == ["pain"]
    assert draft.problem == ""


def test_without_a_day_of_entry_the_first_visit_is_offered_as_the_start(tmp_path):
    content, draft = drafted(tmp_path, sheet().drop(columns="enrolled"))
    assert content["visits"]["start"] == "date_0"
    assert any("is this the date of randomisation?" in text.lower() for text in draft.questions)
    content, draft = drafted(tmp_path, sheet().drop(columns=["enrolled", "date_0", "pain_0"]))
    assert "start" not in content["visits"]
    assert any("which column has the date of randomisation?" in text.lower() for text in draft.questions)


def test_a_date_that_goes_with_no_visit_changes_nothing(tmp_path):
    frame = sheet().drop(columns=["date_0", "date_6", "date_24"])
    content, _ = drafted(tmp_path, frame)
    assert set(content["visits"]) == {"schedule"}
    assert all("window_days" not in visit for visit in content["visits"]["schedule"])
