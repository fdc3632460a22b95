"""A basis in which the fit is well-posed whatever the units of the columns.

The design is turned to orthonormal columns and the outcome to scaled least-squares residuals; the
fit happens there, and `Basis` turns the answer back exactly (docs/methods.md section 2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from analysis.errors import ModelError
from analysis.mmrm.statistics import SufficientStatistics

Array = NDArray[np.float64]

# A column that is reproduced by the columns before it up to this share of its length is dropped.
# Smaller than R's 1e-7: columns are not centred, and a covariate far from zero is not a constant.
RANK_TOLERANCE = 1e-10
# Residuals smaller than this share of the outcome's length are rounding: nothing is left to model.
CONSTANT_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class Basis:
    """How the working columns relate to the columns of the formula.

    Attributes
    ----------
    kept : ndarray of int, shape (p,)
        Positions of the estimable columns, in model order.
    dropped : ndarray of int
        Positions of columns that are combinations of columns before them.
    alias : ndarray, shape (p, dropped)
        Those combinations.
    triangle : ndarray, shape (p, p)
        R with X_kept = X_work R.
    ols : ndarray, shape (p,)
        Least-squares coefficients in working columns, in units of the outcome.
    scale : float
        Unit of the working outcome.
    """

    kept: NDArray[np.int64]
    dropped: NDArray[np.int64]
    alias: Array
    triangle: Array
    ols: Array
    scale: float

    def coefficients(self, working: Array) -> Array:
        """Coefficients of the kept columns from those of the working columns; shape (p,)."""
        return solve_triangular(self.triangle, self.ols + self.scale * working)

    def contrast(self, matrix: Array) -> Array:
        """Contrasts of the kept columns, (k, p), written for the working columns."""
        return solve_triangular(self.triangle, matrix.T, trans="T").T

    def log_determinant(self) -> float:
        """log |X'X| lost by the change of columns: 2 log |det R|."""
        return float(2 * np.log(np.abs(np.diag(self.triangle))).sum())


def working_statistics(statistics: SufficientStatistics) -> tuple[SufficientStatistics, Basis]:
    """Statistics in a well-posed basis, and the way back.

    Raises
    ------
    ModelError
        The outcome is constant, or fitted without residual, or there are no more values than
        coefficients.
    """
    size = len(statistics.columns)
    stacked = np.concatenate([p.root.reshape(-1, size + 1) for p in statistics.patterns])
    design, outcome = stacked[:, :size], stacked[:, size]
    kept, dropped, triangle = _independent_columns(design)
    if statistics.n_obs <= len(kept):
        raise ModelError(
            f"{statistics.n_obs} values cannot carry {len(kept)} coefficients. Add patients, or "
            "take terms out of the formula."
        )
    alias = np.zeros((len(kept), len(dropped)))
    if len(dropped):
        alias = np.linalg.lstsq(design[:, kept], design[:, dropped], rcond=None)[0]
    orthonormal = solve_triangular(triangle, design[:, kept].T, trans="T").T
    ols = orthonormal.T @ outcome
    residual = outcome - orthonormal @ ols
    length = float(np.linalg.norm(residual))
    if length <= CONSTANT_TOLERANCE * float(np.linalg.norm(outcome)) or length == 0.0:
        raise ModelError(
            "The outcome does not vary once the formula is fitted (all residuals are 0), so there "
            "is no spread to estimate. Look for a constant outcome, or for more columns than "
            "information."
        )
    scale = length / np.sqrt(statistics.n_obs - len(kept))
    basis = Basis(kept, dropped, alias, triangle, ols, float(scale))
    rows = np.concatenate([orthonormal, (residual / scale)[:, None]], axis=1)
    names = tuple(statistics.columns[k] for k in kept)
    return _with_rows(statistics, names, rows), basis


def _with_rows(
    statistics: SufficientStatistics, names: tuple[str, ...], rows: Array
) -> SufficientStatistics:
    patterns, start = [], 0
    for pattern in statistics.patterns:
        count, visits = pattern.root.shape[:2]
        block = rows[start : start + count * visits].reshape(count, visits, -1)
        patterns.append(replace(pattern, root=np.ascontiguousarray(block)))
        start += count * visits
    return replace(statistics, columns=names, patterns=tuple(patterns))


def _independent_columns(design: Array) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Columns kept and dropped, judged in model order, and the triangle of the kept ones."""
    lengths = np.linalg.norm(design, axis=0)
    scaled = design / np.where(lengths > 0, lengths, 1.0)
    kept = [column for column in range(design.shape[1]) if lengths[column] > 0]
    while True:
        triangle = np.linalg.qr(scaled[:, kept], mode="r")
        pivots = np.abs(np.diag(triangle))
        weak = np.flatnonzero(pivots < RANK_TOLERANCE)
        if not len(weak):
            break
        kept.pop(int(weak[0]))
    dropped = [column for column in range(design.shape[1]) if column not in kept]
    index = np.array(kept, dtype=np.int64)
    triangle = triangle[: len(kept)] * lengths[index]
    return index, np.array(dropped, dtype=np.int64), triangle
