"""ANCOVA without each unit, from totals over cells of patients less the unit's own values.

In a cell (patients with one pattern of missing values, event and strategy) the conditional mean is
one linear function of a patient's design rows and observed values. So for X'Y, Y completed under
any parameters, it is enough to know X'(rows) and X'(observed values) of the cell: what a refit
costs follows patterns of missing values, not patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analysis.imputation.analyse import Ancova
from analysis.imputation.panel import Panel, Parameters, cells, fill, impute

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# Completed values held at a time: bounds memory without costing speed.
VALUES_AT_ONCE = 2_000_000


def estimates_without(
    analysis: Ancova, panel: Panel, left: Parameters, out: Integers, shift: Array | float = 0.0
) -> Array:
    """ANCOVA of conditional means without each unit, under its own parameters.

    Parameters
    ----------
    analysis : Ancova
    panel : Panel
        All its strategies linear in the means (`is_linear`).
    left : Parameters
        A stack of R.
    out : ndarray of int, shape (n,)
        Which of the R leaves each patient out.
    shift : float or ndarray, shape (n, m)
        Added to the completed values.

    Returns
    -------
    ndarray, shape (R, E)

    Raises
    ------
    ModelError
        A covariance is singular, or without a unit a coefficient cannot be estimated.

    References
    ----------
    Wolbers et al 2022, Pharm Stat 21:1246.
    """
    small = totals(panel, analysis.basis)
    moved = np.broadcast_to(shift, panel.shape)
    still = analysis.basis.T @ moved
    (n, m), count, q = panel.shape, len(left.beta), analysis.basis.shape[1]
    # Numbers a replicate needs: its totals, its covariances, and the rows of who is left out.
    each = m * (len(small.outcome) + m * len(small.outcome) // q + panel.own.shape[2] * n // count)
    found = []
    for some, gone, starts in leavers(out, count, max(1, VALUES_AT_ONCE // each)):
        completed = impute(small, Parameters(left.beta[some], left.sigma[some])).mean
        cross = completed.reshape(len(completed), -1, q, m).sum(axis=1) + still
        unit = out[gone]
        own = impute_each(panel.of(gone), Parameters(left.beta[unit], left.sigma[unit]))
        found.append(analysis.remaining(cross, own + moved[gone], gone, starts))
    return np.concatenate(found)


def fixed_without(analysis: Ancova, values: Array, out: Integers) -> Array:
    """What values that do not depend on parameters add to ANCOVA without each unit.

    They add nothing to the mean baseline, where the analysis has one.

    Parameters
    ----------
    analysis : Ancova
    values : ndarray, shape (A, n, m)
    out : ndarray of int, shape (n,)
        Which replicate leaves each patient out.

    Returns
    -------
    ndarray, shape (A, R, E)
    """
    cross = (analysis.basis.T @ values)[:, None]
    count = int(out.max()) + 1
    step = max(1, VALUES_AT_ONCE * count // values.size)
    found = [
        analysis.remaining(cross, values[:, gone], gone, starts)
        for _, gone, starts in leavers(out, count, step)
    ]
    added = np.concatenate(found, axis=1)
    if analysis.baseline is not None:
        added[..., -1] = 0.0
    return added


def totals(panel: Panel, basis: Array) -> Panel:
    """A panel whose rows are sums over each cell, weighted by each of q columns.

    Conditional means of its rows are the same sums of the conditional means of the patients.

    Parameters
    ----------
    panel : Panel
    basis : ndarray, shape (n, q)

    Returns
    -------
    Panel
        q rows for each cell, and for the patients without missing values.
    """
    groups = [cell.patients for cell in cells(panel)]
    complete = np.flatnonzero(~panel.missing.any(axis=1))
    if len(complete):
        groups.append(complete)
    first = np.repeat([group[0] for group in groups], basis.shape[1])
    outcome, own, reference = (
        np.concatenate([np.tensordot(basis[group], rows[group], axes=(0, 0)) for group in groups])
        for rows in (panel.outcome, panel.own, panel.reference)
    )
    return replace(panel.of(first), outcome=outcome, own=own, reference=reference)


def impute_each(panel: Panel, parameters: Parameters) -> Array:
    """Conditional means of each patient under the patient's own parameters, a stack of n; (n, m).

    Unlike `impute` it lets undetermined means through: they are refused with all patients.
    """
    own, reference = (
        (rows @ parameters.beta[:, :, None])[..., 0] for rows in (panel.own, panel.reference)
    )
    mean = np.array(panel.outcome)
    for cell in cells(panel):
        one = cell.patients
        _, values = fill(
            panel, cell, own[one, None], reference[one, None], panel.outcome[one, None],
            parameters.sigma[one],
        )  # fmt: skip
        mean[np.ix_(one, np.flatnonzero(~cell.seen))] = values[:, 0]
    return mean


def leavers(out: Integers, count: int, step: int) -> Iterator[tuple[slice, Integers, Integers]]:
    """Some replicates at a time: which, who is left out, and where each replicate's start."""
    order = np.argsort(out, kind="stable")
    ends = np.searchsorted(out[order], np.arange(count + 1))
    for start in range(0, count, step):
        stop = min(start + step, count)
        yield slice(start, stop), order[ends[start] : ends[stop]], ends[start:stop] - ends[start]
