"""Sufficient statistics: what the likelihood needs of the data, by missingness pattern.

Patients of one covariance group who attended the same visits form a pattern. For a pattern with m_g
visits the cross-products of the rows z_ij = (x_ij, y_ij) between all its visits are enough
(docs/methods.md section 2). They are kept as a square root: a matrix F with F'F equal to the
cross-products, whose rows act like patients. A root costs half the digits that cross-products cost,
and never has more rows than m_g (p + 1).

Weights are inside the rows: a precision weight w_ij multiplies row z_ij by its square root and adds
its logarithm to `log_weights`; a patient's weight ω_i multiplies all rows of the patient by its
square root and counts the patient ω_i times in `weight`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Patients of one covariance group seen at the same visits.

    Attributes
    ----------
    group : int
        Position of the covariance group; 0 where all patients share one covariance.
    visits : tuple of int
        Positions of the visits attended, ascending; m_g of them.
    n : int
        Number of patients.
    weight : float
        Sum of their weights; `n` where patients are not weighted.
    root : ndarray, shape (f, m_g, p + 1)
        Rows whose cross-products equal those of the patients; the outcome is the last column.
    """

    group: int
    visits: tuple[int, ...]
    n: int
    weight: float
    root: Array

    @property
    def key(self) -> tuple[int, tuple[int, ...]]:
        """What patients of a pattern share."""
        return self.group, self.visits


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of whole patients, sorted by patient, then visit.

    Attributes
    ----------
    subject, visit, group : ndarray of int, shape (N,)
        Codes of the patient, the visit and the patient's covariance group.
    rows : ndarray, shape (N, p + 1)
        Design in columns of the formula and, last, the outcome; without weights.
    precision : ndarray, shape (N,), or None
        Precision weights w_ij.
    patient_weight : ndarray, shape (N,), or None
        Weight of the row's patient ω_i.
    index : ndarray of int, shape (N,)
        Position of each row among the rows used (`Design.frame`).
    """

    subject: NDArray[np.int64]
    visit: NDArray[np.int64]
    group: NDArray[np.int64]
    rows: Array
    precision: Array | None
    patient_weight: Array | None
    index: NDArray[np.int64]


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
        In order of group, then visits.
    n_groups : int
        Number of covariance groups.
    log_weights : float
        Σ ω_i log w_ij over all values; 0 without precision weights.
    """

    columns: tuple[str, ...]
    n_visits: int
    patterns: tuple[Pattern, ...]
    n_groups: int = 1
    log_weights: float = 0.0

    @property
    def n_subjects(self) -> int:
        """Number of patients with at least one value."""
        return sum(pattern.n for pattern in self.patterns)

    @property
    def n_obs(self) -> int:
        """Number of values."""
        return sum(pattern.n * len(pattern.visits) for pattern in self.patterns)

    @property
    def weighted_obs(self) -> float:
        """Number of values, each counted as often as its patient's weight says."""
        return float(sum(pattern.weight * len(pattern.visits) for pattern in self.patterns))

    def pair_counts(self) -> NDArray[np.int64]:
        """Patients with values at both of two visits, by group; shape (groups, m, m)."""
        counts = np.zeros((self.n_groups, self.n_visits, self.n_visits), dtype=np.int64)
        for pattern in self.patterns:
            counts[pattern.group][np.ix_(pattern.visits, pattern.visits)] += pattern.n
        return counts

    def __add__(self, other: SufficientStatistics) -> SufficientStatistics:
        """Statistics of both sets of patients together.

        Raises
        ------
        ModelError
            The two were made with different columns or visits.
        """
        mine, theirs = ((s.columns, s.n_visits, s.n_groups) for s in (self, other))
        if mine != theirs:
            raise ModelError(
                "These statistics cannot be added: they have different columns or visits "
                f"({self.n_visits} visits, columns {list(self.columns)} against {other.n_visits} "
                f"visits, columns {list(other.columns)}). Make both with the same formula and "
                "levels."
            )
        merged = {pattern.key: pattern for pattern in self.patterns}
        for pattern in other.patterns:
            merged[pattern.key] = _merge(merged.get(pattern.key), pattern)
        ordered = tuple(merged[key] for key in sorted(merged))
        return SufficientStatistics(
            self.columns, self.n_visits, ordered, self.n_groups,
            self.log_weights + other.log_weights,
        )  # fmt: skip

    @classmethod
    def empty(
        cls, columns: tuple[str, ...], n_visits: int, n_groups: int = 1
    ) -> SufficientStatistics:
        """Statistics of nobody: the start of a sum."""
        return cls(columns, n_visits, (), n_groups)

    @classmethod
    def from_block(
        cls, columns: tuple[str, ...], n_visits: int, n_groups: int, block: Block
    ) -> SufficientStatistics:
        """Reduce the rows of whole patients to statistics.

        Parameters
        ----------
        columns : tuple of str
            Names of the design's columns, p of them.
        n_visits, n_groups : int
            Number of scheduled visits and of covariance groups.
        block : Block
        """
        starts = np.flatnonzero(np.r_[True, block.subject[1:] != block.subject[:-1]])
        sizes = np.diff(np.r_[starts, len(block.subject)])
        rows, log_weights = _weighted(block)
        weight = None if block.patient_weight is None else block.patient_weight[starts]
        patterns = []
        for group, visits, members in _group(block.group[starts], block.visit, starts, sizes):
            size = len(visits)
            index = starts[members][:, None] + np.arange(size)
            root = _compress(rows[index].reshape(len(members), -1))
            total = float(len(members) if weight is None else weight[members].sum())
            patterns.append(
                Pattern(group, visits, len(members), total, root.reshape(len(root), size, -1))
            )
        patterns.sort(key=lambda pattern: pattern.key)
        return cls(columns, n_visits, tuple(patterns), n_groups, log_weights)


def _weighted(block: Block) -> tuple[Array, float]:
    """Rows multiplied by the square roots of their weights, and Σ ω_i log w_ij."""
    rows, log_weights = block.rows, 0.0
    if block.precision is not None:
        logs = np.log(block.precision)
        if block.patient_weight is not None:
            logs = logs * block.patient_weight
        rows, log_weights = rows * np.sqrt(block.precision)[:, None], float(logs.sum())
    if block.patient_weight is not None:
        rows = rows * np.sqrt(block.patient_weight)[:, None]
    return rows, log_weights


def _group(
    group: NDArray[np.int64], visit: NDArray[np.int64], starts: NDArray[np.int64],
    sizes: NDArray[np.int64],
) -> list[tuple[int, tuple[int, ...], NDArray[np.int64]]]:  # fmt: skip
    """Patients by covariance group and missingness pattern: (group, visits, positions)."""
    groups = []
    for size in np.unique(sizes):
        patients = np.flatnonzero(sizes == size)
        attended = visit[starts[patients][:, None] + np.arange(size)]
        keys = np.column_stack([group[patients], attended])
        distinct, inverse = np.unique(keys, axis=0, return_inverse=True)
        inverse = inverse.reshape(-1)
        for number, (one, *visits) in enumerate(distinct):
            members = patients[inverse == number]
            groups.append((int(one), tuple(int(v) for v in visits), members))
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
    return Pattern(
        *first.key, first.n + second.n, first.weight + second.weight, root.reshape(shape)
    )
