"""Population, treatments and variable of an estimand, as a study and the patients who belong to it."""

from __future__ import annotations

import operator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.studies.conditions import Comparison, read_condition
from analysis.studies.estimand_rules import comparator_of, visits_of
from analysis.studies.records import Estimand, Study
from analysis.trial.records import Trial

_COMPARE = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


def narrowed(trial: Trial, estimand: Estimand, measure: str) -> tuple[Trial, pd.DataFrame]:
    """The trial with the estimand's patients, therapies, horizons and one measure.

    Parameters
    ----------
    trial : Trial
    estimand : Estimand
    measure : str

    Returns
    -------
    trial : Trial
        Events and values of its patients; values of the measure only, at all visits.
    left_out : pandas.DataFrame
        `reason`, `n`: patients who do not belong to it, each at the first reason; with those of the
        trial they add up to all.

    Raises
    ------
    ModelError
        Nobody belongs to it.
    """
    study = study_of(trial.study, estimand, measure)
    patients, reasons = trial.patients, _reasons(trial, estimand, measure)
    belongs = reasons == ""
    if not belongs.any():
        said = "; ".join(f"{n} {why}" for why, n in pd.Series(reasons).value_counts().items())
        raise ModelError(
            f"The estimand {estimand.name!r} has no patients ({said or 'the trial has none'}). "
            "Widen 'who' or 'treatments' in the study file."
        )
    kept = patients[belongs].reset_index(drop=True)
    kept = kept.assign(therapy=pd.Categorical(kept["therapy"].astype(str), list(study.therapies)))
    counts = pd.Series(reasons[~belongs], dtype="str").value_counts(sort=False)
    outcomes, events = trial.outcomes, trial.events
    outcomes = outcomes[(outcomes["measure"] == measure) & outcomes["patient"].isin(kept["patient"])]
    events = events[events["patient"].isin(kept["patient"])]
    made = replace(
        trial, study=study, patients=kept, outcomes=outcomes.reset_index(drop=True),
        events=events.reset_index(drop=True),
    )  # fmt: skip
    return made, pd.DataFrame({"reason": counts.index, "n": counts.to_numpy()})


def study_of(study: Study, estimand: Estimand, measure: str) -> Study:
    """The study as the estimand sees it; the estimand is its only one.

    While on treatment knows no visit that is known to be after treatment ended.
    """
    horizon = {
        visit: name for name in ("short", "long") for visit in visits_of(study, estimand, name)
    }
    schedule = tuple(
        visit.model_copy(update={"horizon": horizon.get(visit.name, "")})
        for visit in study.visits.schedule
        if not (_on_treatment(estimand) and (visit.weeks_since_end or 0.0) > 0)
    )
    measures = tuple(
        one.model_copy(update={"primary": one.name == measure}) for one in study.measures
    )
    therapy = study.therapy
    if therapy is not None:
        chosen = study.therapies if estimand.treatments is None else estimand.treatments
        arms = tuple(arm for arm in therapy.arms if arm.label in chosen)
        comparator = comparator_of(study, estimand) or None
        therapy = therapy.model_copy(update={"arms": arms, "comparator": comparator})
    return study.model_copy(
        update={
            "visits": study.visits.model_copy(update={"schedule": schedule}),
            "measures": measures, "therapy": therapy, "estimands": (estimand,),
        }
    )  # fmt: skip


def _on_treatment(estimand: Estimand) -> bool:
    return any(one.strategy == "while_on_treatment" for one in estimand.events.values())


def _reasons(trial: Trial, estimand: Estimand, measure: str) -> NDArray[np.object_]:
    """Why each patient does not belong to the estimand; empty text for those who do."""
    reasons = np.full(len(trial.patients), "", dtype=object)
    if estimand.treatments is not None:
        other = ~trial.patients["therapy"].isin(estimand.treatments).to_numpy(dtype=bool)
        reasons[other] = "with a therapy that is not compared"
    if estimand.who is not None:
        for comparison in read_condition(trial.study, estimand.who):
            values = _values(trial, comparison.name, measure)
            unknown = values.isna().to_numpy()
            fails = ~_holds(values, comparison) & ~unknown
            reasons[(reasons == "") & unknown] = f"without a value of {comparison.name}"
            reasons[(reasons == "") & fails] = f"do not meet {estimand.who}"
    return reasons


def _values(trial: Trial, name: str, measure: str) -> pd.Series:
    if name == "baseline":
        return trial.baseline(measure).reset_index(drop=True)
    values = trial.patients[name].reset_index(drop=True)
    if pd.api.types.is_numeric_dtype(values):
        return values
    return values.astype("object").where(values.notna() & (values.astype("object") != ""))


def _holds(values: pd.Series, comparison: Comparison) -> NDArray[np.bool_]:
    # Text is compared as text: a category may hold numbers that the study file names as labels.
    known = values if isinstance(comparison.value, float) else values.astype("str")
    return _COMPARE[comparison.operator](known, comparison.value).to_numpy(dtype=bool)
