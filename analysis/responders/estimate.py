"""Responders of every therapy as a result frame (docs/methods.md section 12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.proportions import DifferenceMethod
from analysis.relief.model import FittedTrial, fit_trial
from analysis.responders.comparison import COMPARED, masked
from analysis.responders.counts import count
from analysis.responders.definition import (
    FLOOR,
    SHARES,
    Scores,
    Threshold,
    Window,
    needed,
    scores_of,
    thresholds_of,
    unjudged,
    windows_of,
)
from analysis.responders.handling import HANDLINGS, Job, counted, imputed, modelled, response_of
from analysis.responders.risks import Pooling, rubin
from analysis.responders.standardise import CovType
from analysis.responders.under import under_strategies
from analysis.schema import result_frame
from analysis.sensitivity import Setting
from analysis.trial.records import Trial

Array = NDArray[np.float64]
Row = dict[str, Any]

COUNT_COLUMNS = (
    "definition", "horizon", "therapy", "patients", "no_baseline", "below_floor", "judged", "seen",
    "responders", "masked",
)  # fmt: skip
DRAWS = 50


@dataclass(frozen=True, slots=True)
class Responders:
    """Responders of every therapy.

    Attributes
    ----------
    frame : pandas.DataFrame
        Result frame. `estimand` is the definition ("at least 30 % better"), `analysis` the
        handling of those not seen, `horizon` short, long or sustained, `quantity` responders
        (a proportion), risk_difference, risk_ratio, odds_ratio or number_needed.
    counts : pandas.DataFrame
        Columns `COUNT_COLUMNS`: patients, those without a baseline and below the floor, those who
        can be judged, were seen, and responded. Small counts are missing and `masked`.
    """

    frame: pd.DataFrame
    counts: pd.DataFrame


def estimate_responders(
    trial: Trial,
    model: FittedTrial | None = None,
    measure: str | None = None,
    *,
    shares: tuple[float, ...] = SHARES,
    floor: float = FLOOR,
    difference: DifferenceMethod = "newcombe",
    cov_type: CovType = "HC3",
    completed: Iterable[Array] | None = None,
    completed_by: str = "completed data sets",
    setting: Setting | None = None,
    pool: Pooling = rubin,
    n_draws: int = DRAWS,
    seed: int = 0,
) -> Responders:
    """Estimate who responded, by every definition, at every horizon, under every handling.

    Parameters
    ----------
    trial : Trial
    model : FittedTrial, optional
        The model of relief of the same measure; fitted here when left out.
    measure : str, optional
        Name of the measure; the primary one when left out.
    shares : tuple of float
        Shares of the complaint at baseline that make a responder; the instrument's minimal
        important change is added.
    floor : float
        Share of the range that a complaint must reach at baseline before shares of it count.
    difference : {"newcombe", "miettinen_nurminen"}
        Interval of crude differences.
    cov_type : {"model", "HC0", "HC3"}
        Covariance behind standardised ones.
    completed : iterable of ndarray, shape (n, m), optional
        Completed outcomes, patients of the trial by visits after baseline; drawn under missing at
        random from the model when left out.
    completed_by : str
        How, in words, for the column `method`.
    setting : Setting, optional
        The trial laid out for sensitivity analysis (`analysis.sensitivity.set_up`): multiple
        imputation then comes under every strategy too, as "multiple imputation, " and its name.
    pool : callable
        Joins the analyses of completed data sets; see `analysis.responders.risks.rubin`.
    n_draws, seed : int
        Of the draws.

    Returns
    -------
    Responders
        What cannot be estimated is a row with a note.

    Raises
    ------
    ModelError
        Shares or a floor outside 0 to 1, an unknown option.
    """
    _refuse(shares, floor)
    study, scores = trial.study, scores_of(trial, measure)
    model, refused = _fitted(trial, measure) if model is None else (model, "")
    thresholds = thresholds_of(scores.instrument, shares)
    every = [(one, window) for one in thresholds for window in windows_of(study)]
    notes = {pair: _why_not(*pair, scores) for pair in every}
    asked = [pair for pair in every if not notes[pair]]
    job = Job(trial, scores, model, refused, asked, floor, difference, cov_type, pool)
    parts = (
        counted(job, False), counted(job, True),
        imputed(job, completed, n_draws, seed, completed_by), modelled(job),
        *([] if setting is None else under_strategies(job, setting, n_draws, seed)),
    )  # fmt: skip
    found = [(*pair, handling, row) for part in parts for pair, handling, row in part]
    found += [
        (*pair, handling, row)
        for pair, note in notes.items() if note
        for handling in HANDLINGS for row in _absent(job, note)
    ]  # fmt: skip
    places = {pair: place for place, pair in enumerate(every)}
    found.sort(key=lambda one: places[one[0], one[1]])
    weeks = dict(zip(scores.visits, scores.weeks, strict=True))
    name = trial.measure(measure).name
    rows = [
        _labelled(row, name, threshold, window, handling, weeks)
        for threshold, window, handling, row in found
    ]
    return Responders(result_frame(rows), _counts(job, every))


def _refuse(shares: tuple[float, ...], floor: float) -> None:
    wrong = [share for share in shares if not 0 < share <= 1]
    if wrong:
        raise ModelError(f"A share of {wrong[0]:g} makes no responder; give one above 0, up to 1.")
    if not 0 <= floor <= 1:
        raise ModelError(f"The floor of {floor:g} is a share of the range; give 0 to 1.")


def _fitted(trial: Trial, measure: str | None) -> tuple[FittedTrial | None, str]:
    """The model of relief, or why there is none: whoever was seen can be counted all the same."""
    try:
        return fit_trial(trial, measure), ""
    except ModelError as error:
        return None, str(error)


def _why_not(threshold: Threshold, window: Window, scores: Scores) -> str:
    return window.note or unjudged(threshold, scores)


def _absent(job: Job, note: str) -> Iterator[Row]:
    """Rows of a definition that nobody can be judged by."""
    for therapy in job.therapies:
        yield {"quantity": "responders", "therapy": therapy, "n_therapy": 0, "note": note}
        comparator = job.trial.study.comparator
        if comparator and therapy != comparator:
            both = {"therapy": therapy, "comparator": comparator, "n_therapy": 0, "n_comparator": 0}
            yield from ({**both, "quantity": quantity, "note": note} for quantity in COMPARED)


def _labelled(
    row: Row, measure: str, threshold: Threshold, window: Window, handling: str,
    weeks: dict[str, float],
) -> Row:  # fmt: skip
    when = [weeks[visit] for visit in window.visits]
    week = float(np.mean(when)) if when and window.horizon != "sustained" else np.nan
    return {
        "analysis": handling, "estimand": threshold.label, "measure": measure,
        "horizon": window.horizon, "visit": ", ".join(window.visits), "week": week, **row,
    }  # fmt: skip


def _counts(job: Job, every: list[tuple[Threshold, Window]]) -> pd.DataFrame:
    """How many patients each definition is about, and what became of the others."""
    rows, scores, minimum = [], job.scores, job.trial.study.minimum_count
    absent = np.isnan(scores.baseline)
    for threshold, window in every:
        judged = ~np.isnan(needed(threshold, scores, job.floor))
        seen = np.full(len(judged), np.nan)
        if not window.note:
            seen = response_of(job, threshold, window, False)
        for therapy in job.therapies:
            mine = scores.therapy == therapy
            found = count(seen[mine], scores.therapy[mine], (therapy,))
            x, n = int(found.responders[0]), int(found.n[0])
            below = int((mine & ~absent & ~judged).sum())
            hide = bool(masked(x, n, minimum))
            rows.append((
                threshold.label, window.horizon, therapy, int(mine.sum()),
                int((mine & absent).sum()), below, int((mine & judged).sum()), n,
                None if hide else x, hide,
            ))  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(COUNT_COLUMNS))
    kinds = {name: "Int64" for name in COUNT_COLUMNS[3:-1]}
    return frame.astype({**kinds, "masked": "bool"})
