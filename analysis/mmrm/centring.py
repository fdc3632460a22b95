"""Declared centres and scales: rows are summed up near zero, answers come back in the data's units.

With x* = (x - c) / s a column that multiplies x by indicators L becomes L x* = (L x - c L) / s, so
the stored columns are X A with A upper triangular, provided that L itself is in the span of the
columns before. Where it is not, x is scaled but not centred (docs/methods.md section 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from analysis.mmrm.coding import Column, PlainCoding

Array = NDArray[np.float64]
Counts = tuple[tuple[str, int], ...]

# Combinations of indicators are whole numbers; a least-squares solution is that close to them.
WHOLE = 1e-8


@dataclass(frozen=True, slots=True)
class Change:
    """From columns of the formula to stored ones, and the unit of the outcome.

    Attributes
    ----------
    matrix : ndarray, shape (p, p)
        A in X_stored = X_formula A; upper triangular.
    ones : ndarray, shape (p,), or None
        e with X_formula e = 1; None where the columns do not span a constant.
    centre, scale : float
        Stored outcomes are (y - centre) / scale.
    """

    matrix: Array
    ones: Array | None
    centre: float
    scale: float

    @classmethod
    def none(cls, size: int) -> Change:
        """Columns and outcome as they are."""
        return cls(np.eye(size), None, 0.0, 1.0)


def movable(coding: PlainCoding) -> frozenset[str]:
    """Numeric columns that may be centred without leaving the span of the formula."""
    allowed = set(coding.numeric)
    while True:
        stuck = {
            name
            for k, column in enumerate(coding.columns)
            for gone in _subsets(column.numbers, allowed)
            if gone and _margin(coding.columns, coding.counts, k, gone) is None
            for name in gone
        }
        if not stuck:
            return frozenset(allowed)
        allowed -= stuck


def change(
    coding: PlainCoding, centre: Mapping[str, float], scale: Mapping[str, float], outcome: str
) -> Change:
    """The change of columns for declared centres (of movable columns) and scales."""
    size = len(coding.columns)
    matrix = np.zeros((size, size))
    moved = {name for name in coding.numeric if centre.get(name, 0.0) != 0.0}
    for k, column in enumerate(coding.columns):
        unit = 1.0
        for name in column.numbers:
            unit /= scale.get(name, 1.0)
        matrix[k, k] = unit
        for gone in _subsets(column.numbers, moved):
            if gone:
                factor = unit * float(np.prod([-centre[name] for name in gone]))
                margin = _margin(coding.columns, coding.counts, k, gone)
                if margin is None:
                    raise ValueError(f"{', '.join(gone)} cannot be centred")
                matrix[:, k] += factor * margin
    return Change(
        matrix, ones(coding), centre.get(outcome, 0.0), scale.get(outcome, 1.0)
    )


def ones(coding: PlainCoding) -> Array | None:
    """Weights with which the columns add up to the constant 1; None where they cannot."""
    return _combination(coding.columns, coding.counts, Column((), ()), len(coding.columns))


def round_centre(mean: float, spread: float) -> float:
    """The mean, rounded to a power of ten below the spread."""
    if not spread > 0:
        return mean
    step = 10.0 ** np.floor(np.log10(spread))
    return float(np.round(mean / step) * step)


def round_scale(spread: float) -> float:
    """The power of two next to the spread: dividing by it loses nothing."""
    return float(2.0 ** np.round(np.log2(spread))) if spread > 0 else 1.0


def _subsets(names: tuple[str, ...], allowed: Iterable[str]) -> list[tuple[str, ...]]:
    chosen = [name for name in names if name in allowed]
    return [s for size in range(len(chosen) + 1) for s in combinations(chosen, size)]


@lru_cache(maxsize=1024)
def _margin(
    columns: tuple[Column, ...], counts: Counts, k: int, gone: tuple[str, ...]
) -> Array | None:
    """Column k without the numbers in `gone`, as a combination of the columns before it."""
    rest = tuple(name for name in columns[k].numbers if name not in gone)
    return _combination(columns, counts, replace(columns[k], numbers=rest), k)


def _combination(
    columns: tuple[Column, ...], counts: Counts, wanted: Column, before: int
) -> Array | None:
    # Columns that are 0 at the same level combine as if that level were not there.
    usable = [
        j for j in range(before)
        if set(columns[j].numbers) == set(wanted.numbers) and columns[j].absent == wanted.absent
    ]  # fmt: skip
    weights = np.zeros(len(columns))
    for j in usable:
        if set(columns[j].levels) == set(wanted.levels):
            weights[j] = 1.0
            return weights
    if not usable:
        return None
    size = dict(counts)
    goal, *parts = (_expand(one.levels, size) for one in (wanted, *(columns[j] for j in usable)))
    terms = {term: row for row, term in enumerate(sorted(set(goal).union(*parts), key=sorted))}
    matrix, target = np.zeros((len(terms), len(usable))), np.zeros(len(terms))
    for position, part in enumerate(parts):
        for term, value in part.items():
            matrix[terms[term], position] = value
    for term, value in goal.items():
        target[terms[term]] = value
    found = np.linalg.lstsq(matrix, target, rcond=None)[0]
    near = np.round(found)
    found = np.where(np.abs(found - near) < WHOLE, near, found)
    if np.abs(matrix @ found - target).max() > WHOLE:
        return None
    weights[usable] = found
    return weights


def _expand(
    levels: tuple[tuple[str, int], ...], size: Mapping[str, int]
) -> dict[frozenset[tuple[str, int]], float]:
    """A product of indicators without first levels: 1[first] = 1 - the sum of the others."""
    out: dict[frozenset[tuple[str, int]], float] = {frozenset(): 1.0}
    for name, code in levels:
        if code:
            one = {frozenset({(name, code)}): 1.0}
        else:
            one = {frozenset({(name, other)}): -1.0 for other in range(1, size[name])}
            one[frozenset()] = 1.0
        out = {a | b: x * y for a, x in out.items() for b, y in one.items()}
    return out
