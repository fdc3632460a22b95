"""Which event decides, and which can decide nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hand_made import EVENTS, LOST, OTHER, PAIN, RESCUE, STOPPED, estimand, grid, study, trial

from analysis.errors import ModelError
from analysis.estimands import apply_estimand
from analysis.estimands.deciding import (
    AFTER,
    BEFORE,
    DECIDES,
    OVERRULED,
    UNDATED,
    decisions_of,
    kinds_of,
)

BASELINE = {"strategy": "composite", "value": "baseline"}


def _decided(made, **events):
    deciding = decisions_of(made, estimand(events=events)).deciding
    return dict(zip(deciding["patient"], deciding["kind"], strict=True))


def _patients(data, kind, step):
    rows = data.events.query("kind == @kind and step == @step")
    return rows.set_index("therapy")["patients"].to_dict()


def test_the_earliest_event_that_is_not_treatment_policy_decides():
    both = _decided(trial(), **{STOPPED: BASELINE, RESCUE: "hypothetical"})
    assert both["M3"] == RESCUE
    assert _decided(trial(), **{STOPPED: BASELINE})["M3"] == STOPPED


def test_of_two_events_in_one_week_the_kind_named_first_decides():
    first = _decided(trial(), **{OTHER: "hypothetical", STOPPED: BASELINE})
    second = _decided(trial(), **{STOPPED: BASELINE, OTHER: "hypothetical"})
    assert (first["U4"], second["U4"]) == (OTHER, STOPPED)


def test_an_event_that_repeats_counts_from_the_first_time():
    twice = [*EVENTS, ("M1", 20.0, STOPPED), ("M1", 5.0, STOPPED)]
    data = apply_estimand(trial(twice), estimand(events={STOPPED: "hypothetical"}))
    assert grid(data.trial, "M1") == [6, 3, None, None]


def test_events_that_are_not_named_stand_behind_as_treatment_policy():
    one = estimand(events={RESCUE: "hypothetical"})
    assert kinds_of(study(), one) == [RESCUE, STOPPED, OTHER]
    assert _decided(trial(), **{RESCUE: "hypothetical"})["M4"] == STOPPED


@pytest.mark.parametrize(
    ("week", "step"), [(np.nan, UNDATED), (-1.0, BEFORE), (26.1, AFTER), (26.0, DECIDES)]
)
def test_an_event_that_cannot_be_placed_decides_nothing(week, step):
    made = trial([("M1", week, STOPPED)])
    data = apply_estimand(made, estimand(events={STOPPED: "hypothetical"}))
    assert _patients(data, STOPPED, step) == {"Usual care": 0, "Massage": 1}
    lost = 1 if step == DECIDES else 0
    assert data.count("set_aside") == lost
    noted = step in (UNDATED, BEFORE)
    assert len(data.notes) == noted
    assert not noted or data.notes[0].startswith("Stopped therapy ")
    assert not noted or data.notes[0].endswith("changes nothing in fewer than 2 patients.")


def test_a_dated_event_counts_beside_an_undated_one_of_the_patient():
    made = trial([("M1", np.nan, STOPPED), ("M1", 5.0, STOPPED)])
    data = apply_estimand(made, estimand(events={STOPPED: "hypothetical"}))
    assert grid(data.trial, "M1") == [6, 3, None, None]
    assert data.notes == ()


@pytest.mark.parametrize(
    ("patient", "filled"),
    [("U2", [7, 7, 7, 7]), ("M2", [7, 4, 5, 7]), ("M1", [6, 3, 2, 3])],
)
def test_loss_without_a_week_is_after_the_last_value(patient, filled):
    made = trial([(patient, np.nan, LOST)])
    data = apply_estimand(made, estimand(events={LOST: BASELINE}))
    assert grid(data.trial, patient) == filled
    placed = filled != list(PAIN[patient])
    assert len(data.notes) == placed
    assert not placed or "placed at the first visit after the last score" in data.notes[0]


def test_loss_without_a_week_and_without_any_value_is_at_the_first_visit():
    pain = PAIN | {"M1": (None, None, None, None), "M2": (6, None, None, None)}
    made = trial([("M1", np.nan, LOST), ("M2", np.nan, LOST)], pain)
    worst = {"strategy": "composite", "value": "worst"}
    data = apply_estimand(made, estimand(events={LOST: worst}))
    assert grid(data.trial, "M1") == [None, 10, 10, 10]
    assert grid(data.trial, "M2") == [6, 10, 10, 10]


def test_loss_with_a_week_is_where_it_is_said_to_be():
    data = apply_estimand(trial([("U2", 20.0, LOST)]), estimand(events={LOST: BASELINE}))
    assert grid(data.trial, "U2") == [7, 7, None, 7]


def test_every_patient_with_an_event_stands_at_one_step():
    data = apply_estimand(trial(), estimand(events={RESCUE: "hypothetical", STOPPED: BASELINE}))
    by = data.events.groupby("kind")["patients"].sum().to_dict()
    assert by == {STOPPED: 4, RESCUE: 2, OTHER: 1}
    assert _patients(data, STOPPED, OVERRULED) == {"Usual care": 0, "Massage": 1}
    assert _patients(data, OTHER, OVERRULED) == {"Usual care": 1, "Massage": 0}


def test_an_estimand_is_found_by_its_name_and_an_unknown_name_is_refused():
    one = estimand(events={STOPPED: "hypothetical"})
    made = trial(estimands=[{"name": "As it was"}, one.model_dump()])
    assert apply_estimand(made).estimand.name == "As it was"
    assert apply_estimand(made, "What if").count("set_aside") == 7
    with pytest.raises(ModelError, match=r"no estimand 'Else'; it has \['As it was', 'What if'\]"):
        apply_estimand(made, "Else")
