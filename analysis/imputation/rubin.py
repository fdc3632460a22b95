"""Pooling of multiply imputed analyses by Rubin's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from analysis.distributions import chi2_tail, f_tail
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
)

Array = NDArray[np.float64]
Df = Literal["barnard-rubin", "rubin"]

# Eigenvalues of a covariance below this share of the largest are rounding.
SINGULAR = 1e-12
# From this many degrees of freedom on, F is chi-square to all digits and its tail more exact.
MANY_DF = 1e10


@dataclass(frozen=True, slots=True)
class RubinPooled:
    """A pooled answer and what imputation did to it.

    Attributes
    ----------
    pooled : Pooled
    within, between : ndarray, shape (k, k)
        Mean covariance of an analysis W, and covariance of the estimates over imputations B; W is
        NaN off the diagonal where only variances were given.
    riv : ndarray, shape (k,)
        Relative increase of the variance, (1 + 1/M) B / W.
    share : ndarray, shape (k,)
        Share of the variance that comes from what is missing, λ = (1 + 1/M) B / T.
    fmi : ndarray, shape (k,)
        Fraction of missing information, (r + 2 / (ν + 3)) / (1 + r).
    df_complete : ndarray, shape (k,)
        Degrees of freedom had nothing been missing.
    df_method : {"barnard-rubin", "rubin"}
    """

    pooled: Pooled
    within: Array
    between: Array
    riv: Array
    share: Array
    fmi: Array
    df_complete: Array
    df_method: Df

    def df_of(self, weights: Array, df_complete: float) -> float:
        """Degrees of freedom of a combination of the quantities.

        Parameters
        ----------
        weights : ndarray, shape (k,)
        df_complete : float
            Degrees of freedom of the combination had nothing been missing.
        """
        within, between = (float(weights @ one @ weights) for one in (self.within, self.between))
        extra = (1 + 1 / self.pooled.n) * between
        share = np.array(extra / (within + extra))
        return float(_df(self.df_method, self.pooled.n, share, np.array(df_complete)))


@dataclass(frozen=True, slots=True)
class PooledWald:
    """A joint test of several combinations.

    Attributes
    ----------
    f, df_numerator, df_denominator, p : float
    riv : float
        Average relative increase of the variance.
    """

    f: float
    df_numerator: float
    df_denominator: float
    p: float
    riv: float


def barnard_rubin_df(n: int, share: Array, df_complete: Array | float) -> Array:
    """Degrees of freedom for few patients, in a form that stands when nothing is missing.

    Parameters
    ----------
    n : int
        Imputations M.
    share : ndarray
        λ = (1 + 1/M) B / T, from 0 to 1.
    df_complete : ndarray or float
        ν_com; may be infinite.

    Notes
    -----
    ν_old = (M−1)/λ² and ν_obs = (ν_com+1)/(ν_com+3) ν_com (1−λ) are joined by their harmonic sum,
    written without a division by λ:
    ν = (M−1) ν_obs / (M−1 + λ² ν_obs).

    References
    ----------
    Barnard and Rubin 1999, Biometrika 86:948.
    """
    share, complete = np.broadcast_arrays(
        np.asarray(share, dtype=np.float64), np.asarray(df_complete, dtype=np.float64)
    )
    finite = np.where(np.isinf(complete), 1.0, complete)
    seen = (finite + 1) / (finite + 3) * finite * (1 - share)
    joined = (n - 1) * seen / (n - 1 + share**2 * seen)
    return np.where(np.isinf(complete), rubin_df(n, share), joined)


def rubin_df(n: int, share: Array) -> Array:
    """Degrees of freedom for many patients, ν = (M−1)/λ²; infinite where nothing is missing.

    References
    ----------
    Rubin 1987, Multiple Imputation for Nonresponse in Surveys, equation 3.1.6.
    """
    share = np.asarray(share, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray((n - 1) / share**2)


def pool_rubin(
    estimates: Array, covariances: Array, df_complete: Array | float = np.inf, *,
    df: Df = "barnard-rubin", names: Sequence[str] | None = None, alpha: float = 0.05,
) -> RubinPooled:  # fmt: skip
    """Pool analyses of multiply imputed data.

    Estimates the mean of the analyses with the covariance T = W + (1 + 1/M) B. Under
    reference-based imputation T is information-anchored: it is larger than the variance over
    repeated trials.

    Parameters
    ----------
    estimates : ndarray, shape (M, k)
        One row an imputation.
    covariances : ndarray, shape (M, k, k) or (M, k)
        Of the estimates in each analysis; variances where the joint one is not known.
    df_complete : float or ndarray, shape (k,)
        Degrees of freedom of the analysis had nothing been missing; infinite for a normal one.
    df : {"barnard-rubin", "rubin"}
        For few patients (Barnard and Rubin 1999), or for many (Rubin 1987; SAS PROC MIANALYZE
        unless told EDF).
    names : sequence of str, optional
    alpha : float
        One minus the level of the interval.

    Returns
    -------
    RubinPooled
        Monte-Carlo errors by jackknife over the imputations.

    Raises
    ------
    ModelError
        One imputation, estimates that are not numbers, variances that are not positive, shapes or
        options that do not fit.

    References
    ----------
    Rubin 1987, Multiple Imputation for Nonresponse in Surveys; Carpenter and Kenward 2013, Multiple
    Imputation and its Application.
    """
    estimates, covariances = _read(estimates, covariances)
    refuse_alpha(alpha)
    if df not in get_args(Df):
        raise ModelError(f"df={df!r} is not known; allowed: {', '.join(get_args(Df))}.")
    n, k = estimates.shape
    complete = _complete(df_complete, k)
    mean, within = estimates.mean(axis=0), covariances.mean(axis=0)
    between = np.atleast_2d(np.cov(estimates.T))
    total = within + (1 + 1 / n) * between
    extra, usual = (1 + 1 / n) * np.diag(between), np.diag(within)
    share, riv = extra / (usual + extra), extra / usual
    freedom = _df(df, n, share, complete)
    label = {"barnard-rubin": "Barnard and Rubin 1999", "rubin": "Rubin 1987"}[df]
    pooled = from_covariance(
        f"Rubin's rules, degrees of freedom of {label}", named(names, k), mean, total, freedom, n,
        alpha, _error(estimates, covariances, complete, df),
    )  # fmt: skip
    fmi = (riv + 2 / (freedom + 3)) / (1 + riv)
    return RubinPooled(pooled, within, between, riv, share, fmi, complete, df)


def pooled_wald(
    estimates: Array, covariances: Array, weights: Array | None = None
) -> PooledWald:
    """Test several combinations of pooled quantities together (D1).

    Parameters
    ----------
    estimates : ndarray, shape (M, k)
    covariances : ndarray, shape (M, k, k)
    weights : ndarray, shape (r, k), optional
        Combinations that are all 0 under the null; the quantities themselves if left out.

    Returns
    -------
    PooledWald
        F = q'W⁻¹q / (r (1 + riv)) with riv = (1 + 1/M) tr(B W⁻¹) / r.

    Raises
    ------
    ModelError
        As `pool_rubin`; variances without covariances; combinations that depend on each other.

    References
    ----------
    Li, Raghunathan and Rubin 1991, J Am Stat Assoc 86:1065.
    """
    estimates, covariances = _read(estimates, covariances)
    if np.isnan(covariances).any():
        raise ModelError(
            "A joint test needs how the estimates go together, and only variances were given. Pass "
            "covariances of shape (imputations, quantities, quantities)."
        )
    c = np.eye(estimates.shape[1]) if weights is None else np.atleast_2d(weights)
    if c.shape[1] != estimates.shape[1]:
        raise ModelError(
            f"The combinations have {c.shape[1]} weights for {estimates.shape[1]} quantities."
        )
    n, r = len(estimates), len(c)
    turned = estimates @ c.T
    within = c @ covariances.mean(axis=0) @ c.T
    roots = np.linalg.eigvalsh(within)
    if roots[0] <= SINGULAR * roots[-1]:
        raise ModelError(
            f"The {r} combinations depend on each other, so they cannot be tested together. Leave "
            "out those that follow from the others."
        )
    between, mean = np.atleast_2d(np.cov(turned.T)), turned.mean(axis=0)
    riv = float((1 + 1 / n) * np.trace(np.linalg.solve(within, between)) / r)
    f = float(mean @ np.linalg.solve(within, mean) / (r * (1 + riv)))
    freedom = _wald_df(r, n, riv)
    p = chi2_tail(r * f, r) if freedom > MANY_DF else f_tail(f, r, freedom)
    return PooledWald(f, float(r), freedom, p, riv)


def _wald_df(r: int, n: int, riv: float) -> float:
    if riv == 0:
        return np.inf
    t = r * (n - 1)
    if t > 4:
        return float(4 + (t - 4) * (1 + (1 - 2 / t) / riv) ** 2)
    return float(t * (1 + 1 / r) * (1 + 1 / riv) ** 2 / 2)


def _df(df: Df, n: int, share: Array, complete: Array) -> Array:
    return barnard_rubin_df(n, share, complete) if df == "barnard-rubin" else rubin_df(n, share)


def _read(estimates: Array, covariances: Array) -> tuple[Array, Array]:
    """Estimates (M, k) and covariances (M, k, k), fit to be pooled."""
    estimates = replicates_of(estimates, "imputations' estimates")
    n, k = estimates.shape
    covariances = np.asarray(covariances, dtype=np.float64)
    if covariances.shape in ((n,), (n, k)):
        full = np.full((n, k, k), np.nan)
        full[:, range(k), range(k)] = covariances.reshape(n, k)
        covariances = full
    if covariances.shape != (n, k, k):
        raise ModelError(
            f"Estimates of shape {estimates.shape} need covariances of shape {(n, k, k)} or "
            f"variances of shape {(n, k)}, not {covariances.shape}."
        )
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    fit = np.isfinite(estimates) & np.isfinite(variances) & (variances > 0)
    if not fit.all():
        where = np.flatnonzero(~fit.all(axis=1))
        raise ModelError(
            f"{len(where)} of {n} imputations (first: number {where[0] + 1}) lack an estimate or a "
            "positive variance. See what the analysis says of them; pooling the rest would hide it."
        )
    return estimates, covariances


def _complete(df_complete: Array | float, k: int) -> Array:
    given = np.asarray(df_complete, dtype=np.float64)
    if given.shape not in ((), (1,), (k,)):
        raise ModelError(f"{given.size} degrees of freedom were given for {k} quantities.")
    if not (given > 0).all():
        raise ModelError(
            "The degrees of freedom had nothing been missing must be positive, or infinite for a "
            "normal reference."
        )
    return np.array(np.broadcast_to(given, (k,)))


def _error(estimates: Array, covariances: Array, complete: Array, df: Df) -> MonteCarloError:
    """Jackknife over the imputations of estimate, standard error and p."""
    n, k = estimates.shape
    if n < 3:
        return MonteCarloError(*(np.full(k, np.nan) for _ in range(3)))
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    means, between = left_out_moments(estimates)
    usual = variances.mean(axis=0) + (variances.mean(axis=0) - variances) / (n - 1)
    extra = (1 + 1 / (n - 1)) * between
    freedom = _df(df, n - 1, extra / (usual + extra), complete)
    se = np.sqrt(usual + extra)
    ps = p_value(means, se, freedom)
    return MonteCarloError(*(spread_of_left_out(values) for values in (means, se, ps)))
