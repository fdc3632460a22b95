"""Wide files with a date, week or day beside the scores of each visit: the rules of windows hold."""

from __future__ import annotations

import pytest
from small_study import content, findings_of, only, write_study

from analysis.errors import DataError, StudyError
from analysis.intake import read_trial


def study(**visits) -> dict:
    made = content() | {"layout": "wide"}
    made["visits"] = {
        "by": "date", "start": "begun",
        "columns": {"start": "date_0", "week 4": "date_4", "week 26": "date_26"},
        "schedule": made["visits"]["schedule"],
    } | visits  # fmt: skip
    for visit, window in zip(made["visits"]["schedule"], ([28, 0], [14, 28], [60, 60]), strict=True):
        visit["window_days"] = window
    measure = made["measures"][0]
    del measure["column"]
    measure["columns"] = {"start": "pain_0", "week 4": "pain_4", "week 26": "pain_26"}
    return made


def rows(**first) -> list[dict]:
    """Six patients seen on their scheduled days; what differs in the first of them."""
    made = [
        {"id": f"P{n:02d}", "therapy": ("Usual care", "Massage")[n % 2], "age": 30 + n,
         "begun": "2024-01-01", "date_0": "2024-01-01", "pain_0": 6 + n % 3, "date_4": "2024-01-29",
         "pain_4": 4 + n % 3, "date_26": "2024-07-01", "pain_26": 5 + n % 3}
        for n in range(6)
    ]  # fmt: skip
    made[0] |= first
    return made


def read(folder, made=None, **first):
    return read_trial(write_study(folder, made or study(), pain_csv=rows(**first)))


def of_first(trial) -> dict[str, float]:
    part = trial.outcomes[trial.outcomes["patient"] == "P00"]
    return dict(zip(part["visit"].astype(str), part["value"], strict=True))


def aside(trial) -> dict[str, int]:
    part = trial.account[(trial.account["item"] == "value") & (trial.account["step"] == "set aside")]
    return dict(zip(part["reason"], part["n"], strict=True))


def test_visits_on_their_days_read_as_they_stand(tmp_path):
    trial = read(tmp_path)
    assert len(trial.outcomes) == 18 and of_first(trial) == {"start": 6, "week 4": 4, "week 26": 5}
    note = only(trial.findings, "visit_windows")
    assert "start day -28 to 0; week 4 day 14 to 56; week 26 day 122 to 242" in note["message"]
    assert "0 of 18 records lie outside" in note["message"]
    assert note["column"] == "date_0, date_4, date_26"


def test_a_value_counts_at_the_visit_in_whose_window_it_was_taken(tmp_path):
    # Planned for week 4, taken on day 150; nothing stands under week 26.
    trial = read(tmp_path, date_4="2024-05-30", date_26="", pain_26="")
    assert of_first(trial) == {"start": 6, "week 26": 4}
    moved = only(trial.findings, "other_visit")
    assert (moved["severity"], moved["row"], moved["patient"], moved["column"], moved["visit"]) == (
        "warning", 2, "P00", "date_4", "week 26",
    )  # fmt: skip
    assert "taken on day 150, in the window of 'week 26'" in moved["message"]


@pytest.mark.parametrize(
    ("rule", "value"),
    [("nearest_then_later", 5), ("nearest_then_earlier", 5), ("first", 4), ("last", 5)],
)
def test_of_two_values_in_one_window_one_counts_by_the_rule_of_the_study(tmp_path, rule, value):
    trial = read(tmp_path, study(several=rule), date_4="2024-05-30")
    assert of_first(trial) == {"start": 6, "week 26": value}
    again = only(trial.findings, "several_in_window")
    assert (again["value"], again["column"]) == (("4", "pain_4") if value == 5 else ("5", "pain_26"))
    assert aside(trial) == {"another record in the window counts": 1}


@pytest.mark.parametrize(("rule", "value"), [("nearest_then_later", 5), ("nearest_then_earlier", 4)])
def test_of_two_values_of_one_day_the_later_column_is_the_later(tmp_path, rule, value):
    trial = read(tmp_path, study(several=rule), date_4="2024-07-01")
    assert of_first(trial)["week 26"] == value


def test_a_day_between_two_visits_goes_to_the_nearer_and_a_tie_as_the_study_says(tmp_path):
    made = study(tie="later")
    made["visits"]["schedule"][1]["window_days"] = [14, 77]
    made["visits"]["schedule"][2]["window_days"] = [77, 60]
    # Day 105 is as near to week 4 (day 28) as to week 26 (day 182).
    trial = read(tmp_path, made, date_4="2024-04-15", date_26="", pain_26="")
    assert of_first(trial) == {"start": 6, "week 26": 4}
    made["visits"]["tie"] = "earlier"
    assert of_first(read(tmp_path, made, date_4="2024-04-15", date_26="", pain_26="")) == {
        "start": 6, "week 4": 4,
    }  # fmt: skip


def test_what_lies_outside_every_window_is_set_aside_and_listed(tmp_path):
    trial = read(tmp_path, date_4="2024-03-20")
    assert of_first(trial) == {"start": 6, "week 26": 5}
    out = only(trial.findings, "outside_window")
    assert (out["row"], out["column"], out["visit"], out["value"]) == (2, "date_4", "week 4", "79")
    assert "1 of 18 records lie outside" in only(trial.findings, "visit_windows")["message"]
    assert aside(trial) == {"outside every visit window": 1}


def test_a_date_before_the_start_is_outside_unless_it_is_in_the_window_of_baseline(tmp_path):
    assert of_first(read(tmp_path, date_0="2023-12-10"))["start"] == 6
    # The year before: a slip of the pen that no window hides.
    trial = read(tmp_path, date_4="2023-01-29")
    assert "week 4" not in of_first(trial)
    assert only(trial.findings, "outside_window")["value"] == "-337"
    trial = read(tmp_path, date_4="2023-12-20", date_0="", pain_0="")
    assert of_first(trial)["start"] == 4, "taken twelve days before the start, under week 4"


def test_a_value_without_a_date_is_set_aside_and_a_date_without_a_value_says_nothing(tmp_path):
    trial = read(tmp_path, date_4="", pain_26="")
    assert of_first(trial) == {"start": 6}
    lost = only(trial.findings, "no_time")
    assert (lost["row"], lost["column"], lost["visit"]) == (2, "date_4", "week 4")
    assert "1 patients have values at 'week 4'" in lost["message"]
    assert aside(trial) == {"time of the record is not known": 1, "missing": 1}
    assert "outside_window" not in set(read(tmp_path, date_26="2025-12-31", pain_26="").findings["rule"])


def test_a_patient_without_a_start_has_no_visits(tmp_path):
    trial = read(tmp_path, begun="")
    assert of_first(trial) == {} and aside(trial) == {"time of the record is not known": 3}


def test_day_first_dates_need_their_order(tmp_path):
    days = {"date_0": "01/01/2024", "date_4": "05/02/2024", "date_26": "01/07/2024", "begun": "01/01/2024"}
    data = [row | days for row in rows()]
    found = findings_of(write_study(tmp_path, study(), pain_csv=data))
    wrong = found[found["rule"] == "ambiguous_date"]
    assert wrong["column"].tolist() == ["date_4", "date_26"]
    assert "data.dates" in wrong["message"].iloc[0]
    made = study()
    made["data"]["dates"] = "day_first"
    trial = read_trial(write_study(tmp_path, made, pain_csv=data))
    assert of_first(trial) == {"start": 6, "week 4": 4, "week 26": 5}


def test_a_date_that_neither_order_makes_is_an_error_with_its_place(tmp_path):
    for order in (None, "day_first", "month_first"):
        made = study()
        if order is not None:
            made["data"]["dates"] = order
        with pytest.raises(DataError) as caught:
            read(tmp_path, made, date_4="31/31/2024")
        bad = only(caught.value.findings, "unreadable_date")
        assert (bad["row"], bad["column"], bad["value"]) == (2, "date_4", "31/31/2024")


@pytest.mark.parametrize(("by", "late"), [("day", 33), ("week", 4.5)])
def test_actual_weeks_and_days_serve_as_dates_do(tmp_path, by, late):
    made = study(by=by)
    del made["visits"]["start"]
    unit = 7 if by == "week" else 1
    data = [row | {"date_0": 0, "date_4": late, "date_26": 182 / unit} for row in rows()]
    trial = read_trial(write_study(tmp_path, made, pain_csv=data))
    assert len(trial.outcomes) == 18
    data[0]["date_4"] = "soon"
    bad = only(findings_of(write_study(tmp_path, made, pain_csv=data)), "unreadable_number")
    assert bad["value"] == "soon"


def test_a_visit_without_such_a_column_is_taken_as_of_its_day(tmp_path):
    made = study()
    del made["visits"]["columns"]["start"]
    trial = read(tmp_path, made, date_0="nonsense")
    assert of_first(trial) == {"start": 6, "week 4": 4, "week 26": 5}


def test_the_start_may_stand_in_the_patients_file(tmp_path):
    made = study()
    made["data"]["patients"] = "people.csv"
    data = rows()
    people = [{key: row[key] for key in ("id", "therapy", "age", "begun")} for row in data]
    outcomes = [{key: row[key] for key in row if key not in ("therapy", "age", "begun")} for row in data]
    people[0]["begun"] = "2023-12-01"
    trial = read_trial(write_study(tmp_path, made, pain_csv=outcomes, people_csv=people))
    assert set(only(trial.findings, "outside_window")[["patient", "value"]]) == {"P00", "59"}
    # A month after his start the first score is none of before it.
    assert only(trial.findings, "other_visit")["column"] == "date_0"


def test_several_measures_of_one_visit_go_together(tmp_path):
    made = study()
    made["measures"].append({"name": "sleep", "label": "Sleep", "instrument": "VAS100",
                             "columns": {"start": "sleep_0", "week 4": "sleep_4"}})  # fmt: skip
    data = [row | {"sleep_0": 50, "sleep_4": 40} for row in rows(date_4="2024-05-30", pain_4="")]
    trial = read_trial(write_study(tmp_path, made, pain_csv=data))
    mine = trial.outcomes.query("patient == 'P00' and visit == 'week 26'")
    assert dict(zip(mine["measure"], mine["value"], strict=True)) == {"pain": 5, "sleep": 40}


@pytest.mark.parametrize(
    ("visits", "said"),
    [
        ({"columns": {}}, "needs the column with each visit's date"),
        ({"by": "label"}, "say whether visits.columns hold a 'date', 'week' or 'day'"),
        ({"columns": {"week 5": "date_4"}}, "is not a visit; visits are"),
        ({"start": None}, "dates need the column with the day of randomisation"),
        ({"column": "date_4"}, "is for long files"),
    ],
)
def test_keys_that_do_not_agree_are_refused(tmp_path, visits, said):
    with pytest.raises(StudyError, match=said):
        read(tmp_path, study(**visits))


def test_windows_are_needed_and_long_files_have_one_column(tmp_path):
    made = study()
    del made["visits"]["schedule"][1]["window_days"]
    with pytest.raises(StudyError, match="a visit found by its date needs one"):
        read(tmp_path, made)
    made = content()
    made["visits"]["columns"] = {"start": "x"}
    with pytest.raises(StudyError, match="are for wide files"):
        read(tmp_path, made)


def test_a_column_that_is_not_there_is_named(tmp_path):
    made = study()
    made["visits"]["columns"]["week 4"] = "date_5"
    found = only(findings_of(write_study(tmp_path, made, pain_csv=rows())), "missing_column")
    assert "'date_5' (visits.columns)" in found["message"]
