"""Kenward and Roger's covariance of the coefficients and F test (docs/methods.md section 5.3).

All matrices are in coordinates of β that make its model-based covariance Φ the identity, so that a
contrast is a plain vector and Φ drops out of the formulas.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.mmrm.covariance import CovarianceModel
from analysis.mmrm.covariance.unstructured import pairs
from analysis.mmrm.information import Information
from analysis.mmrm.likelihood import Point
from analysis.mmrm.stack import Stack

Array = NDArray[np.float64]

# Below this, A₂ is rounding: the covariance parameters are known, and F needs no correction.
NOTHING = 1e-14


def adjusted_covariance(
    stack: Stack, model: CovarianceModel, point: Point, known: Information, linear: bool
) -> Array:
    """Φ_A, which allows for Σ having been estimated, where Φ is the identity; shape (p, p).

    Φ_A = Φ + 2Φ {Σ W_hj (Q_hj − P_h Φ P_j − ¼ R_hj)} Φ. R holds second derivatives of Σ and so
    depends on the parameters: the natural ones of SAS are used. Where Σ is linear in them R is 0.

    Parameters
    ----------
    stack, model, point, known
        The fit.
    linear : bool
        Leave R out, as SAS's DDFM=KR(FIRSTORDER) and R's "Kenward-Roger-Linear" do.

    References
    ----------
    Kenward and Roger 1997, Biometrics 53:983.
    """
    p = stack.n_columns
    inner = known.natural_slopes
    factor = np.linalg.cholesky(known.cov)
    mixed = (factor.T @ inner.reshape(len(inner), -1)).reshape(-1, p)
    total = _quadratic(stack, point, known) - mixed.T @ mixed
    if not linear:
        second = model.second_total(known.values, known.cov)
        if second is not None:
            rows, columns = pairs(stack.n_visits)
            total += 0.25 * np.tensordot(second[:, rows, columns].ravel(), known.slopes, axes=1)
    adjusted = np.eye(p) + 2 * total
    return (adjusted + adjusted.T) / 2


def _quadratic(stack: Stack, point: Point, known: Information) -> Array:
    """Σ W_hj Q_hj with Q_hj = Σ_g X̃_g' D_h E_g D_j X̃_g, weights contracted with E first."""
    m, p = stack.n_visits, stack.n_columns
    rows, columns = pairs(m)
    place = np.zeros((m, m), dtype=np.int64)
    place[rows, columns] = place[columns, rows] = np.arange(len(rows))
    weights = known.jacobian @ known.cov @ known.jacobian.T
    total = np.zeros((p, p))
    for group in range(stack.n_groups):
        at = group * len(rows) + place
        four = weights[at[:, :, None, None], at].transpose(1, 2, 0, 3).reshape(m * m, m * m)
        members = stack.rows_of_group(group)
        omega = (point.inverses.reshape(-1, m * m) @ four).reshape(-1, m, m)
        design = np.ascontiguousarray(point.turned[members, :, :p]) @ point.root
        weighted = omega[stack.owner[members]] @ design
        signed = stack.signed(design, members)
        total += signed.reshape(-1, p).T @ weighted.reshape(-1, p)
    return total


def f_correction(contrasts: Array, known: Information) -> tuple[float, float]:
    """Scale λ and denominator degrees of freedom of the F test that contrasts are all 0.

    Parameters
    ----------
    contrasts : ndarray, shape (l, p)
        Orthonormal rows, in coordinates that make Φ the identity.
    known : Information

    Returns
    -------
    scale, denom_df : float
        λ F is compared with F(l, denom_df); infinite where Σ is as good as known.

    References
    ----------
    Kenward and Roger 1997, section 3.
    """
    size = len(contrasts)
    inside = contrasts @ known.natural_slopes @ contrasts.T
    traces = np.trace(inside, axis1=1, axis2=2)
    first = float(traces @ known.cov @ traces)
    flat = inside.reshape(len(inside), -1)
    second = float((known.cov * (flat @ flat.T)).sum())
    if second < NOTHING:
        return 1.0, np.inf
    spread = (first + 6 * second) / (2 * size)
    g = ((size + 1) * first - (size + 4) * second) / ((size + 2) * second)
    d = 3 * size + 2 * (1 - g)
    c1, c2, c3 = g / d, (size - g) / d, (size + 2 - g) / d
    mean = 1 / (1 - second / size)
    variance = 2 / size * (1 + c1 * spread) / ((1 - c2 * spread) ** 2 * (1 - c3 * spread))
    rho = variance / (2 * mean**2)
    denominator = 4 + (size + 2) / (size * rho - 1)
    return float(denominator / (mean * (denominator - 2))), float(denominator)
