"""Cumulative responder curves."""

from __future__ import annotations

import numpy as np
import pytest
from response_trial import random_trial, study, trial

from analysis.errors import ModelError
from analysis.responders import area_between, responder_curve
from analysis.responders.curve import CURVE_COLUMNS
from analysis.responders.definition import scores_of

LOST = np.nan
# Sums of some dozens of doubles of order 10.
EXACT = 1e-12
REPEATS = 400


@pytest.mark.parametrize("whole", [True, False], ids=["ties", "no ties"])
@pytest.mark.parametrize("seed", range(4))
def test_area_between_the_curves_is_the_difference_of_mean_improvements(whole, seed):
    made = random_trial(50, seed=seed, whole=whole)
    curve, scores = responder_curve(made, minimum=1), scores_of(made)
    for horizon, place in (("short", 1), ("long", 3)):
        better = scores.improvement()[:, place]
        means = [np.nanmean(better[scores.therapy == name]) for name in ("Massage", "Usual care")]
        area = area_between(curve, "Massage", "Usual care", horizon)
        assert area == pytest.approx(means[0] - means[1], abs=EXACT)


def test_every_point_is_the_share_that_improved_so_much():
    made = random_trial(40)
    scores, curve = scores_of(made), responder_curve(made, minimum=1)
    long = curve[curve["horizon"] == "long"]
    for row in long.itertuples():
        better = scores.improvement()[scores.therapy == row.therapy, 3]
        better = better[~np.isnan(better)]
        assert row.n == len(better)
        assert row.proportion == np.mean(better >= row.change)
    assert (long["proportion"].groupby(long["therapy"]).first() == 1).all()


def test_patients_not_seen_can_count_as_never_improved():
    rows = [(8, 5, 4, 4, 4), (8, 5, 4, 4, LOST), (LOST, 5, 4, 4, 4), (8, 8, 8, 8, 9)]
    made = trial(rows, ["Massage"] * 4)
    curve = responder_curve(made, unseen="failed", minimum=1)
    mine = curve[(curve["therapy"] == "Massage") & (curve["horizon"] == "long")]
    assert mine["n"].unique().tolist() == [3]
    assert dict(zip(mine["change"], mine["proportion"], strict=True)) == pytest.approx({-1: 2 / 3, 4: 1 / 3})


def test_no_step_of_a_curve_is_fewer_patients_than_may_be_shown():
    made = random_trial(60, whole=False, minimum_count=5)
    curve = responder_curve(made)
    for _, part in curve.groupby(["therapy", "horizon"]):
        reached = np.round(part["proportion"] * part["n"])
        assert (-np.diff(np.append(reached, 0)) >= 5).all()
        assert len(part) > 2
    assert len(responder_curve(made, minimum=1)) > 2 * len(curve)


def test_the_band_holds_the_whole_true_curve_at_the_stated_rate_and_is_the_wider_one():
    rng, missed = np.random.default_rng(1), 0
    truth = np.array([np.mean(np.array([0, 1, 1, 2, 3, 5]) >= c) for c in range(6)])
    for _ in range(REPEATS // 20):
        change = rng.choice([0, 1, 1, 2, 3, 5], (20, 60))
        rows = [(20, 20, 20, 20, 20 - c) for c in change.ravel()]
        names = tuple(f"T{k}" for k in range(20))
        made = trial(rows, np.repeat(names, 60), study(names, {"W52": "long"}, instrument="RMDQ"))
        curve = responder_curve(made, minimum=1)
        for _, part in curve[curve["horizon"] == "long"].groupby("therapy"):
            expected = truth[part["change"].astype(int)]
            outside = (part["band_low"] > expected + EXACT) | (part["band_high"] < expected - EXACT)
            missed += bool(outside.any())
            middle = part["proportion"].between(0.2, 0.8)
            assert (part["band_low"] <= part["conf_low"])[middle].all()
            assert (part["band_high"] >= part["conf_high"])[middle].all()
    assert missed / REPEATS <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / REPEATS)


@pytest.mark.parametrize("minimum", [1, 5])
def test_curves_that_cannot_be_drawn_are_rows_with_a_note(minimum):
    made = trial([(8, 4, 4, 4, LOST), (8, 4, 4, 4, LOST)], ["Usual care", "Massage"],
                 study(minimum_count=minimum))  # fmt: skip
    curve = responder_curve(made)
    assert tuple(curve.columns) == CURVE_COLUMNS
    assert (curve.loc[curve["horizon"] == "long", "note"] == "nobody can be judged").all()
    short = curve[curve["horizon"] == "short"]
    assert short["note"].str.contains("not shown").all() == (minimum == 5)
    none = responder_curve(random_trial(horizons={}))
    assert none["note"].str.contains("the study has no").all() and len(none) == 4
    assert responder_curve(random_trial(baseline=False))["note"].eq("nobody can be judged").all()


def test_an_unknown_way_to_count_the_unseen_is_refused():
    with pytest.raises(ModelError, match="allowed: left_out, failed"):
        responder_curve(random_trial(), unseen="ignored")
