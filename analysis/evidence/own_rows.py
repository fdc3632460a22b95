"""The result of a study file's trial, in the shape that the published trials have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.evidence.contrasts import Contrasts
from analysis.evidence.horizons import TwoHorizons
from analysis.instruments import find_instrument
from analysis.relief.estimate import Relief
from analysis.relief.questions import Question, questions_of
from analysis.schema import Horizon
from analysis.studies.records import Study

Array = NDArray[np.float64]

HORIZONS: tuple[Horizon, ...] = ("short", "long")
# Published effects are brought to a scale of 0 to 100.
POINTS = 100.0


def own_contrasts(
    relief: Relief, study: Study, names: Mapping[str, str] | None = None, *,
    label: str = "This trial", measure: str | None = None, points: float | None = POINTS,
    called: str = "relief", unit: str = "",
) -> TwoHorizons:  # fmt: skip
    """Relief of a study file's trial at both horizons, as one more trial for the network.

    Parameters
    ----------
    relief : Relief
        From `analysis.relief.estimate_relief`.
    study : Study
        The same trial's study file.
    names : mapping, optional
        From the study's names of therapies to those of the network.
    label : str
        What the trial is called in the network.
    measure : str, optional
        The one that `relief` is of; the primary one when left out.
    points : float or None
        Length of the network's scale, to which the instrument's range is stretched; None keeps the
        instrument's own unit.
    called, unit : str
        Measure and unit as in the network's contrasts.

    Returns
    -------
    TwoHorizons
        Rows against the study's comparator, with the covariance of the model of all visits, which
        takes the place of an assumed correlation between horizons.

    Raises
    ------
    ModelError
        The study has no comparator, or relief is not estimable at a horizon.
    """
    _check(study, names)
    questions = questions_of(study, relief.model.visits)
    asked: dict[Horizon, Question] = {
        question.horizon: question for question in questions
        if question.quantity == "relief" and question.horizon
    }  # fmt: skip
    compared = [_compared(relief, study, asked[horizon]) for horizon in HORIZONS]
    matrix = [
        _row(relief, study.comparator, name, asked[horizon])
        for horizon, therapies in zip(HORIZONS, compared, strict=True) for name in therapies
    ]  # fmt: skip
    found = relief.fit.contrast(np.vstack(matrix))
    scale = _scale(study, measure, points)
    covariance = np.asarray(found.cov) * scale**2
    early = len(compared[0])
    blocks = (slice(None, early), slice(early, None))
    known = dict(names or {})
    parts = []
    for horizon, therapies, block in zip(HORIZONS, compared, blocks, strict=True):
        visits = asked[horizon].counted
        people = np.array([relief.model.patients(name, visits) for name in therapies], dtype=float)
        base = float(relief.model.patients(study.comparator, visits) or 0)
        parts.append(Contrasts(
            (label,) * len(therapies), tuple(known.get(name, name) for name in therapies),
            (known.get(study.comparator, study.comparator),) * len(therapies),
            found.estimate[block] * scale, covariance[block, block], people + base, called, unit,
            np.full(len(therapies), base),
        ))  # fmt: skip
    return TwoHorizons(parts[0], parts[1], covariance[blocks[0], blocks[1]])


def _check(study: Study, names: Mapping[str, str] | None) -> None:
    if not study.comparator:
        raise ModelError("The study names no comparator: relief alone has no place in a network.")
    unknown = sorted(set(names or {}) - set(study.therapies))
    if unknown:
        raise ModelError(
            f"The study has no therapy {', '.join(unknown)}; it has {', '.join(study.therapies)}."
        )
    meant = [(names or {}).get(name, name) for name in study.therapies]
    twice = sorted({name for name in meant if meant.count(name) > 1})
    if twice:
        raise ModelError(
            f"Two arms of the study are called {', '.join(twice)}: give each a therapy of its own."
        )


def _compared(relief: Relief, study: Study, question: Question) -> list[str]:
    """Therapies with values at this horizon, without the comparator."""
    model = relief.model
    seen = [name for name in study.therapies
            if question.weights is not None and model.patients(name, question.counted)]  # fmt: skip
    others = [name for name in seen if name != study.comparator]
    if study.comparator not in seen or not others:
        why = question.note or f"nobody to compare at {', '.join(question.visits)}"
        raise ModelError(f"The trial says nothing about the {question.horizon} term: {why}.")
    return others


def _row(relief: Relief, comparator: str, therapy: str, question: Question) -> Array:
    """Coefficients' weights in relief with a therapy less relief with the comparator."""
    model = relief.model
    one, other = (model.rows[model.therapies.index(name)] for name in (therapy, comparator))
    return -model.turn * np.asarray(question.weights) @ (one - other)


def _scale(study: Study, measure: str | None, points: float | None) -> float:
    if points is None:
        return 1.0
    chosen = study.primary if measure is None else next(
        part for part in study.measures if part.name == measure
    )  # fmt: skip
    instrument = find_instrument(chosen.instrument, study.instruments)
    return points / (instrument.high - instrument.low)
