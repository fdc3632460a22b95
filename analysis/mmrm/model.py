"""The model: formula and data in, fit out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.errors import ConvergenceWarning, ModelError
from analysis.mmrm.basis import Basis, working_statistics
from analysis.mmrm.design import Design, build_design
from analysis.mmrm.optimise import SINGULAR_CORRELATION, Optimum, collinearity, maximise
from analysis.mmrm.results import MMRMResults
from analysis.mmrm.start import starting_covariance
from analysis.mmrm.statistics import SufficientStatistics

COVARIANCES = ("us",)


@dataclass(frozen=True)
class MMRM:
    """Mixed model for repeated measures: a mean for every visit, a free covariance between visits.

    Y_i ~ N(X_i β, Σ_i), patients independent, Σ unstructured over scheduled visits
    (docs/methods.md section 1).

    Attributes
    ----------
    design : Design
    statistics : SufficientStatistics
        In columns of the formula.
    reml : bool

    Examples
    --------
    >>> model = MMRM.from_formula(
    ...     "pain ~ base + therapy * visit", data, subject="patient", visit="visit"
    ... )  # doctest: +SKIP >>> model.fit().lsmeans("therapy", by="visit")  # doctest: +SKIP
    """

    design: Design
    statistics: SufficientStatistics
    reml: bool = True

    @classmethod
    def from_formula(
        cls,
        formula: str,
        data: pd.DataFrame,
        *,
        subject: str,
        visit: str,
        covariance: str = "us",
        group: str | None = None,
        weights: str | None = None,
        subject_weights: str | None = None,
        reml: bool = True,
    ) -> MMRM:
        """Read a formula and reduce the data to sufficient statistics.

        Parameters
        ----------
        formula : str
            `outcome ~ terms`; one row of `data` is a patient at a visit. Rows without a value are
            left out and counted.
        data : pandas.DataFrame
            Never changed. Categories keep their order, the first is the reference; text is ordered
            alphabetically.
        subject, visit : str
            Columns that say whose and which visit a row is.
        covariance : {"us"}
            Structure of the covariance between visits.
        reml : bool
            Restricted (True) or full maximum likelihood.

        Raises
        ------
        ModelError
            The model cannot be set up with these data, and why.
        """
        if covariance not in COVARIANCES:
            raise ModelError(
                f"covariance={covariance!r} is not known; allowed: {', '.join(COVARIANCES)}."
            )
        design, statistics = build_design(
            formula, data, subject, visit, group, weights, subject_weights
        )
        return cls(design, statistics, reml)

    def fit(self) -> MMRMResults:
        """Maximise the (restricted) likelihood.

        Raises
        ------
        ModelError
            The covariance between visits cannot be estimated from these data, and why.

        Warns
        -----
        ConvergenceWarning
            The search ended where the likelihood may not be at its maximum.
        """
        _refuse_unidentified(self.statistics, self.design)
        working, basis = working_statistics(self.statistics)
        _refuse_too_few(self.statistics, basis, self.design)
        optimum = maximise(working, starting_covariance(working, self.reml), self.reml)
        _judge(optimum, self.design)
        return MMRMResults(self.design, working, basis, optimum, self.reml)


def _refuse_unidentified(statistics: SufficientStatistics, design: Design) -> None:
    together = statistics.pair_counts().sum(axis=0)
    never = [
        f"{design.visits[j]} with {design.visits[k]}"
        for j in range(statistics.n_visits)
        for k in range(j)
        if together[j, k] == 0
    ]
    if never:
        more = f" and {len(never) - 5} more pairs" if len(never) > 5 else ""
        raise ModelError(
            f"No patient has values at both of these visits: {'; '.join(never[:5])}{more}. An "
            "unstructured covariance needs each pair in at least one patient: leave a visit out or "
            "merge two."
        )


def _refuse_too_few(statistics: SufficientStatistics, basis: Basis, design: Design) -> None:
    """Each visit needs more patients than there are visits to carry a covariance matrix."""
    m = statistics.n_visits
    counts = np.diagonal(statistics.pair_counts().sum(axis=0))
    for visit, count in zip(design.visits, counts, strict=True):
        if count <= m:
            raise ModelError(
                f"Too few patients at visit {visit}: {count} have a value, and an unstructured "
                f"covariance of {m} visits needs more than {m} at each. Add patients or leave "
                "visits out."
            )
    free = statistics.n_obs - len(basis.kept)
    if free < m * (m + 1) // 2:
        raise ModelError(
            f"Too few values: {statistics.n_obs} values less {len(basis.kept)} coefficients leave "
            f"{free} for {m * (m + 1) // 2} covariance parameters. Add patients or simplify the "
            "formula."
        )


def _judge(optimum: Optimum, design: Design) -> None:
    smallest, vector = collinearity(optimum.point.sigma)
    worst = np.argsort(-np.abs(vector))[:2]
    names = " and ".join(str(design.visits[k]) for k in sorted(worst))
    if smallest < SINGULAR_CORRELATION:
        raise ModelError(
            f"The values at visits {names} determine each other (smallest eigenvalue of the "
            f"correlation between visits {smallest:.1e}). Look for a visit copied from another, "
            "for values carried forward, or for too few patients."
        )
    try:
        np.linalg.cholesky(optimum.curvature.hessian)
    except np.linalg.LinAlgError as error:
        raise ModelError(
            "The covariance between visits is not determined by these data: the likelihood has no "
            f"maximum, it rises as the visits (foremost {names}) come to determine each other. "
            "There are too few patients for this many visits: leave visits out or merge them."
        ) from error
    if not optimum.converged:
        warnings.warn(
            f"The search stopped after {len(optimum.log) - 1} steps before the likelihood was at "
            "its maximum; see fit.log.",
            ConvergenceWarning,
            stacklevel=3,
        )
