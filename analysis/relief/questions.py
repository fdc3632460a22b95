"""What is asked of a schedule: which weights over visits make relief, loss, retention and area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.relief.horizons import area_weights, mean_weights
from analysis.schema import Horizon, Quantity
from analysis.studies.records import Study, Visit

Array = NDArray[np.float64]

HORIZONS: tuple[Horizon, ...] = ("short", "long")


@dataclass(frozen=True, slots=True)
class Question:
    """One number to estimate for every therapy.

    Attributes
    ----------
    quantity, horizon
        As in a result frame.
    weights : ndarray, shape (visits in the model,), or None
        Over relief at each visit. None for retention, the ratio of two other questions, and for
        what this schedule cannot carry.
    visits : tuple of str
        Visits it is about, as the frame names them; empty for loss and retention.
    week : float
        Their mean week; NaN for loss and retention.
    counted : tuple of str
        Patients with a value at any of these visits count as n.
    note : str
        Why it cannot be estimated, or empty.
    """

    quantity: Quantity
    horizon: Horizon
    weights: Array | None
    visits: tuple[str, ...]
    week: float
    counted: tuple[str, ...]
    note: str = ""


def questions_of(study: Study, visits: Sequence[str]) -> list[Question]:
    """Everything that is asked, in the order of the result frame.

    Parameters
    ----------
    study : Study
    visits : sequence of str
        Visits after baseline at which anyone has a value.
    """
    seen = [visit for visit in study.followup if visit.name in visits]
    weeks = [visit.week for visit in seen]
    asked = [_mean_of(seen, (visit,), "") for visit in study.followup]
    short, long = (_mean_of(seen, study.horizon(name), name) for name in HORIZONS)
    return [*asked, short, long, *_between(short, long), _area(study, seen, weeks)]


def _mean_of(seen: list[Visit], chosen: tuple[Visit, ...], horizon: Horizon) -> Question:
    """Mean relief over the chosen visits."""
    names = tuple(visit.name for visit in chosen)
    absent = [visit.name for visit in chosen if visit not in seen]
    note = f"not estimable: nobody has a value at {', '.join(absent)}" if absent else ""
    note = note if chosen else f"not estimable: the study has no {horizon}-term visit"
    week = float(np.mean([visit.week for visit in chosen])) if chosen else np.nan
    weights = None
    if not note:
        weights = mean_weights([visit.week for visit in seen], [visit.week for visit in chosen])
    return Question("relief", horizon, weights, names, week, names, note)


def _between(short: Question, long: Question) -> tuple[Question, Question]:
    """Loss and retention, which need both horizons."""
    counted = (*short.counted, *long.counted)
    note = "; ".join(dict.fromkeys(part.note for part in (short, long) if part.note))
    weights = None
    if short.weights is not None and long.weights is not None:
        weights = short.weights - long.weights
    loss = Question("loss", "", weights, (), np.nan, counted, note)
    return loss, Question("retention", "", None, (), np.nan, counted, note)


def _area(study: Study, seen: list[Visit], weeks: list[float]) -> Question:
    """Area under relief up to the last long-term visit, or else the last visit."""
    long = [visit for visit in study.horizon("long") if visit in seen]
    last = (long or seen)[-1]
    counted = tuple(visit.name for visit in seen if visit.week <= last.week)
    weights = area_weights(weeks, 0.0, last.week)
    return Question("area", "", weights, (last.name,), last.week, counted)
