"""Spread that a paper does not print, from what it does print: each step named on the row.

Formulas and their limits: docs/methods.md, published trials.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.distributions import normal_quantile, t_critical
from analysis.errors import ModelError

Array = NDArray[np.float64]

# Correlation of baseline and follow-up where nobody prints it; the others are its sensitivity.
CORRELATION = 0.5
CORRELATIONS = (0.3, 0.5, 0.7)


def quantile(level: ArrayLike = 95.0, df: ArrayLike = np.inf) -> Array:
    """Half the width of a two-sided interval in standard errors, normal where `df` is infinite."""
    tail = (1 - np.asarray(level, dtype=np.float64) / 100) / 2
    return np.asarray(t_critical(tail, df))


def se_from_interval(
    low: ArrayLike, high: ArrayLike, level: ArrayLike = 95.0, df: ArrayLike = np.inf
) -> Array:
    """Standard error from both ends of a symmetric interval, (high − low) / 2z."""
    width = np.asarray(high, dtype=np.float64) - np.asarray(low, dtype=np.float64)
    return width / (2 * quantile(level, df))


def se_from_limit(
    estimate: ArrayLike, limit: ArrayLike, level: ArrayLike = 95.0, df: ArrayLike = np.inf
) -> Array:
    """Standard error from an estimate and one end of its symmetric interval."""
    half = np.abs(np.asarray(limit, dtype=np.float64) - np.asarray(estimate, dtype=np.float64))
    return half / quantile(level, df)


def se_from_p(difference: ArrayLike, p_value: ArrayLike, df: ArrayLike = np.inf) -> Array:
    """Standard error from a difference and its two-sided p-value, |d| / z_{1 − p/2}."""
    p = np.asarray(p_value, dtype=np.float64)
    for wrong in p[(p <= 0) | (p >= 1)]:
        raise ModelError(
            f"A p-value of {wrong:g} says nothing about a standard error: it must "
            "lie between 0 and 1. Leave it out where only a bound is printed."
        )
    return np.abs(np.asarray(difference, dtype=np.float64)) / t_critical(p / 2, df)


def sd_from_se(se: ArrayLike, n: ArrayLike) -> Array:
    """Standard deviation of n patients from the standard error of their mean."""
    return np.asarray(se, dtype=np.float64) * np.sqrt(np.asarray(n, dtype=np.float64))


def sd_from_quartiles(first: ArrayLike, third: ArrayLike, n: ArrayLike) -> Array:
    """Standard deviation from quartiles of n roughly normal values.

    References
    ----------
    Wan, Wang, Liu, Tong 2014, BMC Med Res Methodol 14:135, equation 16.
    """
    size = np.asarray(n, dtype=np.float64)
    width = np.asarray(third, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    return width / (2 * normal_quantile((0.75 * size - 0.125) / (size + 0.25)))


def mean_from_quartiles(first: ArrayLike, median: ArrayLike, third: ArrayLike) -> Array:
    """Mean from quartiles of roughly normal values (Wan 2014, equation 14)."""
    parts = [np.asarray(value, dtype=np.float64) for value in (first, median, third)]
    return np.asarray(sum(parts) / 3)


def sd_of_change(
    sd_baseline: ArrayLike, sd_final: ArrayLike, correlation: float = CORRELATION
) -> Array:
    """Standard deviation of change from those at both visits.

    Parameters
    ----------
    sd_baseline, sd_final : array_like
    correlation : float
        Of baseline and follow-up within patients. Seldom printed: show what 0.3, 0.5 and 0.7 give.

    Raises
    ------
    ModelError
        A correlation that is not between −1 and 1.

    References
    ----------
    docs/methods.md, published trials: SD² = SD_b² + SD_f² − 2 r SD_b SD_f.
    """
    if not -1 < correlation < 1:
        raise ModelError(
            f"The correlation of baseline and follow-up is {correlation:g}: it must lie between −1 "
            "and 1; 0.5 is usual where nothing is known."
        )
    before, after = (np.asarray(value, dtype=np.float64) for value in (sd_baseline, sd_final))
    return np.sqrt(before**2 + after**2 - 2 * correlation * before * after)


def correlation_from_change(
    sd_baseline: ArrayLike, sd_final: ArrayLike, sd_change: ArrayLike
) -> Array:
    """Correlation of baseline and follow-up that the three standard deviations imply."""
    before, after, change = (
        np.asarray(value, dtype=np.float64) for value in (sd_baseline, sd_final, sd_change)
    )
    return (before**2 + after**2 - change**2) / (2 * before * after)


def pooled_sd(n: ArrayLike, sd: ArrayLike) -> float:
    """Standard deviation within arms, weighted by degrees of freedom; arms without one are out."""
    size, spread = (np.asarray(value, dtype=np.float64) for value in (n, sd))
    known = np.isfinite(size) & np.isfinite(spread) & (size > 1)
    if not known.any():
        return float("nan")
    free = size[known] - 1
    return float(np.sqrt(np.sum(free * spread[known] ** 2) / free.sum()))


def first_known(steps: dict[str, Array]) -> tuple[Array, NDArray[np.object_]]:
    """For each row the first value that is known, and the name of the step that gave it."""
    size = len(next(iter(steps.values())))
    value, name = np.full(size, np.nan), np.full(size, "", dtype=object)
    for step, candidate in steps.items():
        fill = np.isnan(value) & np.isfinite(candidate)
        value[fill], name[fill] = candidate[fill], step
    return value, name
