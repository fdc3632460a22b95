"""Refits with one patient left out, from the statistics of all.

The patient's rows are taken away from the patient's pattern with a negative sign and the search goes
on from the fit of all, along its second derivatives; the cost follows patterns, not patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.deletions import Deletions, Moments
from analysis.mmrm.design import Design
from analysis.mmrm.estimates import Estimates
from analysis.mmrm.neighbour import Neighbour
from analysis.mmrm.optimise import Optimum, collinear
from analysis.mmrm.patterns import Block
from analysis.mmrm.stack import Stack
from analysis.mmrm.workspace import Workspace

Array = NDArray[np.float64]


# A direction of the design of which the others have less than this share hangs on one patient.
ALONE = 1e-10
# Numbers in the largest array of the patients whose refits go side by side.
VALUES_AT_ONCE = 2**18


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A fit without one patient.

    Attributes
    ----------
    patient : object
        Who was left out.
    estimates : Estimates
        Of the others.
    converged : bool
    """

    patient: object
    estimates: Estimates
    converged: bool


def leave_one_out(design: Design, workspace: Workspace, optimum: Optimum) -> Iterator[LeftOut]:
    """Refit without each patient in turn, in the order of the data.

    Parameters
    ----------
    design : Design
        Gives the patients' rows.
    workspace, optimum
        The fit of all patients.

    Raises
    ------
    ModelError
        No patients' rows, or a patient without whom a coefficient cannot be estimated.
    """
    nearby, moments = Neighbour.of(workspace.model, optimum), Moments.of(workspace.stack)
    names = design.rows_used().frame[design.roles.subject].to_numpy()
    for block in design.blocks():
        rows, own = _working_rows(block, workspace), _own_rows(block)
        step = max(1, VALUES_AT_ONCE // max(moments.turn.size, moments.stack.seen.size))
        for some in (own[k : k + step] for k in range(0, len(own), step)):
            patients = [names[block.index[part.start]] for part in some]
            left = [_left(workspace.stack, block, rows, part) for part in some]
            yield from _without(workspace, nearby, moments, left, patients)


def _own_rows(block: Block) -> list[slice]:
    """Where each patient's rows stand."""
    starts = np.flatnonzero(np.concatenate([[True], block.subject[1:] != block.subject[:-1]]))
    return [slice(*map(int, ends)) for ends in pairwise([*starts, len(block.subject)])]


def _working_rows(block: Block, workspace: Workspace) -> Array:
    rows = workspace.basis.working_rows(block.rows)
    for weight in (block.precision, block.patient_weight):
        if weight is not None:
            rows = rows * np.sqrt(weight)[:, None]
    return rows


@dataclass(frozen=True, slots=True)
class _Left:
    """A patient's part in a stack: rows by visit, pattern, weight and its logged weights."""

    rows: Array
    pattern: int
    weight: float
    logs: float


def _left(stack: Stack, block: Block, rows: Array, own: slice) -> _Left:
    visits, first = block.visit[own], own.start
    wide = np.zeros(stack.rows.shape[1:])
    wide[visits] = rows[own]
    weight = 1.0 if block.patient_weight is None else float(block.patient_weight[first])
    logs = 0.0
    if block.precision is not None:
        logs = weight * float(np.log(block.precision[own]).sum())
    seen = np.zeros(stack.n_visits, dtype=np.bool_)
    seen[visits] = True
    group = int(block.group[first]) if stack.n_groups > 1 else 0
    pattern = int(np.flatnonzero((stack.seen == seen).all(axis=1) & (stack.group == group))[0])
    return _Left(wide, pattern, weight, logs)


def _without(
    workspace: Workspace, nearby: Neighbour, moments: Moments, left: list[_Left], patients: list[object]
) -> Iterator[LeftOut]:  # fmt: skip
    """Refits without each of some patients: together by the chord, and alone where it will not do."""
    rows = np.stack([one.rows for one in left])
    _refuse_alone(rows[..., :-1], patients)
    deletions = Deletions(
        moments, moments.local(rows), np.array([one.pattern for one in left]),
        np.array([one.weight for one in left]), nearby.reml,
    )  # fmt: skip
    theta, found = nearby.chord(deletions)
    sigma = nearby.sigmas(theta)
    beta, root = deletions.least_squares(sigma, np.arange(len(left)))
    for i, patient in enumerate(patients):
        one, converged = (beta[i], root[i], sigma[i]), True
        if not (found[i] and np.isfinite(beta[i]).all()) or collinear(workspace.model, sigma[i]):
            point, converged = nearby.climb(_taken_away(workspace.stack, left[i]))
            one = point.beta, point.root, point.sigma
        yield LeftOut(patient, workspace.basis.estimates(*one), converged)


def _refuse_alone(design: Array, patients: list[object]) -> None:
    """Columns of the basis are orthonormal over all patients: this is what the others have of them."""
    rest = np.eye(design.shape[1]) - design @ design.transpose(0, 2, 1)
    alone = np.flatnonzero(np.linalg.eigvalsh(rest)[:, 0] < ALONE)
    if len(alone):
        raise ModelError(
            f"Without patient {patients[alone[0]]} a coefficient cannot be estimated. Take the term "
            "out of the formula, or merge levels."
        )


def _taken_away(stack: Stack, left: _Left) -> Stack:
    """The stack without a patient's rows."""
    place = int(np.searchsorted(stack.owner, left.pattern, side="right"))
    weights = stack.weight.copy()
    weights[left.pattern] -= left.weight
    signs = np.ones(len(stack.rows)) if stack.signs is None else stack.signs
    later = np.arange(len(stack.starts)) > left.pattern
    return replace(
        stack, rows=np.insert(stack.rows, place, left.rows, axis=0),
        owner=np.insert(stack.owner, place, left.pattern), starts=stack.starts + later,
        weight=weights, signs=np.insert(signs, place, -1.0),
        log_weights=stack.log_weights - left.logs,
    )  # fmt: skip
