"""Estimated risks of every therapy, once or in each completed data set, and their scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.distributions import t_critical, t_two_sided
from analysis.imputation.rubin import barnard_rubin_df

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pooled:
    """An estimate with its standard error and degrees of freedom (infinite: normal)."""

    estimate: float
    std_error: float
    df: float


# Estimates and their variances, both of shape (M,), and the degrees of freedom of complete data.
Pooling = Callable[[Array, Array, float], Pooled]


@dataclass(frozen=True, slots=True)
class Risks:
    """Risks of responding.

    Attributes
    ----------
    risk : ndarray, shape (M, K)
        Of K therapies, in each of M completed data sets; M is 1 where nothing was imputed.
    cov : ndarray, shape (M, K, K)
        Their covariance within a data set.
    df : float
        Degrees of freedom had nothing been missing; infinite for the normal distribution.
    n : ndarray of int, shape (K,)
        Patients of each therapy behind them.
    method : str
    note : tuple of str, length K
        Why the risk of a therapy cannot be estimated, or empty.
    """

    risk: Array
    cov: Array
    df: float
    n: NDArray[np.int64]
    method: str
    note: tuple[str, ...]


def rubin(estimates: Array, variances: Array, df: float) -> Pooled:
    """Rubin's rules, with the degrees of freedom of Barnard and Rubin.

    Parameters
    ----------
    estimates, variances : ndarray, shape (M,)
        M at least 2.
    df : float
        Degrees of freedom of complete data.

    References
    ----------
    Rubin 1987, equations 3.1.2 to 3.1.5; Barnard and Rubin 1999, Biometrika 86:948.
    """
    m = len(estimates)
    extra = (1 + 1 / m) * float(estimates.var(ddof=1))
    total = float(variances.mean()) + extra
    share = np.array(extra / total if total > 0 else 0.0)
    degrees = float(barnard_rubin_df(m, share, df))
    return Pooled(float(estimates.mean()), float(np.sqrt(total)), degrees)


def single_risk(risks: Risks, k: int, pool: Pooling, alpha: float) -> dict[str, float | str]:
    """Risk of one therapy, with an interval on the log-odds scale.

    Returns
    -------
    dict
        Columns of a result frame.
    """
    p, variance = risks.risk[:, k], risks.cov[:, k, k]
    if risks.note[k]:
        return {"note": risks.note[k]}
    if not ((p > 0) & (p < 1)).all():
        who = "nobody" if (p <= 0).any() else "everybody"
        return {"estimate": float(p.mean()), "note": f"{who} responded: no interval"}
    found = _pool(special.logit(p), variance / (p * (1 - p)) ** 2, risks, pool)
    low, high = special.expit(_limits(found, alpha))
    estimate = float(special.expit(found.estimate))
    return {
        "estimate": estimate, "std_error": found.std_error * estimate * (1 - estimate),
        "df": found.df, "conf_low": float(low), "conf_high": float(high),
    }  # fmt: skip


def risk_difference(
    risks: Risks, k: int, c: int, pool: Pooling, alpha: float
) -> dict[str, float | str]:
    """Risk of therapy k minus that of the comparator c; columns of a result frame."""
    if note := risks.note[k] or risks.note[c]:
        return {"note": note}
    gap = risks.risk[:, k] - risks.risk[:, c]
    found = _pool(gap, _variance(risks.cov, k, c, 1.0, 1.0), risks, pool)
    if not found.std_error > 0:
        return {"estimate": found.estimate, "note": "no variation in either group: no interval"}
    low, high = _limits(found, alpha)
    return {
        "estimate": found.estimate, "std_error": found.std_error, "df": found.df,
        **_test(found), "conf_low": low, "conf_high": high,
    }  # fmt: skip


def risk_ratio(
    risks: Risks, k: int, c: int, pool: Pooling, alpha: float, odds: bool = False
) -> dict[str, float | str]:
    """Ratio of risks or of odds, pooled and with its interval on the log scale.

    Returns
    -------
    dict
        Columns of a result frame; `std_error` is that of the logarithm.
    """
    if note := risks.note[k] or risks.note[c]:
        return {"note": note}
    one, other = risks.risk[:, k], risks.risk[:, c]
    empty = (one <= 0) | (other <= 0) | (odds & ((one >= 1) | (other >= 1)))
    if empty.any():
        return {"note": "not estimable: nobody or everybody responded in a group, so the ratio "
                        "has no limits; see the difference"}  # fmt: skip
    if odds:
        value = special.logit(one) - special.logit(other)
        slopes = 1 / (one * (1 - one)), 1 / (other * (1 - other))
    else:
        value, slopes = np.log(one) - np.log(other), (1 / one, 1 / other)
    found = _pool(value, _variance(risks.cov, k, c, *slopes), risks, pool)
    if not found.std_error > 0:
        return {"estimate": float(np.exp(found.estimate)), "note": "no variation: no interval"}
    low, high = np.exp(_limits(found, alpha))
    return {
        "estimate": float(np.exp(found.estimate)), "std_error": found.std_error, "df": found.df,
        **_test(found), "conf_low": float(low), "conf_high": float(high),
    }  # fmt: skip


def _variance(cov: Array, k: int, c: int, a: Array | float, b: Array | float) -> Array:
    """Variance of a · risk of k − b · risk of c, shape (M,)."""
    own = a * a * cov[:, k, k] + b * b * cov[:, c, c] - 2 * a * b * cov[:, k, c]
    return np.maximum(own, 0.0)


def _pool(value: Array, variance: Array, risks: Risks, pool: Pooling) -> Pooled:
    if len(value) == 1:
        return Pooled(float(value[0]), float(np.sqrt(variance[0])), risks.df)
    return pool(value, variance, risks.df)


def _limits(found: Pooled, alpha: float) -> tuple[float, float]:
    margin = float(t_critical(alpha / 2, found.df)) * found.std_error
    return found.estimate - margin, found.estimate + margin


def _test(found: Pooled) -> dict[str, float]:
    statistic = found.estimate / found.std_error
    return {"statistic": statistic, "p_value": float(t_two_sided(statistic, found.df))}
