"""Degrees of freedom by Satterthwaite's method (docs/methods.md section 5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def degrees_of_freedom(contrasts: Array, cov: Array, slopes: Array, cov_theta: Array) -> Array:
    """Degrees of freedom of linear contrasts of the coefficients, ν = 2 v² / (∇' W ∇).

    Parameters
    ----------
    contrasts : ndarray, shape (k, p)
    cov : ndarray, shape (p, p)
        Φ, model-based covariance of the coefficients.
    slopes : ndarray, shape (t, p, p)
        P_h, derivatives of Φ⁻¹ in the covariance parameters.
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
    turned = contrasts @ cov
    variance = np.einsum("kp,kp->k", turned, contrasts)
    gradient = -np.einsum("kp,tpq,kq->kt", turned, slopes, turned, optimize=True)
    spread = np.einsum("kt,ts,ks->k", gradient, cov_theta, gradient, optimize=True)
    result = np.full(len(contrasts), np.nan)
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
