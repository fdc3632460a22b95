"""Adjusted p-values and simultaneous intervals: closed forms, closed testing, Dunnett and Tukey."""

from __future__ import annotations

import math
from itertools import chain, combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.errors import ModelError
from analysis.mmrm import MMRM
from analysis.mmrm.adjust import adjust_p_values, holm, max_t, probability_below

# Error of the rule for up to 8 comparisons, as measured against one-dimensional quadrature.
RULE = 5e-5
# The same for a critical value, where the density is about 1/8 of its error: 8 levels, all pairs.
CRITICAL = 1e-3
# scipy's Dunnett test samples its distribution: five repeats differ by less than this.
SAMPLED = 1e-3
HAND = np.array([0.010, 0.040, 0.030, 0.005])


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ("none", [0.010, 0.040, 0.030, 0.005]),
        ("bonferroni", [0.040, 0.160, 0.120, 0.020]),
        ("holm", [0.030, 0.060, 0.060, 0.020]),
        ("hochberg", [0.030, 0.040, 0.040, 0.020]),
        ("hommel", [0.030, 0.040, 0.040, 0.020]),
        ("fixed-sequence", [0.010, 0.040, 0.040, 0.040]),
    ],
)
def test_adjusted_p_values_by_hand(method, wanted):
    np.testing.assert_allclose(adjust_p_values(HAND, method), wanted, rtol=1e-12)


def _closed(p: np.ndarray, local) -> np.ndarray:
    """Adjusted p-values by testing every intersection of hypotheses."""
    everyone = range(len(p))
    subsets = list(chain.from_iterable(combinations(everyone, k + 1) for k in everyone))
    return np.array([max(local(p[list(s)]) for s in subsets if i in s) for i in everyone])


def _simes(p: np.ndarray) -> float:
    return float((np.sort(p) * len(p) / np.arange(1, len(p) + 1)).min())


@pytest.mark.parametrize("seed", range(8))
def test_holm_and_hommel_are_the_closures_of_bonferroni_and_simes(seed):
    p = np.random.default_rng(seed).uniform(0, 0.2, 6)
    np.testing.assert_allclose(
        adjust_p_values(p, "holm"), _closed(p, lambda q: min(1.0, len(q) * q.min())), rtol=1e-12
    )
    np.testing.assert_allclose(adjust_p_values(p, "hommel"), _closed(p, _simes), rtol=1e-12)
    hochberg = adjust_p_values(p, "hochberg")
    assert np.all(adjust_p_values(p, "hommel") <= hochberg + 1e-15)
    assert np.all(hochberg <= holm(p) + 1e-15)


@pytest.mark.parametrize("method", ["bonferroni", "holm", "hochberg", "hommel", "fixed-sequence"])
def test_a_missing_p_value_stays_missing_and_does_not_count(method):
    adjusted = adjust_p_values(np.array([np.nan, *HAND, np.nan]), method)
    assert np.isnan(adjusted[[0, -1]]).all()
    np.testing.assert_array_equal(adjusted[1:-1], adjust_p_values(HAND, method))
    assert np.isnan(adjust_p_values(np.array([np.nan]), method)).all()


@pytest.mark.parametrize("method", ["bonferroni", "holm", "hochberg", "hommel"])
def test_the_order_of_hypotheses_matters_only_for_a_fixed_sequence(method):
    order = np.array([2, 0, 3, 1])
    np.testing.assert_allclose(
        adjust_p_values(HAND[order], method), adjust_p_values(HAND, method)[order], rtol=1e-12
    )
    reordered = adjust_p_values(HAND[order], "fixed-sequence")
    assert not np.allclose(reordered, adjust_p_values(HAND, "fixed-sequence")[order])


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_independent_comparisons_give_sidak(alternative):
    estimate, k = np.array([2.0, -1.0, 2.5, 0.5]), 4
    critical, p_values = max_t(estimate, np.eye(k), np.full(k, np.inf), 0.05, alternative)
    level = (1 - 0.05) ** (1 / k)
    wanted = stats.norm.ppf(level if alternative != "two-sided" else 0.5 + level / 2)
    assert critical == pytest.approx(wanted, abs=CRITICAL)
    single = {"two-sided": 2 * stats.norm.sf(abs(estimate)), "greater": stats.norm.sf(estimate),
              "less": stats.norm.cdf(estimate)}[alternative]  # fmt: skip
    np.testing.assert_allclose(p_values, 1 - (1 - single) ** k, atol=RULE)


@pytest.mark.parametrize("df", [8.0, 30.0, math.inf])
@pytest.mark.parametrize("levels", [3, 5, 8])
def test_all_pairs_of_equal_means_give_tukey(levels, df):
    pairs = np.array([np.eye(levels)[a] - np.eye(levels)[b] for a, b in combinations(range(levels), 2)])
    critical, p_values = max_t(np.full(len(pairs), 3.0), pairs @ pairs.T, np.full(len(pairs), df))
    tabled = stats.studentized_range.ppf(0.95, levels, df) / math.sqrt(2)
    assert critical == pytest.approx(tabled, abs=CRITICAL)
    tail = stats.studentized_range.sf(3.0, levels, df)
    # Beyond the bound of Bonferroni the rule's error is cut off.
    np.testing.assert_allclose(p_values, tail, atol=2 * RULE)


def test_one_sided_probability_of_equal_correlations_is_the_integral_over_the_shared_therapy():
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    inside = stats.norm.cdf(nodes + math.sqrt(2) * 1.7) ** 4
    wanted = float(inside @ weights / weights.sum())
    shared = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    assert probability_below(1.7, shared, math.inf, one_sided=True) == pytest.approx(wanted, abs=RULE)


def test_opposite_comparisons_are_one_comparison_only_when_two_sided():
    mirrored = np.array([[1.0, -1.0], [-1.0, 1.0]])
    estimate, df = np.array([1.5, -1.5]), np.full(2, 20.0)
    _, two_sided = max_t(estimate, mirrored, df)
    np.testing.assert_allclose(two_sided, 2 * stats.t.sf(1.5, 20))
    critical, greater = max_t(estimate, mirrored, df, 0.05, "greater")
    # max(T, -T) is |T|.
    assert greater[0] == pytest.approx(2 * stats.t.sf(1.5, 20), abs=RULE)
    assert critical == pytest.approx(stats.t.ppf(0.975, 20), abs=CRITICAL)


def test_units_and_signs_do_not_matter_to_max_t():
    rng = np.random.default_rng(3)
    half = rng.normal(size=(3, 5))
    cov, estimate, df = half @ half.T, rng.normal(0, 3, 3), np.full(3, 25.0)
    unit = np.array([10.0, 0.1, 3.0])
    one = max_t(estimate, cov, df, 0.05, "greater")
    other = max_t(-unit * estimate, np.outer(unit, unit) * cov, df, 0.05, "less")
    assert one[0] == pytest.approx(other[0], rel=1e-9)
    np.testing.assert_allclose(one[1], other[1], rtol=1e-9)


@pytest.fixture(scope="module")
def one_way():
    rng = np.random.default_rng(11)
    sizes = {"control": 12, "a": 8, "b": 10, "c": 9}
    arm = np.repeat(list(sizes), list(sizes.values()))
    value = rng.normal(0, 1, len(arm)) + (arm == "b") * 1.1 - (arm == "c") * 0.6
    frame = pd.DataFrame({
        "arm": pd.Categorical(arm, list(sizes)), "y": value, "visit": "end",
        "patient": [f"P{k}" for k in range(len(arm))],
    })  # fmt: skip
    fit = MMRM.from_formula("y ~ arm", frame, subject="patient", visit="visit").fit()
    return frame, fit.lsmeans("arm")


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_comparisons_with_a_control_in_one_visit_are_dunnetts(one_way, alternative):
    frame, means = one_way
    samples = {name: part["y"].to_numpy() for name, part in frame.groupby("arm", observed=True)}
    theirs = stats.dunnett(
        *(samples[name] for name in "abc"), control=samples["control"], alternative=alternative,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    ours = means.contrast("dunnett", adjust="max-t", alternative=alternative).frame
    np.testing.assert_allclose(ours["statistic"], theirs.statistic, rtol=1e-8)
    np.testing.assert_allclose(ours["p_adjusted"], theirs.pvalue, atol=SAMPLED)
    bounds = theirs.confidence_interval(0.95)
    np.testing.assert_allclose(ours["conf_low"], bounds.low, atol=5 * SAMPLED)
    np.testing.assert_allclose(ours["conf_high"], bounds.high, atol=5 * SAMPLED)


def test_bonferroni_intervals_spend_a_share_of_alpha_each(one_way):
    means = one_way[1]
    plain = means.contrast("comparator", alpha=0.05 / 3).frame
    adjusted = means.contrast("comparator", adjust="bonferroni").frame
    np.testing.assert_allclose(adjusted["conf_low"], plain["conf_low"], rtol=1e-12)
    np.testing.assert_allclose(adjusted["conf_high"], plain["conf_high"], rtol=1e-12)
    np.testing.assert_allclose(adjusted["p_adjusted"], np.minimum(1, 3 * adjusted["p_value"]))
    assert (adjusted["note"] == "").all()


@pytest.mark.parametrize("method", ["holm", "hochberg", "hommel", "fixed-sequence"])
def test_rules_without_intervals_leave_them_alone_and_say_so(one_way, method):
    plain = one_way[1].contrast("comparator")
    table = one_way[1].contrast("comparator", adjust=method)
    np.testing.assert_array_equal(table.frame["conf_low"], plain.frame["conf_low"])
    assert table.frame["note"].str.contains("interval not adjusted").all()
    assert method in repr(table)
    np.testing.assert_allclose(
        table.frame["p_adjusted"], adjust_p_values(plain.frame["p_value"].to_numpy(), method)
    )


def test_max_t_refuses_equivalence(one_way):
    with pytest.raises(ModelError, match="no equivalence test"):
        one_way[1].contrast(adjust="max-t", alternative="equivalence", margin=1.0)
