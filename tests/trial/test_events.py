"""Events as they are read, and those that an estimand cannot place."""

from __future__ import annotations

from small_study import content, findings_of, only, sound_rows, write_study

from analysis.intake import read_trial
from analysis.schema import EVENT_COLUMNS

EVENTS = [
    {"id": "P01", "week": 3, "what": "stopped", "why": "moved", "bad": "no"},
    {"id": "P02", "week": "", "what": "harm", "why": "bruise", "bad": "Yes"},
]


def with_events(**more) -> dict:
    study = content()
    study["data"]["events"] = "events.csv"
    kinds = {"stopped": "stopped_therapy", "harm": "adverse_event"}
    study["events"] = {"kind": "what", "kinds": kinds, "week": "week", "what": "why",
                       "serious": "bad"} | more  # fmt: skip
    return study


def test_events_are_read_with_their_kind_and_week(tmp_path):
    trial = read_trial(write_study(tmp_path, with_events(), events_csv=EVENTS))
    assert tuple(trial.events.columns) == EVENT_COLUMNS
    assert trial.events["kind"].tolist() == ["stopped_therapy", "adverse_event"]
    assert trial.events["week"].isna().tolist() == [False, True]
    assert trial.events["serious"].tolist() == [False, True]
    assert trial.events["what"].tolist() == ["moved", "bruise"]
    assert trial.events["related"].isna().all()
    part = trial.account[trial.account["file"] == "events.csv"]
    assert part["n"].tolist() == [2, 2]


def test_events_of_others_and_of_other_kinds_are_set_aside(tmp_path):
    events = [*EVENTS, EVENTS[0] | {"id": "P77"}, EVENTS[0] | {"what": "holiday"}]
    trial = read_trial(write_study(tmp_path, with_events(), events_csv=events))
    assert only(trial.findings, "event_of_other")["row"] == 4
    assert "1 rows with 'holiday'" in only(trial.findings, "unknown_event")["message"]
    part = trial.account[trial.account["file"] == "events.csv"]
    assert part["n"].tolist() == [4, 1, 1, 2]


def test_an_answer_that_is_neither_yes_nor_no_is_an_error(tmp_path):
    events = [EVENTS[0] | {"bad": "perhaps"}]
    error = only(findings_of(write_study(tmp_path, with_events(), events_csv=events)),
                 "unreadable_answer")  # fmt: skip
    assert "'perhaps' is neither yes nor no" in error["message"] and error["row"] == 2


def test_an_event_without_a_patient_is_an_error(tmp_path):
    path = write_study(tmp_path, with_events(), events_csv=[EVENTS[0] | {"id": ""}])
    error = only(findings_of(path), "no_patient")
    assert (error["file"], error["row"], error["column"]) == ("events.csv", 2, "id")


def test_events_on_the_rows_of_outcomes_count_once(tmp_path):
    study = content()
    study["events"] = {"file": "outcomes", "kind": "end", "kinds": {"died": "lost"},
                       "visit": "last"}  # fmt: skip
    rows = [
        row | {"end": "died" if row["id"] == "P01" else "", "last": "week 4"}
        for row in sound_rows()
    ]
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows))
    assert trial.events[["patient", "week", "kind"]].to_numpy().tolist() == [["P01", 4.0, "lost"]]


def test_reading_keeps_every_value_whatever_the_estimand(tmp_path):
    study = with_events()
    study["estimands"] = [{"name": "No stopping", "events": {"stopped_therapy": "hypothetical"}}]
    trial = read_trial(write_study(tmp_path, study, events_csv=EVENTS))
    assert len(trial.outcomes) == 18


def test_an_undated_event_is_an_error_where_the_primary_estimand_acts_on_it(tmp_path):
    study = with_events()
    study["estimands"] = [{"name": "No harm", "events": {"adverse_event": "hypothetical"}}]
    error = only(findings_of(write_study(tmp_path, study, events_csv=EVENTS)), "undated_event")
    assert (error["severity"], error["patient"]) == ("error", "P02")
    assert "Give the week" in error["message"]


def test_loss_to_follow_up_needs_no_week(tmp_path):
    study = with_events(kinds={"stopped": "stopped_therapy", "harm": "lost"})
    study["estimands"] = [{"name": "No loss", "events": {"lost": "hypothetical"}}]
    found = findings_of(write_study(tmp_path, study, events_csv=EVENTS))
    assert "undated_event" not in set(found["rule"])


def test_an_undated_event_is_a_warning_for_a_supplementary_estimand(tmp_path):
    study = with_events()
    study["estimands"] = [
        {"name": "Treatment policy"},
        {"name": "No harm", "events": {"adverse_event": "hypothetical"}},
        {"name": "Harm as it is", "events": {"adverse_event": "treatment_policy"}},
    ]
    found = only(findings_of(write_study(tmp_path, study, events_csv=EVENTS)), "undated_event")
    assert (found["severity"], found["patient"]) == ("warning", "P02")
    assert "'No harm'" in found["message"] and "changes nothing" in found["message"]


def test_true_values_come_with_a_simulated_trial(tmp_path):
    study = content() | {"simulated": True}
    study["data"]["truth"] = "truth.csv"
    header = "analysis,quantity,therapy,horizon,estimate,std_error"
    truth = f"{header}\ntruth,relief,Massage,short,1.5,\n"
    trial = read_trial(write_study(tmp_path, study, truth_csv=truth))
    assert trial.truth[["quantity", "estimate"]].to_numpy().tolist() == [["relief", 1.5]]
    assert trial.truth["std_error"].isna().all()
    bad = truth.replace("std_error", "spread")
    error = only(findings_of(write_study(tmp_path, study, truth_csv=bad)), "truth_columns")
    assert "'spread' are not among them" in error["message"]
    bad = truth.replace("relief", "joy")
    error = only(findings_of(write_study(tmp_path, study, truth_csv=bad)), "truth_columns")
    assert "quantity is 'joy'" in error["message"]
