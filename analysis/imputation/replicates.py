"""Pooling of replicates of a whole analysis: jackknife and bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.imputation.pooled import (
    MonteCarloError,
    Pooled,
    from_covariance,
    left_out_moments,
    named,
    p_value,
    refuse_alpha,
    replicates_of,
    spread_of_left_out,
    straddles,
)

Array = NDArray[np.float64]
Interval = Literal["normal", "percentile"]


def pool_jackknife(
    estimate: Array, replicates: Array, *, unit: str = "patient",
    names: Sequence[str] | None = None, alpha: float = 0.05,
) -> Pooled:  # fmt: skip
    """Pool analyses repeated with each patient, or each cluster, left out.

    Estimates the variance over repeated trials (frequentist), (n−1)/n Σ (θ_(−i) − θ̄)(θ_(−i) − θ̄)',
    with a normal reference.

    Parameters
    ----------
    estimate : ndarray, shape (k,)
        Of the whole data.
    replicates : ndarray, shape (n, k)
        Without each unit in turn; every unit once.
    unit : str
        What was left out, for the label: "patient", "therapist", "site".
    names : sequence of str, optional
    alpha : float

    Raises
    ------
    ModelError
        One replicate, or replicates without an estimate: the sum needs every unit.

    References
    ----------
    Efron and Tibshirani 1993, An Introduction to the Bootstrap, equation 11.5; for conditional-mean
    imputation Wolbers et al. 2022, Pharm Stat 21:1246.
    """
    replicates = replicates_of(replicates, "jackknife replicates")
    estimate = _estimate(estimate, replicates)
    refuse_alpha(alpha)
    lost = np.flatnonzero(~np.isfinite(replicates).all(axis=1))
    if len(lost):
        raise ModelError(
            f"{len(lost)} of {len(replicates)} jackknife replicates (first: number {lost[0] + 1}) "
            f"have no estimate, and the variance needs each {unit}'s. Find why the analysis fails "
            f"without that {unit}; a simpler model may not."
        )
    n, k = replicates.shape
    away = replicates - replicates.mean(axis=0)
    return from_covariance(
        f"jackknife, one {unit} left out at a time", named(names, k), estimate,
        (n - 1) / n * away.T @ away, np.full(k, np.inf), n, alpha, None,
    )  # fmt: skip


def pool_bootstrap(
    estimate: Array, replicates: Array, *, interval: Interval = "normal",
    names: Sequence[str] | None = None, alpha: float = 0.05,
) -> Pooled:  # fmt: skip
    """Pool analyses repeated on bootstrapped patients.

    Estimates the variance over repeated trials (frequentist) by that of the replicates.

    Parameters
    ----------
    estimate : ndarray, shape (k,)
        Of the whole data.
    replicates : ndarray, shape (B, k)
        Those with a NaN are left out and counted in the notes.
    interval : {"normal", "percentile"}
        About the estimate with the replicates' standard deviation; or the replicates' quantiles at
        (B + 1) α/2, with the p-value that inverts them, 2 (1 + smaller tail) / (B + 1).
    names : sequence of str, optional
    alpha : float

    Raises
    ------
    ModelError
        Fewer than two replicates with an estimate; for percentiles fewer than 2/α − 1 of them.

    References
    ----------
    Davison and Hinkley 1997, Bootstrap Methods and their Application, sections 4.2 and 5.3.
    """
    if interval not in get_args(Interval):
        raise ModelError(
            f"interval={interval!r} is not known; allowed: {', '.join(get_args(Interval))}."
        )
    refuse_alpha(alpha)
    given = replicates_of(replicates, "bootstrap replicates")
    estimate = _estimate(estimate, given)
    used = given[np.isfinite(given).all(axis=1)]
    lost = len(given) - len(used)
    note = f"{lost} of {len(given)} bootstrap replicates have no estimate and were left out."
    notes = (note,) if lost else ()
    used = replicates_of(used, "bootstrap replicates with an estimate")
    label = named(names, used.shape[1])
    if interval == "percentile":
        return _percentile(estimate, used, label, alpha, notes)
    return from_covariance(
        "bootstrap, normal interval", label, estimate, np.atleast_2d(np.cov(used.T)),
        np.full(used.shape[1], np.inf), len(used), alpha, _normal_error(estimate, used), notes,
    )  # fmt: skip


def _estimate(estimate: Array, replicates: Array) -> Array:
    values = np.atleast_1d(np.asarray(estimate, dtype=np.float64))
    if values.shape != replicates.shape[1:]:
        raise ModelError(
            f"{values.size} estimates do not go with replicates of {replicates.shape[1]} "
            "quantities. Pass the estimates of the whole data in the same order."
        )
    if not np.isfinite(values).all():
        raise ModelError("The estimate of the whole data is missing; there is nothing to pool.")
    return values


def _normal_error(estimate: Array, used: Array) -> MonteCarloError:
    k = used.shape[1]
    if len(used) < 3:
        return MonteCarloError(np.zeros(k), np.full(k, np.nan), np.full(k, np.nan))
    se = np.sqrt(left_out_moments(used)[1])
    ps = p_value(estimate, se, np.inf)
    return MonteCarloError(np.zeros(k), spread_of_left_out(se), spread_of_left_out(ps))


def _percentile(
    estimate: Array, used: Array, names: tuple[str, ...], alpha: float, notes: tuple[str, ...]
) -> Pooled:
    n, k = used.shape
    if (n + 1) * alpha / 2 < 1:
        raise ModelError(
            f"{n} bootstrap replicates have no quantile at {alpha / 2:g}. Draw at least "
            f"{int(np.ceil(2 / alpha - 1))}, better a thousand."
        )
    low, high = np.quantile(used, [alpha / 2, 1 - alpha / 2], axis=0, method="weibull")
    tail = np.minimum((used <= 0).sum(axis=0), (used >= 0).sum(axis=0))
    p = np.minimum(2 * (1 + tail) / (n + 1), 1.0)
    cov = np.atleast_2d(np.cov(used.T))
    se = np.sqrt(np.diag(cov))
    # The spread of a count of independent replicates, doubled as p is.
    error = MonteCarloError(
        np.zeros(k), _normal_error(estimate, used).se, 2 * np.sqrt(tail / n * (1 - tail / n) / n)
    )
    return Pooled(
        "bootstrap, percentile interval", names, estimate, se, np.full(k, np.inf), p, low, high,
        cov, n, alpha, error, (*notes, *straddles(names, p, error, alpha)),
    )  # fmt: skip
