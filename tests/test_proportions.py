"""Intervals of rare events against closed forms, published values and brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from analysis.errors import ModelError
from analysis.proportions import difference_interval, rate_interval, ratio_interval, risk_interval

# Arithmetic on a few doubles.
EXACT = 1e-12
# Values printed to four decimals.
PRINTED = 6e-5
# A grid of 200,001 likelihoods puts the restricted estimate within 5e-6, the statistic within this.
GRID = 1e-3


def test_none_of_forty_leaves_a_risk_of_nearly_nine_percent() -> None:
    low, high = risk_interval(0, 40)
    assert low == 0
    assert high == pytest.approx(1 - 0.025 ** (1 / 40), abs=EXACT)
    assert round(high, 4) == 0.0881


def test_all_of_forty_mirrors_none_of_forty() -> None:
    assert risk_interval(40, 40) == pytest.approx([1 - risk_interval(0, 40)[1], 1.0], abs=EXACT)


def test_the_one_sided_limit_at_none_approaches_three_in_n() -> None:
    for n in (100, 1_000, 100_000):
        high = risk_interval(0, n, level=0.90)[1]
        assert n * high == pytest.approx(-math.log(0.05), abs=5 / n)
    assert -math.log(0.05) == pytest.approx(3, abs=0.005)


@pytest.mark.parametrize(("x", "n"), [(1, 10), (5, 40), (39, 40)])
def test_exact_limits_leave_two_and_a_half_percent_on_either_side(x: int, n: int) -> None:
    low, high = risk_interval(x, n)
    assert stats.binom.sf(x - 1, n, low) == pytest.approx(0.025, abs=1e-9)
    assert stats.binom.cdf(x, n, high) == pytest.approx(0.025, abs=1e-9)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_exact_limits_are_those_of_scipy(level: float) -> None:
    for x, n in [(0, 1), (1, 1), (0, 7), (3, 7), (7, 7), (1, 5_000), (4_999, 5_000), (600, 2_000)]:
        peer = stats.binomtest(x, n).proportion_ci(level, method="exact")
        assert risk_interval(x, n, level) == pytest.approx((peer.low, peer.high), rel=1e-10)


@pytest.mark.parametrize("k", [1, 5, 30])
def test_exact_rates_leave_two_and_a_half_percent_on_either_side(k: int) -> None:
    low, high = rate_interval(k, 20.0)
    assert stats.poisson.sf(k - 1, 20 * low) == pytest.approx(0.025, abs=1e-9)
    assert stats.poisson.cdf(k, 20 * high) == pytest.approx(0.025, abs=1e-9)


def test_a_rate_of_none_has_the_limit_of_the_exponential() -> None:
    assert rate_interval(0, 4.0) == pytest.approx([0.0, -math.log(0.025) / 4], abs=EXACT)


# Newcombe 1998, Stat Med 17:873, table II, his method 10, to four decimals as printed.
NEWCOMBE = {
    (56, 70, 48, 80): (0.0524, 0.3339), (9, 10, 3, 10): (0.1705, 0.8090),
    (6, 7, 2, 7): (0.0582, 0.8062), (5, 56, 0, 29): (-0.0381, 0.1926),
    (0, 10, 0, 20): (-0.1611, 0.2775), (0, 10, 0, 10): (-0.2775, 0.2775),
    (10, 10, 0, 20): (0.6791, 1.0), (10, 10, 0, 10): (0.6075, 1.0),
}  # fmt: skip
# The same table, method 6 (Miettinen and Nurminen).
SCORE = {
    (56, 70, 48, 80): (0.0528, 0.3382), (9, 10, 3, 10): (0.1700, 0.8406),
    (6, 7, 2, 7): (0.0342, 0.8534), (5, 56, 0, 29): (-0.0326, 0.1933),
    (0, 10, 0, 20): (-0.1658, 0.2844), (0, 10, 0, 10): (-0.2879, 0.2879),
    (10, 10, 0, 20): (0.7156, 1.0), (10, 10, 0, 10): (0.6636, 1.0),
    # Fagerland, Lydersen, Laake, Statistical Analysis of Contingency Tables (2017), chapter 4.
    (0, 16, 15, 72): (-0.3164, -0.0056),
}  # fmt: skip


@pytest.mark.parametrize("cells", NEWCOMBE)
def test_newcombe_intervals_are_those_of_his_table(cells):
    assert difference_interval(*cells) == pytest.approx(NEWCOMBE[cells], abs=PRINTED)


@pytest.mark.parametrize("cells", SCORE)
def test_score_intervals_are_those_of_newcombes_table(cells):
    found = difference_interval(*cells, "miettinen_nurminen")
    assert found == pytest.approx(SCORE[cells], abs=PRINTED)


def test_a_ratio_agrees_with_published_limits() -> None:
    # Fagerland, Lydersen, Laake 2017: 7 of 34 and 1 of 34.
    assert ratio_interval(7, 34, 1, 34) == pytest.approx([1.2086, 43.0330], abs=PRINTED)


def _statistic(x: int, n: int, y: int, m: int, difference: float) -> float:
    """Score statistic with the likelihood maximised on a grid."""
    p = np.linspace(max(0.0, -difference), min(1.0, 1 - difference), 200_001)
    q = np.clip(p + difference, 0, 1)
    with np.errstate(divide="ignore"):
        parts = [
            k * np.log(v) if k else 0.0
            for k, v in ((x, q), (n - x, 1 - q), (y, p), (m - y, 1 - p))
        ]
    best = int(np.argmax(sum(parts)))
    variance = q[best] * (1 - q[best]) / n + p[best] * (1 - p[best]) / m
    return (x / n - y / m - difference) / math.sqrt(variance * (n + m) / (n + m - 1))


@pytest.mark.parametrize("counts", [(1, 10, 1, 12), (0, 40, 3, 40), (9, 10, 1, 12), (5, 33, 11, 50)])
def test_the_score_statistic_at_both_limits_is_the_normal_quantile(counts) -> None:
    low, high = difference_interval(*counts, "miettinen_nurminen")
    assert _statistic(*counts, low) == pytest.approx(stats.norm.ppf(0.975), abs=GRID)
    assert _statistic(*counts, high) == pytest.approx(stats.norm.ppf(0.025), abs=GRID)


def test_swapping_the_groups_turns_the_interval_round() -> None:
    one, other = ratio_interval(3, 40, 9, 35), ratio_interval(9, 35, 3, 40)
    assert one == pytest.approx([1 / other[1], 1 / other[0]], rel=1e-9)


def test_no_event_in_either_group_still_has_a_width() -> None:
    low, high = difference_interval(0, 40, 0, 40, "miettinen_nurminen")
    # The restricted risks are δ and 0: δ² = z² δ (1 − δ) / 40 · 80 / 79.
    z = stats.norm.ppf(0.975) ** 2 / 40 * 80 / 79
    assert (low, high) == pytest.approx([-z / (1 + z), z / (1 + z)], abs=1e-9)
    assert ratio_interval(0, 40, 0, 40) == (0.0, math.inf)


def test_every_small_table_has_an_interval_that_holds_its_estimate() -> None:
    for n, m in ((1, 1), (1, 5), (3, 4)):
        for x in range(n + 1):
            for y in range(m + 1):
                low, high = ratio_interval(x, n, y, m)
                assert 0 <= low <= high
                if y:
                    assert low <= x / n / (y / m) * (1 + EXACT) and x / n / (y / m) <= high * (1 + EXACT)


@pytest.mark.parametrize("method", ["newcombe", "miettinen_nurminen"])
def test_every_table_of_small_groups_has_an_interval_that_holds_the_difference_and_turns_with_it(method):
    for n1, n0 in itertools.product((1, 2, 5), (1, 3)):
        for x1, x0 in itertools.product(range(n1 + 1), range(n0 + 1)):
            low, high = difference_interval(x1, n1, x0, n0, method)
            assert -1 <= low <= x1 / n1 - x0 / n0 <= high <= 1
            other = difference_interval(x0, n0, x1, n1, method)
            assert other == pytest.approx((-high, -low), abs=1e-9)


def test_methods_that_are_not_known_are_refused() -> None:
    with pytest.raises(ModelError, match="allowed: newcombe"):
        difference_interval(1, 4, 0, 3, "wald")


def test_groups_without_patients_or_time_are_refused() -> None:
    with pytest.raises(ModelError, match="0 of 0 were given"):
        risk_interval(0, 0)
    with pytest.raises(ModelError, match="5 of 4 were given"):
        difference_interval(5, 4, 0, 4)
    with pytest.raises(ModelError, match="2 events in 0"):
        rate_interval(2, 0.0)
