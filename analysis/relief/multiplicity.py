"""Several therapies against one comparator: Holm's p-values and simultaneous intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

Array = NDArray[np.float64]

# 2^14 points: the error of a probability is below 7e-5 for 12 comparisons and 2e-4 for 20.
LOG_POINTS = 14
# Comparisons that agree to this correlation are one comparison, counted once.
SAME = 1 - 1e-10
# Added to the diagonal so that comparisons that determine each other have a Cholesky factor.
JITTER = 1e-10
# The search for a critical value starts this far outside its bounds, for the error of the rule.
SLACK = 0.05


def holm(p_values: Array) -> Array:
    """Holm's step-down adjusted p-values, in the order given; NaN stays NaN and does not count.

    References
    ----------
    Holm 1979, Scand J Stat 6:65.
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    worst = 0.0
    for rank, index in enumerate(order):
        worst = max(worst, min(1.0, (len(order) - rank) * float(p[index])))
        adjusted[index] = worst
    return adjusted


def _points(dimensions: int) -> Array:
    """Sobol' points without scrambling, (dimensions, 2^LOG_POINTS); no chance in it."""
    points = stats.qmc.Sobol(dimensions, scramble=False).random_base2(LOG_POINTS)
    return np.asarray(points).T + 0.5 / 2**LOG_POINTS


def probability_below(critical: float, correlation: Array, df: float) -> float:
    """P(max |T_i| ≤ critical) of a multivariate t, by separation of variables.

    Parameters
    ----------
    critical : float
    correlation : ndarray, shape (k, k)
    df : float
        May be infinite: then of a multivariate normal.

    References
    ----------
    Genz and Bretz 2009, Computation of Multivariate Normal and t Probabilities, section 4.1.
    """
    k = len(correlation)
    if k == 1:
        return float(1 - 2 * stats.t.sf(critical, df))
    lower = np.linalg.cholesky(correlation + JITTER * np.eye(k))
    points = _points(k)
    scale = np.sqrt(special.chdtri(df, points[0]) / df) if np.isfinite(df) else 1.0
    bound = critical * scale
    drawn = np.zeros((k, 2**LOG_POINTS))
    weight = np.ones(2**LOG_POINTS)
    for i in range(k):
        shift = lower[i, :i] @ drawn[:i]
        low = special.ndtr((-bound - shift) / lower[i, i])
        high = special.ndtr((bound - shift) / lower[i, i])
        weight *= high - low
        if i + 1 < k:
            inside = np.clip(low + points[i + 1] * (high - low), 1e-16, 1 - 1e-16)
            drawn[i] = special.ndtri(inside)
    return float(weight.mean())


def _distinct(correlation: Array) -> NDArray[np.int64]:
    """Positions of comparisons that no earlier one repeats."""
    repeats = np.triu(np.abs(correlation) > SAME, k=1).any(axis=0)
    return np.flatnonzero(~repeats)


def max_t(estimate: Array, cov: Array, df: Array, alpha: float = 0.05) -> tuple[float, Array]:
    """Critical value and adjusted p-values of the single-step max-t procedure.

    Parameters
    ----------
    estimate : ndarray, shape (k,)
    cov : ndarray, shape (k, k)
        Joint covariance of the estimates.
    df : ndarray, shape (k,)
        Degrees of freedom; the smallest is used for all, which is conservative.
    alpha : float
        One minus the simultaneous confidence level.

    Returns
    -------
    critical : float
        Each interval is estimate ± critical × standard error.
    p_values : ndarray, shape (k,)
        Never below the single test's at these degrees of freedom, never above Bonferroni's.
    """
    error = np.sqrt(np.diag(cov))
    correlation = cov / np.outer(error, error)
    kept = _distinct(correlation)
    correlation = correlation[np.ix_(kept, kept)]
    common, k = float(np.min(df)), len(kept)
    statistic = np.abs(estimate / error)
    single = 2 * stats.t.sf(statistic, common)
    low, high = stats.t.ppf([1 - alpha / 2, 1 - alpha / (2 * k)], common)
    if k == 1:
        return float(low), single
    critical = optimize.brentq(
        lambda c: probability_below(c, correlation, common) - (1 - alpha),
        low - SLACK, high + SLACK, xtol=1e-7,
    )  # fmt: skip
    beyond = [1 - probability_below(t, correlation, common) for t in statistic]
    return float(np.clip(critical, low, high)), np.clip(
        beyond, single, np.minimum(1.0, k * single)
    )
