"""Relief of every therapy as a result frame (docs/methods.md section 7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.mmrm import MMRMResults
from analysis.mmrm.contrasts import t_inference
from analysis.relief.fieller import fieller_set
from analysis.relief.horizons import area_weights, mean_weights
from analysis.relief.model import FittedTrial, fit_trial
from analysis.relief.multiplicity import holm, max_t
from analysis.schema import Horizon, Quantity, result_frame
from analysis.trial.records import Trial

Array = NDArray[np.float64]
METHOD = "MMRM, unstructured, REML, Satterthwaite"
NO_BASELINE = "not estimable: the study has no baseline value"
ADJUSTED = (("relief", "short"), ("relief", "long"), ("loss", ""))


@dataclass(frozen=True, slots=True)
class Relief:
    """Relief of every therapy, and the fit it came from.

    Attributes
    ----------
    frame : pandas.DataFrame
        Result frame; relief is turned so that positive is better, means are raw scores.
    model : FittedTrial
    """

    frame: pd.DataFrame
    model: FittedTrial

    @property
    def fit(self) -> MMRMResults:
        """The fitted model."""
        return self.model.fit

    def rows(
        self, quantity: Quantity, horizon: Horizon | None = None, analysis: str = "main"
    ) -> pd.DataFrame:
        """Rows of one quantity (and horizon) of the result frame."""
        frame = self.frame[(self.frame["quantity"] == quantity) & (self.frame["analysis"] == analysis)]
        return frame if horizon is None else frame[frame["horizon"] == horizon]


@dataclass(frozen=True, slots=True)
class _Question:
    """One number to estimate: weights over visits, and the words that go with it."""

    quantity: Quantity
    horizon: Horizon
    weights: Array
    visit: str
    week: float
    note: str = ""


def estimate_relief(trial: Trial, measure: str | None = None) -> Relief:
    """Estimate relief at both horizons, loss, retention and area, for every therapy.

    Parameters
    ----------
    trial : Trial
    measure : str, optional
        Name of the measure; the primary one when left out.

    Returns
    -------
    Relief
        Every therapy alone (change from the mean baseline) and against the comparator.

    Raises
    ------
    ModelError
        The model cannot be fitted, and why.
    """
    model = fit_trial(trial, measure)
    rows = [*_means(trial, model)]
    questions = _questions(trial, model)
    for therapy in trial.study.therapies:
        for comparator in dict.fromkeys(["", trial.study.comparator]):
            if comparator != therapy:
                rows += _rows_of(trial, model, questions, therapy, comparator)
    rows += _adjusted(trial, model, questions)
    common = {"estimand": trial.study.estimand.name, "measure": trial.measure(measure).name}
    return Relief(result_frame([{**common, **row} for row in rows]), model)


def _questions(trial: Trial, model: FittedTrial) -> list[_Question]:
    """What can be asked of this schedule; questions it cannot carry keep their note."""
    study = trial.study
    visits = [visit for visit in study.followup if visit.name in model.visits]
    weeks = [visit.week for visit in visits]
    asked = [
        _Question("relief", "", mean_weights(weeks, [visit.week]), visit.name, visit.week)
        for visit in visits
    ]
    found: dict[str, Array | None] = {}
    for horizon, word in (("short", "short-term"), ("long", "long-term")):
        chosen = study.horizon(horizon)
        absent = [visit.name for visit in chosen if visit.name not in model.visits]
        note = f"not estimable: the study has no {word} visit" if not chosen else ""
        note = f"not estimable: nobody has a value at {', '.join(absent)}" if absent else note
        weights = None if note else mean_weights(weeks, [visit.week for visit in chosen])
        found[horizon] = weights
        week = float(np.mean([visit.week for visit in chosen])) if chosen else np.nan
        names = ", ".join(visit.name for visit in chosen)
        empty = np.full(len(weeks), np.nan)
        asked.append(
            _Question("relief", horizon, empty if weights is None else weights, names, week, note)
        )
    both = found["short"] is not None and found["long"] is not None
    note = "" if both else "not estimable: it needs a short-term and a long-term visit"
    gap = found["short"] - found["long"] if both else np.full(len(weeks), np.nan)
    asked += [_Question(quantity, "", gap, "", np.nan, note) for quantity in ("loss", "retention")]
    ends = [v.week for v in study.horizon("long") if v.name in model.visits] or [weeks[-1]]
    start = study.baseline_visit.week if study.baseline_visit else 0.0
    area = area_weights(weeks, start, ends[-1])
    last = next(visit.name for visit in visits if visit.week == ends[-1])
    asked.append(_Question("area", "", area, last, ends[-1], ""))
    return asked


def _contrast(
    model: FittedTrial, weights: Array, therapy: str, comparator: str
) -> tuple[Array, float]:
    """Row of coefficients and constant of a relief: constant + row β is positive when better."""
    turn = model.turn
    row = -turn * weights @ model.rows[model.therapies.index(therapy)]
    if comparator:
        return row + turn * weights @ model.rows[model.therapies.index(comparator)], 0.0
    total = float(weights.sum())
    # The baseline cancels out of a loss, which is why that needs none.
    return row, turn * model.baseline * total if abs(total) > 1e-12 else 0.0


def _blocked(
    model: FittedTrial, question: _Question, therapy: str, comparator: str
) -> str:
    """Why this number cannot be estimated, or empty."""
    for name in (therapy, comparator):
        if name and name not in model.therapies:
            return f"not estimable: {name} has no follow-up"
    if question.note:
        return question.note
    if not comparator and np.isnan(model.baseline):
        return "" if question.quantity == "loss" else NO_BASELINE
    return ""


def _rows_of(
    trial: Trial, model: FittedTrial, questions: list[_Question], therapy: str, comparator: str
) -> list[dict[str, Any]]:
    rows = []
    for question in questions:
        row = {
            "analysis": "main", "quantity": question.quantity, "horizon": question.horizon,
            "therapy": therapy, "comparator": comparator, "visit": question.visit,
            "week": question.week, "method": METHOD,
            "n_therapy": _patients(model, therapy, question.visit),
            "n_comparator": _patients(model, comparator, question.visit) if comparator else None,
            "note": _blocked(model, question, therapy, comparator),
        }  # fmt: skip
        if not row["note"]:
            answer = _ratio if question.quantity == "retention" else _linear
            row |= answer(trial, model, questions, question, therapy, comparator)
        rows.append(row)
    return rows


def _linear(
    trial: Trial, model: FittedTrial, _: list[_Question], question: _Question,
    therapy: str, comparator: str,
) -> dict[str, Any]:  # fmt: skip
    row, constant = _contrast(model, question.weights, therapy, comparator)
    table = model.fit.contrast(row)
    alpha = 1 - trial.study.model.confidence
    values = t_inference(table.estimate + constant, table.std_error, table.df, alpha)
    answer: dict[str, Any] = {name: float(value[0]) for name, value in values.items()}
    answer["note"] = str(table.frame["note"].iloc[0])
    return answer


def _ratio(
    trial: Trial, model: FittedTrial, questions: list[_Question], question: _Question,
    therapy: str, comparator: str,
) -> dict[str, Any]:  # fmt: skip
    """Long divided by short, with its Fieller set."""
    parts = {q.horizon: q for q in questions if q.quantity == "relief" and q.horizon}
    rows, constants = zip(
        *(_contrast(model, parts[h].weights, therapy, comparator) for h in ("long", "short")),
        strict=True,
    )
    table = model.fit.contrast(np.array(rows))
    if table.frame["note"].ne("").any():
        return {"note": str(table.frame["note"].iloc[0])}
    long, short = table.estimate + np.array(constants)

    def df(ratio: float) -> float:
        row = rows[1] if np.isinf(ratio) else rows[0] - ratio * rows[1]
        return float(model.fit.contrast(row).df[0])

    alpha = 1 - trial.study.model.confidence
    (var_long, cov), (_, var_short) = table.cov
    found = fieller_set(long, short, var_long, var_short, cov, df, alpha)
    words = {
        "interval": "",
        "complement": f"every ratio outside {found.high:.2f} to {found.low:.2f} fits the data",
        "whole line": "every ratio fits the data",
    }
    return {
        "estimate": long / short if short else np.nan, "conf_low": found.low, "conf_high": found.high,
        "method": f"{METHOD}; Fieller, {found.kind}", "note": words[found.kind],
    }  # fmt: skip


def _means(trial: Trial, model: FittedTrial) -> Iterator[dict[str, Any]]:
    """LS mean of the raw score, per therapy and visit."""
    weeks = {visit.name: visit.week for visit in trial.study.followup}
    table = model.fit.contrast(
        model.rows.reshape(-1, model.rows.shape[-1]), alpha=1 - trial.study.model.confidence
    ).frame
    keys = [(therapy, visit) for therapy in model.therapies for visit in model.visits]
    for (therapy, visit), (_, row) in zip(keys, table.iterrows(), strict=True):
        yield {
            "analysis": "main", "quantity": "mean", "therapy": therapy, "visit": visit,
            "week": weeks[visit], "method": METHOD, "n_therapy": _patients(model, therapy, visit),
            **{k: row[k] for k in ("estimate", "std_error", "df", "conf_low", "conf_high", "note")},
        }  # fmt: skip


def _adjusted(
    trial: Trial, model: FittedTrial, questions: list[_Question]
) -> Iterator[dict[str, Any]]:
    """Comparisons with the comparator again, adjusted over therapies."""
    comparator = trial.study.comparator
    others = [therapy for therapy in model.therapies if therapy != comparator]
    if comparator not in model.therapies or len(others) < 2:
        return
    for question in questions:
        if (question.quantity, question.horizon) not in ADJUSTED or question.note:
            continue
        rows = [_contrast(model, question.weights, t, comparator)[0] for t in others]
        table = model.fit.contrast(np.array(rows))
        if table.frame["note"].ne("").any():
            continue
        level = trial.study.model.confidence
        critical, simultaneous = max_t(table.estimate, table.cov, table.df, 1 - level)
        stepwise = holm(table.frame["p_value"].to_numpy())
        for k, therapy in enumerate(others):
            shared = {
                "quantity": question.quantity, "horizon": question.horizon, "therapy": therapy,
                "comparator": comparator, "visit": question.visit, "week": question.week,
                "estimate": table.estimate[k], "std_error": table.std_error[k], "df": table.df[k],
                "statistic": table.estimate[k] / table.std_error[k],
                "n_therapy": _patients(model, therapy, question.visit),
                "n_comparator": _patients(model, comparator, question.visit),
            }  # fmt: skip
            yield {**shared, "analysis": "holm", "p_value": stepwise[k], "method": f"{METHOD}; Holm"}
            margin = critical * table.std_error[k]
            yield {
                **shared, "analysis": "simultaneous", "p_value": simultaneous[k],
                "conf_low": table.estimate[k] - margin, "conf_high": table.estimate[k] + margin,
                "method": f"{METHOD}; max-t over {len(others)} therapies",
            }  # fmt: skip


def _patients(model: FittedTrial, therapy: str, visits: str) -> int:
    """Patients of a therapy with a value at any of the named visits (at any visit when none is named)."""
    rows = model.analysed[model.analysed["therapy"] == therapy]
    if visits:
        rows = rows[rows["visit"].isin(visits.split(", "))]
    return int(rows["patient"].nunique())
