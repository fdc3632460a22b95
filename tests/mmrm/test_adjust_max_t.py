"""Holm and max-t against closed forms, a published table and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.mmrm.adjust import holm, max_t, probability_below

# Error of the rule for up to 8 comparisons, as measured against one-dimensional quadrature.
RULE = 5e-5
# The table has two decimals.
TABLED = 0.0051
# Two-sided 5 % points of Dunnett's distribution for 2 to 7 therapies against a control, equal group
# sizes: Dunnett 1964, Biometrics 20:482 (by degrees of freedom).
DUNNETT = {
    10: (2.57, 2.76, 2.89, 2.99, 3.07, 3.14),
    20: (2.38, 2.54, 2.65, 2.73, 2.80, 2.86),
    60: (2.27, 2.41, 2.51, 2.58, 2.64, 2.69),
    math.inf: (2.21, 2.35, 2.44, 2.51, 2.57, 2.61),
}


def dunnett(k: int) -> np.ndarray:
    return np.full((k, k), 0.5) + 0.5 * np.eye(k)


def test_holm_by_hand():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm(np.array([0.6, 0.5])), [1.0, 1.0])


def test_holm_counts_only_the_p_values_there_are():
    adjusted = holm(np.array([np.nan, 0.02, 0.03]))
    assert np.isnan(adjusted[0])
    np.testing.assert_allclose(adjusted[1:], [0.04, 0.04])


@pytest.mark.parametrize("k", [2, 4, 8])
def test_independent_normals_give_the_product(k):
    below = probability_below(2.0, np.eye(k), math.inf)
    assert below == pytest.approx((2 * stats.norm.cdf(2) - 1) ** k, abs=RULE)


@pytest.mark.parametrize("df", [8.0, 40.0])
def test_equal_correlations_give_the_integral_over_the_shared_therapy(df):
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    scales = np.sqrt(stats.chi2.ppf((np.arange(3000) + 0.5) / 3000, df) / df)
    reach = math.sqrt(2) * 2.5 * scales[:, None]
    inside = stats.norm.cdf(nodes + reach) - stats.norm.cdf(nodes - reach)
    wanted = float((inside**5 @ (weights / weights.sum())).mean())
    assert probability_below(2.5, dunnett(5), df) == pytest.approx(wanted, abs=RULE)


@pytest.mark.parametrize("df", list(DUNNETT))
def test_critical_values_are_those_of_dunnetts_table(df):
    for k, tabled in enumerate(DUNNETT[df], start=2):
        critical, _ = max_t(np.ones(k), dunnett(k), np.full(k, df))
        assert critical == pytest.approx(tabled, abs=TABLED)


def test_comparisons_that_repeat_each_other_need_no_adjustment():
    critical, p_values = max_t(np.ones(3), np.ones((3, 3)), np.full(3, 20.0))
    assert critical == pytest.approx(stats.t.ppf(0.975, 20), rel=1e-12)
    np.testing.assert_allclose(p_values, 2 * stats.t.sf(1.0, 20))
    mirrored = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert max_t(np.ones(2), mirrored, np.full(2, 20.0))[0] == pytest.approx(critical)


def test_adjusted_p_values_and_intervals_agree_with_each_other():
    rng = np.random.default_rng(5)
    for _ in range(6):
        half = rng.normal(size=(4, 6))
        cov, estimate = half @ half.T, rng.normal(0, 4, 4)
        df = rng.uniform(10, 80, 4)
        critical, p_values = max_t(estimate, cov, df)
        statistic = np.abs(estimate / np.sqrt(np.diag(cov)))
        near = np.abs(p_values - 0.05) < 1e-6
        assert np.all(near | ((statistic > critical) == (p_values < 0.05)))
        single = 2 * stats.t.sf(statistic, df.min())
        assert np.all(p_values >= single)
        assert np.all(p_values <= np.minimum(1, 4 * single))


def test_the_same_numbers_come_out_again():
    first = max_t(np.ones(6), dunnett(6), np.full(6, 33.0))
    again = max_t(np.ones(6), dunnett(6), np.full(6, 33.0))
    assert first[0] == again[0]
    np.testing.assert_array_equal(first[1], again[1])


def test_scipys_own_distribution_agrees():
    critical, _ = max_t(np.ones(3), dunnett(3), np.full(3, 24.0))
    box = stats.multivariate_t(shape=dunnett(3), df=24, seed=1)
    inside = box.cdf(np.full(3, critical), lower_limit=np.full(3, -critical))
    # scipy samples with an error near 1e-4.
    assert inside == pytest.approx(0.95, abs=5e-4)
