"""Short, intermediate and long term: which visit of a trial stands for which, on two clocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from analysis.errors import ModelError
from analysis.evidence.published import Published

Clock = Literal["randomisation", "treatment_end"]
CLOCK_COLUMNS: dict[str, str] = {"randomisation": "week", "treatment_end": "weeks_after"}

# Visits within this many weeks of the edge of a window are pointed out: sources round months.
NEAR_EDGE = 1.0


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of weeks with the week that stands for it.

    Attributes
    ----------
    horizon : str
        "short", "intermediate" or "long".
    low, high : float
        Weeks; `low` is inside the window, `high` is not.
    target : float
        Where a trial has several visits in the window, the one nearest to this week counts; of two
        equally near, the later.
    """

    horizon: str
    low: float
    high: float
    target: float


@dataclass(frozen=True, slots=True)
class Windows:
    """A definition of the horizons.

    Attributes
    ----------
    name : str
    clock : {"randomisation", "treatment_end"}
        What weeks are counted from.
    windows : tuple of Window
    source : str
    """

    name: str
    clock: Clock
    windows: tuple[Window, ...]
    source: str = ""

    def __post_init__(self) -> None:
        ordered = sorted(self.windows, key=lambda window: window.low)
        for window in ordered:
            if not window.low <= window.target < window.high:
                raise ModelError(
                    f"The {window.horizon} window of {self.name} has its target at week "
                    f"{window.target:g}, outside {window.low:g} to {window.high:g}: move it inside."
                )
        for one, other in pairwise(ordered):
            if one.high > other.low:
                raise ModelError(
                    f"The {one.horizon} and {other.horizon} windows of {self.name} overlap at week "
                    f"{other.low:g}: end the first where the second begins."
                )

    def window(self, horizon: str) -> Window:
        """The window with that name."""
        for window in self.windows:
            if window.horizon == horizon:
                return window
        names = ", ".join(window.horizon for window in self.windows)
        raise ModelError(f"{self.name} has no window {horizon!r}: use one of {names}.")

    def horizon_of(self, weeks: pd.Series) -> pd.Series:
        """Horizon of each week on the clock of this definition; "" outside and where unknown."""
        names = np.full(len(weeks), "", dtype=object)
        values = weeks.to_numpy(dtype=np.float64)
        for window in self.windows:
            names[(values >= window.low) & (values < window.high)] = window.horizon
        return pd.Series(names, index=weeks.index, dtype="str")


# The short window of this project is up to 14 weeks; weeks are whole or to a tenth.
_AFTER_14 = 14.05

SINCE_RANDOMISATION = Windows(
    "since randomisation", "randomisation",
    (
        Window("short", 0.05, _AFTER_14, 12), Window("intermediate", _AFTER_14, 52, 26),
        Window("long", 52, np.inf, 52),
    ),
    "this project",
)  # fmt: skip
"""Short term: up to 14 weeks since randomisation; long term: 52 weeks and more."""
SINCE_TREATMENT = Windows(
    "since the end of treatment", "treatment_end",
    (
        Window("short", 4, 26, 13), Window("intermediate", 26, 52, 39),
        Window("long", 52, np.inf, 52),
    ),
    "AHRQ 2018 and 2020 (Skelly and others, noninvasive treatments for chronic pain)",
)  # fmt: skip
"""Short term: 4 to 26 weeks since the end of treatment; long term: 52 weeks and more.

Months as weeks, rounded as the visits are: 1, 6 and 12 months are weeks 4, 26 and 52.
"""
DEFINITIONS = (SINCE_RANDOMISATION, SINCE_TREATMENT)


def nearest_visits(table: pd.DataFrame, windows: Windows, horizon: str) -> pd.DataFrame:
    """Rows inside a window, with how far they are from its target.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of outcomes or contrasts, with the columns `week` and `weeks_after`.
    windows : Windows
    horizon : str

    Returns
    -------
    pandas.DataFrame
        A copy of the rows inside, nearest first, later first among equals; `distance` in weeks.
    """
    window = windows.window(horizon)
    column = CLOCK_COLUMNS[windows.clock]
    inside = table[(table[column] >= window.low) & (table[column] < window.high)].copy()
    inside["distance"] = (inside[column] - window.target).abs()
    # `week` breaks ties: of two visits equally near the target the later one counts.
    return inside.sort_values(["distance", "week"], ascending=[True, False], kind="stable")


def coverage(
    published: Published, definitions: Iterable[Windows] = DEFINITIONS, by: str = "therapy"
) -> pd.DataFrame:
    """Trials with results after baseline, by therapy and horizon, under each definition.

    Parameters
    ----------
    published : Published
    definitions : iterable of Windows
    by : {"therapy", "node"}
        Arms as named, or as put together in `therapies.csv`.

    Returns
    -------
    pandas.DataFrame
        Columns `definition`, `therapy`, `horizon`, `trials`, `latest_week` (weeks since
        randomisation); a therapy and horizon without a trial is a row with 0 trials.
    """
    if by not in ("therapy", "node"):
        raise ModelError(f"by is {by!r}: use therapy or node.")
    visits = _visits(published, by)
    frames = []
    for windows in definitions:
        column = CLOCK_COLUMNS[windows.clock]
        placed = visits.assign(horizon=windows.horizon_of(visits[column]))
        counted = placed.groupby(["therapy", "horizon"]).agg(
            trials=("study", "nunique"), latest_week=("week", "max")
        )
        every = pd.MultiIndex.from_product(
            [sorted(visits["therapy"].unique()), [w.horizon for w in windows.windows]],
            names=["therapy", "horizon"],
        )
        frame = counted.reindex(every).reset_index()
        frame["trials"] = frame["trials"].fillna(0).astype("int64")
        frame.insert(0, "definition", windows.name)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _visits(published: Published, by: str) -> pd.DataFrame:
    """Study, therapy and both clocks of every result after baseline."""
    arms = published.arms.merge(published.therapies[["therapy", "node"]], on="therapy")
    names = arms[["study", "arm", by]].set_axis(["study", "arm", "therapy"], axis=1)
    columns = ["study", "arm", "week", "weeks_after"]
    outcomes = published.outcomes[published.outcomes["kind"] != "baseline"]
    contrasts = published.contrasts
    other = contrasts.assign(arm=contrasts["against"])
    rows = pd.concat([outcomes[columns], contrasts[columns], other[columns]])
    return rows.merge(names, on=["study", "arm"])
