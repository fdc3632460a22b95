"""Maximum of the (restricted) likelihood: Newton steps, with a ladder that cannot diverge.

The search moves in the structure's unconstrained coordinates. Each step is tried on the observed
second derivatives, then on the average information, then on the average information with a ridge,
and where no step along any of these lowers −2 log-likelihood, an unstructured covariance is moved by
EM steps, which always do. Every rung is logged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from analysis.mmrm.covariance import CovarianceModel
from analysis.mmrm.likelihood import (
    Curvature,
    Point,
    average_information,
    curvature,
    em_step,
    evaluate,
)
from analysis.mmrm.stack import Stack

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
# Between these decrements the dearest part of the second derivatives is kept from the step before:
# nearer to the maximum it would slow the last steps, farther from it it may have changed.
NEAR, FAR = 1e-3, 10.0
# Ridges, as shares of the diagonal of the average information.
RIDGES = (1e-3, 1.0)
# Rise in −2 log-likelihood, relative to its size, that rounding alone can cause.
ROUNDING = 1e-13
# Smallest eigenvalue of the correlation between visits below which they count as collinear: where
# each element is free, and where few parameters make a matrix that may be near to singular by nature
# (a Gaussian correlation of close visits).
SINGULAR_CORRELATION = 1e-8
SINGULAR_STRUCTURE = 1e-12


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
    """End of the search.

    Attributes
    ----------
    theta : ndarray
        Search coordinates.
    point : Point
    curvature : Curvature
        With every part computed at `point`.
    converged : bool
    log : tuple of Rung
        The way there.
    """

    theta: Array
    point: Point
    curvature: Curvature
    converged: bool
    log: tuple[Rung, ...]


def maximise(
    stack: Stack, model: CovarianceModel, start: Array, reml: bool = True
) -> Optimum:
    """Search from `start` for the covariance with the highest (restricted) likelihood.

    Parameters
    ----------
    stack : Stack
    model : CovarianceModel
    start : ndarray
        Search coordinates of positive definite matrices.
    reml : bool
        Restricted likelihood, or the full one.

    Returns
    -------
    Optimum
        `converged` is False where the decrement stayed above tolerance, as it does where the
        likelihood has no maximum and rises towards a singular matrix.
    """
    theta = start
    point = evaluate(stack, model.sigma(theta), reml)
    if point is None:
        raise ValueError("the starting covariance is not positive definite")
    log = [Rung(0, "start", point.value, np.nan, 0)]
    bent, exact = curvature(stack, point), True
    rescues = 0
    for iteration in range(1, MAX_ITERATIONS + 1):
        step, decrement = _newton(model, theta, bent)
        if not exact and not NEAR <= decrement < FAR:
            bent, exact = curvature(stack, point), True
            step, decrement = _newton(model, theta, bent)
        finishing = step is not None and decrement < DECREMENT_TOLERANCE
        moved = _climb(stack, model, theta, point, bent, step, finishing)
        gained = point.value - moved.point.value
        theta, point = moved.theta, moved.point
        log.append(Rung(iteration, moved.name, point.value, decrement, moved.halvings))
        rescues += moved.name == "em"
        stuck = moved.name in ("em", "none") and gained <= ROUNDING * abs(point.value)
        lost = rescues > MAX_RESCUES or collinear(model, point.sigma)
        if finishing or stuck or lost:
            return Optimum(theta, point, curvature(stack, point), finishing, tuple(log))
        exact = not NEAR <= decrement < FAR
        bent = curvature(stack, point, None if exact else bent.coupling)
    return Optimum(theta, point, curvature(stack, point), False, tuple(log))


def collinearity(sigma: Array) -> tuple[float, Array]:
    """Smallest eigenvalue of the groups' correlation matrices, and its eigenvector."""
    spread = np.sqrt(np.diagonal(sigma, axis1=1, axis2=2))
    values, vectors = np.linalg.eigh(sigma / (spread[:, :, None] * spread[:, None, :]))
    worst = int(values[:, 0].argmin())
    return float(values[worst, 0]), vectors[worst, :, 0]


def collinear(model: CovarianceModel, sigma: Array) -> bool:
    """Whether visits determine each other."""
    bound = SINGULAR_CORRELATION if model.name == "us" else SINGULAR_STRUCTURE
    return collinearity(sigma)[0] < bound


def derivatives(
    model: CovarianceModel, theta: Array, bent: Curvature
) -> tuple[Array, Array, Array]:
    """Gradient and second derivatives in the search coordinates, and ∂σ/∂θ.

    With G the score in Σ and J = ∂σ/∂θ: g = J'g_σ and H = J'H_σ J + ∂² tr(G Σ)/∂θ∂θ'.
    """
    jacobian = model.jacobian(theta)
    gradient = jacobian.T @ bent.gradient
    hessian = jacobian.T @ bent.hessian @ jacobian + model.bend(theta, bent.score)
    return gradient, hessian, jacobian


@dataclass(frozen=True, slots=True)
class _Move:
    theta: Array
    point: Point
    name: str
    halvings: int


def _newton(
    model: CovarianceModel, theta: Array, bent: Curvature
) -> tuple[Array | None, float]:
    """Newton step and its decrement; no step where the second derivatives are not definite."""
    gradient, hessian, _ = derivatives(model, theta, bent)
    step = solve(hessian, gradient)
    return (None, np.inf) if step is None else (-step, float(gradient @ step))


def solve(matrix: Array, right: Array) -> Array | None:
    """Solution of matrix x = right, (k,) or (k, r); None where the matrix is not definite."""
    scale = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    if not np.all(scale > 0):
        return None
    try:
        factor = cho_factor(matrix / np.outer(scale, scale), lower=True)
    except np.linalg.LinAlgError:
        return None
    return (cho_solve(factor, (right.T / scale).T).T / scale).T


def _climb(
    stack: Stack, model: CovarianceModel, theta: Array, point: Point, bent: Curvature,
    newton: Array | None, finishing: bool,
) -> _Move:  # fmt: skip
    """The first rung of the ladder that lowers −2 log-likelihood; the last may lead nowhere."""
    if finishing and newton is not None:
        return _line(stack, model, theta, point, newton, finishing) or _Move(
            theta, point, "newton", 0
        )
    for name, step in _rungs(stack, model, theta, point, bent, newton):
        moved = _line(stack, model, theta, point, step, False)
        if moved is not None:
            return _Move(moved.theta, moved.point, name, moved.halvings)
    if model.name != "us":
        return _Move(theta, point, "none", HALVINGS)
    rescued = _rescue(stack, point)
    return _Move(model.start(rescued.sigma), rescued, "em", 0)


def _rungs(
    stack: Stack, model: CovarianceModel, theta: Array, point: Point, bent: Curvature,
    newton: Array | None,
) -> Iterator[tuple[str, Array]]:  # fmt: skip
    if newton is not None:
        yield "newton", newton
    gradient, _, jacobian = derivatives(model, theta, bent)
    average = jacobian.T @ average_information(stack, point) @ jacobian
    for ridge in (0.0, *RIDGES):
        diagonal = np.diag(average)
        step = solve(average + ridge * np.diag(np.maximum(diagonal, diagonal.max())), gradient)
        if step is not None:
            yield "average information" if ridge == 0 else "ridge", -step


def _line(
    stack: Stack, model: CovarianceModel, theta: Array, point: Point, step: Array, finishing: bool
) -> _Move | None:
    """Halve the step until −2 log-likelihood falls (or, when finishing, does not rise)."""
    longest = float(np.abs(step[model.logged]).max(initial=0.0))
    step = step * min(1.0, LONGEST_LOG_STEP / max(longest, 1e-300))
    slack = ROUNDING * abs(point.value) if finishing else 0.0
    for halvings in range(1 if finishing else HALVINGS):
        there = theta + step * 0.5**halvings
        trial = evaluate(stack, model.sigma(there), point.reml)
        if trial is not None and trial.value < point.value + slack:
            return _Move(there, trial, "newton", halvings)
    return None


def _rescue(stack: Stack, point: Point) -> Point:
    for _ in range(EM_RESCUE_STEPS):
        trial = evaluate(stack, em_step(stack, point), point.reml)
        if trial is None or trial.value > point.value:
            break
        point = trial
    return point
