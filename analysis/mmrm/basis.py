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
from analysis.mmrm.centring import Change
from analysis.mmrm.estimates import Estimates
from analysis.mmrm.patterns import compress
from analysis.mmrm.statistics import SufficientStatistics

Array = NDArray[np.float64]

# A column that is reproduced by the columns before it up to this share of its length is dropped.
# Smaller than R's 1e-7: columns are not centred, and a covariate far from zero is not a constant.
RANK_TOLERANCE = 1e-10
# Residuals smaller than this share of the outcome's length are rounding: nothing is left to model.
CONSTANT_TOLERANCE = 1e-10


# A covariate's departure from its centre below this share of its size is rounding of the data.
ROUNDING = 1e-13


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
        Least-squares coefficients in working columns, in units of the outcome less its centre.
    scale : float
        Unit of the working outcome.
    offset : ndarray, shape (p,)
        Coefficients of the kept columns that give the outcome's centre.
    """

    kept: NDArray[np.int64]
    dropped: NDArray[np.int64]
    alias: Array
    triangle: Array
    ols: Array
    scale: float
    offset: Array

    def estimates(self, beta: Array, root: Array, sigma: Array) -> Estimates:
        """What a fit in working columns says in columns of the formula.

        Parameters
        ----------
        beta : ndarray, shape (p,)
        root : ndarray, shape (p, p)
            Any root of its covariance.
        sigma : ndarray, shape (groups, m, m)
        """
        return Estimates(
            self.kept,
            self.offset + solve_triangular(self.triangle, self.ols + self.scale * beta),
            self.scale * solve_triangular(self.triangle, root),
            self.scale**2 * sigma,
            self.dropped,
            self.alias,
        )

    def working_rows(self, rows: Array) -> Array:
        """Rows in columns of the formula and, last, the outcome, (N, p + 1), in the basis."""
        design = rows[:, self.kept]
        turned = solve_triangular(self.triangle, design.T, trans="T").T
        outcome = (rows[:, -1] - design @ self.offset - turned @ self.ols) / self.scale
        return np.column_stack([turned, outcome])

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
    change = statistics.change
    stacked = np.concatenate([p.root.reshape(-1, size + 1) for p in statistics.patterns])
    # The triangle of all rows stands for them: same lengths and angles of columns and outcome.
    small = compress(stacked)
    kept, dropped, triangle = _independent_columns(small[:, :size], change)
    if statistics.n_obs <= len(kept):
        raise ModelError(
            f"{statistics.n_obs} values cannot carry {len(kept)} coefficients. Add patients, or "
            "take terms out of the formula."
        )
    alias = np.zeros((len(kept), len(dropped)))
    if len(dropped):
        solved = np.linalg.lstsq(small[:, kept], small[:, dropped], rcond=None)[0]
        alias = np.asarray(solved, dtype=np.float64)
    turn = solve_triangular(triangle, np.eye(len(kept)))
    half = small[:, kept] @ turn
    ols = half.T @ small[:, size]
    rest = float(np.linalg.norm(small[:, size] - half @ ols))
    _refuse_constant(rest, small[:, size], half, change)
    scale = rest / np.sqrt(statistics.n_obs - len(kept))
    rows = np.empty((len(stacked), len(kept) + 1))
    rows[:, :-1] = stacked[:, kept] @ turn
    rows[:, -1] = (stacked[:, size] - rows[:, :-1] @ ols) / scale
    alias, triangle, offset = _in_the_formula(kept, dropped, alias, triangle, change)
    basis = Basis(
        kept, dropped, alias, triangle, ols * change.scale, float(scale * change.scale), offset
    )
    names = tuple(statistics.columns[k] for k in kept)
    return _with_rows(statistics, names, rows), basis


def _refuse_constant(rest: float, outcome: Array, half: Array, change: Change) -> None:
    length = float(np.linalg.norm(outcome))
    if rest <= CONSTANT_TOLERANCE * length or rest == 0.0:
        raise ModelError(
            "The outcome does not vary once the formula is fitted (all residuals are 0), so there "
            "is no spread to estimate. Look for a constant outcome, or for more columns than "
            "information."
        )


def _in_the_formula(
    kept: NDArray[np.int64], dropped: NDArray[np.int64], alias: Array, triangle: Array,
    change: Change,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Alias, triangle and offset of columns of the formula, given those of stored columns.

    With stored columns X A: X_d (A_dd - A_dk G) = X_k (A_kk G - A_kd) for aliases G of stored
    columns, and stored kept columns are X_k (A_kk + G* A_dk) for aliases G* of the formula's.
    """
    a = change.matrix
    if len(dropped):
        left = a[np.ix_(kept, kept)] @ alias - a[np.ix_(kept, dropped)]
        right = a[np.ix_(dropped, dropped)] - a[np.ix_(dropped, kept)] @ alias
        alias = np.asarray(np.linalg.solve(right.T, left.T).T, dtype=np.float64)
    inner = a[np.ix_(kept, kept)] + alias @ a[np.ix_(dropped, kept)]
    # Dropped columns are combinations of columns before them, so `inner` is upper triangular.
    triangle = solve_triangular(np.triu(inner), triangle.T, trans="T").T
    offset = np.zeros(len(kept))
    if change.ones is not None:
        offset = change.centre * (change.ones[kept] + alias @ change.ones[dropped])
    return alias, np.triu(triangle), offset


def _with_rows(
    statistics: SufficientStatistics, names: tuple[str, ...], rows: Array
) -> SufficientStatistics:
    patterns, start = [], 0
    for pattern in statistics.patterns:
        count, visits = pattern.root.shape[:2]
        block = rows[start : start + count * visits].reshape(count, visits, -1)
        patterns.append(replace(pattern, root=block))
        start += count * visits
    return replace(statistics, columns=names, patterns=tuple(patterns), design=None)


def _independent_columns(
    design: Array, change: Change
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Columns kept and dropped, judged in model order, and the triangle of the kept ones."""
    lengths = np.linalg.norm(design, axis=0)
    own = np.linalg.norm(solve_triangular(change.matrix, design.T, trans="T"), axis=1)
    # In stored units; what is smaller than the rounding of the data is no column.
    least = ROUNDING * own * np.diag(change.matrix)
    scaled = design / np.where(lengths > 0, lengths, 1.0)
    kept = [column for column in range(design.shape[1]) if lengths[column] > least[column]]
    while True:
        triangle = np.linalg.qr(scaled[:, kept], mode="r")
        pivots = np.abs(np.diag(triangle))
        limit = np.maximum(RANK_TOLERANCE, least[kept] / lengths[kept])
        weak = np.flatnonzero(pivots < limit[: len(pivots)])
        if not len(weak) and len(pivots) == len(kept):
            break
        kept.pop(int(weak[0]) if len(weak) else len(pivots))
    dropped = [column for column in range(design.shape[1]) if column not in kept]
    index = np.array(kept, dtype=np.int64)
    triangle = triangle[: len(kept)] * lengths[index]
    return index, np.array(dropped, dtype=np.int64), triangle
