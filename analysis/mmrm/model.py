"""The model: formula and data in, fit out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ConvergenceWarning, ModelError
from analysis.mmrm.covariance import CovarianceModel, structure_name
from analysis.mmrm.design import Design
from analysis.mmrm.fitted import Attempt
from analysis.mmrm.identify import order_notes
from analysis.mmrm.inference import Covariance, DegreesOfFreedom, settle
from analysis.mmrm.leave_out import LeftOut, leave_one_out
from analysis.mmrm.methods import infer
from analysis.mmrm.results import MMRMResults
from analysis.mmrm.statistics import SufficientStatistics
from analysis.mmrm.workspace import Workspace

Array = NDArray[np.float64]

# Where a structure stands in for another that failed, standard errors must not rely on it.
FALLBACK_VCOV: Covariance = "CR2"
# Degrees of freedom that take the structure for granted.
MODEL_BASED = ("satterthwaite", "kenward-roger")


@dataclass(frozen=True)
class MMRM:
    """Mixed model for repeated measures: a mean for every visit, a covariance between visits.

    Y_i ~ N(X_i β, Σ_i), patients independent, Σ over scheduled visits (docs/methods.md section 1).

    Attributes
    ----------
    design : Design
    statistics : SufficientStatistics
        In columns of the formula.
    covariance : tuple of str
        Structures in the order in which they are tried.
    times : tuple of float, or None
        When the visits are, for structures in time.
    reml : bool

    Examples
    --------
    >>> model = MMRM.from_formula(
    ...     "pain ~ base + therapy * visit", data, subject="patient", visit="visit"
    ... )  # doctest: +SKIP
    >>> model.fit(df="kenward-roger").lsmeans("therapy", by="visit")  # doctest: +SKIP
    """

    design: Design
    statistics: SufficientStatistics
    covariance: tuple[str, ...] = ("us",)
    times: tuple[float, ...] | None = None
    reml: bool = True

    @classmethod
    def from_formula(
        cls,
        formula: str,
        data: pd.DataFrame,
        *,
        subject: str,
        visit: str,
        covariance: str | Sequence[str] = "us",
        group: str | None = None,
        weights: str | None = None,
        subject_weights: str | None = None,
        measure: str | None = None,
        times: Sequence[float] | Mapping[object, float] | None = None,
        reml: bool = True,
        clda: tuple[str, object] | None = None,
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
        covariance : str or sequence of str
            Structure of the covariance between visits: us, toeph, toep, ar1h, ar1, adh, ad, csh,
            cs, diag, sp_exp, sp_gau; for several outcomes us, un@un, un@cs, un@ar1. Several names
            are tried in order until one can be estimated: say them before the outcome is read.
        group : str, optional
            Column with groups of patients that have a covariance each.
        weights : str, optional
            Column with precision weights: the variance of a row is divided by its weight.
        subject_weights : str, optional
            Column with patients' weights (sampling, propensity): a patient counts as often as the
            weight says. Use a sandwich (`vcov="CR2"`) with them.
        measure : str, optional
            Column that says which of several outcomes of a patient a row holds.
        times : sequence or mapping, optional
            When each visit is, for sp_exp and sp_gau; 1 to m when left out.
        reml : bool
            Restricted (True) or full maximum likelihood.
        clda : tuple of (str, object), optional
            Constrained longitudinal data analysis: the arm's column and the visit before treatment,
            `clda=("arm", "Week 0")`, with the baseline stacked as outcomes of that visit. The mean
            model takes the arm at its reference level there, so that all arms share the mean that
            randomisation gives them; patients with a baseline only count. `y ~ visit * arm` gives
            the LS means; in `y ~ visit + visit:arm` coefficients are effects at single visits.

        Raises
        ------
        ModelError
            The model cannot be set up with these data, and why.
        """
        design, statistics = SufficientStatistics.with_rows(
            formula, data, subject=subject, visit=visit, group=group, weights=weights,
            subject_weights=subject_weights, measure=measure, clda=clda,
        )  # fmt: skip
        return cls._checked(design, statistics, covariance, times, reml)

    @classmethod
    def from_statistics(
        cls,
        statistics: SufficientStatistics,
        *,
        covariance: str | Sequence[str] = "us",
        times: Sequence[float] | Mapping[object, float] | None = None,
        reml: bool = True,
    ) -> MMRM:
        """A model of data that were reduced before: in batches, in parts, or on another day.

        What needs patients' rows (a sandwich, residuals) is not available.

        Parameters
        ----------
        statistics : SufficientStatistics
            Made by `from_frame`, `from_batches` or `load`, or a sum of such.
        covariance, times, reml
            As in `from_formula`.

        Raises
        ------
        ModelError
            The statistics do not know their formula, or the covariance does not go with them.
        """
        if statistics.design is None:
            raise ModelError(
                "These statistics do not know their formula. Make them with "
                "SufficientStatistics.from_frame or from_batches."
            )
        return cls._checked(statistics.design, statistics, covariance, times, reml)

    @classmethod
    def _checked(
        cls, design: Design, statistics: SufficientStatistics, covariance: str | Sequence[str],
        times: Sequence[float] | Mapping[object, float] | None, reml: bool,
    ) -> MMRM:  # fmt: skip
        names = (covariance,) if isinstance(covariance, str) else tuple(covariance)
        if not names:
            raise ModelError("covariance names no structure; name at least one, such as 'us'.")
        known = tuple(structure_name(name) for name in names)
        model = cls(design, statistics, known, _scheduled(times, design), reml)
        for name in known:
            model._structure(name, 1)
        return model

    def fit(
        self,
        df: DegreesOfFreedom = "satterthwaite",
        vcov: Covariance | None = None,
        emulate: str | None = None,
    ) -> MMRMResults:
        """Maximise the (restricted) likelihood.

        Parameters
        ----------
        df : {"satterthwaite", "kenward-roger", "between-within", "residual"}
            Degrees of freedom of tests and intervals.
        vcov : {"model", "kenward-roger", "kenward-roger-linear", "CR0", "CR2", "CR3"}, optional
            Covariance of the coefficients: model-based, adjusted for small samples, or a sandwich
            that holds whatever Σ is. Left out, "kenward-roger" with those degrees of freedom and
            else "model"; but where a structure stands in for one that failed, "CR2" with its own
            degrees of freedom (Bell and McCaffrey) in place of Satterthwaite's and
            Kenward-Roger's.
        emulate : {"sas"}, optional
            Start, move and stop as SAS PROC MIXED does, to reproduce its digits: for us, cs, csh,
            ar1h, toeph and adh, and for ar1 and toep with one covariance group. For the others no
            published listing tells how SAS begins, and they are refused.

        Raises
        ------
        ModelError
            The covariance between visits cannot be estimated from these data, and why.

        Warns
        -----
        ConvergenceWarning
            The search ended where the likelihood may not be at its maximum.
        """
        settle(df, vcov, self.reml)
        if emulate not in (None, "sas"):
            raise ModelError(f"emulate={emulate!r} is not known; use 'sas' or leave it out.")
        attempts: list[Attempt] = []
        for name, statistics in self._candidates():
            groups = self.design.groups if statistics.n_groups > 1 else (None,)
            try:
                fit = self._fit_one(name, statistics, groups, df, vcov, emulate, attempts)
            except ModelError as error:
                attempts.append(Attempt(name, len(groups) > 1, str(error)))
                continue
            if not fit.converged:
                warnings.warn(
                    f"The search stopped after {len(fit.rungs) - 1} steps before the "
                    "likelihood was at its maximum; see fit.log.",
                    ConvergenceWarning,
                    stacklevel=2,
                )
            return fit
        if len(attempts) == 1:
            raise ModelError(attempts[0].outcome)
        told = " ".join(f"{attempt.label}: {attempt.outcome}" for attempt in attempts)
        raise ModelError(f"None of the covariances could be estimated. {told}")

    def _candidates(self) -> list[tuple[str, SufficientStatistics]]:
        """Structures in order; with several, one that fails by group is tried with groups pooled."""
        found = []
        for name in self.covariance:
            found.append((name, self.statistics))
            if len(self.covariance) > 1 and self.statistics.n_groups > 1:
                found.append((name, self.statistics.pooled()))
        return found

    def _structure(self, name: str, n_groups: int) -> CovarianceModel:
        design = self.design
        return CovarianceModel.of(name, design.visits, design.measures, self.times, n_groups)

    def leave_one_out(self) -> Iterator[LeftOut]:
        """Refit without each patient in turn, for a jackknife; the first structure named is used.

        Yields
        ------
        LeftOut
            `patient`, `estimates` (of the coefficients and the covariance), `converged`.

        Raises
        ------
        ModelError
            The model cannot be fitted, patients' rows are not at hand, or a coefficient hangs on
            one patient.
        """
        work = self._workspace(self.covariance[0], self.statistics, self.design.groups)
        optimum, _ = work.search()
        yield from leave_one_out(self.design, work, optimum)

    def _workspace(
        self, name: str, statistics: SufficientStatistics, groups: Sequence[object]
    ) -> Workspace:
        model = self._structure(name, len(groups))
        visits = [_spoken(position) for position in self.design.positions]
        return Workspace.of(statistics, model, self.reml, visits, groups)

    def _fit_one(
        self, name: str, statistics: SufficientStatistics, groups: Sequence[object],
        df: DegreesOfFreedom, vcov: Covariance | None, emulate: str | None,
        before: Sequence[Attempt],
    ) -> MMRMResults:  # fmt: skip
        design = self.design
        work = self._workspace(name, statistics, groups)
        optimum, known = work.search(design if emulate == "sas" else None)
        model, basis = work.model, work.basis
        # Without the patients' rows there is no sandwich.
        rows = design.observations is not None
        stands_in = bool(before) and vcov is None and df in MODEL_BASED and rows
        if stands_in:
            df, vcov = "satterthwaite", FALLBACK_VCOV
        units = np.where(np.tile(model.structure.squared, model.n_groups), basis.scale**2, 1.0)
        point = optimum.point
        estimates = basis.estimates(point.beta, point.root, point.sigma)
        inference = infer(
            work.stack, model, optimum, known, design, statistics, estimates, df, vcov
        )
        if stands_in:
            inference = replace(inference, note=_why_sandwich(before[0].label, name))
        return MMRMResults(
            design=design,
            estimates=estimates,
            inference=inference,
            llf=-(optimum.point.value + work.offset) / 2,
            reml=self.reml,
            converged=optimum.converged,
            natural=_named(known.values * units, model, groups),
            natural_cov=known.cov * np.outer(units, units),
            patterns=_pattern_table(statistics, design, groups),
            rungs=tuple(replace(rung, value=rung.value + work.offset) for rung in optimum.log),
            attempts=(*before, Attempt(name, len(groups) > 1, "used")),
            groups=tuple(groups),
            notes=(*design.notes, *order_notes(model.name, work.visits)),
            times=self.times,
        )


def _why_sandwich(first: str, used: str) -> str:
    return (
        f"The covariance {used} stands in for {first} and may not hold, so standard errors are a "
        "sandwich (CR2) with Bell and McCaffrey's degrees of freedom, which hold whatever it is."
    )


def _named(values: Array, model: CovarianceModel, groups: Sequence[object]) -> pd.Series:
    """Natural parameters with their names."""
    labels = [
        label if group is None else f"{label} {group}"
        for group in groups
        for label in model.structure.labels
    ]
    return pd.Series(values, index=pd.Index(labels), name="covariance_params")


def _spoken(position: object) -> str:
    """A visit, or an outcome at a visit, in words."""
    return " ".join(map(str, position)) if isinstance(position, tuple) else str(position)


def _pattern_table(
    statistics: SufficientStatistics, design: Design, groups: Sequence[object]
) -> pd.DataFrame:
    seen = np.zeros((len(statistics.patterns), statistics.n_visits), dtype=np.bool_)
    for row, pattern in enumerate(statistics.patterns):
        seen[row, list(pattern.visits)] = True
    table = pd.DataFrame(seen, columns=list(design.positions))
    if len(groups) > 1:
        table.insert(0, "group", [groups[pattern.group] for pattern in statistics.patterns])
    return table.assign(n=[pattern.n for pattern in statistics.patterns])


def _scheduled(
    times: Sequence[float] | Mapping[object, float] | None, design: Design
) -> tuple[float, ...] | None:
    """Times of the visits that anyone attended, in their order."""
    if times is None:
        return None
    if isinstance(times, Mapping):
        missing = [str(visit) for visit in design.visits if visit not in times]
        if missing:
            raise ModelError(f"times has no entry for the visits {missing}. Add them.")
        found = tuple(float(times[visit]) for visit in design.visits)
    else:
        found = tuple(float(time) for time in times)
    if len(found) != len(design.visits) or len(set(found)) < len(found):
        raise ModelError(
            f"times needs a different number for each of the {len(design.visits)} visits "
            f"({', '.join(map(str, design.visits))}); it has {list(found)}."
        )
    return found
