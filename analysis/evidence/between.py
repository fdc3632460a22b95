"""How much trials differ at each of two horizons, and how alike: τ_S, τ_L and ρ_τ by REML.

V = V₀ + τ_S² A + τ_L² B + ρ_τ τ_S τ_L C is linear in three numbers, so that the restricted
likelihood has a gradient in closed form (docs/methods.md, two horizons at once).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from analysis.evidence.horizons import TwoHorizons
from analysis.evidence.network import between_trials

Array = NDArray[np.float64]
Bound = tuple[float, float]

# Trials nearly always agree more or less than this between horizons; at ±1 the likelihood has an
# edge on which it often sits when trials are few.
LARGEST = 0.95
# A correlation between trials needs this many contrasts, over those that pin the effects, seen at
# both horizons.
ENOUGH = 5
# Used where there are not.
USUAL = 0.5
# Starting points, in units of the typical standard error: small, like, and larger than chance.
STARTS = (0.3, 1.0, 3.0)
# Of the gradient times the scale of a parameter: no step from here gains a digit.
STATIONARY = 1e-12


@dataclass(frozen=True, slots=True)
class Between:
    """Spread of true effects between trials.

    Attributes
    ----------
    tau_short, tau_long : float
        Standard deviations, in the unit of the effects.
    rho_tau : float
        Correlation of a trial's departures at the two horizons.
    estimated : tuple of str
        Which of the three were estimated.
    loglik : float
        Restricted log-likelihood, without ½ log |X'X|.
    note : str
        What was held fixed, and why.
    """

    tau_short: float
    tau_long: float
    rho_tau: float
    estimated: tuple[str, ...]
    loglik: float
    note: str = ""


@dataclass(frozen=True, eq=False)
class Joint:
    """Rows of both horizons, short first.

    Attributes
    ----------
    y : ndarray, shape (K,)
    x : ndarray, shape (K, p)
    within : ndarray, shape (K, K)
    parts : ndarray, shape (3, K, K)
        A, B and C.
    """

    y: Array
    x: Array
    within: Array
    parts: Array

    def covariance(self, spread: Array) -> Array:
        """V at (τ_S, τ_L, ρ_τ)."""
        return self.within + np.tensordot(_components(spread), self.parts, axes=1)

    def fit(self, spread: Array) -> tuple[Array, Array, float]:
        """Coefficients, their covariance, and the weighted residual sum of squares."""
        root = np.linalg.cholesky(self.covariance(spread))
        x, y = (linalg.solve_triangular(root, part, lower=True) for part in (self.x, self.y))
        factor = np.linalg.qr(x, mode="r")
        half = linalg.solve_triangular(factor, np.eye(len(factor)))
        coefficients = half @ (half.T @ (x.T @ y))
        return coefficients, half @ half.T, float(((y - x @ coefficients) ** 2).sum())

    def likelihood(self, spread: Array) -> tuple[float, Array]:
        """Restricted log-likelihood and its gradient in (τ_S, τ_L, ρ_τ)."""
        root = np.linalg.cholesky(self.covariance(spread))
        inverse = linalg.cho_solve((root, True), np.eye(len(root)))
        x = inverse @ self.x
        factor = np.linalg.cholesky(self.x.T @ x)
        p = inverse - x @ linalg.cho_solve((factor, True), x.T)
        py = p @ self.y
        log_det = 2 * (np.log(np.diag(root)).sum() + np.log(np.diag(factor)).sum())
        df = self.x.shape[0] - self.x.shape[1]
        value = -0.5 * (log_det + self.y @ py + df * np.log(2 * np.pi))
        slope = 0.5 * (np.einsum("i,kij,j->k", py, self.parts, py)
                       - np.einsum("ij,kij->k", p, self.parts))  # fmt: skip
        short, long, rho = spread
        chain = np.array([[2 * short, 0.0, rho * long], [0.0, 2 * long, rho * short],
                          [0.0, 0.0, short * long]])  # fmt: skip
        return float(value), chain @ slope


def joint_rows(pair: TwoHorizons, short: Sequence[str], long: Sequence[str]) -> Joint:
    """Stack both horizons; a column for each of these therapies at its horizon."""
    early, late = pair.short, pair.long
    names = pair.therapies
    arms = [part.design(names) for part in (early, late)]
    columns = [part[:, [names.index(name) for name in chosen]]
               for part, chosen in zip(arms, (short, long), strict=True)]  # fmt: skip
    k, total = len(early), len(early) + len(late)
    parts = np.zeros((3, total, total))
    parts[0, :k, :k], parts[1, k:, k:] = between_trials(early), between_trials(late)
    parts[2, :k, k:] = np.where(pair.same_trial, arms[0] @ arms[1].T / 2, 0.0)
    parts[2, k:, :k] = parts[2, :k, k:].T
    within = np.block([[early.covariance, pair.cross], [pair.cross.T, late.covariance]])
    return Joint(np.append(early.effect, late.effect), linalg.block_diag(*columns), within, parts)


def estimate_between(rows: Joint, spare: tuple[int, int, int], rho_tau: float | None) -> Between:
    """Estimate the spread between trials by REML, as far as the trials can tell.

    Parameters
    ----------
    rows : Joint
    spare : tuple of int
        Contrasts over those that pin the effects: of the short horizon, of the long one, and of
        trials that have both.
    rho_tau : float or None
        Held at this value; None to estimate it where trials are enough.

    References
    ----------
    Jackson, Riley, White 2011, Stat Med 30:2481; Riley 2009, J R Stat Soc A 172:789.
    """
    basis, names, notes = _free(spare, rho_tau)
    held = np.array([0.0, 0.0, USUAL if rho_tau is None else rho_tau])
    if "rho_tau" in names:
        held[2] = 0.0
    if not names:
        return Between(0.0, 0.0, held[2], (), rows.likelihood(held)[0], "; ".join(notes))
    spread = _maximise(rows, held, basis, names)
    if "rho_tau" in names and abs(spread[2]) >= LARGEST:
        notes.append(f"the correlation between trials is at its limit of {spread[2]:+.2f}")
    value = rows.likelihood(spread)[0]
    short, long, rho = spread.tolist()
    return Between(short, long, rho, tuple(names), value, "; ".join(notes))


def _free(
    spare: tuple[int, int, int], rho_tau: float | None
) -> tuple[Array, list[str], list[str]]:
    """Which of (τ_S, τ_L, ρ_τ) move, together or alone: columns of directions, names, notes."""
    short, long, both = spare
    names, columns, notes = [], [], []
    if short > 0 and long > 0:
        names, columns = ["tau_short", "tau_long"], [[1, 0, 0], [0, 1, 0]]
    elif short > 0 or long > 0:
        names, columns = ["tau"], [[1, 1, 0]]
        which = "long" if short > 0 else "short"
        notes.append(f"no comparison is repeated at the {which} horizon: τ is taken to be that of "
                     "the other one")  # fmt: skip
    else:
        notes.append("no comparison is repeated: heterogeneity cannot be estimated and is taken as 0")
    if names and rho_tau is None:
        if both >= ENOUGH:
            names.append("rho_tau")
            columns.append([0, 0, 1])
        else:
            notes.append(f"too few trials have both horizons: ρ_τ is taken as {USUAL}")
    return np.array(columns, dtype=np.float64).reshape(-1, 3).T, names, notes


def _maximise(rows: Joint, held: Array, basis: Array, names: list[str]) -> Array:
    """Highest top found from several starts, polished to the root of the gradient."""
    scale = float(np.sqrt(np.median(np.diag(rows.within))))
    unit = np.array([1.0 if name == "rho_tau" else scale for name in names])
    bounds = [(-LARGEST, LARGEST) if name == "rho_tau" else (0.0, np.inf) for name in names]

    def minus(u: Array) -> tuple[float, Array]:
        value, slope = rows.likelihood(held + basis @ (unit * u))
        return -value, -unit * (slope @ basis)

    tops = [
        optimize.minimize(minus, [start if name != "rho_tau" else 0.3 for name in names],
                          jac=True, method="L-BFGS-B", bounds=bounds)
        for start in STARTS
    ]  # fmt: skip
    u = min(tops, key=lambda top: float(top.fun)).x
    if "rho_tau" in names and (u[:2] == 0).any():
        # Without spread at a horizon there is nothing that could be correlated.
        u[2] = 0.0
    inside = np.array([low < value < high for value, (low, high) in zip(u, bounds, strict=True)])
    inside &= (np.array(names) != "rho_tau") | (u[:2] > 0).all()
    if inside.any():
        u = _polished(minus, u, inside, bounds)
    return held + basis @ (unit * u)


def _polished(
    minus: Callable[[Array], tuple[float, Array]], u: Array, inside: NDArray[np.bool_],
    bounds: list[Bound],
) -> Array:  # fmt: skip
    """Root of the gradient in the parameters that are not at a limit."""

    def slope(free: Array) -> Array:
        moved = u.copy()
        moved[inside] = free
        return minus(moved)[1][inside]

    found = optimize.root(slope, u[inside], method="hybr", options={"xtol": STATIONARY})
    better = u.copy()
    better[inside] = found.x
    allowed = all(low <= value <= high for value, (low, high) in zip(better, bounds, strict=True))
    closer = np.abs(slope(found.x)).max() <= np.abs(slope(u[inside])).max()
    return better if allowed and closer else u


def _components(spread: Array) -> Array:
    short, long, rho = spread
    return np.array([short**2, long**2, rho * short * long])
