"""Several hypotheses at once: adjusted p-values and simultaneous intervals."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from analysis.errors import ModelError
from analysis.mmrm.contrasts import Alternative, interval

Array = NDArray[np.float64]
Adjust = Literal[
    "none", "bonferroni", "holm", "hochberg", "hommel", "max-t", "fixed-sequence"
]  # fmt: skip

ADJUSTMENTS = ("none", "bonferroni", "holm", "hochberg", "hommel", "max-t", "fixed-sequence")
# statsmodels' names of the rules that are taken from it.
STATSMODELS = {"bonferroni": "bonferroni", "hochberg": "simes-hochberg", "hommel": "hommel"}
# 2^14 points: the error of a probability is below 7e-5 for 12 comparisons and 2e-4 for 20.
LOG_POINTS = 14
# Comparisons that agree to this correlation are one comparison, counted once.
SAME = 1 - 1e-10
# What is left of a comparison given others, as a share of its variance, below which it is theirs.
DETERMINED = 1e-10
# The search for a critical value starts this far outside its bounds, for the error of the rule.
SLACK = 0.05


def adjust_p_values(p_values: Array, method: Adjust) -> Array:
    """Adjusted p-values of one family by a rule that needs the p-values alone.

    Parameters
    ----------
    p_values : ndarray, shape (k,)
        In the order of testing, for "fixed-sequence". NaN stays NaN and does not count.
    method : {"none", "bonferroni", "holm", "hochberg", "hommel", "fixed-sequence"}
        A hypothesis is rejected at familywise level α where its adjusted p-value is at most α.
        Hochberg and Hommel need p-values that are independent or positively dependent, as those of
        comparisons with a shared comparator are.

    References
    ----------
    Holm 1979, Scand J Stat 6:65; Hochberg 1988, Biometrika 75:800; Hommel 1988, Biometrika 75:383;
    Maurer, Hothorn and Lehmacher 1995 (fixed sequence: the largest p-value so far).
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    known = ~np.isnan(p)
    if method == "none" or not known.any():
        return p.copy()
    if method == "fixed-sequence":
        adjusted[known] = np.maximum.accumulate(p[known])
        return adjusted
    if method == "holm":
        # Not by statsmodels, which collects garbage in each call: that takes longer than a fit.
        adjusted[known] = _step_down(p[known])
        return adjusted
    # Imported here: who does not adjust should not wait for it.
    from statsmodels.stats.multitest import multipletests

    adjusted[known] = multipletests(p[known], method=STATSMODELS[method])[1]
    return adjusted


def _step_down(p: Array) -> Array:
    """Holm: the smallest of k times k, the next times k - 1, and none below the one before."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(adjusted, 1.0)


def holm(p_values: Array) -> Array:
    """Holm's step-down adjusted p-values, in the order given; NaN stays NaN and does not count.

    References
    ----------
    Holm 1979, Scand J Stat 6:65.
    """
    return adjust_p_values(p_values, "holm")


def adjust_rows(
    table: Mapping[str, Any], cov: Array, family: NDArray[np.int64], method: Adjust,
    alpha: float = 0.05, alternative: Alternative = "two-sided", null: float = 0.0,
) -> dict[str, Any]:  # fmt: skip
    """Columns `p_adjusted`, `conf_low`, `conf_high` and `note` of a table of contrasts.

    Intervals are simultaneous for "bonferroni" and "max-t"; no such intervals belong to the other
    rules, so theirs stay as they are and the note says so.

    Parameters
    ----------
    table : mapping
        Columns of a contrasts frame.
    cov : ndarray, shape (k, k)
    family : ndarray of int, shape (k,)
        Rows of one number are adjusted for each other. Rows without a p-value do not count.
    method : str
        One of `ADJUSTMENTS`.
    alpha : float
        One minus the simultaneous confidence level.
    alternative : str
    null : float

    Raises
    ------
    ModelError
        Max-t for equivalence.
    """
    if method == "max-t" and alternative == "equivalence":
        raise ModelError(
            "adjust='max-t' has no equivalence test; use 'holm' or 'bonferroni' with it."
        )
    estimate, error, df, p_value = (
        np.asarray(table[name], dtype=np.float64)
        for name in ("estimate", "std_error", "df", "p_value")
    )
    adjusted, margin = np.full(p_value.shape, np.nan), np.full(p_value.shape, np.nan)
    tails = 2 if alternative == "two-sided" else 1
    for number in np.unique(family):
        rows = np.flatnonzero((family == number) & ~np.isnan(p_value))
        if not len(rows):
            continue
        if method == "max-t":
            assert alternative != "equivalence"  # refused above
            critical, adjusted[rows] = max_t(
                estimate[rows] - null, cov[np.ix_(rows, rows)], df[rows], alpha, alternative
            )
        else:
            adjusted[rows] = adjust_p_values(p_value[rows], method)
            critical = -special.stdtrit(df[rows], alpha / (tails * len(rows)))
        margin[rows] = critical * error[rows]
    columns: dict[str, Any] = {"p_adjusted": adjusted}
    if method in ("bonferroni", "max-t"):
        columns["conf_low"], columns["conf_high"] = interval(estimate, margin, alternative)
        return columns
    said = f"interval not adjusted: {method} gives p-values only"
    old = np.asarray(table["note"], dtype=object)
    return columns | {"note": np.where(np.isnan(p_value), old, said)}


@lru_cache(maxsize=8)
def _points(dimensions: int) -> Array:
    """Sobol' points without scrambling, (dimensions, 2^LOG_POINTS); no chance in it."""
    # Imported here, as above: who does not ask for max-t should not wait for it.
    from scipy import stats

    points = stats.qmc.Sobol(dimensions, scramble=False).random_base2(LOG_POINTS)
    return np.asarray(points).T + 0.5 / 2**LOG_POINTS


@lru_cache(maxsize=8)
def _scale(df: float) -> Array:
    """Standard deviations over their expectation at the points, whose first coordinate has them.

    The search for a critical value asks for the same ones each time, and they are half its cost.
    """
    return np.asarray(np.sqrt(special.chdtri(df, _points(1)[0]) / df))


def _factor(correlation: Array) -> tuple[Array, list[NDArray[np.int64]]]:
    """Lower factor with a column for each independent comparison, and the rows each column ends.

    A comparison that earlier ones determine (the third of three pairwise differences) adds no
    column; it narrows the range of the last column it depends on.
    """
    k = len(correlation)
    lower = np.zeros((k, k))
    rank = 0
    for row in range(k):
        pivots = np.array([np.flatnonzero(lower[:, j])[0] for j in range(rank)], dtype=np.int64)
        lead = lower[pivots, :rank]
        part = np.linalg.solve(lead, correlation[row, pivots]) if rank else np.zeros(0)
        part[np.abs(part) < np.sqrt(DETERMINED)] = 0.0
        lower[row, :rank] = part
        left = correlation[row, row] - part @ part
        if left > DETERMINED:
            lower[row, rank] = np.sqrt(left)
            rank += 1
    last = np.array([np.flatnonzero(lower[row])[-1] for row in range(k)])
    return lower[:, :rank], [np.flatnonzero(last == j) for j in range(rank)]


def probability_below(
    critical: float, correlation: Array, df: float, one_sided: bool = False
) -> float:
    """P(max |T_i| ≤ critical), or P(max T_i ≤ critical), of a multivariate t.

    By separation of variables on a fixed set of points. Comparisons that determine each other are
    integrated over their own, smaller number of dimensions.

    Parameters
    ----------
    critical : float
    correlation : ndarray, shape (k, k)
        May be singular.
    df : float
        May be infinite: then of a multivariate normal.
    one_sided : bool

    References
    ----------
    Genz and Bretz 2009, Computation of Multivariate Normal and t Probabilities, sections 4.1, 5.2.
    """
    if len(correlation) == 1:
        tail = float(special.stdtr(df, -critical))
        return 1 - tail if one_sided else 1 - 2 * tail
    lower, ends = _factor(correlation)
    rank = lower.shape[1]
    points = _points(rank)
    scale = _scale(df) if np.isfinite(df) else 1.0
    bound = critical * scale * np.ones(2**LOG_POINTS)
    drawn = np.zeros((rank, 2**LOG_POINTS))
    weight = np.ones(2**LOG_POINTS)
    for column, rows in enumerate(ends):
        low, high = np.full(2**LOG_POINTS, -np.inf), np.full(2**LOG_POINTS, np.inf)
        for row in rows:
            shift = lower[row, :column] @ drawn[:column]
            floor = np.full_like(bound, -np.inf) if one_sided else -bound
            edges = ((floor - shift) / lower[row, column], (bound - shift) / lower[row, column])
            low = np.maximum(low, np.minimum(*edges))
            high = np.minimum(high, np.maximum(*edges))
        below = special.ndtr(low)
        inside = np.maximum(special.ndtr(high) - below, 0.0)
        weight *= inside
        if column + 1 < rank:
            where = np.clip(below + points[column + 1] * inside, 1e-16, 1 - 1e-16)
            drawn[column] = special.ndtri(where)
    return float(weight.mean())


def _distinct(correlation: Array, one_sided: bool) -> NDArray[np.int64]:
    """Positions of comparisons that no earlier one repeats."""
    alike = correlation if one_sided else np.abs(correlation)
    return np.flatnonzero(~np.triu(alike > SAME, k=1).any(axis=0))


def max_t(
    estimate: Array, cov: Array, df: Array, alpha: float = 0.05,
    alternative: Literal["two-sided", "greater", "less"] = "two-sided",
) -> tuple[float, Array]:  # fmt: skip
    """Critical value and adjusted p-values of the single-step max-t procedure.

    Comparisons with a comparator give Dunnett's test, all pairs Tukey's, whatever the covariance.

    Parameters
    ----------
    estimate : ndarray, shape (k,)
        Estimates minus their values under the null hypothesis.
    cov : ndarray, shape (k, k)
        Joint covariance of the estimates.
    df : ndarray, shape (k,)
        Degrees of freedom; the smallest is used for all, which is conservative.
    alpha : float
        One minus the simultaneous confidence level.
    alternative : {"two-sided", "greater", "less"}

    Returns
    -------
    critical : float
        Each interval is estimate ± critical × standard error, or one side of it.
    p_values : ndarray, shape (k,)
        Never below the single test's at these degrees of freedom, never above Bonferroni's.

    References
    ----------
    Hothorn, Bretz and Westfall 2008, Biom J 50:346.
    """
    one_sided = alternative != "two-sided"
    tails = 1 if one_sided else 2
    error = np.sqrt(np.diag(cov))
    correlation = cov / np.outer(error, error)
    kept = _distinct(correlation, one_sided)
    correlation = correlation[np.ix_(kept, kept)]
    common, k = float(np.min(df)), len(kept)
    statistic = estimate / error * (-1.0 if alternative == "less" else 1.0)
    statistic = statistic if one_sided else np.abs(statistic)
    single = tails * special.stdtr(common, -statistic)
    low, high = -special.stdtrit(common, [alpha / tails, alpha / (tails * k)])
    if k == 1:
        return float(low), single
    critical = optimize.brentq(
        lambda c: probability_below(c, correlation, common, one_sided) - (1 - alpha),
        low - SLACK, high + SLACK, xtol=1e-7,
    )  # fmt: skip
    beyond = [1 - probability_below(t, correlation, common, one_sided) for t in statistic]
    return float(np.clip(critical, low, high)), np.clip(
        beyond, single, np.minimum(1.0, k * single)
    )
