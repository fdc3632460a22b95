"""Relief of every therapy as a result frame (docs/methods.md section 7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.estimands import EstimandData, apply_estimand
from analysis.mmrm import MMRMResults
from analysis.mmrm.contrasts import ALWAYS_ZERO, Contrasts, t_inference
from analysis.relief.families import adjusted_rows
from analysis.relief.fieller import fieller_set, in_words
from analysis.relief.model import FittedTrial, fit_trial
from analysis.relief.questions import Question, questions_of
from analysis.schema import Horizon, Quantity, result_frame
from analysis.studies.records import Estimand, Study
from analysis.trial.records import Trial

Array = NDArray[np.float64]

NO_BASELINE = "not estimable: there is no baseline value"
NO_TERM = "not estimable: the model's formula has no term for it"
# Weights over visits that add up to less than this add up to 0: a loss, where the baseline cancels.
NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Relief:
    """Relief of every therapy, and the fit it came from.

    Attributes
    ----------
    frame : pandas.DataFrame
        Result frame; relief is turned so that positive is better, means are raw scores.
    model : FittedTrial
        Formula, fit, patients analysed and patients left out with the reason.
    data : EstimandData
        What was analysed: the trial as the estimand has it, and what that set aside or changed.
    """

    frame: pd.DataFrame
    model: FittedTrial
    data: EstimandData

    @property
    def estimand(self) -> Estimand:
        """What is estimated."""
        return self.data.estimand

    @property
    def fit(self) -> MMRMResults:
        """The fitted model."""
        return self.model.fit

    @property
    def formula(self) -> str:
        """The formula that was fitted."""
        return self.model.formula

    def rows(
        self,
        quantity: Quantity,
        horizon: Horizon | None = None,
        against: str | None = None,
        analysis: str = "main",
    ) -> pd.DataFrame:
        """Rows of one quantity of the result frame.

        Parameters
        ----------
        quantity : str
        horizon : {"short", "long", ""}, optional
            Every row of the quantity when left out.
        against : str, optional
            The comparator's label; empty text for therapies alone; both when left out.
        analysis : {"main", "holm", "simultaneous"}
        """
        frame = self.frame
        chosen = (frame["quantity"] == quantity) & (frame["analysis"] == analysis)
        if horizon is not None:
            chosen &= frame["horizon"] == horizon
        if against is not None:
            chosen &= frame["comparator"] == against
        return frame[chosen]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question put to a therapy; `row` is None where it is no linear combination of the fit."""

    question: Question
    therapy: str
    comparator: str
    note: str
    row: Array | None
    constant: float = 0.0

    @property
    def pair(self) -> tuple[str, str]:
        return self.therapy, self.comparator


def estimate_relief(
    trial: Trial, measure: str | None = None, estimand: Estimand | str | None = None, *,
    adjust: bool = True,
) -> Relief:  # fmt: skip
    """Estimate relief at both horizons, loss, retention and area, for every therapy.

    Parameters
    ----------
    trial : Trial
        With all observed values; the estimand says which of them count.
    measure : str, optional
        Name of the measure; the estimand's, which is mostly the primary one, when left out.
    estimand : Estimand or str, optional
        A record, or the name of one in the study file; the primary one when left out.
    adjust : bool
        Compare with the comparator once more, adjusted over therapies (analyses "holm" and
        "simultaneous").

    Returns
    -------
    Relief
        Every therapy alone (change from the mean baseline) and against the comparator. What
        cannot be estimated is a row with NaN and a note.

    Raises
    ------
    ModelError
        The estimand cannot be estimated by this model, or the model cannot be fitted, and why.
    """
    data = apply_estimand(trial, estimand, measure)
    _refuse_other_methods(data)
    study, model = data.trial.study, fit_trial(data.trial)
    asked = list(_asked(study, model))
    linear = [ask for ask in asked if ask.row is not None]
    alpha = 1 - study.model.confidence
    matrix = np.array([ask.row for ask in linear]).reshape(len(linear), model.rows.shape[-1])
    table = model.fit.contrast(matrix, alpha=alpha)
    place = {id(ask): position for position, ask in enumerate(linear)}
    rows = [*_means(study, model, alpha)]
    compared: list[tuple[dict[str, Any], int]] = []
    for ask in asked:
        row = _frame_row(model, ask)
        if id(ask) in place:
            row |= _linear(model, table, place[id(ask)], ask, alpha)
            if ask.comparator:
                compared.append((row, place[id(ask)]))
        elif not ask.note:
            row |= _retention(model, table, linear, ask, alpha)
        rows.append(row)
    if adjust:
        positions = [position for _, position in compared]
        rows += adjusted_rows([row for row, _ in compared], table, positions, alpha)
    common = {"estimand": data.estimand.name, "measure": study.primary.name}
    return Relief(result_frame([{**common, **row} for row in rows]), model, data)


def _refuse_other_methods(data: EstimandData) -> None:
    name = data.estimand.name
    if data.reference_based:
        kinds = [k for k, h in data.estimand.events.items() if h.strategy == "reference_based"]
        raise ModelError(
            f"The estimand {name!r} handles {kinds[0].replace('_', ' ')} by reference, which a mixed "
            "model alone cannot do: it takes missing values as missing at random. Use "
            "analysis.imputation.estimand_relief, or a supplementary estimand without it."
        )
    if data.estimand.summary == "difference_in_responders":
        raise ModelError(
            f"The estimand {name!r} compares shares of responders, and relief is a mean. Give the "
            "data of analysis.estimands.apply_estimand to an analysis of responders, or an estimand "
            "with the summary difference_in_means."
        )


def _asked(study: Study, model: FittedTrial) -> Iterator[_Asked]:
    """Every question to every therapy, alone and against the comparator, in the frame's order."""
    questions = questions_of(study, model.visits)
    for therapy in study.therapies:
        for comparator in dict.fromkeys(["", study.comparator]):
            if comparator == therapy:
                continue
            for question in questions:
                note = _why_not(model, question, therapy, comparator)
                if note or question.weights is None:
                    yield _Asked(question, therapy, comparator, note, None)
                    continue
                row, constant = _combination(model, question.weights, therapy, comparator)
                yield _Asked(question, therapy, comparator, "", row, constant)


def _why_not(model: FittedTrial, question: Question, therapy: str, comparator: str) -> str:
    """Why this number cannot be estimated, or empty."""
    for name in (therapy, comparator):
        if name and name not in model.therapies:
            return f"not estimable: {name} has no follow-up"
    if question.note:
        return question.note
    alone = not comparator and question.quantity != "loss"
    return NO_BASELINE if alone and np.isnan(model.baseline) else ""


def _combination(
    model: FittedTrial, weights: Array, therapy: str, comparator: str
) -> tuple[Array, float]:
    """Row of coefficients and constant of a relief: constant + row β is positive when better."""
    row = -model.turn * weights @ model.rows[model.therapies.index(therapy)]
    if comparator:
        return row + model.turn * weights @ model.rows[model.therapies.index(comparator)], 0.0
    total = float(weights.sum())
    return row, model.turn * model.baseline * total if abs(total) > NOTHING else 0.0


def _frame_row(model: FittedTrial, ask: _Asked) -> dict[str, Any]:
    """What a row says before it has a number."""
    question = ask.question
    return {
        "analysis": "main", "quantity": question.quantity, "horizon": question.horizon,
        "therapy": ask.therapy, "comparator": ask.comparator,
        "visit": ", ".join(question.visits), "week": question.week, "method": model.facts.method,
        "n_therapy": model.shown_patients(ask.therapy, question.counted),
        "n_comparator": model.shown_patients(ask.comparator, question.counted),
        "note": ask.note,
    }  # fmt: skip


def _linear(
    model: FittedTrial, table: Contrasts, position: int, ask: _Asked, alpha: float
) -> dict[str, Any]:
    if note := _lost(model, table, [position], ask):
        return {"note": note}
    one = slice(position, position + 1)
    estimate = table.estimate[one] + ask.constant
    values = t_inference(estimate, table.std_error[one], table.df[one], alpha)
    return {name: float(value[0]) for name, value in values.items()}


def _lost(model: FittedTrial, table: Contrasts, places: list[int], ask: _Asked) -> str:
    """Why the data do not determine one of these combinations, or empty."""
    if not np.isnan(table.std_error[places]).any():
        return ""
    for therapy in (therapy for therapy in ask.pair if therapy):
        for visit in ask.question.counted:
            if model.patients(therapy, (visit,)) == 0:
                return f"not estimable: nobody with {therapy} has a value at {visit}"
    said = [str(note) for note in table.frame["note"].iloc[places] if note not in ("", ALWAYS_ZERO)]
    return said[0] if said else NO_TERM


def _retention(
    model: FittedTrial, table: Contrasts, linear: list[_Asked], ask: _Asked, alpha: float
) -> dict[str, Any]:
    """Long divided by short, with its Fieller set."""
    places = [
        position
        for horizon in ("long", "short")
        for position, other in enumerate(linear)
        if other.pair == ask.pair
        and (other.question.quantity, other.question.horizon) == ("relief", horizon)
    ]
    if note := _lost(model, table, places, ask):
        return {"note": note}
    rows = table.matrix[places]
    long, short = (table.estimate[place] + linear[place].constant for place in places)

    (var_long, cov), (_, var_short) = table.cov[np.ix_(places, places)]

    def df(ratio: float) -> float:
        """Of long − ρ short, which the fit knows for each ρ by itself."""
        weights = np.array([[0.0, -1.0] if np.isinf(ratio) else [1.0, -ratio]])
        return float(model.fit.contrast(weights / np.linalg.norm(weights) @ rows).df[0])

    found = fieller_set(long, short, var_long, var_short, cov, df, alpha)
    return {
        "estimate": long / short if short else np.nan,
        "conf_low": found.low, "conf_high": found.high,
        "method": f"{model.facts.method}; Fieller, {found.kind}", "note": in_words(found),
    }  # fmt: skip


def _means(study: Study, model: FittedTrial, alpha: float) -> Iterator[dict[str, Any]]:
    """LS mean of the raw score, per therapy and visit."""
    table = model.fit.contrast(model.rows.reshape(-1, model.rows.shape[-1]), alpha=alpha).frame
    keys = [(therapy, visit) for therapy in model.therapies for visit in model.visits]
    found = {key: row for key, (_, row) in zip(keys, table.iterrows(), strict=True)}
    numbers = ("estimate", "std_error", "df", "conf_low", "conf_high", "note")
    for therapy in study.therapies:
        for visit in study.followup:
            row = found.get((therapy, visit.name))
            missing = therapy if therapy not in model.therapies else ""
            note = f"not estimable: {missing} has no follow-up" if missing else (
                f"not estimable: nobody has a value at {visit.name}"
            )  # fmt: skip
            yield {
                "analysis": "main", "quantity": "mean", "therapy": therapy, "visit": visit.name,
                "week": visit.week, "method": model.facts.method,
                "n_therapy": model.shown_patients(therapy, (visit.name,)),
                **({"note": note} if row is None else {name: row[name] for name in numbers}),
            }  # fmt: skip
