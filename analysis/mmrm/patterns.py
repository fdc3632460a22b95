"""Missingness patterns: the unit in which patients' rows are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Rows reduced by one QR: a tall matrix in pieces that stay in the processor's cache.
ROWS_IN_CACHE = 8_192
# Visits noted in one integer; with the group it has to fit 63 bits.
WORD = 32


@dataclass(frozen=True, slots=True, eq=False)
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

    def __post_init__(self) -> None:
        self.root.setflags(write=False)

    @property
    def key(self) -> tuple[int, tuple[int, ...]]:
        """What patients of a pattern share."""
        return self.group, self.visits

    def __add__(self, other: Pattern) -> Pattern:
        """Patients of both; the two have the same key."""
        stacked = np.concatenate([self.root, other.root])
        root = compress(stacked.reshape(len(stacked), -1))
        shape = (len(root), *self.root.shape[1:])
        return Pattern(
            *self.key, self.n + other.n, self.weight + other.weight, root.reshape(shape)
        )


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of whole patients, sorted by patient, then visit.

    Attributes
    ----------
    subject, visit, group : ndarray of int, shape (N,)
        Codes of the patient, the position of the visit and the patient's covariance group.
    rows : ndarray, shape (N, p + 1)
        Design in columns of the formula and, last, the outcome; without weights.
    precision : ndarray, shape (N,), or None
        Precision weights w_ij.
    patient_weight : ndarray, shape (N,), or None
        Weight of the row's patient ω_i.
    index : ndarray of int, shape (N,)
        Position of each row among the rows used (`Design.frame`).
    """

    subject: NDArray[np.integer]
    visit: NDArray[np.int64]
    group: NDArray[np.int64]
    rows: Array
    precision: Array | None
    patient_weight: Array | None
    index: NDArray[np.int64]


def compress(rows: Array) -> Array:
    """Square root with no more rows than columns and the same cross-products.

    The triangle of a QR decomposition, made in pieces: a triangle costs no digits, cross-products
    would cost half of them.
    """
    width = rows.shape[1]
    while len(rows) > max(ROWS_IN_CACHE, 4 * width):
        step = max(ROWS_IN_CACHE, 4 * width)
        pieces = [rows[k : k + step] for k in range(0, len(rows), step)]
        rows = np.concatenate([_triangle(piece) for piece in pieces])
    return _triangle(rows)


def merge(patterns: list[Pattern]) -> tuple[Pattern, ...]:
    """Patterns with one entry per key, in order of group, then visits."""
    merged: dict[tuple[int, tuple[int, ...]], Pattern] = {}
    for pattern in patterns:
        before = merged.get(pattern.key)
        merged[pattern.key] = pattern if before is None else before + pattern
    return tuple(merged[key] for key in sorted(merged))


def group_patients(
    group: NDArray[np.int64], position: NDArray[np.int64], starts: NDArray[np.int64]
) -> list[tuple[int, tuple[int, ...], NDArray[np.int64]]]:
    """Patients by covariance group and visits: (group, visits, patients).

    Parameters
    ----------
    group : ndarray of int, shape (n,)
        Covariance group of each patient.
    position : ndarray of int, shape (N,)
        Visit of each row, ascending within a patient.
    starts : ndarray of int, shape (n,)
        First row of each patient.
    """
    if not len(starts):
        return []
    number = group
    last = int(position.max())
    for first in range(0, last + 1, WORD):
        # The visits attended are the bits of a number; in words, so that any schedule fits.
        place = position - first
        bits = np.where((place >= 0) & (place < WORD), np.left_shift(1, np.clip(place, 0, WORD)), 0)
        number = number * 2 ** min(WORD, last + 1) + np.add.reduceat(bits, starts)
        if last >= WORD:
            number = np.unique(number, return_inverse=True)[1]
    order = np.argsort(number.astype(np.uint16) if number.max() < 2**16 else number, kind="stable")
    ordered = number[order]
    cuts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    sizes = np.diff(np.append(starts, len(position)))
    found = []
    for begin, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
        members = order[begin:end]
        one = members[0]
        visits = position[starts[one] : starts[one] + sizes[one]]
        found.append((int(group[one]), tuple(visits.tolist()), members))
    return found


def _triangle(rows: Array) -> Array:
    if len(rows) <= rows.shape[1]:
        return np.array(rows)
    # The stubs overlook mode="r".
    return np.linalg.qr(rows, mode="r")  # type: ignore[return-value]
