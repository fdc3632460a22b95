"""Who was gone for good, from when on, and what had been written down about it."""

from __future__ import annotations

import numpy as np
import pytest
from uncertain_trial import CARE, MASSAGE, random_scores, trial

from analysis.sensitivity import set_up
from analysis.sensitivity.departure import DEPARTURE_COLUMNS, NOT_TOLD

NAN = np.nan


def departures_of(events=(), rows=()):
    """Departures where these rows stand before those of others who stayed."""
    stayed = random_scores(20, lost=0, gaps=0)
    mine = np.array([*rows, *stayed])
    return set_up(trial({CARE: stayed, MASSAGE: mine}, events)).departures


def test_a_gap_with_a_later_visit_is_no_departure():
    found = departures_of(rows=[(6, 5, NAN, 4), (6, NAN, NAN, 3), (6, 5, 4, NAN)])
    assert tuple(found.columns) == DEPARTURE_COLUMNS
    assert found[["patient", "therapy", "visit", "week"]].to_numpy().tolist() == [
        ["M2", MASSAGE, "week 52", 52.0]
    ]


def test_who_was_never_seen_again_departed_at_the_first_visit():
    found = departures_of(rows=[(6, NAN, NAN, NAN), (6, 5, NAN, NAN)])
    assert found["visit"].tolist() == ["week 4", "week 12"]
    assert found["kind"].tolist() == [NOT_TOLD, NOT_TOLD]


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ([], NOT_TOLD),
        ([(3.0, "stopped_therapy"), (10.0, "other_therapy")], "other_therapy"),
        ([(10.0, "stopped_therapy"), (3.0, "other_therapy")], "stopped_therapy"),
        ([(10.0, "stopped_therapy"), (10.0, "lost")], "lost"),
        ([(10.0, "stopped_therapy"), (None, "lost")], "lost"),
        ([(10.0, "stopped_therapy"), (None, "other_therapy")], "stopped_therapy"),
        ([(30.0, "stopped_therapy")], NOT_TOLD),
        ([(30.0, "lost")], "lost"),
        ([(2.0, "adverse_event")], NOT_TOLD),
    ],
)  # fmt: skip
def test_the_last_event_before_the_gap_and_a_loss_whenever_noticed_explain_it(events, kind):
    named = [("M0", week, what) for week, what in events]
    found = departures_of(named, rows=[(6, 5, NAN, NAN)])
    assert found["kind"].tolist() == [kind]


def test_an_event_of_somebody_else_explains_nothing():
    found = departures_of([("U0", 2.0, "lost")], rows=[(6, 5, NAN, NAN)])
    assert found["kind"].tolist() == [NOT_TOLD]
