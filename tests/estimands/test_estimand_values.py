"""What each strategy does with values, counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from hand_made import EVENTS, LOST, OBSERVED, OTHER, PAIN, RESCUE, STOPPED, estimand, grid, trial

from analysis.errors import ModelError
from analysis.estimands import apply_estimand

STRATEGIES = {
    "treatment_policy": "treatment_policy",
    "hypothetical": "hypothetical",
    "composite": {"strategy": "composite", "value": "baseline"},
    "reference_based": {"strategy": "reference_based", "assumption": "JR"},
    "while_on_treatment": "while_on_treatment",
}


def _applied(made=None, **content):
    return apply_estimand(trial() if made is None else made, estimand(**content))


def _unchanged(data, *patients):
    return all(grid(data.trial, one) == list(PAIN[one]) for one in patients)


def _count(data, kind, therapy, fate):
    rows = data.values.query("kind == @kind and therapy == @therapy and fate == @fate")
    return int(rows["values"].sum())


def test_treatment_policy_changes_nothing():
    made = trial()
    data = apply_estimand(made)
    pd.testing.assert_frame_equal(data.trial.outcomes, made.outcomes)
    assert data.count("kept") == OBSERVED
    assert data.count("set_aside", "replaced", "filled", "apart") == 0


def test_a_hypothetical_estimand_sets_values_aside_from_the_week_of_the_event_on():
    data = _applied(events={STOPPED: "hypothetical"})
    assert grid(data.trial, "U4") == [8, None, None, None]
    assert grid(data.trial, "M2") == [7, 4, None, None]
    assert grid(data.trial, "M3") == [8, 4, 3, None]
    assert grid(data.trial, "M4") == [5, None, None, None]
    assert _unchanged(data, "U1", "U2", "U3", "M1")
    assert _count(data, STOPPED, "Usual care", "set_aside") == 3
    assert _count(data, STOPPED, "Massage", "set_aside") == 1 + 1 + 2
    assert data.count("kept") == OBSERVED - 7


def test_the_value_in_the_week_of_the_event_is_affected_and_the_one_before_is_not():
    data = _applied(events={RESCUE: "hypothetical"})
    assert grid(data.trial, "U3") == [5, 4, None, None]
    later = [(p, 12.1 if p == "U3" else week, kind) for p, week, kind in EVENTS]
    assert grid(_applied(trial(later), events={RESCUE: "hypothetical"}).trial, "U3") == [5, 4, 4, None]


@pytest.mark.parametrize(("value", "score"), [("baseline", None), ("worst", 10.0), (9, 9.0)])
def test_a_composite_gives_the_failure_value_at_every_later_visit_seen_or_not(value, score):
    data = _applied(events={STOPPED: {"strategy": "composite", "value": value}})
    for patient, first in (("U4", 1), ("M2", 2), ("M3", 3), ("M4", 1)):
        failure = PAIN[patient][0] if score is None else score
        expected = [*PAIN[patient][:first], *[failure] * (4 - first)]
        assert grid(data.trial, patient) == expected
    assert _unchanged(data, "U1", "U2", "U3", "M1")
    assert _count(data, STOPPED, "Usual care", "replaced") == 3
    assert _count(data, STOPPED, "Massage", "replaced") == 1 + 1 + 2
    assert _count(data, STOPPED, "Massage", "filled") == 1 + 0 + 1


def test_a_failure_at_baseline_level_that_nobody_knows_sets_the_values_aside():
    pain = PAIN | {"M2": (None, 4, 5, None)}
    data = _applied(
        trial(pain=pain), events={STOPPED: {"strategy": "composite", "value": "baseline"}}
    )
    assert grid(data.trial, "M2") == [None, 4, None, None]
    assert _count(data, STOPPED, "Massage", "set_aside") == 1


def test_non_response_is_the_worst_score_which_no_definition_calls_a_response():
    data = _applied(
        summary="difference_in_responders",
        events={LOST: {"strategy": "composite", "value": "non_response"}},
    )
    assert grid(data.trial, "U2") == [7, 7, 10, 10]
    assert _count(data, LOST, "Usual care", "filled") == 2


def test_while_on_treatment_keeps_the_last_value_before_the_event_and_no_visit_after_the_end():
    data = _applied(events={STOPPED: "while_on_treatment"}, short=["week 12"], long=[])
    assert grid(data.trial, "U4") == [8, 8, 8, None]
    assert grid(data.trial, "M2") == [7, 4, 4, None]
    assert grid(data.trial, "M3") == [8, 4, 3, None]
    assert grid(data.trial, "M4") == [5, 5, 5, None]
    assert [visit.name for visit in data.trial.study.followup] == ["week 4", "week 12"]
    at_26 = sum(row[3] is not None for row in PAIN.values())
    assert data.values.query("kind == '' and fate == 'set_aside'")["values"].sum() == at_26
    assert data.count("replaced", "filled") == 2 + 1 + 2
    assert data.count("filled") == 1


def test_reference_based_keeps_the_values_and_says_which_the_imputation_model_may_not_use():
    data = _applied(events={STOPPED: {"strategy": "reference_based", "assumption": "JR"}})
    assert _unchanged(data, *PAIN)
    assert data.count("apart") == 3 + 1 + 1 + 2
    # M2 at week 26 and M4 at week 4.
    assert data.count("to_impute") == _count(data, STOPPED, "Massage", "to_impute") == 2
    assert data.reference_based and not apply_estimand(trial()).reference_based


def test_several_kinds_have_strategies_of_their_own():
    data = _applied(
        events={
            OTHER: "hypothetical",
            STOPPED: {"strategy": "composite", "value": "worst"},
            LOST: {"strategy": "reference_based", "assumption": "CR"},
        }
    )
    assert grid(data.trial, "U4") == [8, None, None, None]
    assert grid(data.trial, "M2") == [7, 4, 10, 10]
    assert grid(data.trial, "U2") == list(PAIN["U2"])
    assert _unchanged(data, "U1", "U3", "M1")
    assert data.count("set_aside") == 3


@pytest.mark.parametrize("named", STRATEGIES)
def test_the_account_adds_up(named):
    data = _applied(events={STOPPED: STRATEGIES[named], RESCUE: "hypothetical"}, long=[])
    assert data.count("kept", "apart", "set_aside", "replaced") == OBSERVED
    assert len(data.trial.outcomes) == data.count("kept", "apart", "replaced", "filled")


@pytest.mark.parametrize("named", STRATEGIES)
def test_without_events_all_strategies_leave_the_same_data(named):
    made = trial(events=())
    # Without weeks since the end of treatment no visit is known to be after it.
    schedule = [
        visit.model_dump(exclude={"weeks_since_end"}) for visit in made.study.visits.schedule
    ]
    made = trial(events=(), visits={"column": "visit", "schedule": schedule})
    data = _applied(made, events={STOPPED: STRATEGIES[named]})
    pd.testing.assert_frame_equal(data.trial.outcomes, made.outcomes)


@pytest.mark.parametrize("named", STRATEGIES)
def test_applying_an_estimand_twice_is_applying_it_once(named):
    data = _applied(events={STOPPED: STRATEGIES[named]}, long=[])
    again = apply_estimand(data.trial)
    pd.testing.assert_frame_equal(again.trial.outcomes, data.trial.outcomes)
    pd.testing.assert_frame_equal(again.deciding, data.deciding)


def test_every_event_at_the_start_leaves_the_baseline_and_nothing_else():
    everyone = [(patient, 0.0, STOPPED) for patient in PAIN]
    data = _applied(trial(everyone), events={STOPPED: "hypothetical"})
    assert set(data.trial.outcomes["visit"].astype(str)) == {"start"}
    assert len(data.trial.outcomes) == len(PAIN)
    failed = _applied(trial(everyone), events={STOPPED: STRATEGIES["composite"]})
    assert all(grid(failed.trial, one) == [PAIN[one][0]] * 4 for one in PAIN)


def test_a_whole_arm_that_is_lost_can_fail():
    pain = {p: (row[0], None, None, None) if p[0] == "M" else row for p, row in PAIN.items()}
    gone = [(patient, 1.0, LOST) for patient in PAIN if patient[0] == "M"]
    data = _applied(trial(gone, pain), events={LOST: STRATEGIES["composite"]})
    assert all(grid(data.trial, one) == [PAIN[one][0]] * 4 for one in PAIN if one[0] == "M")
    assert _count(data, LOST, "Massage", "filled") == 12


def test_the_callers_trial_is_left_alone():
    made = trial()
    before = made.outcomes.copy(), made.events.copy(), made.patients.copy()
    _applied(made, events={STOPPED: STRATEGIES["composite"]})
    for frame, copy in zip((made.outcomes, made.events, made.patients), before, strict=True):
        pd.testing.assert_frame_equal(frame, copy)


def test_a_failure_score_of_one_measure_is_not_given_to_another():
    made = trial()
    failing = estimand(events={STOPPED: {"strategy": "composite", "value": 9}})
    with pytest.raises(ModelError, match=r"9 as the failure value .*pain, and is asked of function"):
        apply_estimand(made, failing, "function")
    assert apply_estimand(made, failing, "pain").count("replaced") == 7
