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
from analysis.mmrm.deletions import Deletions
from analysis.mmrm.likelihood import Point
from analysis.mmrm.optimise import Optimum, derivatives, maximise, solve
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

    def chord(self, deletions: Deletions) -> tuple[Array, NDArray[np.bool_]]:
        """Search coordinates of the maximum without each patient, (N, k), and which were found.

        The search for a patient ends, without it, as soon as a step leaves too much.

        References
        ----------
        Kelley 1995, Iterative Methods for Linear and Nonlinear Equations, section 5.4.1.
        """
        size = len(deletions.rows)
        theta, found = np.tile(self.theta, (size, 1)), np.zeros(size, dtype=np.bool_)
        if self.inverse is None:
            return theta, found
        going, before = np.arange(size), np.full(size, np.inf)
        while len(going):
            at = theta[going]
            each = zip(at, deletions.gradients(self.sigmas(at), going), strict=True)
            slopes = np.stack([self.model.jacobian(x).T @ slope for x, slope in each])
            steps = -slopes @ self.inverse
            decrement = -(slopes * steps).sum(axis=1)
            share = np.where(np.isinf(before), SHRINKING, decrement / before)
            # Not a number, where the likelihood is not defined, is no step either.
            led = decrement <= SHRINKING * before
            theta[going[led]] += steps[led]
            arrived = led & (decrement * share <= LEFT_OVER)
            found[going[arrived]] = True
            going, before = going[led & ~arrived], decrement[led & ~arrived]
        return theta, found

    def sigmas(self, theta: Array) -> Array:
        """Covariances at several search coordinates (N, k); shape (N, groups, m, m)."""
        return np.stack([self.model.sigma(one) for one in theta])

    def climb(self, stack: Stack) -> tuple[Point, bool]:
        """The likelihood at its maximum for `stack`, by the ladder, and whether it converged."""
        found = maximise(stack, self.model, self.theta, self.reml)
        return found.point, found.converged
