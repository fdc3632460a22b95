"""A free covariance matrix: its elements, and the logged Cholesky factor for the search.

Σ = L L' with L_aa = exp θ_aa and L_ab = θ_ab below the diagonal, the lower triangle by rows. Every θ
is a positive definite matrix, so a search in θ cannot leave them (Pinheiro and Bates 1996).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from analysis.mmrm.covariance.coordinates import Coordinates, Linear

Array = NDArray[np.float64]

# exp of more than this is not a finite number.
LARGEST_LOG = 700.0


# Small and asked for at every step of every fit: made once for each number of visits.
@cache
def pairs(m: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the elements of a covariance matrix: the lower triangle by rows."""
    rows, columns = np.tril_indices(m)
    rows.flags.writeable = columns.flags.writeable = False
    return rows, columns


@cache
def elements(m: int) -> Linear:
    """The covariance as a linear function of its elements."""
    rows, columns = pairs(m)
    basis = np.zeros((len(rows), m, m))
    index = np.arange(len(rows))
    basis[index, rows, columns] = 1.0
    basis[index, columns, rows] = 1.0
    basis.flags.writeable = False
    return Linear(basis)


@dataclass(frozen=True)
class LogCholesky(Coordinates):
    """θ of an unstructured covariance of m visits."""

    m: int

    def factor(self, theta: Array) -> Array:
        """Lower triangular L at θ; shape (m, m)."""
        rows, columns = pairs(self.m)
        lower = np.zeros((self.m, self.m))
        logged = np.exp(np.minimum(theta, LARGEST_LOG))
        lower[rows, columns] = np.where(rows == columns, logged, theta)
        return lower

    def coordinates(self, sigma: Array) -> Array:
        """θ of a positive definite matrix; shape (k,)."""
        rows, columns = pairs(self.m)
        values = np.asarray(np.linalg.cholesky(sigma)[rows, columns], dtype=np.float64)
        values[rows == columns] = np.log(values[rows == columns])
        return values

    def sigma(self, x: Array) -> Array:
        lower = self.factor(x)
        return lower @ lower.T

    def first(self, x: Array) -> Array:
        lower, unit, rows, columns = self._parts(x)
        half = np.zeros((len(rows), self.m, self.m))
        half[np.arange(len(rows)), rows] = unit[:, None] * lower[:, columns].T
        return half + half.transpose(0, 2, 1)

    def second(self, x: Array) -> Array:
        """From `first`, and the products of entries in one column of L."""
        _, unit, rows, columns = self._parts(x)
        k, index = len(rows), np.arange(len(rows))
        result = np.zeros((k, k, self.m, self.m))
        same = (columns[:, None] == columns) * np.outer(unit, unit)
        result[index[:, None], index, rows[:, None], rows] += same
        result[index[:, None], index, rows, rows[:, None]] += same
        diagonal = index[rows == columns]
        result[diagonal, diagonal] += self.first(x)[diagonal]
        return result

    def bend(self, x: Array, weights: Array) -> Array:
        """2 W_ac on the pairs of entries (a, b) and (c, b) of L, and the slope of a logged one."""
        lower, unit, rows, columns = self._parts(x)
        second = 2 * weights[np.ix_(rows, rows)] * (columns[:, None] == columns)
        slope = 2 * (weights @ lower)[rows, columns] * unit
        return second * np.outer(unit, unit) + np.diag(np.where(rows == columns, slope, 0.0))

    def _parts(self, x: Array) -> tuple[Array, Array, NDArray[np.int64], NDArray[np.int64]]:
        lower = self.factor(x)
        rows, columns = pairs(self.m)
        return lower, np.where(rows == columns, lower[rows, columns], 1.0), rows, columns
