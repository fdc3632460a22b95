"""How much worse those not seen must be: against analysing shifted values again, and rbmi."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from uncertain_trial import (
    CARE,
    CUPPING,
    MASSAGE,
    REFERENCE,
    pain_two,
    random_scores,
    study,
    trial,
    upside_down,
    usual_trial,
)

from analysis.errors import ModelError
from analysis.imputation import Tipping, conditional_mean, dose
from analysis.sensitivity import (
    compare_strategies,
    conclusions,
    set_up,
    shift,
    tipping_curves,
    tipping_points,
    tipping_surfaces,
)
from analysis.sensitivity.shifts import FURTHEST, shift_range
from analysis.sensitivity.tipping_points import NEVER, Shifted

# Closed form and re-analysis differ by rounding.
ROUNDING = 1e-12
# A tipping point solves an equation: what is left of a limit there.
SOLVED = 1e-9
# Fits to a score and to its mirror image end within this of each other.
SAME = 1e-8
RBMI = json.loads((REFERENCE / "own_pain150_rbmi.json").read_text(encoding="utf-8"))["results"]


@pytest.fixture(scope="module")
def setting():
    return set_up(usual_trial())


def _again(setting, horizon, own, other=0.0):
    """Estimate and limits after shifting each missing value and repeating the whole analysis."""
    worse = 1.0 if setting.instrument.direction == "lower_is_better" else -1.0
    panel = setting.refits.panel
    by = own * dose(panel, arms=[MASSAGE], by_visit=worse)
    by = by + other * dose(panel, arms=[CARE], by_visit=worse)

    class Shifted:
        names = setting.analysis.names

        def estimate(self, values, weights=None):
            return setting.analysis.estimate(values + by, weights)

    found = conditional_mean(setting.refits, Shifted())
    weights = setting.random.weights_of(MASSAGE, setting.question(horizon).weights, CARE)
    estimate = weights @ found.estimate
    margin = stats.norm.isf(0.025) * np.sqrt(weights @ found.frequentist_cov @ weights)
    return estimate, estimate - margin, estimate + margin


@pytest.mark.parametrize("horizon", ["short", "long"])
def test_oracle_10_the_curve_is_that_of_analysing_shifted_values_again(setting, horizon):
    shifts = np.array([-3.0, 0.0, 0.7, 5.0])
    curve = tipping_curves(setting, horizon, shifts)
    for (_, row), own in zip(curve.iterrows(), shifts, strict=True):
        expected = _again(setting, horizon, own)
        assert row[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(expected, abs=ROUNDING)


def test_oracle_10_the_surface_is_that_of_analysing_shifted_values_again(setting):
    surface = tipping_surfaces(setting, "long", np.array([-2.0, 1.5]))
    assert len(surface) == 4
    for _, row in surface.iterrows():
        expected = _again(setting, "long", row["shift"], row["comparator_shift"])
        assert row[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(expected, abs=ROUNDING)


def test_a_limit_is_zero_at_the_tipping_point_and_relief_falls_on_the_way(setting):
    for _, row in tipping_points(setting).iterrows():
        curve = tipping_curves(setting, row["horizon"], np.array([0.0, row["tip"]]))
        assert curve["conf_low"].iloc[0] > 0 and row["tip"] > 0 and row["slope"] < 0
        assert curve["conf_low"].iloc[1] == pytest.approx(0, abs=SOLVED)
        assert curve["p_value"].iloc[1] == pytest.approx(0.05, abs=SOLVED)
        assert row["important"] == pytest.approx(row["tip"] / 2)


def test_a_harm_is_tipped_by_a_shift_for_the_better():
    worse = trial({CARE: random_scores(seed=1, better=2.0), MASSAGE: random_scores(seed=2, better=0)})
    row = tipping_points(set_up(worse), ("long",)).iloc[0]
    assert row["conf_high"] < 0 and row["tip"] < 0


def test_no_clear_difference_is_tipped_by_the_smaller_shift(setting):
    alike = trial({CARE: random_scores(seed=1, better=1.0), MASSAGE: random_scores(seed=2, better=0.9)})
    laid = set_up(alike)
    row = tipping_points(laid, ("long",)).iloc[0]
    assert row["conf_low"] < 0 < row["conf_high"]
    tips = shift(laid, MASSAGE).tipping.tips([1.0, 0.0])
    assert len(tips) == 2 and row["tip"] == pytest.approx(min(tips, key=abs))


def test_pain150_shifted_agrees_with_rbmi_and_worse_is_positive():
    reference = pd.DataFrame(RBMI["MAR_shared_cov"]["tipping_W52"])
    reference = reference[reference["parameter"] == "trt_W52"]
    shifts = reference["delta_active"].to_numpy()
    curve = tipping_curves(set_up(pain_two()), "long", shifts)
    assert len(shifts) > 2
    for ours, theirs in (("estimate", "est"), ("conf_low", "uci"), ("conf_high", "lci")):
        np.testing.assert_allclose(curve[ours], -reference[theirs], atol=SAME)
    np.testing.assert_allclose(curve["p_value"], reference["pval"], atol=SAME)


def test_a_scale_on_which_more_is_better_has_the_same_tips(setting):
    plain = tipping_points(setting)
    turned = tipping_points(set_up(upside_down(usual_trial())))
    for name in ("estimate", "conf_low", "slope", "tip", "important", "of_change"):
        np.testing.assert_allclose(turned[name], plain[name], atol=SAME)
    assert turned["missing"].tolist() == plain["missing"].tolist()


def test_missing_values_are_counted_at_the_visits_of_the_horizon(setting):
    made = usual_trial()
    at = {"short": "week 12", "long": "week 52"}
    for _, row in tipping_points(setting).iterrows():
        seen = made.outcomes.loc[made.outcomes["visit"] == at[row["horizon"]], "patient"]
        for name, letter in (("missing", "M"), ("missing_comparator", "U")):
            assert row[name] == 30 - seen.str.startswith(letter).sum() > 0


def test_where_no_one_is_lost_the_note_says_that_nothing_is_missing():
    found = compare_strategies(usual_trial(lost=0.0))
    tips = tipping_points(found.setting)
    assert tips["tip"].isna().all() and tips["missing"].isna().all()
    assert set(tips["note"]) == {f"not estimable: no value of {MASSAGE} is missing there"}
    assert tipping_curves(found.setting).empty and tipping_surfaces(found.setting).empty
    with pytest.raises(ModelError, match=f"no value of {MASSAGE} is missing there"):
        shift(found.setting, MASSAGE)


def test_a_benefit_that_no_shift_for_the_worse_undoes_says_so(setting, monkeypatch):
    # A variance without shifts and a slope of nothing: the interval stays where it is.
    still = Tipping(("therapy",), 2.0, np.zeros(1), 0.25, np.zeros(1), np.zeros((1, 1)))
    fixed = Shifted(MASSAGE, CARE, "long", "", still, (3,))
    module = sys.modules["analysis.sensitivity.tipping_points"]
    monkeypatch.setattr(module, "shift", lambda *asked: fixed)
    row = tipping_points(setting, ("long",)).iloc[0]
    assert row["note"] == NEVER and pd.isna(row["tip"]) and row["missing"] == 3


def test_a_shift_that_the_scale_does_not_allow_is_marked():
    scores = {CARE: random_scores(seed=1, better=0, lost=0, gaps=0),
              MASSAGE: random_scores(seed=2, better=2, lost=0, gaps=0)}  # fmt: skip
    scores[MASSAGE][0, 3] = np.nan
    few, many = trial(scores), usual_trial()
    for one, possible in ((few, False), (many, True)):
        found = compare_strategies(one)
        main = found.frame[found.frame["analysis"] == "missing at random"].assign(analysis="main")
        row = conclusions(main, found, ("long",)).iloc[0]
        assert row["conclusion"] == "more relief"
        assert bool(row["possible"]) is possible


def test_kinds_of_departure_are_shifted_by_themselves():
    made = usual_trial()
    laid = set_up(made)
    gone = laid.departures[laid.departures["therapy"] == MASSAGE]
    stopped = gone["patient"].iloc[0]
    events = pd.DataFrame(
        [(stopped, 0.0, "stopped_therapy", "", None, None)], columns=list(made.events.columns)
    )
    laid = set_up(replace(made, events=events))
    tips = tipping_points(laid, ("long",), ("", "stopped_therapy", "rescue_medication"))
    assert tips["missing"].tolist()[:2] == [tips["missing"].max(), 1]
    assert "no such arm or kind" in tips["note"].iloc[2]


def test_without_a_comparator_the_change_from_baseline_is_tipped():
    alone = set_up(trial({MASSAGE: random_scores()}))
    row = tipping_points(alone, ("long",)).iloc[0]
    assert row["comparator"] == "" and pd.isna(row["missing_comparator"])
    assert row["conf_low"] > 0 and row["tip"] > 0
    assert row["of_change"] == pytest.approx(row["tip"] / row["estimate"])
    assert len(tipping_curves(alone)) and tipping_surfaces(alone).empty


def test_the_range_of_a_picture_reaches_beyond_the_tips_and_stays_within_half_the_scale(setting):
    tip = tipping_points(setting, ("long",))["tip"].iloc[0]
    far = shift_range(setting, "long")
    assert min(tip, FURTHEST * 10) <= far <= FURTHEST * 10
    curve = tipping_curves(setting)
    assert curve["shift"].min() == -far and curve["shift"].max() == far
    several = tipping_curves(set_up(trial(
        {CARE: random_scores(seed=1), MASSAGE: random_scores(seed=2), CUPPING: random_scores(seed=3)},
        plan=study((CARE, MASSAGE, CUPPING)),
    )))  # fmt: skip
    assert list(several["therapy"].unique()) == [MASSAGE, CUPPING]


def test_a_trial_that_cannot_be_laid_out_has_no_rows():
    assert tipping_points(None).empty
    assert tipping_curves(None).empty and tipping_surfaces(None).empty
