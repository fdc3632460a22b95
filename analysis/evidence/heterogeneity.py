"""How much trials differ beyond chance: tau², Q, I² and H² (docs/methods.md section 17.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from analysis.distributions import chi2_critical, chi2_quantile, chi2_tail
from analysis.errors import ModelError

Array = NDArray[np.float64]
Tau2 = Literal["REML", "ML", "PM", "DL", "HE", "HS", "SJ", "EB", "PMM", "common"]

# Likelihoods of tau² may have two hills: the highest of so many places is climbed. From the second
# place on they are spread by ratio over this many decades below the largest.
PLACES, DECADES = 120, 8
# Of the root, relative; the smallest that brentq takes.
RELATIVE = 8.9e-16


@dataclass(frozen=True, slots=True)
class Weighted:
    """Weighted least squares with weights 1 / (v + tau²).

    Attributes
    ----------
    params, cov : ndarray, shape (p,) and (p, p)
    projection : ndarray, shape (k, k)
        P = W − W X (X'WX)⁻¹ X'W.
    rss : float
        y'Py, the weighted residual sum of squares.
    log_det : float
        log |X'WX|.
    """

    params: Array
    cov: Array
    projection: Array
    rss: float
    log_det: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Between-trial variance and what it means.

    Attributes
    ----------
    tau2, tau2_se : float
        NaN for one trial; `tau2_se` NaN for common effects.
    q, q_df, q_p : float
        Weighted sum of squares at tau² = 0 and its chi-square test.
    i2 : float
        Percent of the variance that is between trials.
    h2 : float
    """

    tau2: float
    tau2_se: float
    q: float
    q_df: int
    q_p: float
    i2: float
    h2: float


def weighted(y: Array, v: Array, x: Array, tau2: float = 0.0) -> Weighted:
    """Least squares with weights 1 / (v + tau²).

    Parameters
    ----------
    y, v : ndarray, shape (k,)
    x : ndarray, shape (k, p)
    tau2 : float
    """
    root = 1 / np.sqrt(v + tau2)
    q, r = np.linalg.qr(root[:, None] * x)
    inverse = np.linalg.solve(r, np.eye(len(r)))
    rest = np.eye(len(y)) - q @ q.T
    turned = rest @ (root * y)
    return Weighted(
        inverse @ (q.T @ (root * y)), inverse @ inverse.T, root[:, None] * rest * root,
        float(turned @ turned), float(2 * np.log(np.abs(np.diag(r))).sum()),
    )  # fmt: skip


def log_likelihood(y: Array, v: Array, x: Array, tau2: float, restricted: bool) -> float:
    """Log-likelihood of tau², with the mean at its estimate; restricted with log |X'X| added."""
    fit = weighted(y, v, x, tau2)
    k, p = x.shape
    value = -0.5 * (np.log(v + tau2).sum() + fit.rss)
    if not restricted:
        return float(value - 0.5 * k * np.log(2 * np.pi))
    own = np.linalg.slogdet(x.T @ x)[1]
    return float(value - 0.5 * ((k - p) * np.log(2 * np.pi) + fit.log_det - own))


def estimate_tau2(y: Array, v: Array, x: Array, method: Tau2 = "REML") -> float:
    """Between-trial variance, not below 0.

    Parameters
    ----------
    y, v : ndarray, shape (k,)
    x : ndarray, shape (k, p)
        Columns of the mean; ones when there is no moderator.
    method : {"REML", "ML", "PM", "DL", "HE", "HS", "SJ", "EB", "PMM", "common"}
        Restricted and full likelihood; Paule and Mandel; DerSimonian and Laird; Hedges; Hunter and
        Schmidt; Sidik and Jonkman; empirical Bayes (Morris; the root of the same equation as Paule
        and Mandel); Paule and Mandel with the median of chi-square, median unbiased (Viechtbauer
        2021); 0.

    References
    ----------
    Veroniki et al 2016, Res Synth Methods 7:55.
    """
    if method not in get_args(Tau2):
        raise ModelError(f"tau2={method!r} is not known; allowed: {', '.join(get_args(Tau2))}.")
    k, p = x.shape
    if method == "common":
        return 0.0
    if method in ("REML", "ML"):
        return _likely(y, v, x, restricted=method == "REML")
    if method in ("PM", "EB"):
        return generalised_q_root(y, v, x, k - p)
    if method == "PMM":
        return generalised_q_root(y, v, x, chi2_quantile(0.5, k - p))
    projection, factor, expected = _moment(y, v, x, method)
    return max(0.0, float(factor * (y @ projection @ y - expected)))


def _moment(y: Array, v: Array, x: Array, method: str) -> tuple[Array, float, float]:
    """P, c and e of the estimator c (y'Py − e)."""
    k, p = x.shape
    fixed = weighted(y, v, x)
    if method == "DL":
        return fixed.projection, 1 / np.trace(fixed.projection), k - p
    if method == "HS":
        return fixed.projection, 1 / (1 / v).sum(), k
    plain = weighted(y, np.ones(k), x)
    if method == "HE":
        return plain.projection, 1 / (k - p), float(np.trace(plain.projection * v))
    start = float(np.var(y))
    if start == 0:
        return plain.projection, 0.0, 0.0
    return weighted(y, v, x, start).projection, start / (k - p), 0.0


def tau2_se(y: Array, v: Array, x: Array, tau2: float, method: Tau2) -> float:
    """Standard error of tau²: from the information, or of the quadratic form in normal values."""
    k, p = x.shape
    fit = weighted(y, v, x, tau2)
    if method == "ML":
        return float(np.sqrt(2 / np.sum((v + tau2) ** -2.0)))
    if method == "REML":
        return float(np.sqrt(2 / np.sum(fit.projection**2)))
    if method in ("PM", "EB", "PMM"):
        return float(np.sqrt(2 * k**2 / (k - p)) / np.sum(1 / (v + tau2)))
    if method == "common":
        return np.nan
    projection, factor, _ = _moment(y, v, x, method)
    moved = projection * (v + tau2)
    return float(factor * np.sqrt(2 * np.sum(moved * moved.T)))


def _likely(y: Array, v: Array, x: Array, restricted: bool) -> float:
    """Maximum of the likelihood: the score's root beside the best of many places."""

    def score(tau2: float) -> float:
        fit = weighted(y, v, x, tau2)
        pulled = fit.projection @ y
        share = np.trace(fit.projection) if restricted else np.sum(1 / (v + tau2))
        return float(pulled @ pulled - share)

    largest = _largest(y, x)
    if largest == 0:
        return 0.0
    places = np.r_[0.0, np.geomspace(largest * 10.0**-DECADES, 2 * largest, PLACES)]
    heights = [log_likelihood(y, v, x, place, restricted) for place in places]
    best = int(np.argmax(heights))
    rising = score(places[best]) > 0
    if best == 0 and not rising:
        return 0.0
    low, high = (best, best + 1) if rising else (best - 1, best)
    return float(optimize.brentq(
        score, places[low], places[min(high, PLACES)], xtol=largest * RELATIVE, rtol=RELATIVE
    ))  # fmt: skip


def _largest(y: Array, x: Array) -> float:
    """Unweighted residual sum of squares: no estimate of tau² lies above it."""
    rss = weighted(y, np.ones(len(y)), x).rss
    # What is left of equal effects is rounding.
    return 0.0 if rss <= (len(y) * np.finfo(float).eps * np.abs(y).max()) ** 2 else rss


def generalised_q(y: Array, v: Array, x: Array) -> Callable[[float], float]:
    """Q as a function of tau², which falls."""
    return lambda tau2: weighted(y, v, x, tau2).rss


def generalised_q_root(y: Array, v: Array, x: Array, target: float) -> float:
    """tau² at which Q(tau²) has a value, 0 where it lies below that from the start."""
    value = generalised_q(y, v, x)
    largest = _largest(y, x)
    if largest == 0 or value(0.0) <= target:
        return 0.0
    # Q(t) is below the unweighted sum of squares over t, so the root lies below their ratio.
    high = largest / target
    return float(optimize.brentq(
        lambda tau2: value(tau2) - target, 0.0, high, xtol=high * RELATIVE, rtol=RELATIVE
    ))  # fmt: skip


def q_profile(y: Array, v: Array, x: Array, alpha: float = 0.05) -> tuple[float, float]:
    """Interval of tau² from the distribution of Q at the true one.

    References
    ----------
    Viechtbauer 2007, Stat Med 26:37.
    """
    df = x.shape[0] - x.shape[1]
    ends = (chi2_critical(tail, df) for tail in (alpha / 2, 1 - alpha / 2))
    low, high = (generalised_q_root(y, v, x, float(end)) for end in ends)
    return low, high


def typical_variance(v: Array, x: Array) -> float:
    """Sampling variance of a typical trial, (k − p) / tr P (Higgins and Thompson 2002)."""
    k, p = x.shape
    return float((k - p) / np.trace(weighted(np.zeros(k), v, x).projection))


def spread(y: Array, v: Array, x: Array, tau2: float, method: Tau2) -> Spread:
    """Q, I² and H² at an estimate of tau².

    I² is tau² over tau² plus the typical variance; for common effects it is (Q − df) / Q.

    References
    ----------
    Higgins and Thompson 2002, Stat Med 21:1539.
    """
    k, p = x.shape
    df = k - p
    if df == 0:
        return Spread(np.nan, np.nan, np.nan, 0, np.nan, np.nan, np.nan)
    q = weighted(y, v, x).rss
    p_value = chi2_tail(q, df)
    if method == "common":
        i2 = max(0.0, 100 * (q - df) / q) if q > 0 else 0.0
        return Spread(0.0, np.nan, q, df, p_value, i2, q / df)
    typical = typical_variance(v, x)
    return Spread(
        tau2, tau2_se(y, v, x, tau2, method), q, df, p_value, 100 * tau2 / (tau2 + typical),
        1 + tau2 / typical,
    )  # fmt: skip
