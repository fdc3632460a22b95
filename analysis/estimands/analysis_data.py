"""The data of an estimand: a trial with its population, variable and handling of events."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from analysis.errors import ModelError
from analysis.estimands.deciding import BEFORE, UNDATED, decisions_of, undated_loss
from analysis.estimands.narrowing import narrowed
from analysis.estimands.values import handled_outcomes
from analysis.schema import EVENT_KINDS
from analysis.studies.estimand_rules import estimand_problems, measure_of
from analysis.studies.records import Estimand, Study
from analysis.trial.records import Trial


@dataclass(frozen=True, eq=False, slots=True)
class EstimandData:
    """What is analysed under an estimand, and what was done to get there.

    Attributes
    ----------
    estimand : Estimand
    trial : Trial
        Patients, therapies and horizons of the estimand, and the values of its measure as its
        strategies leave them; the estimand is the study's only one, so that applying it again
        changes nothing. Values after a reference-based event are here.
    deciding : pandas.DataFrame
        `patient`, `kind`, `week`, `strategy`: the event that decides, for `lay_out_trial`.
    left_out : pandas.DataFrame
        `reason`, `n`: patients of the trial who do not belong to the estimand.
    events : pandas.DataFrame
        `kind`, `strategy`, `therapy`, `step`, `patients`: what became of events; see `Decisions`.
    values : pandas.DataFrame
        `kind`, `strategy`, `therapy`, `fate`, `values`: what became of values; see
        `handled_outcomes`.
    """

    estimand: Estimand
    trial: Trial
    deciding: pd.DataFrame
    left_out: pd.DataFrame
    events: pd.DataFrame
    values: pd.DataFrame

    @property
    def reference_based(self) -> bool:
        """Whether any kind of event is handled by reference, which asks for imputation."""
        return any(one.strategy == "reference_based" for one in self.estimand.events.values())

    def count(self, *fates: str) -> int:
        """Values with one of these fates."""
        return int(self.values.loc[self.values["fate"].isin(fates), "values"].sum())

    @property
    def notes(self) -> tuple[str, ...]:
        """Events without a place in time and what was made of them, one sentence each.

        Fewer patients than the study's minimum count are not counted.
        """
        said = []
        for kind in [name for name in EVENT_KINDS if name in set(self.events["kind"])]:
            rows = self.events[self.events["kind"] == kind]
            if (rows["strategy"] == "treatment_policy").all():
                continue
            words = kind.replace("_", " ").capitalize()
            for step in (UNDATED, BEFORE):
                n = int(rows.loc[rows["step"] == step, "patients"].sum())
                which = "without a week" if step == UNDATED else f"only {step}"
                said += [f"{words} {which} changes nothing in {self._counted(n)}."] * bool(n)
        losses = self.trial.events.loc[undated_loss(self.trial.events), "patient"]
        decided = self.deciding["patient"].isin(losses) & (self.deciding["kind"] == "lost")
        if n := int(decided.sum()):
            said.append(
                "Loss to follow-up without a week was placed at the first visit after the last "
                f"score, in {self._counted(n)}."
            )
        return tuple(said)

    def _counted(self, n: int) -> str:
        minimum = self.trial.study.minimum_count
        return f"fewer than {minimum} patients" if n < minimum else f"{n} patients"


def apply_estimand(
    trial: Trial, estimand: Estimand | str | None = None, measure: str | None = None
) -> EstimandData:
    """Make the data that an estimand is estimated from.

    Parameters
    ----------
    trial : Trial
        With all observed values.
    estimand : Estimand or str, optional
        A record, or the name of one in the study file; the primary one when left out.
    measure : str, optional
        Another measure than the estimand's.

    Returns
    -------
    EstimandData
        Nothing in it is imputed: what a strategy sets aside is missing.

    Raises
    ------
    ModelError
        The study has no such estimand, the estimand is impossible in it, or nobody belongs to it.

    References
    ----------
    ICH E9(R1) 2019, A.3; docs/methods.md section 7.3.
    """
    study = trial.study
    chosen = find_estimand(study, estimand)
    if measure is not None:
        chosen = _of_measure(trial, chosen, measure)
    _refuse(study, chosen)
    variable = measure_of(study, chosen)
    name = study.primary.name if variable is None else variable.name
    part, left_out = narrowed(trial, chosen, name)
    decisions = decisions_of(part, chosen)
    outcomes, values = handled_outcomes(part, chosen, decisions.deciding)
    return EstimandData(
        chosen, replace(part, outcomes=outcomes), decisions.deciding, left_out, decisions.account,
        values,
    )  # fmt: skip


def find_estimand(study: Study, estimand: Estimand | str | None = None) -> Estimand:
    """The estimand of that name in the study, the primary one, or the record itself.

    Raises
    ------
    ModelError
        The study has none of that name.
    """
    if estimand is None:
        return study.estimand
    if isinstance(estimand, Estimand):
        return estimand
    named = {one.name: one for one in study.estimands}
    if estimand not in named:
        raise ModelError(
            f"The study has no estimand {estimand!r}; it has {list(named)}. Name one of them, or "
            "add it under 'estimands' in the study file."
        )
    return named[estimand]


def _of_measure(trial: Trial, estimand: Estimand, measure: str) -> Estimand:
    """The estimand asked of another measure; a failure score belongs to the measure it was given for."""
    name = trial.measure(measure).name
    own = measure_of(trial.study, estimand)
    if own is not None and own.name == name:
        return estimand
    for kind, handling in estimand.events.items():
        if isinstance(handling.value, float):
            raise ModelError(
                f"The estimand {estimand.name!r} gives {handling.value:g} as the failure value after "
                f"{kind.replace('_', ' ')}, a score of {'?' if own is None else own.name}, and is "
                f"asked of {name}. Give baseline or worst, or an estimand of {name}."
            )
    return estimand.model_copy(update={"measure": name})


def _refuse(study: Study, estimand: Estimand) -> None:
    problems = estimand_problems(study, estimand)
    if problems:
        said = "; ".join(f"{'.'.join(map(str, key))} {why}" for key, why in problems)
        raise ModelError(f"The estimand {estimand.name!r} cannot be estimated: {said}.")
