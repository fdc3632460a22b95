"""A pooled answer: estimates, their joint covariance, intervals, and their Monte-Carlo error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.distributions import t_quantile, t_two_sided
from analysis.errors import ModelError

Array = NDArray[np.float64]

# Monte-Carlo standard errors either side of p within which other random numbers may put it.
STRADDLE = 2.0


@dataclass(frozen=True, slots=True)
class MonteCarloError:
    """Standard errors of pooled numbers over other random numbers, all else equal.

    Attributes
    ----------
    estimate, se, p : ndarray, shape (k,)
        NaN where fewer than three imputations, bootstraps or replicates cannot tell.
    """

    estimate: Array
    se: Array
    p: Array


@dataclass(frozen=True, slots=True)
class Pooled:
    """What several analyses say together.

    Attributes
    ----------
    method : str
        How they were pooled, in words; it says which variance is reported.
    names : tuple of str
        Names of the k quantities.
    estimate, se, df, p, low, high : ndarray, shape (k,)
        `df` is infinite for a normal reference; `p` is two-sided against 0.
    cov : ndarray, shape (k, k)
        Joint covariance; NaN off the diagonal where only variances were given.
    n : int
        Imputations, bootstraps or replicates used.
    alpha : float
        One minus the level of the interval.
    error : MonteCarloError or None
        None where nothing was random.
    notes : tuple of str
        What a reader has to know; a p-value that other random numbers could turn is among them.
    """

    method: str
    names: tuple[str, ...]
    estimate: Array
    se: Array
    df: Array
    p: Array
    low: Array
    high: Array
    cov: Array
    n: int
    alpha: float
    error: MonteCarloError | None
    notes: tuple[str, ...]


def p_value(estimate: Array, se: Array, df: Array | float) -> Array:
    """Two-sided p against 0 of a t statistic, normal where `df` is infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return t_two_sided(estimate / se, df)


def from_covariance(
    method: str, names: tuple[str, ...], estimate: Array, cov: Array, df: Array, n: int,
    alpha: float, error: MonteCarloError | None, notes: tuple[str, ...] = (),
) -> Pooled:  # fmt: skip
    """Intervals and p-values from t distributions about the estimates."""
    se = np.sqrt(np.diag(cov))
    half = t_quantile(1 - alpha / 2, df) * se
    p = p_value(estimate, se, df)
    return Pooled(
        method, names, estimate, se, df, p, estimate - half, estimate + half, cov, n, alpha, error,
        (*notes, *straddles(names, p, error, alpha)),
    )  # fmt: skip


def straddles(
    names: tuple[str, ...], p: Array, error: MonteCarloError | None, alpha: float
) -> tuple[str, ...]:
    """A sentence for each p-value that other random numbers could take across `alpha`."""
    if error is None:
        return ()
    close = np.flatnonzero(np.abs(p - alpha) <= STRADDLE * error.p)
    return tuple(
        f"p = {p[k]:.4f} of {names[k]} has a Monte-Carlo standard error of {error.p[k]:.4f}: other "
        f"random numbers could put it on the other side of {alpha:g}. Draw more before concluding."
        for k in close
    )


def named(names: Sequence[str] | None, size: int) -> tuple[str, ...]:
    """The names given, or numbered ones.

    Raises
    ------
    ModelError
        There are more or fewer names than quantities.
    """
    if names is None:
        return tuple(f"quantity {k + 1}" for k in range(size))
    if len(names) != size:
        raise ModelError(f"{len(names)} names were given for {size} quantities. Name each once.")
    return tuple(names)


def replicates_of(values: object, what: str) -> Array:
    """Numbers by replicate and quantity, (n, k), at least two of them.

    Raises
    ------
    ModelError
        Another shape, or a single replicate.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise ModelError(
            f"The {what} have shape {array.shape}; pass one row each and one column a quantity."
        )
    if len(array) < 2:
        raise ModelError(
            f"{len(array)} of the {what} cannot show how much they vary. Make at least 2."
        )
    return array


def refuse_alpha(alpha: float) -> None:
    """Refuse a level that is none.

    Raises
    ------
    ModelError
        `alpha` is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ModelError(f"alpha={alpha!r} must lie between 0 and 1; a 95 % interval has 0.05.")


def spread_of_left_out(values: Array) -> Array:
    """Jackknife standard error √((n−1)/n Σ(ϑ_(−i) − ϑ̄)²) of statistics (n, …) with one left out."""
    n = len(values)
    return np.asarray(np.sqrt((n - 1) / n * np.square(values - values.mean(axis=0)).sum(axis=0)))


def left_out_moments(values: Array) -> tuple[Array, Array]:
    """Means and variances of values (n, …) without each in turn; n is at least three."""
    n = len(values)
    mean = values.mean(axis=0)
    away = values - mean
    squares = np.square(away)
    variances = (squares.sum(axis=0) - n / (n - 1) * squares) / (n - 2)
    return mean - away / (n - 1), np.maximum(variances, 0.0)
