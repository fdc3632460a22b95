"""What the likelihood says about the covariance parameters, in the natural ones of SAS."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from analysis.mmrm.covariance import CovarianceModel
from analysis.mmrm.likelihood import Curvature, Point, slopes
from analysis.mmrm.stack import Stack

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Information:
    """Covariance parameters at the end of a search, and how sure they are.

    Attributes
    ----------
    values : ndarray, shape (k,)
        Natural parameters, groups one after the other, in working units.
    cov : ndarray, shape (k, k)
        W, inverse of their observed information, ½ × second derivatives of −2 log-likelihood.
    jacobian : ndarray, shape (groups m (m + 1) / 2, k)
        Derivatives of the elements of Σ in them.
    slopes : ndarray, shape (groups m (m + 1) / 2, p, p)
        root' P root with P the derivatives of X'Ω⁻¹X in the elements of Σ: in coordinates of β that
        make its covariance the identity.
    """

    values: Array
    cov: Array
    jacobian: Array
    slopes: Array

    @cached_property
    def natural_slopes(self) -> Array:
        """The slopes in the natural parameters; shape (k, p, p)."""
        return np.tensordot(self.jacobian.T, self.slopes, axes=1)


def information(
    stack: Stack, model: CovarianceModel, values: Array, point: Point, bent: Curvature,
    shift: Array | float = 0.0,
) -> Information | None:  # fmt: skip
    """Observed information of the natural parameters, or None where it is not definite.

    Parameters
    ----------
    stack : Stack
    model : CovarianceModel
    values : ndarray, shape (k,)
        Natural parameters.
    point, bent
        The likelihood there and its derivatives, every part of them computed there.
    shift : ndarray, shape (k, k), or float
        Added to the second derivatives (`analysis.mmrm.sas.scale_shift`).
    """
    jacobian = model.jacobian(values, "natural")
    hessian = jacobian.T @ bent.hessian @ jacobian
    hessian = hessian + model.bend(values, bent.score, "natural") + shift
    scale = np.sqrt(np.maximum(np.diag(hessian), 0.0))
    if not np.all(scale > 0):
        return None
    try:
        factor = cho_factor(hessian / np.outer(scale, scale), lower=True)
    except np.linalg.LinAlgError:
        return None
    cov = 2 * cho_solve(factor, np.eye(len(scale))) / np.outer(scale, scale)
    turned = point.root.T @ slopes(stack, point) @ point.root
    return Information(values, (cov + cov.T) / 2, jacobian, turned)
