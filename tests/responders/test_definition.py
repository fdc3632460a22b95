"""Who is a responder."""

from __future__ import annotations

import numpy as np
import pytest
from response_trial import random_trial, study, trial

from analysis.responders.definition import (
    Threshold,
    Window,
    needed,
    responses,
    scores_of,
    thresholds_of,
    unjudged,
    windows_of,
)  # fmt: skip

THIRTY = Threshold("share", 0.3)
LOST = np.nan


def judged(scores, threshold, window, floor=0.3):
    return responses(scores.improvement(), needed(threshold, scores, floor), window, scores)


def test_a_drop_of_exactly_the_share_counts_whatever_floating_point_makes_of_it():
    starts = np.arange(1.0, 10.01, 0.1)
    rows = [(start, *[start * (1 - 0.3)] * 4) for start in starts]
    plan = study(instrument="VAS10")
    scores = scores_of(trial(rows, ["Massage"] * len(rows), plan))
    found = judged(scores, THIRTY, windows_of(plan)[1], floor=0.0)
    assert (scores.improvement()[:, 0] < 0.3 * starts).any()
    assert (found == 1).all()


def test_a_scale_turned_round_has_the_same_responders():
    first = random_trial()
    turned = first.outcomes.assign(value=10 - first.outcomes["value"])
    plan = {"key": "UP", "name": "Comfort", "low": 0, "high": 10, "direction": "higher_is_better",
            "minimal_important_change": 2}  # fmt: skip
    other = random_trial(instrument="UP", instruments=(plan,))
    object.__setattr__(other, "outcomes", turned)
    for threshold in (THIRTY, Threshold("change", 2.0, "points")):
        for window in windows_of(first.study):
            one, two = (judged(scores_of(t), threshold, window) for t in (first, other))
            np.testing.assert_array_equal(one, two)
            assert {0.0, 1.0} <= set(one)


def test_a_sustained_responder_is_one_at_both_horizons_and_was_seen_at_both():
    rows = [(10, 9, 5, 5, 5), (10, 9, 5, 5, 9), (10, 9, 9, 9, 5), (10, 9, 9, 9, LOST)]
    scores = scores_of(trial(rows, ["Massage"] * 4))
    short, long, both = windows_of(study())
    np.testing.assert_array_equal(judged(scores, THIRTY, short), [1, 1, 0, 0])
    np.testing.assert_array_equal(judged(scores, THIRTY, long), [1, 0, 1, LOST])
    np.testing.assert_array_equal(judged(scores, THIRTY, both), [1, 0, 0, LOST])


def test_a_horizon_of_several_visits_goes_by_the_mean_of_those_attended():
    plan = study(horizons={"W26": "long", "W52": "long"})
    rows = [(10, 9, 9, 5, 9), (10, 9, 9, 4, 9), (10, 9, 9, LOST, 7), (10, 9, 9, LOST, LOST)]
    scores = scores_of(trial(rows, ["Massage"] * 4, plan))
    np.testing.assert_array_equal(judged(scores, THIRTY, windows_of(plan)[1]), [1, 1, 1, LOST])


def test_a_small_complaint_at_baseline_is_judged_by_no_share_but_by_a_change():
    rows = [(2, 0, 0, 0, 0), (0, 0, 0, 0, 0), (LOST, 0, 0, 0, 0), (3, 0, 0, 0, 0)]
    scores = scores_of(trial(rows, ["Massage"] * 4))
    long = windows_of(study())[1]
    np.testing.assert_array_equal(judged(scores, THIRTY, long), [LOST, LOST, LOST, 1])
    np.testing.assert_array_equal(judged(scores, THIRTY, long, floor=0.0), [1, LOST, LOST, 1])
    np.testing.assert_array_equal(judged(scores, Threshold("change", 2.0), long), [1, 0, LOST, 1])


def test_a_percentage_of_a_scale_without_a_zero_is_refused_in_words():
    scores = scores_of(trial([(60, 50, 50, 50, 50)], ["Massage"], study(instrument="PROMIS_ANXIETY")))
    assert "begins at 10" in unjudged(THIRTY, scores)
    assert np.isnan(needed(THIRTY, scores)).all()
    assert unjudged(Threshold("change", 5.0), scores) == ""


def test_the_important_change_is_a_definition_only_where_a_source_gives_one():
    labels = [one.label for one in thresholds_of(scores_of(random_trial()).instrument)]
    assert labels == ["at least 30 % better", "at least 50 % better", "at least 2 points better"]
    other = scores_of(random_trial(instrument="PEG")).instrument
    assert [one.kind for one in thresholds_of(other)] == ["share", "share"]


def test_a_study_without_a_horizon_says_so():
    short, long, both = windows_of(study(horizons={}))
    assert "no short-term visit" in short.note and "no long-term visit" in long.note
    assert short.note in both.note and long.note in both.note


@pytest.mark.parametrize("copies", [1, 5])
def test_completed_data_sets_are_judged_all_at_once(copies):
    scores = scores_of(random_trial())
    window = Window("sustained", (("W12",), ("W52",)))
    values = np.stack([scores.values + k for k in range(copies)])
    need = needed(THIRTY, scores)
    together = responses(scores.improvement(values), need, window, scores)
    for one, drawn in zip(together, values, strict=True):
        np.testing.assert_array_equal(one, responses(scores.improvement(drawn), need, window, scores))
