"""Unconstrained coordinates of a covariance matrix: its Cholesky factor, diagonal on the log scale.

Σ = L L' with L_aa = exp θ_aa and L_ab = θ_ab below the diagonal. Every θ is a positive definite
matrix, so a search in θ cannot leave them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.mmrm.likelihood import Curvature, pairs

Array = NDArray[np.float64]


def to_coordinates(lower: Array) -> Array:
    """Coordinates θ of a lower triangular factor, lower triangle by rows; shape (k,)."""
    rows, columns = pairs(len(lower))
    values = lower[rows, columns].copy()
    values[rows == columns] = np.log(values[rows == columns])
    return values


def to_factor(theta: Array, m: int) -> Array:
    """Lower triangular factor L of the covariance at θ; shape (m, m)."""
    rows, columns = pairs(m)
    lower = np.zeros((m, m))
    lower[rows, columns] = np.where(rows == columns, np.exp(np.minimum(theta, 700.0)), theta)
    return lower


def derivatives(lower: Array, bent: Curvature) -> tuple[Array, Array, Array]:
    """Gradient, second derivatives and average information of −2 log-likelihood in θ.

    With G the score in Σ and J = ∂σ/∂θ: g = J'g_σ, H = J'H_σ J + Σ_l (g_σ)_l ∂²σ_l/∂θ∂θ' by the
    chain rule (Pinheiro and Bates 1996), where the last part is 2 G_ac on the pairs of entries
    (a, b) and (c, b) of L and, for a logged diagonal, the gradient itself.

    Parameters
    ----------
    lower : ndarray, shape (m, m)
    bent : Curvature

    Returns
    -------
    gradient : ndarray, shape (k,)
    hessian, average : ndarray, shape (k, k)
    """
    m = len(lower)
    rows, columns = pairs(m)
    diagonal = rows == columns
    unit = np.where(diagonal, lower[rows, columns], 1.0)
    gradient = 2 * (bent.score @ lower)[rows, columns] * unit
    # σ_rs changes by L_sb for the entry (r, b) of L, and by L_rb for the entry (s, b).
    jacobian = (
        (rows[:, None] == rows) * lower[columns[:, None], columns]
        + (columns[:, None] == rows) * lower[rows[:, None], columns]
    ) * unit
    second = 2 * bent.score[np.ix_(rows, rows)] * (columns[:, None] == columns)
    second = second * np.outer(unit, unit) + np.diag(np.where(diagonal, gradient, 0.0))
    average = jacobian.T @ bent.average @ jacobian
    return gradient, jacobian.T @ bent.hessian @ jacobian + second, average
