"""Visits of a wide file found by when they took place: a column of dates, weeks or days for each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from analysis.readers.finding import Finding, finding, quoted
from analysis.studies.records import Study
from analysis.trial.source import Rows
from analysis.trial.visits import NO_TIME, OUTSIDE, TimedColumns, days_of, nearest, starts_of, windows_note


def timed_columns(
    study: Study, rows: Rows, patients: Rows | None
) -> tuple[Mapping[str, TimedColumns], tuple[Finding, ...]]:
    """Find the visit of every patient's values, by the columns that say when each visit was.

    Values of a visit without such a column are taken as of its scheduled day. Where there is no value,
    nothing is said of its day.

    Parameters
    ----------
    study : Study
        A wide one; without `visits.columns` nothing is found.
    rows, patients : Rows
        Rows of the outcomes file, and of the patients file, which may hold the day of randomisation.

    Returns
    -------
    tuple of mapping and findings
        By the name of the visit whose columns the values stand in.
    """
    visits = study.visits
    if visits.by == "label" or not visits.columns:
        return {}, ()
    starts, found = starts_of(study, rows, patients) if visits.by == "date" else (None, [])
    names = [visit.name for visit in visits.schedule]
    timed: dict[str, TimedColumns] = {}
    records = outside = 0
    for name, column in visits.columns.items():
        days, noticed = days_of(study, rows.source, rows.used, column, starts)
        valued = rows.used & _filled(study, rows, name)
        one, more = _one(study, rows, names.index(name), column, days, valued)
        timed[name] = one
        found += [*noticed, *more]
        records += int(valued.sum())
        outside += int((one.reasons == OUTSIDE).sum())
    found.append(windows_note(study, rows.source.name, ", ".join(visits.columns.values()), records, outside))
    return timed, tuple(found)


def _filled(study: Study, rows: Rows, visit: str) -> NDArray[np.bool_]:
    """Rows in which any measure has something at a visit."""
    filled = np.zeros(len(rows.keys), dtype=bool)
    for measure in study.measures:
        if visit in measure.columns:
            filled |= ~rows.source.cells(measure.columns[visit]).blank
    return filled


def _one(
    study: Study, rows: Rows, planned: int, column: str,
    days: NDArray[np.float64], valued: NDArray[np.bool_],
) -> tuple[TimedColumns, list[Finding]]:  # fmt: skip
    """Where the values of the columns of one visit belong, and what is to be said of it."""
    schedule, file = study.visits.schedule, rows.source.name
    place, after = nearest(schedule, days, tie=study.visits.tie)
    reasons = np.full(len(days), "", dtype=object)
    untimed, outside = valued & np.isnan(days), valued & ~np.isnan(days) & (place < 0)
    reasons[np.isnan(days)], reasons[~np.isnan(days) & (place < 0)] = NO_TIME, OUTSIDE
    reasons[~valued] = ""
    found = []
    name = schedule[planned].name
    if untimed.any():
        message = (
            f"{int(untimed.sum())} patients have values at {quoted(name)} that were set aside because their "
            f"{study.visits.by}, or the start it counts from, is not known."
        )
        first = int(rows.source.rows[np.flatnonzero(untimed)[0]])
        found.append(finding("no_time", "warning", message, file=file, row=first, column=column, visit=name))
    for row in np.flatnonzero(outside).tolist():
        message = (
            f"The values of {quoted(name)} were taken on day {days[row]:g}, which no visit's window holds; "
            "they were set aside. Correct the day, or widen window_days in the study file if they belong "
            "to a visit."
        )
        found.append(_at(rows, row, "outside_window", message, column, name, f"{days[row]:g}"))
    for row in np.flatnonzero(valued & (place >= 0) & (place != planned)).tolist():
        here = schedule[place[row]].name
        message = (
            f"The values of {quoted(name)} were taken on day {days[row]:g}, in the window of "
            f"{quoted(here)} and nearer to it; they count there. Correct the day if it is wrong."
        )
        found.append(_at(rows, row, "other_visit", message, column, here, f"{days[row]:g}"))
    return TimedColumns(np.where(place < 0, planned, place), np.where(place < 0, 0.0, after), reasons), found


def _at(rows: Rows, row: int, rule: str, message: str, column: str, visit: str, value: str) -> Finding:
    return finding(
        rule, "warning", message, file=rows.source.name, row=int(rows.source.rows[row]), column=column,
        patient=str(rows.keys[row]), visit=visit, value=value,
    )  # fmt: skip
