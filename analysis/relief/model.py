"""The analysis model of a trial: which rows, which formula, which fit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.describe.masking import hide_few, without_few
from analysis.errors import ModelError
from analysis.instruments import find_instrument
from analysis.mmrm import MMRM, MMRMResults
from analysis.relief.facts import FitFacts, facts_of
from analysis.studies.records import Study
from analysis.trial.records import Trial

Array = NDArray[np.float64]

# Design rows made at a time: bounds memory, and few calls cost less than many.
ROWS_AT_ONCE = 50_000


@dataclass(frozen=True)
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
        Design rows averaged over all patients analysed, with therapy and visit set: every therapy
        is standardised to the same patients (counterfactual means). In a model where no covariate
        interacts with therapy this is the mean of the average patient.
    turn : float
        1 where a lower score is better, −1 where a higher one is: relief is turn × (baseline −
        score).
    baseline : float
        Mean baseline of the patients analysed; NaN where there is none.
    therapy_of : ndarray of int, shape (patients,)
        Therapy of every patient analysed, as a position in `therapies`.
    attended : ndarray of bool, shape (patients, visits)
        Whether a value of the patient at the visit entered.
    left_out : pandas.DataFrame
        `reason`, `n`: patients of the trial who could not enter; with those analysed they add up to
        all patients. `n` is missing where too few may be told.
    minimum : int
        Fewer patients than this are not told (the study's `minimum_count`).
    """

    fit: MMRMResults
    formula: str
    visits: tuple[str, ...]
    therapies: tuple[str, ...]
    rows: Array
    turn: float
    baseline: float
    therapy_of: NDArray[np.int64]
    attended: NDArray[np.bool_]
    left_out: pd.DataFrame
    minimum: int

    @cached_property
    def facts(self) -> FitFacts:
        """How it was fitted, in words."""
        return facts_of(self.fit)

    def patients(self, therapy: str, visits: tuple[str, ...]) -> int | None:
        """Patients of a therapy with a value at any of the visits; None where none is named."""
        if not therapy or not visits:
            return None
        if therapy not in self.therapies:
            return 0
        columns = [position for position, name in enumerate(self.visits) if name in visits]
        rows = self.attended[self.therapy_of == self.therapies.index(therapy)]
        return int(rows[:, columns].any(axis=1).sum())

    def shown_patients(self, therapy: str, visits: tuple[str, ...]) -> int | None:
        """The same; None too where it, or one that it would tell, is below the minimum."""
        n = self.patients(therapy, visits)
        if not n:
            return n
        numbers = [self.patients(name, visits) or 0 for name in self.therapies]
        return None if hide_few(numbers, self.minimum)[self.therapies.index(therapy)] else n


def default_formula(study: Study, one_visit: bool, compared: bool, baseline: bool) -> str:
    """The default mean model, without terms that the data cannot carry.

    Parameters
    ----------
    study : Study
        Its covariates with `model: true` enter as main effects.
    one_visit, compared, baseline : bool
        Whether there is one follow-up visit only, more than one therapy, a baseline value.
    """
    terms = [covariate.name for covariate in study.covariates if covariate.model]
    if one_visit:
        parts = (["baseline"] if baseline else []) + terms + (["therapy"] if compared else [])
    else:
        parts = ["baseline * visit" if baseline else "visit", *terms]
        parts += ["therapy * visit"] if compared else []
    return f"value ~ {' + '.join(parts) if parts else '1'}"


def formula_of(study: Study, frame: pd.DataFrame) -> str:
    """The study's formula, or the default for what is in a model frame."""
    if study.model.formula is not None:
        return study.model.formula
    one_visit, compared = len(_present(frame["visit"])) == 1, len(_present(frame["therapy"])) > 1
    return default_formula(study, one_visit, compared, "baseline" in frame)


def model_frame(
    trial: Trial, measure: str | None = None, *, every_visit: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows after baseline with everything the model uses, and who had to be left out.

    A covariate is asked of a patient only if the formula names it. The baseline is asked of
    everyone as soon as anyone has one, because relief alone is the change from its mean.

    Parameters
    ----------
    trial : Trial
    measure : str, optional
    every_visit : bool
        A row for every patient at every visit, with NaN where nothing was observed.

    Returns
    -------
    frame : pandas.DataFrame
        `patient`, `therapy`, `visit`, `week`, `value`, `baseline` where there is one, covariates.
    left_out : pandas.DataFrame
        `reason`, `n` patients; each patient counts once, at the first reason.
    """
    study, chosen = trial.study, trial.measure(measure)
    names = _covariates(study)
    patients = trial.patients[["patient", "therapy", *names]]
    baseline = trial.baseline(chosen.name)
    if baseline.notna().any():
        patients = patients.assign(baseline=baseline.to_numpy())
        names = ["baseline", *names]
    followup = [visit.name for visit in study.followup]
    rows = trial.outcomes[trial.outcomes["measure"] == chosen.name]
    rows = rows.loc[rows["visit"].isin(followup), ["patient", "visit", "week", "value"]]
    if every_visit:
        weeks = pd.DataFrame({"visit": followup, "week": [float(v.week) for v in study.followup]})
        values = rows.assign(visit=rows["visit"].astype(str))[["patient", "visit", "value"]]
        rows = patients[["patient"]].merge(weeks, how="cross").merge(values, how="left")
    frame = rows.merge(patients, on="patient", how="inner")
    reasons = [("no value after baseline", len(patients) - frame["patient"].nunique())]
    for name in names:
        missing = frame[name].isna()
        reasons.append((f"no value of {name}", frame.loc[missing, "patient"].nunique()))
        frame = frame[~missing]
    levels = {name: _observed_levels(frame[name]) for name in names}
    frame = frame.assign(
        **levels,
        visit=pd.Categorical(frame["visit"].astype(str), followup),
        therapy=pd.Categorical(frame["therapy"].astype(str), list(study.therapies)),
    )
    left_out = pd.DataFrame([r for r in reasons if r[1]], columns=["reason", "n"])
    return frame.reset_index(drop=True), left_out


def _observed_levels(column: pd.Series) -> pd.Series:
    """The column without categories that nobody has; numbers as they are."""
    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    return column.cat.remove_unused_categories() if categorical else column


def _covariates(study: Study) -> list[str]:
    """Covariates that the model needs."""
    if study.model.formula is None:
        return [covariate.name for covariate in study.covariates if covariate.model]
    named = set(re.findall(r"[A-Za-z_]\w*", study.model.formula))
    return [covariate.name for covariate in study.covariates if covariate.name in named]


def fit_trial(trial: Trial, measure: str | None = None) -> FittedTrial:
    """Fit the study's model to a trial.

    Parameters
    ----------
    trial : Trial
    measure : str, optional
        Name of the measure; the primary one when left out.

    Raises
    ------
    ModelError
        Nothing to fit, or the engine's reason.
    """
    frame, left_out = model_frame(trial, measure)
    if frame.empty:
        reasons = "; ".join(f"{row.n} patients with {row.reason}" for row in left_out.itertuples())
        raise ModelError(
            "No patient has a value after baseline that can be analysed "
            f"({reasons or 'no values'}). Check the visits and measures of the study file."
        )
    study = trial.study
    visits = _present(frame["visit"])
    therapies = _present(frame["therapy"])
    baseline = "baseline" in frame
    formula = formula_of(study, frame)
    fit = MMRM.from_formula(
        formula, frame, subject="patient", visit="visit",
        # One visit has one variance, whatever structure is named.
        covariance=study.model.covariance if len(visits) > 1 else study.model.covariance[:1],
        times={visit.name: visit.week for visit in study.followup},
    ).fit(df="kenward-roger")  # fmt: skip
    first = frame.drop_duplicates("patient").reset_index(drop=True)
    attended = np.zeros((len(first), len(visits)), dtype=np.bool_)
    person = pd.Index(first["patient"]).get_indexer(frame["patient"])
    attended[person, _positions(frame["visit"], visits)] = True
    instrument = find_instrument(trial.measure(measure).instrument, study.instruments)
    return FittedTrial(
        fit=fit,
        formula=formula,
        visits=visits,
        therapies=therapies,
        rows=_standardised(fit, first, visits, therapies),
        turn=1.0 if instrument.direction == "lower_is_better" else -1.0,
        baseline=float(first["baseline"].mean()) if baseline else np.nan,
        therapy_of=_positions(first["therapy"], therapies),
        attended=attended,
        left_out=left_out.assign(n=without_few(left_out["n"].astype("int64"), study.minimum_count)),
        minimum=study.minimum_count,
    )


def _present(column: pd.Series) -> tuple[str, ...]:
    """Levels that occur, in their order."""
    return tuple(_observed_levels(column).cat.categories)


def _positions(column: pd.Series, levels: tuple[str, ...]) -> NDArray[np.int64]:
    """Position of each value in `levels`."""
    return pd.Index(levels).get_indexer(column.astype(str))


def _standardised(
    fit: MMRMResults, patients: pd.DataFrame, visits: tuple[str, ...], therapies: tuple[str, ...]
) -> Array:
    """Average design row over the patients, for each therapy and visit."""
    n, settings = len(patients), np.arange(len(therapies) * len(visits))
    at_once = max(1, ROWS_AT_ONCE // n)
    blocks = []
    for start in range(0, len(settings), at_once):
        chosen = settings[start : start + at_once]
        therapy, visit = (np.repeat(part, n) for part in np.divmod(chosen, len(visits)))
        frame = pd.concat([patients] * len(chosen), ignore_index=True).assign(
            therapy=pd.Categorical.from_codes(therapy, therapies),
            visit=pd.Categorical.from_codes(visit, visits),
        )
        blocks.append(fit.design.rows(frame).reshape(len(chosen), n, -1).mean(axis=1))
    return np.concatenate(blocks).reshape(len(therapies), len(visits), -1)
