"""Time to loss of response, known only to lie between two visits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.distributions import normal_critical
from analysis.proportions import wilson_interval
from analysis.responders.definition import (
    FLOOR,
    Scores,
    Threshold,
    Window,
    needed,
    responses,
    scores_of,
    unjudged,
    windows_of,
)
from analysis.responders.turnbull import turnbull
from analysis.trial.records import Trial

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

LOSS_RULE = (
    "Among responders at the short-term visit. Response is lost at the first visit without "
    "response that is followed by another such visit, or by no attended visit at all; visits not "
    "attended are passed over. The loss happened between that visit and the last one attended "
    "before it."
)
"""When a response counts as lost, in words for the reader of a figure."""
LOSS_COLUMNS = (
    "definition", "therapy", "visit", "week", "weeks", "at_risk", "lost", "kept", "std_error",
    "conf_low", "conf_high", "masked", "note",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Losses:
    """When responders lost their response, as positions among the visits after the start.

    Attributes
    ----------
    after : ndarray of int, shape (n,)
        Last visit at which response was known to be kept; −1 is the start.
    by : ndarray of int, shape (n,)
        Visit by which it was lost; −1 where that was not seen.
    """

    after: Integers
    by: Integers


def loss_of_response(
    trial: Trial, threshold: Threshold | None = None, measure: str | None = None, *,
    floor: float = FLOOR,
) -> pd.DataFrame:  # fmt: skip
    """Share of the short-term responders of each therapy who keep their response, by visit.

    Responders of different therapies were not made alike by randomisation: who responds to one may
    be sicker than who responds to another, so no test compares them.

    Parameters
    ----------
    trial : Trial
    threshold : Threshold, optional
        At least 30 % better when left out.
    measure : str, optional
        Name of the measure; the primary one when left out.
    floor : float
        See `analysis.responders.definition.needed`.

    Returns
    -------
    pandas.DataFrame
        `LOSS_COLUMNS`, a row per therapy and visit, the first at the start: `week` from
        randomisation, `weeks` from the start; `at_risk` had not lost it before and were seen at or
        after the visit; `lost` since the row before that is shown; `kept` by Turnbull's estimator
        (Kaplan and Meier's where nobody missed a visit) with an interval on the log(−log) scale.
        Rows with small counts are `masked`.

    References
    ----------
    Turnbull 1976, J R Stat Soc B 38:290; Kalbfleisch and Prentice 2002, section 1.4, for the scale.
    """
    threshold = Threshold("share", 0.3) if threshold is None else threshold
    study, scores = trial.study, scores_of(trial, measure)
    short = windows_of(study)[0]
    note = short.note or unjudged(threshold, scores)
    rows: list[dict[str, object]] = []
    for therapy in study.therapies:
        base = {"definition": threshold.label, "therapy": therapy, "masked": False, "note": note}
        if note:
            rows.append(base)
            continue
        mine = scores.therapy == therapy
        rows += [base | row for row in _rows(trial, scores, mine, threshold, short, floor)]
    frame = pd.DataFrame(rows, columns=list(LOSS_COLUMNS))
    kinds = {"at_risk": "Int64", "lost": "Int64", "masked": "bool"}
    numbers = ("week", "weeks", "kept", "std_error", "conf_low", "conf_high")
    kinds |= dict.fromkeys(numbers, "float64")
    texts = ["definition", "therapy", "visit", "note"]
    frame[texts] = frame[texts].astype(object).fillna("").astype("str")
    return frame.astype(kinds)


def _rows(
    trial: Trial, scores: Scores, mine: NDArray[np.bool_], threshold: Threshold, short: Window,
    floor: float,
) -> Iterator[dict[str, object]]:  # fmt: skip
    """Rows of one therapy: the start, then every visit after the last short-term one."""
    need = needed(threshold, scores, floor)
    started = mine & (responses(scores.improvement(), need, short, scores) == 1)
    first = max(scores.columns(short.visits))
    minimum, n = trial.study.minimum_count, int(started.sum())
    start = {"visit": scores.visits[first], "week": scores.weeks[first], "weeks": 0.0}
    if n == 0:
        yield {**start, "at_risk": 0, "note": "nobody responded in the short term"}
        return
    if n < minimum:
        yield {**start, "masked": True, "note": f"fewer than {minimum} patients: not shown"}
        return
    yield {**start, "at_risk": n, "kept": 1.0, "conf_low": 1.0, "conf_high": 1.0}
    later = list(range(first + 1, len(scores.visits)))
    if later:
        better = [
            responses(scores.improvement(), need, Window("", ((scores.visits[j],),)), scores)
            for j in later
        ]
        losses = losses_of(np.column_stack(better)[started])
        when = [
            {"visit": scores.visits[j], "week": scores.weeks[j],
             "weeks": scores.weeks[j] - scores.weeks[first]}
            for j in later
        ]  # fmt: skip
        yield from _followed(losses, when, minimum, 1 - trial.study.model.confidence)


def _followed(
    losses: Losses, when: list[dict[str, object]], minimum: int, alpha: float
) -> Iterator[dict[str, object]]:
    """Rows of the visits after the start."""
    kept, error = turnbull(losses.after, losses.by, len(when))
    pending = 0
    for j, row in enumerate(when):
        at_risk = int(((losses.by >= j) | (losses.after >= j)).sum())
        pending += int((losses.by == j).sum())
        if at_risk == 0:
            yield {**row, "at_risk": 0, "note": "nobody was seen at or after this visit"}
        elif at_risk < minimum or 0 < pending < minimum:
            note = f"fewer than {minimum} patients at risk or lost: not shown"
            yield {**row, "masked": True, "note": note}
        else:
            low, high = _interval(kept[j], error[j], at_risk, alpha)
            yield {**row, "at_risk": at_risk, "lost": pending, "kept": kept[j],
                   "std_error": error[j], "conf_low": low, "conf_high": high}  # fmt: skip
            pending = 0


def losses_of(better: Array) -> Losses:
    """When each patient lost response, by the rule of this module (`LOSS_RULE`).

    Parameters
    ----------
    better : ndarray, shape (n, visits)
        1, 0, or NaN where not attended; visits after the start in order.
    """
    n, visits = better.shape
    attended = ~np.isnan(better)
    # Going back in time: whether the next visit attended is one without response, or there is none.
    next_bad, lost = np.ones(n, dtype=bool), np.zeros((n, visits), dtype=bool)
    for j in range(visits - 1, -1, -1):
        bad = attended[:, j] & (better[:, j] == 0)
        lost[:, j] = bad & next_bad
        next_bad = np.where(attended[:, j], bad, next_bad)
    by = np.where(lost.any(axis=1), lost.argmax(axis=1), -1)
    place = np.arange(visits)
    before = attended & (place < np.where(by < 0, visits, by)[:, None])
    after = np.where(before, place, -1).max(axis=1, initial=-1)
    return Losses(after.astype(np.int64), by.astype(np.int64))


def _interval(kept: float, error: float, at_risk: int, alpha: float) -> tuple[float, float]:
    """Interval on the log(−log) scale; Wilson's of those at risk where all or none kept it."""
    edge = 1 / (1000 * at_risk)
    if kept > 1 - edge or kept < edge:
        return wilson_interval(round(kept) * at_risk, at_risk, 1 - alpha)
    if not error > 0:
        return float("nan"), float("nan")
    log = np.log(kept)
    margin = normal_critical(alpha / 2) * error / (kept * abs(log))
    middle = np.log(-log)
    return float(np.exp(-np.exp(middle + margin))), float(np.exp(-np.exp(middle - margin)))
