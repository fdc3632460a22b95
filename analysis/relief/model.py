"""The analysis model of a trial: which rows, which formula, which fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.instruments import find_instrument
from analysis.mmrm import MMRM, MMRMResults
from analysis.studies.records import Study
from analysis.trial.records import Trial

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FittedTrial:
    """A trial's model and the mean design rows that every estimand is built from.

    Attributes
    ----------
    fit : MMRMResults
    formula : str
    visits : tuple of str
        Follow-up visits in the model, in order.
    therapies : tuple of str
        Therapies in the model, the comparator first.
    rows : ndarray, shape (therapies, visits, p)
        Design rows averaged over all patients analysed, with therapy and visit set: standardised to
        the same patients for every therapy.
    turn : float
        1 where a lower score is better, −1 where a higher one is: relief is turn × (baseline − score).
    baseline : float
        Mean baseline of the patients analysed; NaN where the study has none.
    analysed : pandas.DataFrame
        `patient`, `therapy`, `visit`: the values that entered.
    left_out : pandas.DataFrame
        `reason`, `n`: patients with follow-up that could not enter.
    """

    fit: MMRMResults
    formula: str
    visits: tuple[str, ...]
    therapies: tuple[str, ...]
    rows: Array
    turn: float
    baseline: float
    analysed: pd.DataFrame
    left_out: pd.DataFrame


def default_formula(study: Study, one_visit: bool, compared: bool, baseline: bool) -> str:
    """The default mean model, without terms that the study cannot carry."""
    terms = [covariate.name for covariate in study.covariates if covariate.model]
    if one_visit:
        parts = (["baseline"] if baseline else []) + terms + (["therapy"] if compared else [])
    else:
        parts = ["baseline * visit"] if baseline else []
        parts += [*terms, "therapy * visit" if compared else "visit"]
    return f"value ~ {' + '.join(parts) if parts else '1'}"


def model_frame(trial: Trial, measure: str | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows after baseline with everything the model may use, and who had to be left out.

    Returns
    -------
    frame : pandas.DataFrame
        `patient`, `therapy`, `visit`, `week`, `value`, `baseline` where the study has one, covariates.
    left_out : pandas.DataFrame
        `reason`, `n` patients.
    """
    study, chosen = trial.study, trial.measure(measure)
    names = [covariate.name for covariate in study.covariates if covariate.model]
    rows = trial.outcomes
    followup = [visit.name for visit in study.followup]
    rows = rows[(rows["measure"] == chosen.name) & rows["visit"].isin(followup)]
    patients = trial.patients[["patient", "therapy", *names]]
    if study.baseline_visit is not None:
        patients = patients.assign(baseline=trial.baseline(chosen.name).to_numpy())
        names = ["baseline", *names]
    frame = rows[["patient", "visit", "week", "value"]].merge(patients, on="patient", how="inner")
    reasons = []
    for name in names:
        missing = frame[name].isna()
        if missing.any():
            reasons.append((f"no value of {name}", frame.loc[missing, "patient"].nunique()))
            frame = frame[~missing]
    frame = frame.assign(
        visit=pd.Categorical(frame["visit"].astype(str), followup, ordered=False),
        therapy=pd.Categorical(frame["therapy"].astype(str), list(study.therapies)),
    )
    return frame.reset_index(drop=True), pd.DataFrame(reasons, columns=["reason", "n"])


def fit_trial(trial: Trial, measure: str | None = None) -> FittedTrial:
    """Fit the study's model to a trial.

    Raises
    ------
    ModelError
        Nothing to fit, or the engine's reason.
    """
    frame, left_out = model_frame(trial, measure)
    if frame.empty:
        reasons = "; ".join(f"{row.n} patients with {row.reason}" for row in left_out.itertuples())
        raise ModelError(
            f"No patient has a value after baseline that can be analysed ({reasons or 'no values'}). "
            "Check the visits and measures of the study file."
        )
    study = trial.study
    visits = tuple(v for v in frame["visit"].cat.categories if (frame["visit"] == v).any())
    therapies = tuple(t for t in study.therapies if (frame["therapy"] == t).any())
    formula = study.model.formula or default_formula(
        study, len(visits) == 1, len(therapies) > 1, study.baseline_visit is not None
    )
    fit = MMRM.from_formula(formula, frame, subject="patient", visit="visit").fit()
    first = frame.drop_duplicates("patient")
    rows = _standardised(fit, first, visits, therapies)
    baseline = float(first["baseline"].mean()) if "baseline" in first else np.nan
    analysed = frame[["patient", "therapy", "visit"]]
    instrument = find_instrument(trial.measure(measure).instrument, study.instruments)
    turn = 1.0 if instrument.direction == "lower_is_better" else -1.0
    return FittedTrial(fit, formula, visits, therapies, rows, turn, baseline, analysed, left_out)


def _standardised(
    fit: MMRMResults, patients: pd.DataFrame, visits: tuple[str, ...], therapies: tuple[str, ...]
) -> Array:
    """Average design row over the patients, for each therapy and visit."""
    blocks = []
    for therapy in therapies:
        for visit in visits:
            setting = patients.assign(
                therapy=pd.Categorical([therapy] * len(patients), therapies),
                visit=pd.Categorical([visit] * len(patients), visits),
            )
            blocks.append(fit.design.rows(setting).mean(axis=0))
    return np.array(blocks).reshape(len(therapies), len(visits), -1)
