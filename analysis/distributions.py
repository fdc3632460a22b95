"""Tails and quantiles of the normal, t, χ² and F distributions.

The same numbers as `scipy.stats` to the last bit, which takes half a second to import and 80 µs a
call: an interval searched for along a line asks for hundreds of quantiles. "Quantile" counts a share
from below, "critical" from above: 1 − α/2 and α/2 lead to values that differ in their last digits.
"""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Array = NDArray[np.float64]


@overload
def normal_quantile(share: float) -> float: ...
@overload
def normal_quantile(share: ArrayLike) -> Array: ...
def normal_quantile(share: ArrayLike) -> float | Array:
    """Value below which a share of the normal distribution lies."""
    return special.ndtri(np.asarray(share))


def normal_critical(tail: float) -> float:
    """Value above which a share of the normal distribution lies."""
    # Half of it lies above 0, not above -0.
    return float(0.0 - special.ndtri(tail))


@overload
def normal_tail(value: float) -> float: ...
@overload
def normal_tail(value: ArrayLike) -> Array: ...
def normal_tail(value: ArrayLike) -> float | Array:
    """Share of the normal distribution above a value."""
    return special.ndtr(-np.asarray(value))


@overload
def t_quantile(share: float, df: float) -> float: ...
@overload
def t_quantile(share: ArrayLike, df: ArrayLike) -> Array: ...
def t_quantile(share: ArrayLike, df: ArrayLike) -> float | Array:
    """Value below which a share of the t distribution lies; normal where `df` is infinite."""
    share, df = np.asarray(share), np.asarray(df)
    value = special.stdtrit(df, share)
    # It says +∞ for a share of 0.
    return np.where((share == 0) & (df > 0), -np.inf, value)[()]


@overload
def t_critical(tail: float, df: float) -> float: ...
@overload
def t_critical(tail: ArrayLike, df: ArrayLike) -> Array: ...
def t_critical(tail: ArrayLike, df: ArrayLike) -> float | Array:
    """Value above which a share of the t distribution lies; normal where `df` is infinite."""
    return 0.0 - t_quantile(tail, df)


@overload
def t_two_sided(statistic: float, df: float) -> float: ...
@overload
def t_two_sided(statistic: ArrayLike, df: ArrayLike) -> Array: ...
def t_two_sided(statistic: ArrayLike, df: ArrayLike) -> float | Array:
    """Two-sided p-value of a t statistic; normal where `df` is infinite."""
    return 2 * special.stdtr(np.asarray(df), -np.abs(np.asarray(statistic)))


def chi2_quantile(share: float, df: float) -> float:
    """Value below which a share of the χ² distribution lies; NaN without degrees of freedom."""
    return float(2 * special.gammaincinv(df / 2, share)) if df > 0 and share >= 0 else np.nan


def chi2_critical(tail: float, df: float) -> float:
    """Value above which a share of the χ² distribution lies; NaN without degrees of freedom."""
    return float(special.chdtri(df, tail)) if df > 0 else np.nan


def chi2_tail(statistic: float, df: float) -> float:
    """p-value of a χ² statistic: 1 below 0, where rounding can take it; NaN without degrees of freedom."""
    if not df > 0:
        return np.nan
    return 1.0 if statistic <= 0 else float(special.chdtrc(df, statistic))


def f_quantile(share: float, df: float, second: float) -> float:
    """Value below which a share of the F distribution lies; its second degrees of freedom are finite."""
    return float(special.fdtri(df, second, share))


def f_tail(statistic: float, df: float, second: float) -> float:
    """p-value of an F statistic: 1 below 0; NaN where the second degrees of freedom are infinite."""
    if not (df > 0 and second > 0):
        return np.nan
    return 1.0 if statistic <= 0 else float(special.fdtrc(df, second, statistic))
