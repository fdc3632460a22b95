"""Fieller sets against the test they invert, closed forms and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.relief.fieller import fieller_set
from analysis.relief.horizons import area_weights, mean_weights

# Limits come from a search in the angle to 1e-14; p-values inherit it with slopes of order 1.
LIMIT = 1e-8
RANDOM_SETS = 150


def fixed(df: float):
    return lambda ratio: df


def falling(ratio: float) -> float:
    """Degrees of freedom that change with the ratio, as Satterthwaite's do."""
    return 40.0 if math.isinf(ratio) else 40.0 - 30.0 / (1 + ratio * ratio)


def p_value(ratio, a, b, var_a, var_b, cov, df):
    error = math.sqrt(var_a - 2 * ratio * cov + ratio**2 * var_b)
    return 2 * stats.t.sf(abs(a - ratio * b) / error, df(ratio))


@pytest.mark.parametrize("df", [fixed(60.0), falling])
def test_oracle_16_limits_are_where_the_test_of_the_contrast_changes_its_mind(df):
    rng = np.random.default_rng(16)
    kinds = set()
    for _ in range(RANDOM_SETS):
        a, b = rng.normal(0, 1.5, 2)
        half = rng.normal(0, 0.4, (2, 3))
        (var_a, cov), (_, var_b) = half @ half.T
        numbers = (a, b, var_a, var_b, cov, df)
        found = fieller_set(*numbers)
        kinds.add(found.kind)
        for ratio in np.tan(np.linspace(-1.57, 1.57, 31)):
            p = p_value(ratio, *numbers)
            assert (p >= 0.05) == (ratio in found) or abs(p - 0.05) < LIMIT
        if found.kind != "whole line":
            for limit in (found.low, found.high):
                assert p_value(limit, *numbers) == pytest.approx(0.05, abs=LIMIT)
            assert a / b in found
    assert kinds == {"interval", "complement", "whole line"}


def test_an_interval_has_a_denominator_distinct_from_0_and_only_then():
    rng = np.random.default_rng(17)
    for _ in range(RANDOM_SETS):
        a, b = rng.normal(0, 1, 2)
        found = fieller_set(a, b, 0.2, 0.1, 0.05, fixed(30))
        distinct = abs(b) > stats.t.ppf(0.975, 30) * math.sqrt(0.1)
        assert (found.kind == "interval") == distinct


def test_a_denominator_that_may_be_0_gives_the_outside_of_a_gap():
    found = fieller_set(2.0, 0.1, 0.04, 0.04, 0.0, fixed(100.0))
    assert found.kind == "complement"
    assert found.high < 0 < found.low
    assert 0.0 not in found


def test_two_estimates_that_may_be_0_give_the_whole_line():
    found = fieller_set(0.1, 0.1, 1.0, 1.0, 0.0, fixed(100.0))
    assert found.kind == "whole line"
    assert math.isnan(found.low) and math.isnan(found.high)
    assert 17.0 in found


def test_a_known_denominator_gives_the_ordinary_interval():
    found = fieller_set(1.0, 2.0, 0.01, 0.0, 0.0, fixed(30.0))
    margin = stats.t.ppf(0.975, 30) * 0.1
    assert (found.low, found.high) == pytest.approx(((1 - margin) / 2, (1 + margin) / 2))


def test_a_long_term_relief_of_0_gives_an_interval_around_0():
    found = fieller_set(0.0, 2.0, 0.04, 0.04, 0.0, fixed(50.0))
    assert found.kind == "interval"
    assert found.low == pytest.approx(-found.high)


def test_a_short_term_relief_of_0_gives_no_interval():
    found = fieller_set(2.0, 0.0, 0.04, 0.04, 0.0, fixed(50.0))
    assert found.kind == "complement"
    assert found.low == pytest.approx(-found.high)
    assert fieller_set(0.0, 0.0, 0.04, 0.04, 0.0, fixed(50.0)).kind == "whole line"


def test_degrees_of_freedom_are_those_of_each_limit():
    def step(ratio: float) -> float:
        return 5.0 if ratio < 0.5 else 500.0

    found = fieller_set(1.0, 2.0, 0.01, 0.01, 0.0, step)
    low = fieller_set(1.0, 2.0, 0.01, 0.01, 0.0, fixed(5.0)).low
    high = fieller_set(1.0, 2.0, 0.01, 0.01, 0.0, fixed(500.0)).high
    assert (found.low, found.high) == pytest.approx((low, high))


def test_a_ratio_turns_over_with_its_two_estimates():
    found = fieller_set(1.0, 2.0, 0.03, 0.02, 0.01, fixed(20.0))
    turned = fieller_set(2.0, 1.0, 0.02, 0.03, 0.01, fixed(20.0))
    assert (1 / turned.high, 1 / turned.low) == pytest.approx((found.low, found.high))


def test_weights_of_horizons():
    np.testing.assert_allclose(mean_weights([4, 8, 52], [4, 8]), [0.5, 0.5, 0])
    np.testing.assert_allclose(area_weights([2, 6, 12], 0, 12), [3, 5, 3])
    np.testing.assert_allclose(area_weights([2, 6, 12], 0, 6), [3, 2, 0])
