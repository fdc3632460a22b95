"""Who responded: thresholds on improvement from a patient's own baseline, and when they count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.describe.grid import therapy_of, values_grid
from analysis.instruments import Instrument, find_instrument
from analysis.schema import ResultHorizon
from analysis.studies.records import Study
from analysis.trial.records import Trial

Array = NDArray[np.float64]

# IMMPACT: 30 % is moderate, 50 % substantial (Dworkin 2008, doi:10.1016/j.jpain.2007.09.005).
SHARES = (0.3, 0.5)
# Share of the range of the scale that a complaint must reach before a percentage of it counts:
# from 1 of 10 to 0 is 100 %, and no more than a step of the scale.
FLOOR = 0.3
# Share of the range by which 10 − 7 may miss 0.3 × 10 in floating point.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Threshold:
    """An improvement that makes a responder.

    Attributes
    ----------
    kind : {"share", "change"}
        Share of the complaint at baseline (its distance from the best end of the scale), or units
        of the instrument.
    size : float
    unit : str
        Unit of a change.
    """

    kind: Literal["share", "change"]
    size: float
    unit: str = ""

    @property
    def label(self) -> str:
        """The threshold in words."""
        if self.kind == "share":
            return f"at least {100 * self.size:g} % better"
        return f"at least {self.size:g} {self.unit} better"


@dataclass(frozen=True, slots=True)
class Window:
    """When a patient has to be a responder.

    Attributes
    ----------
    horizon : {"short", "long", "sustained"}
    parts : tuple of tuple of str
        Visits of the horizon (of both for "sustained"); over the visits of a part the mean counts.
    note : str
        Why nobody can be judged, or empty.
    """

    horizon: ResultHorizon
    parts: tuple[tuple[str, ...], ...]
    note: str = ""

    @property
    def visits(self) -> tuple[str, ...]:
        """All visits, in order."""
        return tuple(visit for part in self.parts for visit in part)


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of every patient of a trial.

    Attributes
    ----------
    patients : pandas.Index
    therapy : ndarray of str, shape (n,)
    baseline : ndarray, shape (n,)
        NaN where there is none.
    values : ndarray, shape (n, m)
        Raw scores after baseline.
    visits : tuple of str
        Visits after baseline, in order.
    weeks : tuple of float
    instrument : Instrument
    """

    patients: pd.Index
    therapy: NDArray[np.object_]
    baseline: Array
    values: Array
    visits: tuple[str, ...]
    weeks: tuple[float, ...]
    instrument: Instrument

    @property
    def turn(self) -> float:
        """1 where a lower score is better, −1 where a higher one is."""
        return 1.0 if self.instrument.direction == "lower_is_better" else -1.0

    @property
    def range(self) -> float:
        """Width of the scale."""
        return self.instrument.high - self.instrument.low

    @property
    def complaint(self) -> Array:
        """Distance of the baseline from the best end of the scale, shape (n,)."""
        best = self.instrument.low if self.turn > 0 else self.instrument.high
        return self.turn * (self.baseline - best)

    def improvement(self, values: Array | None = None) -> Array:
        """Improvement from baseline, positive when better; of `values` (..., n, m) if given."""
        values = self.values if values is None else values
        return self.turn * (self.baseline[:, None] - values)

    def columns(self, visits: tuple[str, ...]) -> list[int]:
        """Positions of visits."""
        return [self.visits.index(visit) for visit in visits]


def scores_of(trial: Trial, measure: str | None = None) -> Scores:
    """Scores of every patient of a trial, the primary measure when none is named."""
    study, chosen = trial.study, trial.measure(measure)
    grid = values_grid(trial, chosen.name)
    visits = tuple(visit.name for visit in study.followup)
    return Scores(
        patients=grid.index,
        therapy=therapy_of(trial).to_numpy(dtype=object),
        baseline=trial.baseline(chosen.name).to_numpy(dtype=np.float64),
        values=grid[list(visits)].to_numpy(dtype=np.float64),
        visits=visits,
        weeks=tuple(visit.week for visit in study.followup),
        instrument=find_instrument(chosen.instrument, study.instruments),
    )


def thresholds_of(instrument: Instrument, shares: tuple[float, ...] = SHARES) -> list[Threshold]:
    """Shares of the baseline, and the instrument's minimal important change where it has one."""
    found = [Threshold("share", share) for share in shares]
    change = instrument.minimal_important_change
    return found if change is None else [*found, Threshold("change", change, instrument.unit)]


def windows_of(study: Study) -> list[Window]:
    """Short term, long term, and sustained: responder at both."""
    short, long = (tuple(v.name for v in study.horizon(h)) for h in ("short", "long"))
    notes = {"short": "" if short else "not estimable: the study has no short-term visit",
             "long": "" if long else "not estimable: the study has no long-term visit"}  # fmt: skip
    both = "; ".join(note for note in notes.values() if note)
    return [
        Window("short", (short,), notes["short"]), Window("long", (long,), notes["long"]),
        Window("sustained", (short, long), both),
    ]  # fmt: skip


def needed(threshold: Threshold, scores: Scores, floor: float = FLOOR) -> Array:
    """Improvement that each patient needs, NaN for those who cannot be judged.

    Parameters
    ----------
    threshold : Threshold
    scores : Scores
    floor : float
        A share is asked only of those whose complaint at baseline is at least this share of the
        range of the scale (and more than none).

    Returns
    -------
    ndarray, shape (n,)
        In units of the instrument. NaN without a baseline, below the floor, and for shares on a
        scale that does not begin at 0, where a percentage says nothing.
    """
    if threshold.kind == "change":
        return np.where(np.isnan(scores.baseline), np.nan, threshold.size)
    slack = ROUNDING * scores.range
    high = (scores.complaint >= floor * scores.range - slack) & (scores.complaint > slack)
    return np.where(high & (scores.instrument.low == 0), threshold.size * scores.complaint, np.nan)


def unjudged(threshold: Threshold, scores: Scores) -> str:
    """Why nobody can be judged by this threshold, or empty."""
    if np.isnan(scores.baseline).all():
        return "not estimable: nobody has a baseline value"
    low = scores.instrument.low
    if threshold.kind == "share" and low != 0:
        return f"not estimable: the scale begins at {low:g}, so a percentage of it says nothing"
    return ""


def responses(improvement: Array, need: Array, window: Window, scores: Scores) -> Array:
    """Whether each patient responded: 1, 0, or NaN where that was not seen.

    Parameters
    ----------
    improvement : ndarray, shape (..., n, m)
    need : ndarray, shape (n,)
    window : Window
        A sustained responder is one in both horizons. Who was seen in one of them only is not
        judged, even after a failure: successes among these patients could not be judged either.
    scores : Scores

    Returns
    -------
    ndarray, shape (..., n)
    """
    slack = ROUNDING * scores.range
    found = np.ones(improvement.shape[:-1])
    for part in window.parts:
        mean = seen_mean(improvement[..., scores.columns(part)])
        found = np.where(np.isnan(mean), np.nan, found * (mean >= need - slack))
    return np.where(np.isnan(need), np.nan, found)


def seen_mean(values: Array) -> Array:
    """Mean over the last axis of the values that are there, NaN where none is."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
