"""Sufficient statistics: what the likelihood needs of the data, by missingness pattern.

Patients who attended the same visits form a pattern. For a pattern with m_g visits the
cross-products of the rows z_ij = (x_ij, y_ij) between all its visits are enough (docs/methods.md
section 2). They are kept as a square root: a matrix F with F'F equal to the cross-products, whose
rows act like patients. A root costs half the digits that cross-products cost, and never has more
rows than m_g (p + 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Patients seen at the same visits.

    Attributes
    ----------
    visits : tuple of int
        Positions of the visits attended, ascending; m_g of them.
    n : int
        Number of patients.
    root : ndarray, shape (f, m_g, p + 1)
        Rows whose cross-products equal those of the patients; the outcome is the last column.
    """

    visits: tuple[int, ...]
    n: int
    root: Array


@dataclass(frozen=True, slots=True)
class SufficientStatistics:
    """Everything the Gaussian likelihood needs of a data set.

    Attributes
    ----------
    columns : tuple of str
        Names of the p columns of the design.
    n_visits : int
        Number of scheduled visits m.
    patterns : tuple of Pattern
        In order of their visits.
    """

    columns: tuple[str, ...]
    n_visits: int
    patterns: tuple[Pattern, ...]

    @property
    def n_subjects(self) -> int:
        """Number of patients with at least one value."""
        return sum(pattern.n for pattern in self.patterns)

    @property
    def n_obs(self) -> int:
        """Number of values."""
        return sum(pattern.n * len(pattern.visits) for pattern in self.patterns)

    def visit_counts(self) -> NDArray[np.int64]:
        """Patients with a value, by visit; shape (m,)."""
        counts = np.zeros(self.n_visits, dtype=np.int64)
        for pattern in self.patterns:
            counts[list(pattern.visits)] += pattern.n
        return counts

    def pair_counts(self) -> NDArray[np.int64]:
        """Patients with values at both of two visits; shape (m, m)."""
        counts = np.zeros((self.n_visits, self.n_visits), dtype=np.int64)
        for pattern in self.patterns:
            counts[np.ix_(pattern.visits, pattern.visits)] += pattern.n
        return counts

    def __add__(self, other: SufficientStatistics) -> SufficientStatistics:
        """Statistics of both sets of patients together.

        Raises
        ------
        ModelError
            The two were made with different columns or visits.
        """
        if (self.columns, self.n_visits) != (other.columns, other.n_visits):
            raise ModelError(
                "These statistics cannot be added: they have different columns or visits "
                f"({self.n_visits} visits, columns {list(self.columns)} against {other.n_visits} "
                f"visits, columns {list(other.columns)}). Make both with the same formula and "
                "levels."
            )
        merged = {pattern.visits: pattern for pattern in self.patterns}
        for pattern in other.patterns:
            merged[pattern.visits] = _merge(merged.get(pattern.visits), pattern)
        ordered = tuple(merged[key] for key in sorted(merged))
        return SufficientStatistics(self.columns, self.n_visits, ordered)

    @classmethod
    def empty(cls, columns: tuple[str, ...], n_visits: int) -> SufficientStatistics:
        """Statistics of nobody: the start of a sum."""
        return cls(columns, n_visits, ())

    @classmethod
    def from_arrays(
        cls,
        columns: tuple[str, ...],
        n_visits: int,
        subject: NDArray[np.int64],
        visit: NDArray[np.int64],
        rows: Array,
    ) -> SufficientStatistics:
        """Reduce rows to statistics.

        Parameters
        ----------
        columns : tuple of str
            Names of the design's columns, p of them.
        n_visits : int
            Number of scheduled visits.
        subject, visit : ndarray of int, shape (N,)
            Codes; rows must be sorted by subject, then visit, and all rows of a subject be here.
        rows : ndarray, shape (N, p + 1)
            Design and, last, the outcome.
        """
        starts = np.flatnonzero(np.r_[True, subject[1:] != subject[:-1]])
        sizes = np.diff(np.r_[starts, len(subject)])
        patterns = []
        for visits, members in _group(visit, starts, sizes):
            size = len(visits)
            index = starts[members][:, None] + np.arange(size)
            root = _compress(rows[index].reshape(len(members), -1))
            patterns.append(Pattern(visits, len(members), root.reshape(len(root), size, -1)))
        patterns.sort(key=lambda pattern: pattern.visits)
        return cls(columns, n_visits, tuple(patterns))


def _group(
    visit: NDArray[np.int64], starts: NDArray[np.int64], sizes: NDArray[np.int64]
) -> list[tuple[tuple[int, ...], NDArray[np.int64]]]:
    """Patients by missingness pattern: (visits, positions of patients)."""
    groups = []
    for size in np.unique(sizes):
        patients = np.flatnonzero(sizes == size)
        attended = visit[starts[patients][:, None] + np.arange(size)]
        distinct, inverse = np.unique(attended, axis=0, return_inverse=True)
        inverse = inverse.reshape(-1)
        for number, visits in enumerate(distinct):
            groups.append((tuple(int(v) for v in visits), patients[inverse == number]))
    return groups


def _compress(root: Array) -> Array:
    """Square root with no more rows than columns and the same cross-products."""
    if len(root) <= root.shape[1]:
        return np.array(root)
    return np.linalg.qr(root, mode="r")


def _merge(first: Pattern | None, second: Pattern) -> Pattern:
    if first is None:
        return second
    stacked = np.concatenate([first.root, second.root])
    root = _compress(stacked.reshape(len(stacked), -1))
    shape = (len(root), *first.root.shape[1:])
    return Pattern(first.visits, first.n + second.n, root.reshape(shape))
