"""What a draft says about when visits were: days of columns, the start they count from, windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.draft.cast import Cast
from analysis.draft.columns import Column
from analysis.draft.moments import Moment
from analysis.draft.page import ABSENT, Sketch
from analysis.trial.cells import cells_of
from analysis.trial.dates import dates_of
from analysis.trial.visits import DAYS_PER_WEEK

BEFORE_DAYS = 28


def when_section(
    sketch: Sketch, cast: Cast, moments: list[Moment], entries: list[dict[str, Any]]
) -> dict[str, Any]:
    """Say by which columns the visits of a wide file are found, and weeks of visits only numbered.

    Returns
    -------
    dict
        What `visits` holds besides the schedule.
    """
    assert cast.when is not None
    visits: dict[str, Any] = {"by": cast.by}
    sketch.say(f"Guess: columns called as the visits hold the {cast.by} of each, and a visit may have been "
               "early or late. Leave out 'by', 'start', 'columns' and windows to take every visit as "
               "of its planned day.", "visits", "by")  # fmt: skip
    if cast.by == "date":
        say_start(sketch, cast, visits)
    visits["columns"] = {
        entry["name"]: cast.when.columns[moment].name
        for moment, entry in zip(moments, entries, strict=True) if moment in cast.when.columns
    }  # fmt: skip
    _guess_weeks(sketch, cast, moments, entries)
    return visits


def _guess_weeks(sketch: Sketch, cast: Cast, moments: list[Moment], entries: list[dict[str, Any]]) -> None:
    """Weeks of visits that are only numbered, from their usual days; the first is left to be asked."""
    assert cast.when is not None
    guessed, last = False, 0.0
    for place, (moment, entry) in enumerate(zip(moments, entries, strict=True)):
        if place and "week" not in entry and moment in cast.when.columns:
            days = days_of_column(cast, cast.when.columns[moment])
            usual = np.nan if np.isnan(days).all() else float(np.nanmedian(days))
            week = float(round(usual / DAYS_PER_WEEK)) if np.isfinite(usual) else 0.0
            if week > last:
                entry["week"], guessed = week, True
        last = max(last, entry.get("week", 0.0))
    if guessed:
        sketch.ask("which weeks were scheduled? These are the usual days of the visits, in whole weeks.",
                   "visits", "schedule")  # fmt: skip


def add_windows(sketch: Sketch, entries: list[dict[str, Any]]) -> None:
    """Give each visit a window that reaches half way to the next, where all weeks are known."""
    if any("week" not in entry for entry in entries):
        sketch.ask("how many days before and after its planned day does a visit count? Add "
                   "'window_days', as [14, 14], to each once its week is known.",
                   "visits", "schedule")  # fmt: skip
        return
    weeks = [float(entry["week"]) for entry in entries]
    for place, entry in enumerate(entries):
        before, after = half_way(weeks, place)
        entry["window_days"] = [before, 0 if entry.get("baseline") else after]
    sketch.say("Windows reach half way to the next visit. Values belong to the nearest visit; 'tie' and "
               "'several' settle the rest.", "visits", "schedule")  # fmt: skip


def half_way(weeks: list[float], place: int) -> tuple[int, int]:
    """Days before and after a visit, up to half way to its neighbours."""
    week = weeks[place]
    before = BEFORE_DAYS if place == 0 else int(3.5 * (week - weeks[place - 1]))
    later = weeks[place + 1] if place + 1 < len(weeks) else week + (week - weeks[place - 1])
    return before, int(3.5 * (later - week)) if len(weeks) > 1 else BEFORE_DAYS


def say_start(sketch: Sketch, cast: Cast, visits: dict[str, Any]) -> None:
    """Say from which day dates are counted."""
    if cast.start is None:
        visits["start"] = ABSENT
        sketch.ask("which column has the date of randomisation? Write 'start: NAME'.", "visits", "start")
        return
    visits["start"] = cast.start.name
    if cast.start_named:
        sketch.say("Guess: its name speaks of the start.", "visits", "start")
    else:
        sketch.ask("is this the date of randomisation?", "visits", "start")


def days_of_column(cast: Cast, column: Column) -> NDArray[np.float64]:
    """Days since the start in a column of dates, weeks or days; NaN where they are not known."""
    if cast.by != "date":
        return column.values * (DAYS_PER_WEEK if cast.by == "week" else 1)
    order = next(
        (o for o, n in (("day_first", column.day_first), ("month_first", column.month_first)) if n), None
    )
    every = np.ones(len(column.cells.codes), dtype=bool)
    dates = dates_of(column.cells, every, order=order).days
    if cast.start is None:
        return np.full(len(dates), np.nan)
    for sheet, keys in cast.homes:
        if cast.start.name in sheet.columns:
            cells = cells_of(sheet.table.frame[cast.start.name])
            begun = dates_of(cells, np.ones(len(cells.codes), dtype=bool), order=order).days
            known = pd.Series(begun, index=keys)
            known = known[known.notna() & (known.index != "")]
            known = known[~known.index.duplicated()]
            return dates - known.reindex(cast.keys).to_numpy()
    return np.full(len(dates), np.nan)
