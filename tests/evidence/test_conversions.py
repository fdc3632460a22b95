"""Spread from what papers print instead of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.errors import ModelError
from analysis.evidence.conversions import (
    CORRELATIONS,
    correlation_from_change,
    mean_from_quartiles,
    pooled_sd,
    sd_from_quartiles,
    sd_from_se,
    sd_of_change,
    se_from_interval,
    se_from_limit,
    se_from_p,
)

# Printed numbers with two decimals.
TWO_DECIMALS = 0.006


def test_every_way_back_to_a_standard_error_gives_the_one_it_came_from():
    difference, se = -1.7, 0.4
    low, high = difference - stats.norm.isf(0.025) * se, difference + stats.norm.isf(0.025) * se
    p = 2 * stats.norm.sf(abs(difference) / se)
    assert se_from_interval(low, high) == pytest.approx(se)
    assert se_from_limit(difference, high) == pytest.approx(se)
    assert se_from_limit(difference, low) == pytest.approx(se)
    assert se_from_p(difference, p) == pytest.approx(se)


def test_a_small_trial_uses_t_and_another_level_its_own_quantile():
    assert se_from_interval(-2, 2, 95, df=9) == pytest.approx(2 / stats.t.isf(0.025, 9))
    assert se_from_interval(-2, 2, 90) == pytest.approx(2 / stats.norm.isf(0.05))


def test_the_interval_of_salemi_is_what_its_standard_error_says():
    # Printed: difference -2.36, SE 0.58; wider by t than by the normal distribution.
    assert sd_from_se(0.58, 37) == pytest.approx(0.58 * np.sqrt(37))
    assert se_from_interval(-2.36 - 1.96 * 0.58, -2.36 + 1.96 * 0.58) == pytest.approx(0.58, abs=TWO_DECIMALS)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1])
def test_a_p_value_at_its_end_says_nothing(p):
    with pytest.raises(ModelError, match="between 0 and 1"):
        se_from_p(1.0, p)


def test_of_several_p_values_the_impossible_one_is_named():
    with pytest.raises(ModelError, match=r"A p-value of 1\.5 says nothing"):
        se_from_p([1.0, 2.0, 3.0], [0.04, np.nan, 1.5])


def test_quartiles_of_a_normal_distribution_give_its_moments():
    middle, spread = 40.0, 12.0
    first, third = stats.norm.ppf([0.25, 0.75], middle, spread)
    assert sd_from_quartiles(first, third, 1_000_000) == pytest.approx(spread, rel=1e-5)
    assert mean_from_quartiles(first, middle, third) == pytest.approx(middle)


@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_change_and_correlation_are_each_others_inverse(correlation):
    change = sd_of_change(14.0, 26.0, correlation)
    assert change**2 == pytest.approx(14**2 + 26**2 - 2 * correlation * 14 * 26)
    assert correlation_from_change(14.0, 26.0, change) == pytest.approx(correlation)


def test_more_correlation_means_less_spread_of_change():
    spreads = [float(sd_of_change(20, 20, r)) for r in CORRELATIONS]
    assert spreads == sorted(spreads, reverse=True)


@pytest.mark.parametrize("correlation", [1.0, -1.0, 1.5])
def test_a_correlation_of_one_and_more_is_refused(correlation):
    with pytest.raises(ModelError, match="correlation of baseline"):
        sd_of_change(20, 20, correlation)


def test_the_pooled_spread_leaves_out_arms_without_one():
    assert pooled_sd([10, 20, np.nan], [3.0, np.nan, 4.0]) == pytest.approx(3.0)
    assert pooled_sd([11, 21], [3.0, 6.0]) == pytest.approx(np.sqrt((10 * 9 + 20 * 36) / 30))
    assert np.isnan(pooled_sd([10], [np.nan]))
