"""Several therapies against one comparator: Holm's p-values and simultaneous intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

Array = NDArray[np.float64]

# Points of the lattice rule: error of a probability below 1e-4 for up to 20 comparisons.
POINTS = 8192
# Added to the diagonal so that comparisons that repeat each other still have a Cholesky factor.
JITTER = 1e-9


def holm(p_values: Array) -> Array:
    """Holm's step-down adjusted p-values, in the order given; NaN stays NaN and does not count."""
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    worst = 0.0
    for rank, index in enumerate(order):
        worst = max(worst, min(1.0, (len(order) - rank) * float(p[index])))
        adjusted[index] = worst
    return adjusted


def _lattice(dimensions: int) -> Array:
    """Richtmyer's rank-1 lattice with the tent transformation, (dimensions, POINTS): no random numbers."""
    primes = np.array([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79])
    steps = np.sqrt(primes[:dimensions].astype(np.float64)) % 1
    points = (np.arange(1, POINTS + 1) * steps[:, None]) % 1
    return np.abs(2 * points - 1)


def probability_below(critical: float, correlation: Array, df: float) -> float:
    """P(max |T_i| ≤ critical) of a multivariate t, by separation of variables (Genz and Bretz 2009)."""
    k = len(correlation)
    if k == 1:
        return float(1 - 2 * stats.t.sf(critical, df))
    lower = np.linalg.cholesky(correlation + JITTER * np.eye(k))
    points = _lattice(k + 1)
    scale = np.sqrt(special.chdtri(df, points[0]) / df) if np.isfinite(df) else np.ones(POINTS)
    bound = critical * scale
    drawn = np.zeros((k, POINTS))
    weight = np.ones(POINTS)
    for i in range(k):
        shift = lower[i, :i] @ drawn[:i]
        low = special.ndtr((-bound - shift) / lower[i, i])
        high = special.ndtr((bound - shift) / lower[i, i])
        weight *= high - low
        inside = np.clip(low + points[i + 1] * (high - low), 1e-16, 1 - 1e-16)
        drawn[i] = special.ndtri(inside)
    return float(weight.mean())


def max_t(
    estimate: Array, cov: Array, df: Array, alpha: float = 0.05
) -> tuple[float, Array]:
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
    """
    error = np.sqrt(np.diag(cov))
    correlation = cov / np.outer(error, error)
    common = float(np.min(df))
    low = float(stats.t.ppf(1 - alpha / 2, common))
    high = float(stats.t.ppf(1 - alpha / (2 * len(estimate)), common)) + 0.05
    critical = low if len(estimate) == 1 else optimize.brentq(
        lambda c: probability_below(c, correlation, common) - (1 - alpha), low - 0.05, high, xtol=1e-6
    )  # fmt: skip
    p_values = [
        max(0.0, 1 - probability_below(abs(t), correlation, common)) for t in estimate / error
    ]
    return float(critical), np.array(p_values)
