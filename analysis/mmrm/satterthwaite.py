"""Degrees of freedom by Satterthwaite's method (docs/methods.md section 5.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def degrees_of_freedom(rows: Array, slopes: Array, cov_theta: Array) -> Array:
    """Degrees of freedom of linear contrasts of the coefficients, ν = 2 v² / (∇' W ∇).

    Parameters
    ----------
    rows : ndarray, shape (k, p)
        Contrasts, in coordinates that make the model-based covariance of β the identity.
    slopes : ndarray, shape (t, p, p)
        Derivatives of the inverse of that covariance in the covariance parameters.
    cov_theta : ndarray, shape (t, t)
        W, inverse of the observed information of the covariance parameters.

    Returns
    -------
    ndarray, shape (k,)
        NaN for a contrast that is all zero.

    References
    ----------
    Satterthwaite 1946; Giesbrecht and Burns 1985.
    """
    t, p, _ = slopes.shape
    variance = (rows * rows).sum(axis=1)
    # c'Pc for all contrasts at once: the products of a contrast's elements against every P.
    squares = (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), p * p)
    gradient = squares @ slopes.reshape(t, p * p).T
    spread = ((gradient @ cov_theta) * gradient).sum(axis=1)
    result = np.full(len(rows), np.nan)
    known = (variance > 0) & (spread > 0)
    result[known] = 2 * variance[known] ** 2 / spread[known]
    return result


def joint_degrees_of_freedom(single: Array) -> float:
    """Denominator degrees of freedom of an F test from those of its independent contrasts.

    E = Σ ν/(ν − 2) over the q contrasts with ν > 2, and then 2E / (E − q) where E > q, else 0: the
    rule of SAS PROC MIXED (Fai and Cornelius 1996).

    Parameters
    ----------
    single : ndarray, shape (q,)
        Degrees of freedom of each uncorrelated contrast.
    """
    q = len(single)
    if q == 1:
        return float(single[0])
    large = single[single > 2]
    excess = float((large / (large - 2)).sum())
    return 2 * excess / (excess - q) if excess > q else 0.0
