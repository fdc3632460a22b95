"""Where SAS PROC MIXED begins: MIVQUE0 estimates of the covariance, as its listings show them.

MIVQUE0 is quadratic, unbiased, and best where visits are independent. A structure enters by its
derivatives at independence, so that covariances come out, of which correlations are made.

SAS's documentation leaves two things out; both were inferred from published iteration histories,
which they reproduce to the last printed digit. Correlations that are common to several variances
are covariances over the geometric mean of the variances. And without weights and covariance groups
SAS lays out a patient's derivatives anew only where the number of values changes from one patient
to the next, in the order of the patients' labels: a patient with visits 1 and 3 who follows one
with visits 2 and 4 is taken to have visits 2 and 4, for the start only (docs/methods.md section
10.1).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.basis import Basis
from analysis.mmrm.centring import Change
from analysis.mmrm.covariance import CovarianceModel
from analysis.mmrm.covariance.coordinates import Linear
from analysis.mmrm.design import Design
from analysis.mmrm.likelihood import evaluate, minimum_norm_equations
from analysis.mmrm.patterns import Pattern, merge
from analysis.mmrm.reduction import reduce_block
from analysis.mmrm.stack import Stack
from analysis.mmrm.statistics import SufficientStatistics

Array = NDArray[np.float64]

ONE_GROUP = ("ar1", "toep")
ALWAYS = ("us", "cs", "csh", "ar1h", "toeph", "adh")
# No other choice of visits changes these starts: their derivatives treat all pairs of visits alike,
# or each by itself as SAS's own layout of an unstructured covariance does.
ANY_LAYOUT = ("us", "cs")


def refuse_unpublished(model: CovarianceModel, design: Design) -> None:
    """Stop where no published listing shows how SAS begins.

    Raises
    ------
    ModelError
        Which structures can be emulated, and why this one cannot.
    """
    name, roles = model.name, design.roles
    told = (
        "SAS's start is known from published iterations for us, cs, csh, ar1h, toeph and adh, and "
        "for ar1 and toep with one covariance group. Without emulate= estimates and standard "
        "errors agree with SAS to its stopping rule."
    )
    if roles.subject_weights is not None:
        raise ModelError(f"emulate='sas': PROC MIXED has no patients' weights. {told}")
    known = name in ALWAYS
    known |= name in ONE_GROUP and model.n_groups == 1
    if not known:
        grouped = " by group" if model.n_groups > 1 else ""
        raise ModelError(f"emulate='sas' cannot be had for covariance={name!r}{grouped}. {told}")


def starting_values(stack: Stack, model: CovarianceModel, reml: bool) -> Array:
    """MIVQUE0 estimates as natural parameters.

    Parameters
    ----------
    stack : Stack
        Of `starting_stack`.
    model : CovarianceModel
    reml : bool
        For the full likelihood SAS does not correct for the estimated mean.

    Returns
    -------
    ndarray, shape (k,)

    Raises
    ------
    ModelError
        The equations have no solution, or a variance is not above 0.
    """
    m = stack.n_visits
    point = evaluate(stack, np.broadcast_to(np.eye(m), (model.n_groups, m, m)), reml)
    if point is None:
        raise ModelError("emulate='sas' cannot start: the design is not of full rank.")
    squared = np.tile(model.structure.squared, model.n_groups)
    independent = np.where(squared, 1.0, 0.0)
    jacobian = model.jacobian(independent, "natural")
    matrix, right = minimum_norm_equations(stack, point)
    try:
        solved = np.linalg.solve(jacobian.T @ matrix @ jacobian, jacobian.T @ right)
    except np.linalg.LinAlgError as error:
        raise ModelError(
            "emulate='sas' cannot start: MIVQUE0's equations have no solution. Fit without it."
        ) from error
    found = np.asarray(solved, dtype=np.float64)
    if isinstance(model.structure.natural, Linear):
        return found
    parts = found.reshape(model.n_groups, -1)
    return np.concatenate([_correlations(part, model) for part in parts])


def starting_stack(
    stack: Stack, basis: Basis, model: CovarianceModel, design: Design
) -> Stack:
    """The data as SAS's start sees them: with the visits of `remembered_visits` where it matters.

    Parameters
    ----------
    stack : Stack
        The data.
    basis : Basis
        The stack's.
    model : CovarianceModel
    design : Design
        Gives the patients' rows.

    Raises
    ------
    ModelError
        The patients' rows are not at hand.
    """
    apart = design.roles.weights is not None or model.n_groups > 1
    if apart or model.name in ANY_LAYOUT:
        return stack
    found: list[Pattern] = []
    visits, size, done = None, stack.n_columns, 0
    for block in design.blocks():
        visits = remembered_visits(design) if visits is None else visits
        taken = replace(
            block, rows=basis.working_rows(block.rows), group=np.zeros_like(block.group),
            visit=visits[done : done + len(block.rows)],
        )  # fmt: skip
        found += reduce_block(taken, Change.none(size), stack.n_visits)
        done += len(block.rows)
    names = tuple(f"column {k}" for k in range(size))
    return Stack.of(SufficientStatistics(names, stack.n_visits, merge(found)))


def remembered_visits(design: Design) -> NDArray[np.int64]:
    """Visits that SAS's start takes the rows to be of, by patient and visit.

    Patients come in the order of their labels. One with as many values as the patient before is
    taken to have the visits which that one was taken to have; one without any value ends the run.

    Returns
    -------
    ndarray of int, shape (N,)
        One for each row of `design.blocks()`.
    """
    rows, column = design.rows_used(), design.roles.subject
    labels = pd.Index(pd.unique(rows.data[column].dropna()))
    if not pd.api.types.is_numeric_dtype(labels):
        labels = labels.astype(str)
    own = pd.Index(rows.sorted(rows.frame[column].to_numpy())[rows.starts]).astype(labels.dtype)
    place = labels.sort_values().get_indexer(own)
    counts = np.diff(np.append(rows.starts, len(rows)))
    size, first = np.zeros((2, len(labels)), dtype=np.int64)
    size[place], first[place] = counts, rows.starts
    new = np.concatenate([[True], size[1:] != size[:-1]])
    leader = np.maximum.accumulate(np.where(new, np.arange(len(labels)), 0))
    within = np.arange(len(rows)) - np.repeat(rows.starts, counts)
    return rows.sorted(rows.position)[np.repeat(first[leader[place]], counts) + within]


def _correlations(part: Array, model: CovarianceModel) -> Array:
    """Variances and correlations of one group, of its variances and covariances."""
    squared = model.structure.squared
    variances, covariances = part[squared], part[~squared]
    if not np.all(variances > 0):
        raise ModelError(
            "emulate='sas' cannot start: a variance of MIVQUE0 is not above 0. Fit without it."
        )
    if model.name == "adh":
        scale = np.sqrt(variances[:-1] * variances[1:])
    else:
        scale = np.exp(np.log(variances).mean())
    return np.concatenate([variances, covariances / scale])
