"""The imputation model fitted in the engine's well-posed basis, with each patient's own rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.imputation.panel import Panel
from analysis.mmrm.covariance import CovarianceModel, find_structure
from analysis.mmrm.estimates import Estimates
from analysis.mmrm.optimise import Optimum
from analysis.mmrm.patterns import Block
from analysis.mmrm.statistics import SufficientStatistics
from analysis.mmrm.workspace import Workspace

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Working:
    """The fit of all patients, and the patients' rows in its basis.

    Attributes
    ----------
    workspace : Workspace
    optimum : Optimum
        Of all patients.
    rows : ndarray, shape (n, m, p + 1)
        Design and, last, outcome; 0 where the imputation model does not see the value.
    seen : ndarray of bool, shape (n, m)
    group : ndarray of int, shape (n,)
    n_columns : int
        Columns of the formula, with those that are combinations of others.
    """

    workspace: Workspace
    optimum: Optimum
    rows: Array
    seen: NDArray[np.bool_]
    group: Integers
    n_columns: int

    @property
    def estimates(self) -> Estimates:
        """What the fit of all patients estimated."""
        point = self.optimum.point
        return self.workspace.basis.estimates(point.beta, point.root, point.sigma)

    def in_the_formula(self, beta: Array, sigma: Array) -> tuple[Array, Array]:
        """Working coefficients (…, p) and covariances (…, groups, m, m) in units of the data.

        Coefficients of columns that are combinations of others are 0.
        """
        basis = self.workspace.basis
        full = np.zeros((*beta.shape[:-1], self.n_columns))
        moved = np.linalg.solve(basis.triangle, (basis.ols + basis.scale * beta)[..., None])
        full[..., basis.kept] = basis.offset + moved[..., 0]
        return full, basis.scale**2 * sigma


def working_panel(panel: Panel) -> Working:
    """Fit the imputation model of a panel, for draws of its parameters.

    The covariance is the first structure that the panel's model names.

    Raises
    ------
    ModelError
        The model cannot be fitted to these data, and why.
    """
    model = panel.model
    return working_model(
        panel.outcome, panel.own, panel.group, panel.modelled, covariance=model.covariance[0],
        times=None if model.times is None else np.array(model.times), reml=model.reml,
        visits=[str(visit) for visit in panel.visits],
    )  # fmt: skip


def working_model(
    outcome: Array, design: Array, group: Integers, modelled: NDArray[np.bool_], *,
    covariance: str = "us", times: Array | None = None, reml: bool = True,
    visits: Sequence[str] | None = None,
) -> Working:  # fmt: skip
    """Fit the imputation model to all patients and keep their rows for refits.

    Parameters
    ----------
    outcome : ndarray, shape (n, m)
        NaN where missing.
    design : ndarray, shape (n, m, p)
        Rows of each patient's own arm.
    group : ndarray of int, shape (n,)
        Covariance group; 0 where all share one.
    modelled : ndarray of bool, shape (n, m)
        Values that the imputation model sees: observed, and not after an event that ends them.
    covariance : str
        Structure of the covariance between visits.
    times : ndarray, shape (m,), optional
        When the visits are, for structures that ask it.
    reml : bool
    visits : sequence of str, optional
        Names of the visits, for messages.

    Raises
    ------
    ModelError
        The model cannot be fitted to these data, and why.
    """
    seen = modelled & np.isfinite(outcome)
    if not seen.any():
        raise ModelError(
            "The imputation model sees no value at all: every one is missing or set aside by an "
            "event. Look at the visits of the events."
        )
    n_groups = int(group.max()) + 1
    if visits is None:
        visits = [f"visit {k + 1}" for k in range(outcome.shape[1])]
    who, when = np.nonzero(seen)
    rows = np.column_stack([design[seen], outcome[seen]])
    statistics = SufficientStatistics.from_block(
        tuple(f"column {k + 1}" for k in range(design.shape[2])), len(visits), n_groups,
        Block(who, when, group[who], rows, None, None, np.arange(len(who))),
    )  # fmt: skip
    model = CovarianceModel(covariance, find_structure(covariance, visits, times), n_groups)
    names = [None] if n_groups == 1 else list(range(n_groups))
    workspace = Workspace.of(statistics, model, reml, visits, names)
    optimum, _ = workspace.search()
    turned = workspace.basis.working_rows(rows)
    wide = np.zeros((*outcome.shape, turned.shape[1]))
    wide[seen] = turned
    return Working(workspace, optimum, wide, seen, group, design.shape[2])
