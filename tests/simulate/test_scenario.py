"""Scenarios, rise and fade: closed forms, and refusals that say why."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from analysis.simulate import bundled_scenario
from analysis.simulate.course import share_at_end
from analysis.simulate.fade import Fade, rise
from analysis.simulate.scenario import Treatment

# Bisection of a number below 1 in double precision.
EXACT = 1e-12


@pytest.mark.parametrize("kept", [(0.8, 0.65), (0.5, 0.2), (0.6, 0.35), (0.7, 0.5)])
def test_a_fade_passes_through_the_shares_it_was_given(kept):
    fade = Fade.through((18.0, 44.0), kept)
    assert 0 <= fade.plateau < kept[1]
    assert fade.left(np.array([0.0, 18.0, 44.0])) == pytest.approx([1.0, *kept], abs=EXACT)


def test_an_effect_that_stays_does_not_fade():
    assert Fade.through((18.0, 44.0), (1.0, 1.0)).left(np.array([0.0, 500.0])).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("kept", "why"), [((0.5, 0.6), "is not a fade"), ((0.9, 0.2), "falls ever faster")]
)
def test_shares_no_fade_passes_through_are_refused(kept, why):
    with pytest.raises(ValueError, match=why):
        Fade.through((18.0, 44.0), kept)


def test_an_effect_rises_from_nothing_to_all_by_the_last_session():
    share = rise(np.array([0.0, 4.0, 8.0, 20.0]), 8.0)
    assert share == pytest.approx([0.0, (1 - math.sqrt(0.1)) / 0.9, 1.0, 1.0], abs=EXACT)


def test_the_mean_share_at_the_end_counts_those_who_stop():
    """One session: a patient who stops before it has nothing, all others everything."""
    scenario = bundled_scenario()
    once = Treatment("Once", -1.0, 8.0, 1, (0.5, 0.3))
    assert share_at_end(scenario, once) == pytest.approx(0.98, abs=EXACT)
    never = replace(scenario, events=replace(scenario.events, stop_per_session=0.0))
    assert share_at_end(never, scenario.treatments[1]) == pytest.approx(1.0, abs=EXACT)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"weeks": (0.0, 4.0, 2.0, 12.0, 52.0)}, "do not rise"),
        ({"weeks": (1.0, 12.0, 52.0)}, "do not start at 0"),
        ({"short": 13.0}, "not among the visits"),
        ({"short": 52.0}, "must come before long"),
        ({"treatments": (Treatment("A"), Treatment("A"))}, "not all different"),
        ({"treatments": (Treatment("A"), Treatment("B", -1.0))}, "an effect without sessions"),
        ({"treatment_end": 6.0}, "lasts longer than week 6"),
        ({"per_arm": 0}, "per_arm is 0"),
    ],
)
def test_a_scenario_that_cannot_be_says_why(changes, why):
    with pytest.raises(ValueError, match=why):
        replace(bundled_scenario(), **changes)


def test_loss_of_duration_is_shared_out_to_keep_the_mean_effect():
    """The share with more than a year of pain, by the normal distribution of its logarithm."""
    people = bundled_scenario().people
    assert people.over_a_year == pytest.approx(0.8640, abs=1e-4)
