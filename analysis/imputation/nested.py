"""Pooling of imputations nested in bootstraps, by a random-effects analysis of variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.imputation.pooled import (
    MonteCarloError,
    Pooled,
    from_covariance,
    named,
    p_value,
    refuse_alpha,
    spread_of_left_out,
)

Array = NDArray[np.float64]

# von Hippel and Bartlett's floor: below three degrees of freedom a t has no variance.
FEWEST_DF = 3.0


@dataclass(frozen=True, slots=True)
class NestedPooled:
    """A pooled answer and the two sources of its variance.

    Attributes
    ----------
    pooled : Pooled
    between, within : ndarray, shape (k, k)
        Mean squares over bootstraps (MSB) and over imputations of a bootstrap (MSW).
    """

    pooled: Pooled
    between: Array
    within: Array


def pool_nested(
    estimates: Array, *, names: Sequence[str] | None = None, alpha: float = 0.05
) -> NestedPooled:
    """Pool analyses of D imputations of each of B bootstraps.

    Estimates the mean of all with the variance over repeated trials (frequentist):
    V = (1 + 1/B) (MSB − MSW)/D + MSW/(B D).

    Parameters
    ----------
    estimates : ndarray, shape (B, D, k)
        Each imputation made and analysed on the bootstrapped patients.
    names : sequence of str, optional
    alpha : float

    Returns
    -------
    NestedPooled
        Degrees of freedom (MSB (B+1) − MSW B)² / {MSB² (B+1)²/(B−1) + MSW² B/(D−1)}, at least 3;
        Monte-Carlo errors by jackknife over the bootstraps.

    Raises
    ------
    ModelError
        Fewer than two bootstraps or two imputations of each, an analysis without an estimate, or
        bootstraps that differ less than their imputations do (no positive variance).

    References
    ----------
    von Hippel and Bartlett 2021, Stat Sci 36:400.
    """
    refuse_alpha(alpha)
    values = _read(estimates)
    b, d, k = values.shape
    means = values.mean(axis=1)
    center = means.mean(axis=0)
    away, inner = means - center, values - means[:, None]
    msb = d * away.T @ away / (b - 1)
    msw = np.einsum("bdj,bdk->jk", inner, inner) / (b * (d - 1))
    cov = (1 + 1 / b) * (msb - msw) / d + msw / (b * d)
    labels = named(names, k)
    worst = int(np.argmin(np.diag(cov)))
    if not np.diag(cov)[worst] > 0:
        raise ModelError(
            f"Over {b} bootstraps {labels[worst]} varies no more than its imputations do "
            f"(mean squares {msb[worst, worst]:.4g} and {msw[worst, worst]:.4g}), so its variance "
            "cannot be told. Draw more bootstraps."
        )
    df = _df(np.diag(msb), np.diag(msw), b, d)
    pooled = from_covariance(
        "bootstrap then imputation, von Hippel and Bartlett 2021", labels, center, cov, df, b,
        alpha, _error(means, inner, d),
    )  # fmt: skip
    return NestedPooled(pooled, msb, msw)


def _read(estimates: Array) -> Array:
    values = np.asarray(estimates, dtype=np.float64)
    if values.ndim == 2:
        values = values[:, :, None]
    if values.ndim != 3 or min(values.shape[:2]) < 2:
        raise ModelError(
            f"The estimates have shape {values.shape}; pass (bootstraps, imputations of each, "
            "quantities), at least 2 of the first two."
        )
    lost = ~np.isfinite(values).all(axis=(1, 2))
    if lost.any():
        raise ModelError(
            f"{int(lost.sum())} of {len(values)} bootstraps (first: number "
            f"{int(np.argmax(lost)) + 1}) have an analysis without an estimate. See what the "
            "analysis says of them."
        )
    return values


def _df(msb: Array, msw: Array, b: int, d: int) -> Array:
    top = np.square(msb * (b + 1) - msw * b)
    bottom = np.square(msb * (b + 1)) / (b - 1) + np.square(msw) * b / (d - 1)
    return np.maximum(top / bottom, FEWEST_DF)


def _error(means: Array, inner: Array, d: int) -> MonteCarloError:
    """Jackknife over bootstraps of estimate, standard error and p."""
    b, k = means.shape
    if b < 3:
        return MonteCarloError(*(np.full(k, np.nan) for _ in range(3)))
    center, away = means.mean(axis=0), means - means.mean(axis=0)
    rest = b - 1
    squares = np.square(away)
    msb = d * (squares.sum(axis=0) - b / rest * squares) / (rest - 1)
    own = np.square(inner).sum(axis=1)
    msw = (own.sum(axis=0) - own) / (rest * (d - 1))
    variance = np.maximum((1 + 1 / rest) * (msb - msw) / d + msw / (rest * d), 0.0)
    se, left = np.sqrt(variance), center - away / rest
    ps = p_value(left, se, _df(msb, msw, rest, d))
    return MonteCarloError(*(spread_of_left_out(one) for one in (left, se, ps)))
