"""How much trials differ beyond chance: τ² of a linear model with V = V₀ + τ²U.

Every estimator works on rows that are uncorrelated whatever τ² is, so that a step costs as much as
a weighted regression (docs/methods.md, networks of trials).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from analysis.distributions import chi2_critical, chi2_tail
from analysis.errors import ModelError

Array = NDArray[np.float64]
TauMethod = Literal["REML", "ML", "DL", "PM"]
TauSource = Literal[TauMethod, "fixed"]

# Points of the first look at a likelihood, which can have several tops, and its reach in units of
# the smallest and largest within-trial variance.
LOOKS = 200
REACH = 1e8
# Of τ²: root finding ends at rounding.
ROOT = 1e-15


@dataclass(frozen=True, slots=True)
class Whitened:
    """Rows turned so that their covariance is diag(1 + τ²λ) for every τ².

    Attributes
    ----------
    y : ndarray, shape (k,)
    x : ndarray, shape (k, p)
        Of full column rank.
    between : ndarray, shape (k,)
        λ: between-trial variance of a row, in units of its within-trial variance.
    log_det : float
        log |V₀|.
    """

    y: Array
    x: Array
    between: Array
    log_det: float

    @property
    def df(self) -> int:
        """Rows less coefficients."""
        return len(self.y) - self.x.shape[1]

    def fit(self, tau2: float) -> tuple[Array, Array, Array]:
        """Generalised least squares at this τ².

        Returns
        -------
        coefficients : ndarray, shape (p,)
        factor : ndarray, shape (p, p)
            Upper Cholesky factor of X'V⁻¹X.
        residual : ndarray, shape (k,)
            Of the turned rows, before weights.
        """
        weight = 1 / (1 + tau2 * self.between)
        root = np.linalg.cholesky(self.x.T @ (weight[:, None] * self.x))
        factor = np.asarray(root.T, dtype=np.float64)
        coefficients = linalg.cho_solve((factor, False), self.x.T @ (weight * self.y))
        return coefficients, factor, self.y - self.x @ coefficients

    def q(self, tau2: float) -> float:
        """Weighted residual sum of squares."""
        residual = self.fit(tau2)[2]
        return float(residual**2 @ (1 / (1 + tau2 * self.between)))

    def loglik(self, tau2: float, restricted: bool) -> float:
        """Log-likelihood at this τ², with all constants but ½ log |X'X| of the restricted one.

        With that term it would depend on which arm of a trial its rows are against.
        """
        _, factor, residual = self.fit(tau2)
        scale = 1 + tau2 * self.between
        minus_two = self.log_det + np.log(scale).sum() + float(residual**2 @ (1 / scale))
        if restricted:
            minus_two += 2 * np.log(np.diag(factor)).sum()
            return -0.5 * (minus_two + self.df * np.log(2 * np.pi))
        return -0.5 * (minus_two + len(self.y) * np.log(2 * np.pi))

    def score(self, tau2: float, restricted: bool) -> float:
        """Derivative of the log-likelihood in τ²."""
        _, factor, residual = self.fit(tau2)
        weight = 1 / (1 + tau2 * self.between)
        slope = self.between * weight
        value = float(slope.sum() - (slope * weight) @ residual**2)
        if restricted:
            half = linalg.solve_triangular(factor, (weight * np.sqrt(self.between) * self.x.T),
                                           trans="T")  # fmt: skip
            value -= float((half**2).sum())
        return -0.5 * value


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """τ² and what it is judged by.

    Attributes
    ----------
    tau2 : float
    method : {"REML", "ML", "DL", "PM", "fixed"}
        How τ² was estimated, or "fixed" where it was given.
    low, high : float
        Q-profile interval of τ²; NaN where there is nothing to estimate it from.
    q, df, p_value : float
        Cochran's Q of the common-effect fit.
    i2 : float
        Share of Q above its expectation, 0 to 1; NaN without degrees of freedom.
    """

    tau2: float
    method: TauSource
    low: float
    high: float
    q: float
    df: int
    p_value: float
    i2: float


def whiten(y: Array, x: Array, within: Array, between: Array) -> Whitened:
    """Turn rows by the eigenvectors of L⁻¹UL⁻ᵀ, V₀ = LLᵀ.

    Parameters
    ----------
    y : ndarray, shape (k,)
    x : ndarray, shape (k, p)
    within, between : ndarray, shape (k, k)
        V₀, positive definite, and U, positive semidefinite.
    """
    root = np.linalg.cholesky(within)
    half = linalg.solve_triangular(root, between, lower=True)
    values, vectors = np.linalg.eigh(linalg.solve_triangular(root, half.T, lower=True))
    turn = linalg.solve_triangular(root, np.column_stack([y, x]), lower=True)
    turned = vectors.T @ turn
    return Whitened(
        turned[:, 0], turned[:, 1:], np.maximum(values, 0.0),
        2 * float(np.log(np.diag(root)).sum()),
    )  # fmt: skip


def heterogeneity_of(
    rows: Whitened, method: TauMethod | float, level: float = 0.95
) -> Heterogeneity:
    """Estimate τ², or take the one that is given, with Q and I².

    Parameters
    ----------
    rows : Whitened
    method : {"REML", "ML", "DL", "PM"} or float
        A number is τ² itself.
    level : float
        Of the Q-profile interval.

    References
    ----------
    DL: Jackson, White, Riley 2012, Stat Med 31:3805. REML: Viechtbauer 2005, J Educ
    Behav Stat 30:261. PM: Paule and Mandel 1982. Q profile: Viechtbauer 2007, Stat Med 26:37.
    """
    check_tau2(method)
    df, q = rows.df, rows.q(0.0)
    name: TauSource = "fixed"
    if isinstance(method, str):
        tau2, name = (ESTIMATORS[method](rows) if df > 0 else 0.0), method
    else:
        tau2 = float(method)
    low, high = q_profile(rows, level)
    return Heterogeneity(
        tau2, name, low, high, q, df, chi2_tail(q, df) if df else np.nan,
        max(0.0, (q - df) / q) if df and q > 0 else (0.0 if df else np.nan),
    )  # fmt: skip


def check_tau2(method: Any) -> None:
    """Refuse an estimator that does not exist, and a number that is no variance."""
    if isinstance(method, str):
        if method not in ESTIMATORS:
            raise ModelError(f"tau2 is {method!r}; it can be {', '.join(ESTIMATORS)}, or a number.")
    elif not (np.isfinite(method) and method >= 0):
        raise ModelError(f"tau2 is {method}: a variance is 0 or more.")


def q_profile(rows: Whitened, level: float = 0.95) -> tuple[float, float]:
    """Values of τ² at which Q is an ordinary draw of χ² (NaN without degrees of freedom)."""
    if rows.df < 1:
        return np.nan, np.nan
    tail = (1 - level) / 2
    low, high = (_where_q_is(rows, chi2_critical(p, rows.df)) for p in (tail, 1 - tail))
    return low, high


def _where_q_is(rows: Whitened, target: float) -> float:
    """τ² at which Q has this value; 0 where it is lower from the start. Q falls with τ²."""
    if rows.q(0.0) <= target:
        return 0.0
    high = _ends(rows)[0]
    while rows.q(high) > target:
        high *= 10
    return float(optimize.brentq(lambda tau2: rows.q(tau2) - target, 0.0, high, xtol=ROOT * high))


def _moments(rows: Whitened) -> float:
    """Generalised DerSimonian and Laird (Jackson et al. 2012)."""
    _, factor, _ = rows.fit(0.0)
    half = linalg.solve_triangular(factor, np.sqrt(rows.between) * rows.x.T, trans="T")
    expected = float(rows.between.sum() - (half**2).sum())
    return max(0.0, (rows.q(0.0) - rows.df) / expected)


def _paule_mandel(rows: Whitened) -> float:
    return _where_q_is(rows, float(rows.df))


def _likely(restricted: bool) -> Callable[[Whitened], float]:
    def estimate(rows: Whitened) -> float:
        """Highest top of the likelihood: a look at the whole range, then the root of the score."""
        looks = np.append(0.0, np.geomspace(*_ends(rows), LOOKS))
        values = [rows.loglik(tau2, restricted) for tau2 in looks]
        best = int(np.argmax(values))
        low, high = looks[max(best - 1, 0)], looks[min(best + 1, LOOKS)]
        if rows.score(low, restricted) <= 0 or rows.score(high, restricted) >= 0:
            return float(looks[best])
        return float(optimize.brentq(rows.score, low, high, (restricted,), xtol=ROOT * high))

    return estimate


def _ends(rows: Whitened) -> tuple[float, float]:
    """A τ² too small to matter in any row, and one that swamps every row."""
    known = rows.between[rows.between > 0]
    return 1 / (REACH * known.max()), REACH / known.min()


ESTIMATORS: dict[str, Callable[[Whitened], float]] = {
    "REML": _likely(True), "ML": _likely(False), "DL": _moments, "PM": _paule_mandel,
}  # fmt: skip
