"""Effect sizes of two arms with their sampling variances, and how contrasts of a trial covary.

Names are those of the field (MD, SMD, SMDH, ROM, RR, OR, RD, as in metafor); first arm less second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from analysis.errors import ModelError

Array = NDArray[np.float64]
Correction = Literal["exact", "approximate"]
Variance = Literal["LS", "UB"]
ZeroCells = Literal["only_zero", "all", "none"]

# Added to every cell of a two by two table with an empty cell (Woolf, Haldane).
HALF = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class EffectSize:
    """An effect size of k trials.

    Attributes
    ----------
    estimate, variance : ndarray, shape (k,)
        Ratios are on the log scale.
    """

    estimate: Array
    variance: Array


@dataclass(frozen=True, eq=False, slots=True)
class Means:
    """Mean, standard deviation and size of an arm in each of k trials.

    Raises
    ------
    ModelError
        A standard deviation that is not above 0, or an arm of fewer than 2 patients.
    """

    mean: Array
    sd: Array
    n: Array

    def __post_init__(self) -> None:
        for name in ("mean", "sd", "n"):
            object.__setattr__(
                self, name, np.atleast_1d(np.asarray(getattr(self, name), dtype=np.float64))
            )
        for row in np.flatnonzero(~(self.sd > 0)):
            raise ModelError(
                f"Row {row + 1} has a standard deviation of {self.sd[row]:g}: it must be above 0. "
                "Look it up, or leave the trial out."
            )
        for row in np.flatnonzero(~(self.n >= 2)):
            raise ModelError(
                f"Row {row + 1} has {self.n[row]:g} patients: at least 2 are needed for a spread."
            )


@dataclass(frozen=True, eq=False, slots=True)
class Counts:
    """Patients with an event and all patients of an arm, in each of k trials.

    Raises
    ------
    ModelError
        More events than patients, or numbers below 0.
    """

    events: Array
    n: Array

    def __post_init__(self) -> None:
        for name in ("events", "n"):
            object.__setattr__(
                self, name, np.atleast_1d(np.asarray(getattr(self, name), dtype=np.float64))
            )
        for row in np.flatnonzero(~((self.events >= 0) & (self.events <= self.n) & (self.n > 0))):
            raise ModelError(
                f"Row {row + 1} has {self.events[row]:g} events in {self.n[row]:g} patients: events "
                "lie between 0 and the number of patients."
            )


def small_sample_factor(df: ArrayLike, correction: Correction = "exact") -> Array:
    """Factor that makes a standardised mean difference unbiased.

    Parameters
    ----------
    df : array_like
        Degrees of freedom of the standard deviation.
    correction : {"exact", "approximate"}
        By gamma functions (Hedges 1981), or 1 − 3 / (4 df − 1) as most textbooks print it.
    """
    free = np.asarray(df, dtype=np.float64)
    if correction == "approximate":
        return 1 - 3 / (4 * free - 1)
    return np.exp(gammaln(free / 2) - gammaln((free - 1) / 2)) / np.sqrt(free / 2)


def mean_difference(one: Means, other: Means) -> EffectSize:
    """Difference of means; variances of the arms are not assumed equal."""
    variance = one.sd**2 / one.n + other.sd**2 / other.n
    return EffectSize(one.mean - other.mean, variance)


def standardised_mean_difference(
    one: Means, other: Means, *, correction: Correction = "exact", variance: Variance = "LS"
) -> EffectSize:
    """Difference of means in pooled standard deviations, Hedges' g.

    Parameters
    ----------
    one, other : Means
    correction : {"exact", "approximate"}
    variance : {"LS", "UB"}
        Large-sample 1/n₁ + 1/n₂ + g²/(2N), or the unbiased one of Hedges 1983.
    """
    free = one.n + other.n - 2
    pooled = np.sqrt(((one.n - 1) * one.sd**2 + (other.n - 1) * other.sd**2) / free)
    factor = small_sample_factor(free, correction)
    g = factor * (one.mean - other.mean) / pooled
    sizes = 1 / one.n + 1 / other.n
    if variance == "UB":
        return EffectSize(g, sizes + (1 - (free - 2) / (free * factor**2)) * g**2)
    return EffectSize(g, sizes + g**2 / (2 * (one.n + other.n)))


def heteroscedastic_smd(
    one: Means, other: Means, *, correction: Correction = "exact"
) -> EffectSize:
    """Difference of means in the root of the mean variance (Bonett 2008, 2009)."""
    spread = np.sqrt((one.sd**2 + other.sd**2) / 2)
    factor = small_sample_factor(one.n + other.n - 2, correction)
    d = (one.mean - other.mean) / spread
    fourth = one.sd**4 / (one.n - 1) + other.sd**4 / (other.n - 1)
    means = one.sd**2 / (one.n - 1) + other.sd**2 / (other.n - 1)
    g = factor * d
    return EffectSize(g, g**2 * fourth / (8 * spread**4) + means / spread**2)


def log_ratio_of_means(one: Means, other: Means, *, corrected: bool = True) -> EffectSize:
    """Log of the ratio of two means of the same sign (Hedges, Gurevitch, Curtis 1999).

    Parameters
    ----------
    one, other : Means
    corrected : bool
        Whether the bias of order 1/n is taken out (Lajeunesse 2015, equation 8).

    Raises
    ------
    ModelError
        Means of which one is 0, or of different signs: a ratio then says nothing.
    """
    ratio = one.mean / np.where(other.mean == 0, np.nan, other.mean)
    for row in np.flatnonzero(~(ratio > 0)):
        raise ModelError(
            f"Row {row + 1} has means {one.mean[row]:g} and {other.mean[row]:g}: a ratio needs "
            "means of one sign. Use the mean difference."
        )
    relative = [arm.sd**2 / (arm.n * arm.mean**2) for arm in (one, other)]
    bias = (relative[0] - relative[1]) / 2 if corrected else 0.0
    return EffectSize(np.log(ratio) + bias, relative[0] + relative[1])


def risk_difference(one: Counts, other: Counts) -> EffectSize:
    """Difference of two risks."""
    risks = [arm.events / arm.n for arm in (one, other)]
    variance = sum(p * (1 - p) / arm.n for p, arm in zip(risks, (one, other), strict=True))
    return EffectSize(risks[0] - risks[1], np.asarray(variance))


def log_risk_ratio(
    one: Counts, other: Counts, *, zero_cells: ZeroCells = "only_zero"
) -> EffectSize:
    """Log of the ratio of two risks; trials without an event, or without a non-event, are NaN."""
    a, b, c, d = _cells(one, other, zero_cells)
    estimate = np.log(a / (a + b)) - np.log(c / (c + d))
    return _told(one, other, estimate, 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))


def log_odds_ratio(
    one: Counts, other: Counts, *, zero_cells: ZeroCells = "only_zero"
) -> EffectSize:
    """Log of the ratio of two odds; trials without an event, or without a non-event, are NaN."""
    a, b, c, d = _cells(one, other, zero_cells)
    return _told(one, other, np.log(a * d / (b * c)), 1 / a + 1 / b + 1 / c + 1 / d)


def shared_arm_covariance(variance: ArrayLike) -> Array:
    """Covariance of the differences of several arms to a common one.

    Parameters
    ----------
    variance : array_like, shape (m,)
        Variances of the arms' means, the common arm first.

    Returns
    -------
    ndarray, shape (m − 1, m − 1)
        Variance of the common arm everywhere, those of the others added on the diagonal.
    """
    values = np.asarray(variance, dtype=np.float64)
    return np.diag(values[1:]) + values[0]


def shared_arm_smd_covariance(g: ArrayLike, n: ArrayLike) -> Array:
    """Covariance of standardised mean differences of several arms to a common one.

    Parameters
    ----------
    g : array_like, shape (m − 1,)
        All in the same pooled standard deviation.
    n : array_like, shape (m,)
        Sizes, the common arm first.

    References
    ----------
    docs/methods.md, published trials; Gleser and Olkin 1994: 1/n_c + g₁g₂/(2N), N of all arms.
    """
    effect, size = (np.asarray(value, dtype=np.float64) for value in (g, n))
    return np.diag(1 / size[1:]) + 1 / size[0] + np.outer(effect, effect) / (2 * size.sum())


def _cells(one: Counts, other: Counts, zero_cells: ZeroCells) -> tuple[Array, Array, Array, Array]:
    cells = np.array([one.events, one.n - one.events, other.events, other.n - other.events])
    empty = (cells == 0).any(axis=0)
    if zero_cells == "none" and empty.any():
        row = int(np.flatnonzero(empty)[0])
        raise ModelError(
            f"Row {row + 1} has an empty cell: add a half (zero_cells='only_zero'), or use the risk "
            "difference."
        )
    added = cells + HALF * (np.ones_like(empty) if zero_cells == "all" else empty)
    return added[0], added[1], added[2], added[3]


def _told(one: Counts, other: Counts, estimate: Array, variance: Array) -> EffectSize:
    """A trial in which nobody, or everybody, had the event says nothing about a ratio."""
    events, people = one.events + other.events, one.n + other.n
    silent = (events == 0) | (events == people)
    return EffectSize(np.where(silent, np.nan, estimate), np.where(silent, np.nan, variance))
