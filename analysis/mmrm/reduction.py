"""From rows to patterns, without writing the rows.

At one visit a column of a plain formula is either 0 or a product of what is left when the visit is
taken out of it (an *atom*: `arm[T.new]:visit[T.v3]` at v3 is the indicator of the arm). The stacked
row of a patient is therefore a linear map of a few atoms and the outcomes, and the square root of
the patients' cross-products is that of the atoms, mapped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.mmrm.centring import Change
from analysis.mmrm.coding import Column, PlainCoding, products
from analysis.mmrm.observations import Observations
from analysis.mmrm.patterns import Block, Pattern, compress, group_patients, merge

Array = NDArray[np.float64]

# Rows reduced at a time: bounds memory without costing speed.
ROWS_AT_ONCE = 200_000


@dataclass(frozen=True, slots=True)
class Stacks:
    """What the rows of patients are made of.

    Attributes
    ----------
    steady : ndarray, shape (n, a)
        Atoms that do not change within a patient.
    steady_map : ndarray, shape (m, a, p)
        Design columns at a visit made of them.
    moving : ndarray, shape (N, b)
        Atoms that do, by row.
    moving_map : ndarray, shape (m, b, p), or None
        Design columns made of them; None where `moving` are the columns themselves.
    outcome : ndarray, shape (N,)
    """

    steady: Array
    steady_map: Array
    moving: Array
    moving_map: Array | None
    outcome: Array


def reduce_block(block: Block, change: Change, n_positions: int) -> tuple[Pattern, ...]:
    """Patterns of rows that are at hand as columns of the formula."""
    starts = np.flatnonzero(np.concatenate([[True], block.subject[1:] != block.subject[:-1]]))
    size = block.rows.shape[1] - 1
    rows = block.rows[:, :size] @ change.matrix
    stacks = Stacks(
        np.empty((len(starts), 0)), np.empty((n_positions, 0, size)), rows, None,
        (block.rows[:, size] - change.centre) / change.scale,
    )  # fmt: skip
    return _patterns(
        stacks, starts, block.visit, block.group, block.precision, block.patient_weight
    )


def reduce_plain(
    rows: Observations, coding: PlainCoding, change: Change, centre: Mapping[str, float],
    scale: Mapping[str, float],
) -> tuple[Pattern, ...]:  # fmt: skip
    """Patterns of the rows of a plain formula."""
    roles = rows.roles
    starts, position = rows.starts, rows.sorted(rows.position)
    codes = {name: rows.sorted(rows.codes[name]) for name in coding.factors}
    numbers = {
        name: (rows.sorted(rows.numbers[name]) - centre.get(name, 0.0)) / scale.get(name, 1.0)
        for name in coding.numeric
    }
    group = np.zeros(len(rows), dtype=np.int64)
    if roles.group is not None:
        group = rows.sorted(rows.codes[roles.group]).astype(np.int64)
    precision, weight = (
        None if name is None else rows.sorted(rows.numbers[name])
        for name in (roles.weights, roles.subject_weights)
    )
    outcome = (rows.sorted(rows.outcome) - change.centre) / change.scale
    atoms = _Atoms.of(rows, coding, {**codes, **numbers}, precision is not None)
    found: list[Pattern] = []
    for first, last, part in _parts(starts, len(rows)):
        heads = starts[first:last]
        once = {name: values[heads] for name, values in {**codes, **numbers}.items()}
        here = {name: values[part] for name, values in {**codes, **numbers}.items()}
        stacks = Stacks(
            products(atoms.steady, once, once, last - first), atoms.steady_map,
            products(atoms.moving, here, here, part.stop - part.start), atoms.moving_map,
            outcome[part],
        )  # fmt: skip
        found += _patterns(
            stacks, heads - part.start, position[part], group[part],
            *(None if values is None else values[part] for values in (precision, weight)),
        )
    return merge(found)


def _parts(starts: NDArray[np.int64], n: int) -> Iterator[tuple[int, int, slice]]:
    """First and last patient, and their rows, of pieces of bounded size."""
    ends = np.append(starts, n)
    first = 0
    while first < len(starts):
        last = int(np.searchsorted(ends, ends[first] + ROWS_AT_ONCE, side="right")) - 1
        last = min(max(last, first + 1), len(starts))
        yield first, last, slice(int(ends[first]), int(ends[last]))
        first = last


@dataclass(frozen=True, slots=True)
class _Atoms:
    steady: tuple[Column, ...]
    steady_map: Array
    moving: tuple[Column, ...]
    moving_map: Array

    @classmethod
    def of(
        cls, rows: Observations, coding: PlainCoding, values: Mapping[str, NDArray],
        all_moving: bool,
    ) -> _Atoms:  # fmt: skip
        visits = len(rows.levels[rows.roles.visit])
        positions = np.arange(rows.n_positions)
        placed = {rows.roles.visit: positions % visits}
        if rows.roles.measure is not None:
            placed[rows.roles.measure] = positions // visits
        used = {n for c in coding.columns for n in (*(name for name, _ in c.levels), *c.numbers)}
        moving = {
            name for name in used - set(placed)
            if all_moving or not _steady(values[name], rows.starts)
        }  # fmt: skip
        known: dict[Column, int] = {}
        entries: list[tuple[NDArray[np.bool_], int, int]] = []
        for k, column in enumerate(coding.columns):
            here = np.ones(len(positions), dtype=bool)
            for name, code in column.levels:
                if name in placed:
                    here &= placed[name] == code
            # Only visits are absent, and they are placed.
            for name, code in column.absent:
                here &= placed[name] != code
            left = tuple(level for level in column.levels if level[0] not in placed)
            atom = Column(tuple(sorted(left)), tuple(sorted(column.numbers)))
            entries.append((here, known.setdefault(atom, len(known)), k))
        still = [
            not all_moving
            and moving.isdisjoint([*(name for name, _ in atom.levels), *atom.numbers])
            for atom in known
        ]
        whole = np.zeros((len(positions), len(known), len(coding.columns)))
        for here, place, k in entries:
            whole[here, place, k] = 1.0
        mask, atoms = np.array(still, dtype=bool), list(known)
        return cls(
            tuple(a for a, keep in zip(atoms, still, strict=True) if keep), whole[:, mask],
            tuple(a for a, keep in zip(atoms, still, strict=True) if not keep), whole[:, ~mask],
        )  # fmt: skip


def _steady(values: NDArray, starts: NDArray[np.int64]) -> bool:
    """Whether no patient has two values; the rows are sorted by patient."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    return bool(np.isin(changes, starts, assume_unique=True).all())


def _patterns(
    stacks: Stacks, starts: NDArray[np.int64], position: NDArray[np.int64],
    group: NDArray[np.int64], precision: Array | None, patient_weight: Array | None,
) -> tuple[Pattern, ...]:  # fmt: skip
    steady, moving, outcome = stacks.steady, stacks.moving, stacks.outcome
    weight = None
    if precision is not None or patient_weight is not None:
        by_row = np.ones(len(position)) if precision is None else np.sqrt(precision)
        if patient_weight is not None:
            weight = patient_weight[starts]
            by_row = by_row * np.sqrt(patient_weight)
            steady = steady * np.sqrt(weight)[:, None]
        moving, outcome = moving * by_row[:, None], outcome * by_row
    found = []
    for one, visits, members in group_patients(group[starts], position, starts):
        size = len(visits)
        index = starts[members][:, None] + np.arange(size)
        attended = np.array(visits)
        root = _root(
            steady[members], stacks.steady_map[attended], moving[index],
            None if stacks.moving_map is None else stacks.moving_map[attended], outcome[index],
        )  # fmt: skip
        total = float(len(members) if weight is None else weight[members].sum())
        found.append(Pattern(one, visits, len(members), total, root))
    return merge(found)


def _root(
    steady: Array, steady_map: Array, moving: Array, moving_map: Array | None, outcome: Array
) -> Array:
    """Square root of the cross-products of the patients of a pattern, (f, m_g, p + 1).

    `steady` is (n, a), `moving` (n, m_g, b), `outcome` (n, m_g); the maps belong to its visits.
    """
    n, m, b = moving.shape
    a, p = steady.shape[1], steady_map.shape[2]
    stacked = np.concatenate([steady, moving.reshape(n, m * b), outcome], axis=1)
    stacked = compress(stacked)
    root = np.empty((len(stacked), m, p + 1))
    parts = stacked[:, a : a + m * b].reshape(len(stacked), m, b)
    if moving_map is None:
        root[..., :p] = parts
    else:
        root[..., :p] = np.matmul(stacked[:, :a], steady_map).transpose(1, 0, 2)
        if b:
            root[..., :p] += np.matmul(parts[:, :, None, :], moving_map)[:, :, 0]
    root[..., p] = stacked[:, a + m * b :]
    return root
