"""The maximum of nearly the same data, from a maximum already found.

Without one of n patients the second derivatives change by a share of the order of 1/n. Those of the
fit of all are still good enough to step by: each step then needs a gradient only, and leaves about
that share of the distance (the chord method). Where one leaves more, the search starts again on the
ladder of `maximise`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.mmrm.covariance import CovarianceModel
from analysis.mmrm.likelihood import Point, evaluate, gradient
from analysis.mmrm.optimise import Optimum, collinear, derivatives, maximise, solve
from analysis.mmrm.stack import Stack

Array = NDArray[np.float64]

# Share of the decrement that a step may leave: a third of the distance, squared.
SHRINKING = 1e-1
# Decrement, in units of −2 log-likelihood, that the last step may leave: a distance of 1e-10
# standard errors. The ladder's last step, from below DECREMENT_TOLERANCE, leaves about as much.
LEFT_OVER = 1e-20


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A maximum from which those of nearly the same data are sought.

    Attributes
    ----------
    model : CovarianceModel
    theta : ndarray, shape (k,)
        Its search coordinates.
    inverse : ndarray, shape (k, k), or None
        Of the second derivatives of −2 log-likelihood there; None where they are not definite.
    reml : bool
    """

    model: CovarianceModel
    theta: Array
    inverse: Array | None
    reml: bool

    @classmethod
    def of(cls, model: CovarianceModel, optimum: Optimum) -> Neighbour:
        """Take the end of a search with all the data."""
        _, hessian, _ = derivatives(model, optimum.theta, optimum.curvature)
        inverse = solve(hessian, np.eye(len(hessian)))
        return cls(model, optimum.theta, inverse, optimum.point.reml)

    def maximise(self, stack: Stack) -> tuple[Point, bool]:
        """The likelihood at its maximum for `stack`, and whether the search converged.

        References
        ----------
        Kelley 1995, Iterative Methods for Linear and Nonlinear Equations, section 5.4.1.
        """
        point = self._chord(stack)
        if point is not None and not collinear(self.model, point.sigma):
            return point, True
        found = maximise(stack, self.model, self.theta, self.reml)
        return found.point, found.converged

    def _chord(self, stack: Stack) -> Point | None:
        """Step until the last has left next to nothing; None as soon as one leaves too much."""
        if self.inverse is None:
            return None
        theta, before = self.theta, np.inf
        point = evaluate(stack, self.model.sigma(theta), self.reml)
        while point is not None:
            slope = self.model.jacobian(theta).T @ gradient(stack, point)
            step = -self.inverse @ slope
            decrement = float(-slope @ step)
            if not decrement <= SHRINKING * before:
                return None
            theta = theta + step
            point = evaluate(stack, self.model.sigma(theta), self.reml)
            share = decrement / before if np.isfinite(before) else SHRINKING
            if decrement * share <= LEFT_OVER:
                break
            before = decrement
        return point
