"""Completed outcomes under missing at random, for responders by multiple imputation."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.relief.model import FittedTrial
from analysis.responders.counts import count
from analysis.responders.definition import Scores, Threshold, Window, needed, responses
from analysis.responders.risks import Risks
from analysis.trial.records import Trial

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


def patient_grid(trial: Trial, model: FittedTrial, scores: Scores) -> pd.DataFrame:
    """Rows of every patient that the model can read, at every visit in it.

    Returns
    -------
    pandas.DataFrame
        Columns of the model's rows: patient, therapy, visit, value (NaN where there is none),
        baseline and covariates; the index is patient × visit, as positions in `scores.values`
        taken row by row. Patients without a covariate of the formula, with a level of one that
        nobody with follow-up has, or of a therapy without any follow-up, are left out.
    """
    known = list(model.fit.design.variables)
    patients = trial.patients.assign(baseline=scores.baseline, therapy=scores.therapy)
    named = [name for name in known if name in patients.columns]
    usable = patients[named].notna().all(axis=1) & patients["therapy"].isin(model.therapies)
    factors = model.fit.design.margins.factors
    for name in (name for name in named if name in factors):
        usable &= patients[name].isin(list(factors[name]))
    people, columns = np.flatnonzero(usable.to_numpy()), scores.columns(model.visits)
    frame = patients.iloc[np.repeat(people, len(columns))]
    place = np.tile(columns, len(people)) + np.repeat(people, len(columns)) * len(scores.visits)
    return frame.assign(
        visit=pd.Categorical(np.tile(model.visits, len(people)), model.visits),
        therapy=pd.Categorical(frame["therapy"].astype(str), model.therapies),
        value=scores.values.ravel()[place],
    ).set_axis(place)


def completed_outcomes(
    trial: Trial, model: FittedTrial, scores: Scores, n_draws: int = 50, *, seed: int
) -> Array:
    """Draw missing outcomes given those observed, from the model of relief.

    Coefficients are drawn anew for each data set; the covariance stays at its estimate.

    Parameters
    ----------
    trial : Trial
    model : FittedTrial
    scores : Scores
        Of the same trial and measure.
    n_draws : int
    seed : int

    Returns
    -------
    ndarray, shape (n_draws, n, m)
        In the order of `scores`; NaN for patients and visits that the model cannot complete.

    Raises
    ------
    ModelError
        The engine's reason.
    """
    grid = patient_grid(trial, model, scores)
    drawn = model.fit.simulate(grid, n_draws, seed=seed, conditional=True, parameters="sampled")
    full = np.full((n_draws, scores.values.size), np.nan)
    full[:, grid.index.to_numpy()] = drawn
    return full.reshape(n_draws, *scores.values.shape)


def imputed_risks(
    completed: Iterable[Array],
    scores: Scores,
    asked: list[tuple[Threshold, Window]],
    therapies: tuple[str, ...],
    floor: float,
) -> list[Risks]:
    """Risks in each completed data set, for every definition and window.

    Parameters
    ----------
    completed : iterable of ndarray, shape (n, m)
        Outcomes in the order of `scores` (an array of shape (M, n, m) is one).
    scores : Scores
    asked : list of (Threshold, Window)
    therapies : tuple of str, length K
    floor : float
        See `needed`.

    Returns
    -------
    list of Risks
        One for each of `asked`.
    """
    needs = {threshold: needed(threshold, scores, floor) for threshold, _ in asked}
    found: list[list[tuple[Integers, Integers]]] = [[] for _ in asked]
    for values in completed:
        better = scores.improvement(np.asarray(values, dtype=np.float64))
        for kept, (threshold, window) in zip(found, asked, strict=True):
            response = responses(better, needs[threshold], window, scores)
            counts = count(response, scores.therapy, therapies)
            kept.append((counts.responders, counts.n))
    return [_risks(kept, len(therapies)) for kept in found]


def _risks(kept: list[tuple[Integers, Integers]], size: int) -> Risks:
    responders = np.array([one for one, _ in kept], dtype=np.float64).reshape(-1, size)
    n = np.array([other for _, other in kept], dtype=np.int64).reshape(-1, size)
    risk = np.divide(responders, n, out=np.full(n.shape, np.nan), where=n > 0)
    cov = np.zeros((*n.shape, size))
    variance = np.divide(risk * (1 - risk), n, out=np.full(n.shape, np.nan), where=n > 0)
    cov[:, np.arange(size), np.arange(size)] = variance
    people = n[0] if len(n) else np.zeros(size, dtype=np.int64)
    why = "not estimable: no patient's outcome can be completed"
    note = tuple("" if count else why for count in people)
    return Risks(risk, cov, max(float(people.sum()) - size, 1.0), people, "pooled", note)
