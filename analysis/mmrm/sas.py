"""The iterations of SAS PROC MIXED, for those who must reproduce its digits.

SAS starts at MIVQUE0, takes Newton steps in its own parameters and stops when the relative Hessian
criterion falls below 1e-8, which is before the maximum: most differences between SAS and other
programs in the fifth digit come from there (docs/methods.md section 10.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from analysis.errors import ModelError
from analysis.mmrm.covariance import CovarianceModel
from analysis.mmrm.covariance.coordinates import Linear
from analysis.mmrm.likelihood import Curvature, Point, curvature, evaluate, residual_sum
from analysis.mmrm.optimise import Optimum, Rung
from analysis.mmrm.stack import Stack

Array = NDArray[np.float64]

# SAS's CONVH criterion, and its largest number of iterations.
CONVH = 1e-8
MAX_ITERATIONS = 50
HALVINGS = 10
# A step is never longer than this many Newton steps, and parameters with these names stay above 0.
LONGEST = 2.0
POSITIVE = ("var", "residual")
# Rise in −2 log-likelihood, relative to its size, that rounding alone can cause.
ROUNDING = 1e-13
# Structures of one scale, which SAS takes out of the search (its residual variance): the place of
# that scale among the natural parameters.
SCALE = {"cs": 1, "ar1": 0, "toep": 0}
# A structure's search coordinates stop short of where it is singular.
SAME = 1e-8


def emulate_sas(
    stack: Stack, model: CovarianceModel, reml: bool, offset: float, start: Array
) -> Optimum:
    """Iterate as PROC MIXED does, and stop where it stops.

    Parameters
    ----------
    stack : Stack
    model : CovarianceModel
    reml : bool
    offset : float
        −2 log-likelihood in the units of the outcome less that of the working basis: SAS's
        criterion is relative to its size, without n log 2π.
    start : ndarray, shape (k,)
        Natural parameters (`analysis.mmrm.mivque.starting_values`).

    Raises
    ------
    ModelError
        Iterations that leave the positive definite matrices, or do not converge.
    """
    route = _Route(stack, model, reml, SCALE.get(model.name) if model.n_groups == 1 else None)
    values = route.with_scale(start)
    point, halvings = route.at(values), 0
    constant = (stack.n_obs - (stack.n_columns if reml else 0)) * np.log(2 * np.pi)
    log: list[Rung] = []
    for iteration in range(MAX_ITERATIONS):
        bent = curvature(stack, point)
        step, decrement = route.step(values, bent)
        name = "newton" if iteration else "mivque0"
        log.append(Rung(iteration, name, point.value, decrement, halvings))
        # SAS moves at least once.
        if iteration and decrement < CONVH * abs(point.value + offset - constant):
            return Optimum(_coordinates(model, values), point, bent, True, tuple(log))
        values, point, halvings = route.along(values, point, step)
    raise ModelError(
        f"emulate='sas' did not converge within {MAX_ITERATIONS} iterations. Fit without it."
    )


def scale_shift(model: CovarianceModel, values: Array, bent: Curvature) -> Array | float:
    """What SAS's second derivatives have more than those in its printed parameters.

    Where covariances c are searched as shares ψ = c / s of a scale s that is taken out, SAS's
    observed information is that of (s, ψ). Short of the maximum, with gradient g, it differs by
    g ∂²c/∂s∂ψ.

    Returns
    -------
    ndarray, shape (k, k), or 0
        In natural parameters; to be added to the second derivatives of −2 log-likelihood.
    """
    scale = SCALE.get(model.name) if model.n_groups == 1 else None
    if scale is None or not isinstance(model.structure.natural, Linear):
        return 0.0
    gradient = model.jacobian(values, "natural").T @ bent.gradient
    rest, size = np.arange(len(values)) != scale, len(values)
    more = np.zeros((size, size))
    more[scale, rest] = more[rest, scale] = gradient[rest]
    back = np.diag(np.where(rest, 1 / values[scale], 1.0))
    back[rest, scale] = -values[rest] / values[scale] ** 2
    return back.T @ more @ back


@dataclass(frozen=True, slots=True)
class _Route:
    """Newton's way in SAS's parameters; `scale` is the one that is taken out, if any."""

    stack: Stack
    model: CovarianceModel
    reml: bool
    scale: int | None

    def at(self, values: Array) -> Point:
        """The likelihood at a start."""
        point = self._try(values)
        if point is None:
            raise ModelError(
                "emulate='sas': the MIVQUE0 estimate of the covariance is not positive definite, "
                "and what SAS does then is not published. Fit without it."
            )
        return point

    def with_scale(self, values: Array) -> Array:
        """The same with the scale at its best, where SAS takes it out of the search."""
        if self.scale is None:
            return values
        point = self._try(values)
        if point is None:
            return values
        size = self.stack.n_obs - (self.stack.n_columns if self.reml else 0)
        best = residual_sum(self.stack, point) / size
        return np.where(self.model.structure.squared, best, 1.0) * values

    def step(self, values: Array, bent: Curvature) -> tuple[Array, float]:
        """Newton step and its decrement g'H⁻¹g, of the parameters that are searched."""
        model = self.model
        jacobian = model.jacobian(values, "natural")
        gradient = jacobian.T @ bent.gradient
        hessian = jacobian.T @ bent.hessian @ jacobian
        hessian = hessian + model.bend(values, bent.score, "natural")
        if self.scale is not None:
            gradient, hessian = self._without_scale(values, gradient, hessian)
        try:
            step = cho_solve(cho_factor(hessian), gradient)
        except np.linalg.LinAlgError as error:
            raise ModelError(
                "emulate='sas': the second derivatives are not positive definite on the way; SAS "
                "adds a ridge then, whose size is not published. Fit without it."
            ) from error
        return step, float(gradient @ step)

    def along(self, values: Array, point: Point, step: Array) -> tuple[Array, Point, int]:
        """The whole step, or the first shorter one that lowers −2 log-likelihood."""
        limit = point.value + ROUNDING * abs(point.value)
        for halvings, length in enumerate(self._lengths(values, step)):
            there = self.with_scale(self._moved(values, step * length))
            found = self._try(there)
            if found is not None and found.value <= limit:
                return there, found, halvings
        raise ModelError("emulate='sas': no step lowers −2 log-likelihood. Fit without it.")

    def _lengths(self, values: Array, step: Array) -> list[float]:
        """Lengths in SAS's order: 1, then halves of the longest that leaves all variances above 0.

        The longest is at most 2.
        """
        longest = LONGEST
        if self.scale is None:
            kept = np.tile(
                [label.startswith(POSITIVE) for label in self.model.structure.labels],
                self.model.n_groups,
            )
            falling = kept & (step > 0)
            longest = float(np.min(values[falling] / step[falling], initial=LONGEST))
        whole = [1.0] if longest > 1 else []
        return [*whole, *(longest * 0.5**k for k in range(1, HALVINGS))]

    def _try(self, values: Array) -> Point | None:
        # The square root of a negative variance is no covariance.
        with np.errstate(invalid="ignore"):
            sigma = self.model.sigma(values, "natural")
        return evaluate(self.stack, sigma, self.reml) if np.isfinite(sigma).all() else None

    def _ratios(self) -> bool:
        # Covariances are searched as shares of the scale, correlations as they are.
        return isinstance(self.model.structure.natural, Linear)

    def _without_scale(
        self, values: Array, gradient: Array, hessian: Array
    ) -> tuple[Array, Array]:
        """Derivatives in the other parameters of the likelihood that is highest in the scale."""
        rest = np.arange(len(values)) != self.scale
        if self._ratios():
            turn = np.diag(np.where(rest, values[self.scale], 1.0))
            turn[rest, self.scale] = values[rest] / values[self.scale]
            hessian = turn.T @ hessian @ turn
            hessian[self.scale, rest] += gradient[rest]
            hessian[rest, self.scale] += gradient[rest]
            gradient = turn.T @ gradient
        cross, own = hessian[rest, self.scale], hessian[self.scale, self.scale]
        return gradient[rest], hessian[np.ix_(rest, rest)] - np.outer(cross, cross) / own

    def _moved(self, values: Array, step: Array) -> Array:
        if self.scale is None:
            return values - step
        rest = np.arange(len(values)) != self.scale
        moved = values / values[self.scale] if self._ratios() else values.copy()
        moved[rest] -= step
        return moved


def _coordinates(model: CovarianceModel, values: Array) -> Array:
    theta = model.start(model.sigma(values, "natural"))
    if not np.allclose(model.natural_values(theta), values, rtol=SAME, atol=SAME):
        raise ModelError(
            "emulate='sas' ends where the covariance is almost singular. Fit without it."
        )
    return theta
