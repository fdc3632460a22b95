"""Maximum of the restricted likelihood: Newton steps, with a ladder that cannot diverge.

The search moves in the coordinates of `analysis.mmrm.cholesky`, where every point is a covariance
matrix. Each step is tried on the observed second derivatives, then on the average information, and,
where no step along either lowers −2 log-likelihood, replaced by EM steps, which always do. Every
rung is logged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from analysis.mmrm.cholesky import derivatives, to_coordinates, to_factor
from analysis.mmrm.likelihood import Curvature, Point, curvature, em_step, evaluate
from analysis.mmrm.statistics import SufficientStatistics

Array = NDArray[np.float64]

MAX_ITERATIONS = 100
EM_RESCUE_STEPS = 25
# Rescues that lead nowhere else: the likelihood is then rising slowly towards a singular matrix.
MAX_RESCUES = 12
HALVINGS = 20
# Longest move of a logged standard deviation in one step: a factor of e.
LONGEST_LOG_STEP = 1.0
# Newton decrement g'H⁻¹g, in units of −2 log-likelihood, below which the search ends; one more
# Newton step is then taken, which squares the remaining distance.
DECREMENT_TOLERANCE = 1e-8
# Rise in −2 log-likelihood, relative to its size, that rounding alone can cause.
ROUNDING = 1e-13
# Smallest eigenvalue of the correlation between visits below which they count as collinear.
SINGULAR_CORRELATION = 1e-8


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the search: what kind, and where it led."""

    iteration: int
    step: str
    value: float
    decrement: float
    halvings: int


@dataclass(frozen=True, slots=True)
class Optimum:
    """End of the search: the point, its derivatives, whether it converged, and the way there."""

    point: Point
    curvature: Curvature
    converged: bool
    log: tuple[Rung, ...]


def maximise(statistics: SufficientStatistics, start: Array, reml: bool = True) -> Optimum:
    """Search from `start` for the covariance with the highest (restricted) likelihood.

    Parameters
    ----------
    statistics : SufficientStatistics
        In a well-posed basis.
    start : ndarray, shape (m, m)
        Positive definite.
    reml : bool
        Restricted likelihood, or the full one.

    Returns
    -------
    Optimum
        `converged` is False where the decrement stayed above tolerance, as it does where the
        likelihood has no maximum and rises towards a singular matrix.
    """
    point = evaluate(statistics, start, reml)
    if point is None:
        raise ValueError("the starting covariance is not positive definite")
    log = [Rung(0, "start", point.value, np.nan, 0)]
    bent = curvature(statistics, point)
    converged, rescues = False, 0
    for iteration in range(1, MAX_ITERATIONS + 1):
        step, decrement, name = _direction(point, bent)
        finishing = name == "newton" and decrement < DECREMENT_TOLERANCE
        moved, halvings = _search(statistics, point, step, finishing)
        if moved is None:
            moved, name, halvings = _rescue(statistics, point), "em", 0
        gained = point.value - moved.value
        point = moved
        bent = curvature(statistics, point)
        log.append(Rung(iteration, name, point.value, decrement, halvings))
        rescues += name == "em"
        if finishing:
            converged = True
            break
        stuck = name == "em" and gained <= ROUNDING * abs(point.value)
        if stuck or rescues > MAX_RESCUES or collinearity(point.sigma)[0] < SINGULAR_CORRELATION:
            break
    return Optimum(point, bent, converged, tuple(log))


def collinearity(sigma: Array) -> tuple[float, Array]:
    """Smallest eigenvalue of the correlation matrix, and its eigenvector."""
    spread = np.sqrt(np.diag(sigma))
    values, vectors = np.linalg.eigh(sigma / np.outer(spread, spread))
    return float(values[0]), vectors[:, 0]


def _direction(point: Point, bent: Curvature) -> tuple[Array, float, str]:
    """Step in the coordinates, its Newton decrement, and the matrix it came from."""
    gradient, hessian, average = derivatives(point.lower, bent)
    for name, matrix in (("newton", hessian), ("average information", average)):
        scale = np.sqrt(np.maximum(np.diag(matrix), 0.0))
        if not np.all(scale > 0):
            continue
        try:
            factor = cho_factor(matrix / np.outer(scale, scale), lower=True)
        except np.linalg.LinAlgError:
            continue
        step = cho_solve(factor, gradient / scale) / scale
        return -step, float(gradient @ step), name
    return np.zeros_like(gradient), np.inf, "em"


def _search(
    statistics: SufficientStatistics, point: Point, step: Array, finishing: bool
) -> tuple[Point | None, int]:
    """Halve the step until −2 log-likelihood falls (or, when finishing, does not rise)."""
    if not step.any():
        return (point, 0) if finishing else (None, 0)
    m = len(point.sigma)
    theta = to_coordinates(point.lower)
    logged = np.cumsum(np.arange(1, m + 1)) - 1
    longest = float(np.abs(step[logged]).max())
    step = step * min(1.0, LONGEST_LOG_STEP / max(longest, 1e-300))
    slack = ROUNDING * abs(point.value)
    for halvings in range(HALVINGS):
        lower = to_factor(theta + step * 0.5**halvings, m)
        trial = evaluate(statistics, lower @ lower.T, point.reml)
        if trial is not None and trial.value < point.value + (slack if finishing else 0.0):
            return trial, halvings
        if finishing:
            return point, halvings
    return None, HALVINGS


def _rescue(statistics: SufficientStatistics, point: Point) -> Point:
    for _ in range(EM_RESCUE_STEPS):
        trial = evaluate(statistics, em_step(statistics, point), point.reml)
        if trial is None or trial.value > point.value:
            break
        point = trial
    return point
