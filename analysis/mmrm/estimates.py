"""What a fit estimated, as plain arrays: the input of everything that comes after a fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# A row belongs to the estimable space if it departs from it by less than this share.
ESTIMABLE_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True)
class Estimates:
    """Coefficients with their model-based covariance, and the covariance between visits.

    Attributes
    ----------
    kept : ndarray of int, shape (p,)
        Positions of the estimable columns among the columns of the formula.
    beta : ndarray, shape (p,)
        Coefficients of the kept columns.
    root : ndarray, shape (p, p)
        Any square root of their model-based covariance, root root' = Φ = (X'Ω⁻¹X)⁻¹. A root that
        never passed through Φ (triangle⁻¹ times the root in working columns) keeps twice the
        digits; a Cholesky factor of Φ will do where columns are not nearly collinear.
    sigma : ndarray, shape (groups, m, m)
        Covariance between visits by covariance group, in units of the outcome squared.
    dropped : ndarray of int
        Positions of the columns that are combinations of columns before them.
    alias : ndarray, shape (p, dropped)
        Those combinations.
    """

    kept: NDArray[np.int64]
    beta: Array
    root: Array
    sigma: Array
    dropped: NDArray[np.int64]
    alias: Array

    @property
    def cov(self) -> Array:
        """Model-based covariance of the coefficients, Φ; shape (p, p)."""
        return self.root @ self.root.T

    def estimable(self, rows: Array) -> NDArray[np.bool_]:
        """Whether rows in columns of the formula are determined by the data; shape (N,)."""
        if not len(self.dropped):
            return np.ones(len(rows), dtype=bool)
        gap = np.abs(rows[:, self.dropped] - rows[:, self.kept] @ self.alias).sum(axis=1)
        return gap <= ESTIMABLE_TOLERANCE * np.abs(rows).sum(axis=1)
