"""Refits with one patient left out, from the statistics of all.

The patient's rows are taken away from the patient's pattern with a negative sign and the search goes
on from the fit of all, along its second derivatives; the cost follows patterns, not patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.design import Design
from analysis.mmrm.estimates import Estimates
from analysis.mmrm.neighbour import Neighbour
from analysis.mmrm.optimise import Optimum
from analysis.mmrm.patterns import Block
from analysis.mmrm.stack import Stack
from analysis.mmrm.workspace import Workspace

Array = NDArray[np.float64]


# A direction of the design of which the others have less than this share hangs on one patient.
ALONE = 1e-10


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
    nearby = Neighbour.of(workspace.model, optimum)
    names = design.rows_used().frame[design.roles.subject].to_numpy()
    for block in design.blocks():
        rows = _working_rows(block, workspace)
        starts = np.flatnonzero(np.concatenate([[True], block.subject[1:] != block.subject[:-1]]))
        for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
            patient = names[block.index[start]]
            yield _without(workspace, nearby, block, rows, slice(start, stop), patient)


def _working_rows(block: Block, workspace: Workspace) -> Array:
    rows = workspace.basis.working_rows(block.rows)
    for weight in (block.precision, block.patient_weight):
        if weight is not None:
            rows = rows * np.sqrt(weight)[:, None]
    return rows


def _without(
    workspace: Workspace, nearby: Neighbour, block: Block, rows: Array, own: slice, patient: object
) -> LeftOut:
    stack = workspace.stack
    visits = block.visit[own]
    wide = np.zeros(stack.rows.shape[1:])
    wide[visits] = rows[own]
    weight = 1.0 if block.patient_weight is None else float(block.patient_weight[own.start])
    logs = 0.0
    if block.precision is not None:
        logs = weight * float(np.log(block.precision[own]).sum())
    group = int(block.group[own.start]) if stack.n_groups > 1 else 0
    # Columns of the basis are orthonormal over all patients: this is what the others have of them.
    left = np.eye(len(visits)) - wide[visits, :-1] @ wide[visits, :-1].T
    if np.linalg.eigvalsh(left)[0] < ALONE:
        raise ModelError(
            f"Without patient {patient} a coefficient cannot be estimated. Take the term out of "
            "the formula, or merge levels."
        )
    rest = _taken_away(stack, group, visits, wide, weight, logs)
    point, converged = nearby.maximise(rest)
    return LeftOut(patient, workspace.basis.estimates(point), converged)


def _taken_away(
    stack: Stack, group: int, visits: NDArray[np.int64], wide: Array, weight: float, logs: float
) -> Stack:
    """The stack without a patient's rows."""
    seen = np.zeros(stack.n_visits, dtype=np.bool_)
    seen[visits] = True
    pattern = int(np.flatnonzero((stack.seen == seen).all(axis=1) & (stack.group == group))[0])
    place = int(np.searchsorted(stack.owner, pattern, side="right"))
    weights = stack.weight.copy()
    weights[pattern] -= weight
    signs = np.ones(len(stack.rows)) if stack.signs is None else stack.signs
    later = np.arange(len(stack.starts)) > pattern
    return replace(
        stack, rows=np.insert(stack.rows, place, wide, axis=0),
        owner=np.insert(stack.owner, place, pattern), starts=stack.starts + later, weight=weights,
        signs=np.insert(signs, place, -1.0), log_weights=stack.log_weights - logs,
    )  # fmt: skip
