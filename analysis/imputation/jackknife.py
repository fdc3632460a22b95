"""Conditional means with each patient, or each cluster, left out: deterministic inference."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ConvergenceWarning, ModelError
from analysis.imputation.analyse import Analysis, Ancova
from analysis.imputation.panel import Panel, Parameters, impute, listed
from analysis.imputation.strategies import Strategy, is_linear
from analysis.imputation.totals import VALUES_AT_ONCE, estimates_without, fixed_without
from analysis.mmrm import MMRM

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Refits:
    """The imputation model on all patients, and without each unit in turn.

    Attributes
    ----------
    panel : Panel
    full : Parameters
    left : Parameters
        A stack of R.
    out : ndarray of int, shape (n,)
        Which of the R leaves each patient out: exactly one does.
    unit : str
        What is left out: "patient" or "cluster".
    """

    panel: Panel
    full: Parameters
    left: Parameters = field(repr=False)
    out: Integers = field(repr=False)
    unit: str

    def under(self, named: str | Strategy) -> Refits:
        """The same fits with another strategy for every event; see `Panel.under`."""
        return replace(self, panel=self.panel.under(named))


def refit(panel: Panel, by_cluster: bool = False) -> Refits:
    """Fit the imputation model, and again without each patient or each cluster.

    A patient none of whose values is modelled changes no fit, but leaves the analysis.

    Parameters
    ----------
    panel : Panel
    by_cluster : bool
        Leave out whole clusters (sites, therapists).

    Raises
    ------
    ModelError
        The model cannot be fitted, with all or without some, or there are no clusters.

    Warns
    -----
    ConvergenceWarning
        A refit may not be at its maximum.

    References
    ----------
    Wolbers et al 2022, Pharm Stat 21:1246.
    """
    estimates = panel.model.fit().estimates
    known = panel.determined_by(estimates)
    full = Parameters.of(estimates)
    n = panel.shape[0]
    if by_cluster:
        if panel.cluster is None:
            raise ModelError(
                "The panel has no clusters. Lay it out with cluster=, the column that has them."
            )
        clusters, out = np.unique(panel.cluster, return_inverse=True)
        if len(clusters) < 2:
            raise ModelError("There is one cluster only: leave out patients instead.")
        sets = [_without_cluster(panel, out == place) for place in range(len(clusters))]
        return Refits(known, full, Parameters.stack(sets), out, "cluster")
    sets = [full] * n
    doubtful = []
    place = pd.Index(panel.patients)
    for one in panel.model.leave_one_out():
        at = int(place.get_loc(one.patient))
        sets[at] = Parameters.of(one.estimates)
        if not one.converged:
            doubtful.append(at)
    if doubtful:
        warnings.warn(
            f"Without {len(doubtful)} of the patients ({listed(panel, np.array(doubtful))}) the "
            "likelihood may not be at its maximum; standard errors are not to be trusted. Choose a "
            "structure with fewer parameters.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return Refits(known, full, Parameters.stack(sets), np.arange(n), "patient")


def _without_cluster(panel: Panel, out: NDArray[np.bool_]) -> Parameters:
    design = panel.model.design
    roles = design.roles
    gone = [panel.patients[i] for i in np.flatnonzero(out)]
    rows = design.rows_used().frame
    frame = rows[~rows[roles.subject].isin(gone)]
    try:
        model = MMRM.from_formula(
            design.formula, frame, subject=roles.subject, visit=roles.visit, group=roles.group,
            covariance=panel.model.covariance, reml=panel.model.reml, times=panel.model.times,
        )  # fmt: skip
        same = model.design.columns == design.columns and model.design.groups == design.groups
        if not same:
            raise ModelError("A level or an arm has nobody left.")
        return Parameters.of(model.fit().estimates)
    except ModelError as error:
        raise ModelError(
            f"Without the cluster of {listed(panel, np.flatnonzero(out))} the imputation model "
            f"cannot be fitted. {error} Leave out patients instead, or merge clusters."
        ) from error


@dataclass(frozen=True, eq=False)
class ConditionalMean:
    """Estimates from conditional means, and the same without each unit.

    Attributes
    ----------
    names : tuple of str
    estimate : ndarray, shape (E,)
    replicates, anchored : ndarray, shape (R, E)
        Without each unit: everything repeated; MAR imputation repeated and the strategy's
        departure from MAR held as it is in all patients (NaN where the data say nothing of MAR).
    unit : str
    completed : ndarray, shape (n, m)
    """

    names: tuple[str, ...]
    estimate: Array
    replicates: Array = field(repr=False)
    anchored: Array = field(repr=False)
    unit: str
    completed: Array = field(repr=False)

    @property
    def frequentist_cov(self) -> Array:
        """Covariance over repeated trials, (E, E): Wolbers et al 2022."""
        return jackknife_cov(self.replicates)

    @property
    def anchored_cov(self) -> Array:
        """Information-anchored covariance, (E, E): what is lost by missingness under MAR is lost.

        References
        ----------
        Lu 2021, Pharm Stat 20; Cro, Carpenter and Kenward 2019, J R Stat Soc A 182:623.
        """
        return jackknife_cov(self.anchored)

    def std_errors(self) -> pd.DataFrame:
        """Both standard errors of every estimate, side by side.

        Returns
        -------
        pandas.DataFrame
            Index `names`; `estimate`, `frequentist`, `anchored`.
        """
        columns = {
            "estimate": self.estimate,
            "frequentist": np.sqrt(np.diag(self.frequentist_cov)),
            "anchored": np.sqrt(np.diag(self.anchored_cov)),
        }
        return pd.DataFrame(columns, index=pd.Index(self.names))


def conditional_mean(
    refits: Refits, analysis: Analysis, random: ConditionalMean | None = None
) -> ConditionalMean:
    """Impute conditional means and analyse them, with all patients and without each unit.

    Parameters
    ----------
    refits : Refits
        From `refit`; `refits.under(strategy)` shares them among strategies.
    analysis : Ancova or Custom
    random : ConditionalMean, optional
        Of the same fits and analysis with all events missing at random, where it is at hand.

    Raises
    ------
    ModelError
        Values cannot be imputed, or the analysis fails without a unit.

    References
    ----------
    Wolbers et al 2022, Pharm Stat 21:1246; anchored: Lu 2021, Pharm Stat 20.
    """
    full = impute(refits.panel, refits.full).mean
    replicates = without_each(refits, analysis)
    anchored = _anchored(refits, analysis, full, replicates, random)
    return ConditionalMean(
        analysis.names, analysis.estimate(full), replicates, anchored, refits.unit, full
    )


def _anchored(
    refits: Refits, analysis: Analysis, full: Array, replicates: Array, random: ConditionalMean | None
) -> Array:
    """Estimates without each unit, the departure from MAR held as it is in all patients."""
    at_random = refits.under("MAR")
    try:
        departure = full - (
            impute(at_random.panel, refits.full).mean if random is None else random.completed
        )
    except ModelError:
        # A strategy may need less than MAR, whose mean nobody informs here: nothing to anchor to.
        return np.full_like(replicates, np.nan)
    if not departure.any():
        return replicates
    if random is not None and isinstance(analysis, Ancova):
        # Linear in the values, so that what does not change with the fit is added once.
        return random.replicates + fixed_without(analysis, departure[None], refits.out)[0]
    return without_each(at_random, analysis, departure)


def without_each(refits: Refits, analysis: Analysis, shift: Array | float = 0.0) -> Array:
    """Impute conditional means and analyse them without each unit; shape (R, E).

    Parameters
    ----------
    refits : Refits
    analysis : Ancova or Custom
        An ANCOVA under strategies that are linear in the means costs by patterns of missing values,
        others by patients.
    shift : float or ndarray, shape (n, m)
        Added to the completed values.

    Raises
    ------
    ModelError
        Values cannot be imputed, or the analysis fails without a unit.
    """
    panel = refits.panel
    if isinstance(analysis, Ancova) and all(is_linear(named) for named in panel.strategies):
        return estimates_without(analysis, panel, refits.left, refits.out, shift)
    found = [
        analysis.estimate(impute(panel, left).mean + shift, weights)
        for left, weights in chunks(refits)
    ]
    return np.concatenate(found)


def chunks(refits: Refits) -> Iterator[tuple[Parameters, Array]]:
    """Parameters and weights of some replicates at a time."""
    n, m = refits.panel.shape
    step = max(1, VALUES_AT_ONCE // (n * m))
    count = len(refits.left.beta)
    for start in range(0, count, step):
        stop = min(start + step, count)
        left = Parameters(refits.left.beta[start:stop], refits.left.sigma[start:stop])
        yield left, (refits.out != np.arange(start, stop)[:, None]).astype(np.float64)


def jackknife_cov(replicates: Array) -> Array:
    """(R−1)/R Σ (θ_r − θ̄)(θ_r − θ̄)', shape (E, E)."""
    away = replicates - replicates.mean(axis=0)
    return np.asarray((len(away) - 1) / len(away) * away.T @ away)
