"""Rules about scores: their range, codes that look like scores, repeats, baselines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from analysis.instruments import Instrument, find_instrument
from analysis.readers.finding import Finding, finding
from analysis.studies.records import Measure
from analysis.trial.records import Trial
from analysis.validate.places import column_of, file_of

# Numbers that questionnaires and data bases commonly write for "missing", "refused", "not asked".
MISSING_LIKE = frozenset(
    {-1.0, *(sign * float(str(digit) * times) for digit in (7, 8, 9) for times in (1, 2, 3, 4)
             for sign in (1, -1))}
)  # fmt: skip
# A code inside the range stands apart from the scores by at least this share of the range, ...
APART = 0.25
# ... comes up at least so often, ...
REPEATED = 3
# ... and is looked for only where there are enough values to see that it stands apart.
ENOUGH_VALUES = 20


def impossible_scores(trial: Trial) -> Iterator[Finding]:
    """Scores outside the instrument; those that look like missing codes are called so."""
    for measure in trial.study.measures:
        instrument = find_instrument(measure.instrument, trial.study.instruments)
        values = _values(trial, measure)
        outside = values[(values["value"] < instrument.low) | (values["value"] > instrument.high)]
        for line in outside.itertuples():
            code = line.value in MISSING_LIKE
            yield finding(
                "suspicious_code" if code else "outside_range", "error",
                _outside_text(measure, instrument, line.value, code), file=file_of(trial),
                row=_row(line.row), column=column_of(trial.study, measure, str(line.visit)),
                patient=line.patient, visit=str(line.visit), value=f"{line.value:g}",
            )  # fmt: skip


def _outside_text(measure: Measure, instrument: Instrument, value: float, code: bool) -> str:
    allowed = f"{instrument.name} runs from {instrument.low:g} to {instrument.high:g}"
    if code:
        return (
            f"{value:g} is no possible score ({allowed}) and looks like a missing code. Add it to "
            f"missing_codes of the measure {measure.name}, or correct the score."
        )
    return (
        f"{value:g} is no possible score: {allowed}. Correct the score, or the instrument of the "
        f"measure {measure.name}."
    )


def codes_among_scores(trial: Trial) -> Iterator[Finding]:
    """Possible scores that stand apart from all others and look like missing codes."""
    for measure in trial.study.measures:
        instrument = find_instrument(measure.instrument, trial.study.instruments)
        values = _values(trial, measure)
        inside = values[values["value"].between(instrument.low, instrument.high)]
        if len(inside) < ENOUGH_VALUES:
            continue
        gap = APART * (instrument.high - instrument.low)
        scores = np.unique(inside["value"])
        highest = (scores[-1], scores[:-1].max(initial=-np.inf))
        lowest = (scores[0], scores[1:].min(initial=np.inf))
        for value, next_one in (highest, lowest):
            hits = inside[inside["value"] == value]
            apart = np.isfinite(next_one) and abs(value - next_one) >= gap
            if value not in MISSING_LIKE or not apart or len(hits) < REPEATED:
                continue
            message = (
                f"{value:g} comes up {len(hits)} times and stands apart from all other scores "
                f"(the nearest is {next_one:g}); it looks like a missing code. If it is one, add "
                f"it to missing_codes of the measure {measure.name}."
            )
            first = hits.iloc[0]
            yield finding(
                "suspicious_code", "warning", message, file=file_of(trial), row=_row(first["row"]),
                column=column_of(trial.study, measure, str(first["visit"])), value=f"{value:g}",
            )  # fmt: skip


def duplicate_visits(trial: Trial) -> Iterator[Finding]:
    """Several values of one measure for a patient at one visit."""
    outcomes = trial.outcomes
    key = ["patient", "visit", "measure"]
    again = outcomes[outcomes.duplicated(key, keep=False)]
    measures = {measure.name: measure for measure in trial.study.measures}
    for (patient, visit, name), part in again.groupby(key, observed=True, sort=False):
        rows = ", ".join(str(row) for row in part["row"].dropna())
        message = (
            f"The patient has {len(part)} values of {name} at this visit (rows {rows}). Keep one "
            "record for each patient and visit, or correct the visit of the other."
        )
        last = part.iloc[-1]
        yield finding(
            "duplicate_visit", "error", message, file=file_of(trial), row=_row(last["row"]),
            column=column_of(trial.study, measures[name], str(visit)), patient=patient,
            visit=str(visit), value=f"{last['value']:g}",
        )  # fmt: skip


def equal_values(trial: Trial) -> Iterator[Finding]:
    """A measure that never varies, which no model can use."""
    for measure in trial.study.measures:
        values = _values(trial, measure)["value"]
        if len(values) > 1 and values.nunique() == 1:
            message = (
                f"All {len(values)} values of {measure.name} are {values.iloc[0]:g}; there is "
                "nothing to analyse. Check that the column is the right one and was filled in."
            )
            yield finding(
                "all_values_equal", "error", message, file=file_of(trial),
                column=column_of(trial.study, measure, ""), value=f"{values.iloc[0]:g}",
            )  # fmt: skip


def absent_baselines(trial: Trial) -> Iterator[Finding]:
    """Patients without a baseline of the primary measure."""
    study = trial.study
    if study.baseline_visit is None or trial.patients.empty:
        return
    visit = study.baseline_visit.name
    measure = study.primary
    have = _values(trial, measure)
    have = have[have["visit"] == visit]["patient"]
    without = trial.patients["patient"][~trial.patients["patient"].isin(have)]
    place: dict[str, Any] = {
        "file": file_of(trial), "visit": visit, "column": column_of(study, measure, visit),
    }  # fmt: skip
    if len(without) == len(trial.patients):
        message = (
            f"No patient has a baseline of {measure.name}. Check the code of the visit "
            f"'{visit}', or name a baseline_column."
        )
        yield finding("no_baseline", "warning", message, **place)
        return
    for patient in without:
        message = f"The patient has no baseline of {measure.name}; change cannot be computed."
        yield finding("no_baseline", "warning", message, patient=patient, **place)


def _values(trial: Trial, measure: Measure) -> pd.DataFrame:
    return trial.outcomes[trial.outcomes["measure"] == measure.name]


def _row(row: object) -> int | None:
    return None if pd.isna(row) else int(str(row))
