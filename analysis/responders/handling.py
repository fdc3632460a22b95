"""Four handlings of those not seen, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.proportions import DifferenceMethod
from analysis.relief.model import FittedTrial
from analysis.responders.comparison import counted_rows, masked, risk_rows
from analysis.responders.completed import completed_outcomes, imputed_risks
from analysis.responders.counts import count
from analysis.responders.definition import Scores, Threshold, Window, needed, responses
from analysis.responders.modelled import model_rows, modelled_risks
from analysis.responders.risks import Pooling, Risks
from analysis.responders.standardise import CovType, g_computation, unknown_risks
from analysis.trial.records import Trial

Array = NDArray[np.float64]
Row = dict[str, Any]
Asked = tuple[Threshold, Window]

OBSERVED = "observed cases"
NON_RESPONSE = "non-responder imputation"
"""Handling in which those not seen have not responded."""
MULTIPLE = "multiple imputation"
"""Handling in which the scores of those not seen are imputed many times, given what was seen of them."""
MODEL = "model-based"
HANDLINGS = (OBSERVED, NON_RESPONSE, MULTIPLE, MODEL)
"""Ways of counting those not seen, by name."""
STANDARDISED = ", standardised"


@dataclass(frozen=True, slots=True)
class Job:
    """What every handling needs.

    Attributes
    ----------
    trial : Trial
    scores : Scores
    model : FittedTrial or None
        The model of relief, where it could be fitted.
    refused : str
        Why it could not.
    asked : list of (Threshold, Window)
        Those that can be judged.
    floor : float
        See `analysis.responders.definition.needed`.
    difference : {"newcombe", "miettinen_nurminen"}
    cov_type : {"model", "HC0", "HC3"}
        Of the standardised comparison.
    pool : callable
        See `analysis.responders.risks.Pooling`.
    """

    trial: Trial
    scores: Scores
    model: FittedTrial | None
    refused: str
    asked: list[Asked]
    floor: float
    difference: DifferenceMethod
    cov_type: CovType
    pool: Pooling

    @property
    def therapies(self) -> tuple[str, ...]:
        """All therapies of the study, the comparator first."""
        return self.trial.study.therapies

    @property
    def alpha(self) -> float:
        """One minus the confidence level."""
        return 1 - self.trial.study.model.confidence


def response_of(job: Job, threshold: Threshold, window: Window, failures: bool) -> Array:
    """Responses of all patients; who was not seen failed, or is NaN; shape (n,)."""
    need = needed(threshold, job.scores, job.floor)
    found = responses(job.scores.improvement(), need, window, job.scores)
    lost = np.isnan(found) & ~np.isnan(need)
    return np.where(lost, 0.0, found) if failures else found


def counted(job: Job, failures: bool) -> Iterator[tuple[Asked, str, Row]]:
    """Observed cases, or those not seen as non-responders: crude, then standardised."""
    study, name = job.trial.study, NON_RESPONSE if failures else OBSERVED
    for threshold, window in job.asked:
        response = response_of(job, threshold, window, failures)
        counts = count(response, job.scores.therapy, job.therapies)
        for row in counted_rows(
            counts, job.therapies, study.comparator, study.minimum_count, job.difference, job.alpha
        ):
            yield (threshold, window), name, row
        if not study.comparator:
            continue
        pairs = zip(counts.responders, counts.n, strict=True)
        hidden = [masked(int(x), int(n), study.minimum_count) for x, n in pairs]
        risks = _standardised(job, response)
        for row in risk_rows(
            risks, job.therapies, study.comparator, study.minimum_count, job.pool, job.alpha, hidden
        ):
            yield (threshold, window), name + STANDARDISED, row


def _standardised(job: Job, response: Array) -> Risks:
    """G-computation with the baseline score and the study's covariates as main effects."""
    names = [covariate.name for covariate in job.trial.study.covariates if covariate.model]
    patients = job.trial.patients[names].reset_index(drop=True)
    frame = patients.assign(
        response=response, baseline=job.scores.baseline, therapy=job.scores.therapy
    ).dropna()
    for name in names:
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            frame[name] = frame[name].cat.remove_unused_categories()
    # A column that is the same for everybody is the intercept again.
    terms = [name for name in ("baseline", *names) if frame[name].nunique() > 1]
    members = frame["therapy"].value_counts()
    present = tuple(name for name in job.therapies if name in members.index)
    n = np.array([int(members.get(name, 0)) for name in job.therapies])
    if len(present) < 2:
        note = "not estimable: patients of one therapy only can be judged"
        return unknown_risks(n, "g-computation", note)
    risks = g_computation(
        frame, " + ".join(["response ~ therapy", *terms]), levels=present, cov_type=job.cov_type
    )
    return _spread(risks, [job.therapies.index(name) for name in present], n)


def _spread(risks: Risks, places: list[int], n: NDArray[np.int64]) -> Risks:
    """Risks of some therapies as risks of all, the others not estimable."""
    full = unknown_risks(n, risks.method, "not estimable: no patient can be judged")
    full.risk[:, places] = risks.risk
    full.cov[np.ix_([0], places, places)] = risks.cov
    notes = list(full.note)
    for place, note in zip(places, risks.note, strict=True):
        notes[place] = note
    return replace(full, note=tuple(notes))


def imputed(
    job: Job, completed: Iterable[Array] | None, n_draws: int, seed: int, method: str,
    handling: str = MULTIPLE,
) -> Iterator[tuple[Asked, str, Row]]:  # fmt: skip
    """Responders in every completed data set, pooled.

    Parameters
    ----------
    completed : iterable of ndarray, shape (n, m), or None
        Patients and visits after baseline as in `scores`; drawn from the model of relief if None.
    n_draws, seed : int
        For that.
    method : str
        How they were completed, in words.
    handling : str
        What the rows are called.
    """
    study, note = job.trial.study, f"not estimable: {job.refused}"
    found: list[Risks] | None = None
    if completed is None and job.model is not None:
        method = f"missing at random, {n_draws} data sets drawn from the model of relief"
        try:
            completed = completed_outcomes(job.trial, job.model, job.scores, n_draws, seed=seed)
        except ModelError as error:
            note = f"not estimable: {error}"
    if completed is not None:
        found = imputed_risks(completed, job.scores, job.asked, job.therapies, job.floor)
    for place, (threshold, window) in enumerate(job.asked):
        risks = found[place] if found else unknown_risks(_judged(job, threshold), method, note)
        crude = count(
            response_of(job, threshold, window, False), job.scores.therapy, job.therapies
        )
        pairs = zip(crude.responders, crude.n, strict=True)
        hidden = [masked(int(x), int(n), study.minimum_count) for x, n in pairs]
        for row in risk_rows(
            replace(risks, method=f"{method}; pooled"), job.therapies, study.comparator,
            study.minimum_count, job.pool, job.alpha, hidden,
        ):  # fmt: skip
            yield (threshold, window), handling, row


def modelled(job: Job) -> Iterator[tuple[Asked, str, Row]]:
    """The probability of responding under the model of relief."""
    study = job.trial.study
    visits = tuple(dict.fromkeys(visit for _, window in job.asked for visit in window.visits))
    known = None
    if job.model is not None:
        known = model_rows(job.trial, job.model, job.scores, visits)
    for threshold, window in job.asked:
        need = needed(threshold, job.scores, job.floor)
        if job.model is None or known is None:
            risks = unknown_risks(_judged(job, threshold), "MMRM", f"not estimable: {job.refused}")
        else:
            risks = modelled_risks(job.model, known, job.scores, need, window, job.therapies)
        for row in risk_rows(
            risks, job.therapies, study.comparator, study.minimum_count, job.pool, job.alpha
        ):
            yield (threshold, window), MODEL, row


def _judged(job: Job, threshold: Threshold) -> NDArray[np.int64]:
    """Patients of each therapy who can be judged by a threshold."""
    need = needed(threshold, job.scores, job.floor)
    return count(np.where(np.isnan(need), np.nan, 1.0), job.scores.therapy, job.therapies).n
