"""Fieller sets, Holm and max-t against closed forms and published tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.relief.fieller import fieller_set
from analysis.relief.horizons import area_weights, mean_weights
from analysis.relief.multiplicity import holm, max_t, probability_below

# The lattice rule's own error; two decimals of tabled critical values need 0.005.
LATTICE = 2e-4


def fixed(df: float):
    return lambda ratio: df


def test_oracle_16_limits_are_where_the_test_of_the_contrast_changes_its_mind():
    a, b, va, vb, cov, df = 0.8, 1.4, 0.05, 0.04, 0.02, 60.0
    found = fieller_set(a, b, va, vb, cov, fixed(df))
    assert found.kind == "interval"
    for ratio in (found.low, found.high):
        t = (a - ratio * b) / math.sqrt(va - 2 * ratio * cov + ratio**2 * vb)
        assert 2 * stats.t.sf(abs(t), df) == pytest.approx(0.05, abs=1e-8)
    assert found.low < a / b < found.high


def test_a_denominator_that_may_be_0_gives_the_outside_of_a_gap():
    found = fieller_set(2.0, 0.1, 0.04, 0.04, 0.0, fixed(100.0))
    assert found.kind == "complement"
    assert found.high < 0 < found.low


def test_two_estimates_that_may_be_0_give_the_whole_line():
    found = fieller_set(0.1, 0.1, 1.0, 1.0, 0.0, fixed(100.0))
    assert found.kind == "whole line"
    assert math.isnan(found.low) and math.isnan(found.high)


def test_a_known_denominator_gives_the_ordinary_interval():
    found = fieller_set(1.0, 2.0, 0.01, 0.0, 0.0, fixed(30.0))
    margin = stats.t.ppf(0.975, 30) * 0.1
    assert (found.low, found.high) == pytest.approx(((1 - margin) / 2, (1 + margin) / 2))


def test_degrees_of_freedom_are_those_of_each_limit():
    found = fieller_set(1.0, 2.0, 0.01, 0.01, 0.0, lambda ratio: 5.0 if ratio < 0.5 else 500.0)
    low = fieller_set(1.0, 2.0, 0.01, 0.01, 0.0, fixed(5.0)).low
    high = fieller_set(1.0, 2.0, 0.01, 0.01, 0.0, fixed(500.0)).high
    assert (found.low, found.high) == pytest.approx((low, high))


def test_holm_by_hand():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
    assert np.isnan(holm(np.array([np.nan, 0.02]))[0])
    assert holm(np.array([np.nan, 0.02]))[1] == 0.02


def test_independent_normals_give_the_product():
    below = probability_below(2.0, np.eye(4), math.inf)
    assert below == pytest.approx((2 * stats.norm.cdf(2) - 1) ** 4, abs=LATTICE)


def test_comparisons_that_repeat_each_other_need_no_adjustment():
    critical, _ = max_t(np.ones(3), np.ones((3, 3)), np.full(3, 20.0))
    assert critical == pytest.approx(stats.t.ppf(0.975, 20), abs=5e-3)


@pytest.mark.parametrize("k", [2, 3, 5, 8])
def test_dunnetts_correlation_agrees_with_scipys_own_distribution(k):
    correlation = np.full((k, k), 0.5) + 0.5 * np.eye(k)
    critical, p_values = max_t(np.full(k, 2.0), correlation, np.full(k, 24.0))
    box = stats.multivariate_t(shape=correlation, df=24, seed=1)
    inside = box.cdf(np.full(k, critical), lower_limit=np.full(k, -critical))
    assert inside == pytest.approx(0.95, abs=1e-3)
    assert np.ptp(p_values) < 1e-12


def test_weights_of_horizons():
    np.testing.assert_allclose(mean_weights([4, 8, 52], [4, 8]), [0.5, 0.5, 0])
    np.testing.assert_allclose(area_weights([2, 6, 12], 0, 12), [3, 5, 3])
    np.testing.assert_allclose(area_weights([2, 6, 12], 0, 6), [3, 2, 0])
