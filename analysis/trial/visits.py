"""Which scheduled visit a record belongs to: by its label, or by when it was taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.readers.finding import Finding, finding, listed, quoted, shorten
from analysis.studies.records import Study, Visit
from analysis.trial.cells import code_key
from analysis.trial.dates import dates_of
from analysis.trial.numerals import numbers_of
from analysis.trial.source import Rows, Source

DAYS_PER_WEEK = 7
NOT_SCHEDULED = "visit is not in the schedule"
NO_VISIT = "visit is empty"
OUTSIDE = "outside every visit window"
NO_TIME = "time of the record is not known"
# Which of several records in one window counts (visits.several), in words.
SEVERAL = {
    "nearest_then_later": "the one nearest to the visit, or the later of two equally near ones,",
    "nearest_then_earlier": "the one nearest to the visit, or the earlier of two equally near ones,",
    "first": "the first one",
    "last": "the last one",
}


@dataclass(frozen=True, slots=True)
class TimedColumns:
    """Where the values of the columns of one visit belong, a row a patient.

    Attributes
    ----------
    place : ndarray of int
        Position in the schedule: the visit whose window holds the day, or the one whose columns they
        are where none does.
    days_after : ndarray of float
        Days after the scheduled day of that visit.
    reasons : ndarray of str
        Why values do not count; "" where they do.
    """

    place: NDArray[np.int64]
    days_after: NDArray[np.float64]
    reasons: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Visited:
    """Visit of each row: its position in the schedule (-1 for none), and days after it.

    In a wide file a row has no visit; `timed` says where values belong by the visit they stand under.
    """

    rows: Rows
    place: NDArray[np.int64]
    days_after: NDArray[np.float64]
    findings: tuple[Finding, ...]
    timed: Mapping[str, TimedColumns] = field(default_factory=dict)


def visit_codes(study: Study) -> Mapping[str, int]:
    """Position in the schedule of every way a visit may be written.

    A visit is written as its code, or, where it has none, as its name or its week.
    """
    codes: dict[str, int] = {}
    for place, visit in enumerate(study.visits.schedule):
        if visit.code is None:
            codes.setdefault(code_key(visit.week), place)
    for place, visit in enumerate(study.visits.schedule):
        codes[code_key(visit.name if visit.code is None else visit.code)] = place
    return codes


def visits_of(study: Study, rows: Rows, patients: Rows | None) -> Visited:
    """Find the visit of every row of a long file; rows without one are set aside, with a finding.

    Parameters
    ----------
    study : Study
    rows : Rows
        Rows of the outcomes file.
    patients : Rows or None
        Rows of the patients file, which may hold the date of randomisation.
    """
    if study.visits.by == "label":
        return _by_label(study, rows)
    days, rows, found = _days(study, rows, patients)
    place, after = nearest(study.visits.schedule, days, tie=study.visits.tie)
    timed = ~np.isnan(days)
    outside = rows.used & timed & (place < 0)
    column, counted = ", ".join(study.visits.column or ()), int(rows.used.sum())
    found.append(windows_note(study, rows.source.name, column, counted, int(outside.sum())))
    for row in np.flatnonzero(outside):
        message = (
            f"The record was taken on day {days[row]:g}, which no visit's window holds; it was set "
            "aside. Widen window_days in the study file if it belongs to a visit."
        )
        found.append(
            finding("outside_window", "warning", message, file=rows.source.name,
                    row=int(rows.source.rows[row]), column=", ".join(study.visits.column or ()),
                    patient=str(rows.keys[row]), value=f"{days[row]:g}")
        )  # fmt: skip
    return Visited(rows.without(outside, OUTSIDE), place, after, tuple(found))


def nearest(
    schedule: tuple[Visit, ...], days: NDArray[np.float64], *, tie: str = "earlier"
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Nearest visit whose window holds a day: windows may overlap, a day has one visit.

    Parameters
    ----------
    schedule : tuple of Visit
        With `window_days`: days before and after the scheduled day that still count.
    days : ndarray
        Days since randomisation.
    tie : {"earlier", "later"}
        Which of two visits has a day that is equally near to both.

    Returns
    -------
    tuple of ndarray
        Position in the schedule (-1 where no window holds the day), and days after its scheduled
        day (negative before it).
    """
    away = np.full((len(schedule), len(days)), np.inf)
    for place, visit in enumerate(schedule):
        before, after = visit.window_days or (0.0, 0.0)
        offset = days - visit.week * DAYS_PER_WEEK
        within = (offset >= -before) & (offset <= after)
        away[place] = np.where(within, np.abs(offset), np.inf)
    place = away.argmin(axis=0).astype(np.int64)
    if tie == "later":
        place = len(schedule) - 1 - away[::-1].argmin(axis=0).astype(np.int64)
    scheduled = np.array([visit.week * DAYS_PER_WEEK for visit in schedule])[place]
    return np.where(np.isfinite(away.min(axis=0)), place, -1), days - scheduled


def windows_note(study: Study, file: str, column: str, records: int, outside: int) -> Finding:
    """What the windows are and how they were applied, so that nobody has to look it up."""
    visits = study.visits
    spans = [
        (v.name, v.week * DAYS_PER_WEEK - before, v.week * DAYS_PER_WEEK + after)
        for v in visits.schedule
        for before, after in [v.window_days or (0.0, 0.0)]
    ]
    text = "; ".join(f"{shorten(name)} day {low:g} to {high:g}" for name, low, high in spans)
    shared = [
        f"{quoted(one)} and {quoted(other)} overlap from day {low:g} to {high:g}"
        for (one, _, high), (other, low, _) in pairwise(spans)
        if low <= high
    ]
    cut = ""
    if shared:
        cut = (
            f"The windows of {'; '.join(shared)}: a record there belongs to the nearer visit, to "
            f"the {visits.tie} one if both are equally near. "
        )
    message = (
        f"Visits were found by {visits.by}, counted from randomisation: {text}. {cut}"
        f"{outside} of {records} records lie outside every window. Of several "
        f"records in one window, {SEVERAL[visits.several]} counts."
    )
    return finding("visit_windows", "note", message, file=file, column=column)


def _by_label(study: Study, rows: Rows) -> Visited:
    codes = visit_codes(study)
    column = ", ".join(study.visits.column or ())
    cells = rows.source.joined(study.visits.column or ())
    place = cells.each(
        lambda text: codes.get(code_key(text), codes.get(cells.labels.get(text, ""), -1)), np.int64
    )
    empty = rows.used & cells.blank
    unknown = rows.used & ~cells.blank & (place < 0)
    found = []
    text = cells.text
    for label, count in pd.Series(text[unknown], dtype="object").value_counts(sort=False).items():
        message = (
            f"{count} rows are at the visit {quoted(label)}, which the schedule does not have; "
            f"they were set aside. It has {listed([v.name for v in study.visits.schedule])}."
        )
        row = int(cells.rows[np.flatnonzero(unknown & (text == label))[0]])
        found.append(
            finding("unknown_visit", "warning", message, file=rows.source.name, row=row,
                    column=column, value=label)
        )  # fmt: skip
    if empty.any():
        message = f"{int(empty.sum())} rows name no visit; they were set aside."
        row = int(cells.rows[np.flatnonzero(empty)[0]])
        found.append(
            finding("unknown_visit", "warning", message, file=rows.source.name, row=row,
                    column=column)
        )  # fmt: skip
    rows = rows.without(empty, NO_VISIT).without(unknown, NOT_SCHEDULED)
    return Visited(rows, place, np.zeros(len(place)), tuple(found))


def _days(
    study: Study, rows: Rows, patients: Rows | None
) -> tuple[NDArray[np.float64], Rows, list[Finding]]:
    """Days since randomisation of each row; rows whose time is not known are set aside."""
    source, column = rows.source, ", ".join(study.visits.column or ())
    starts, found = starts_of(study, rows, patients) if study.visits.by == "date" else (None, [])
    days, noticed = days_of(study, source, rows.used, column, starts)
    found = [*noticed, *found]
    untimed = rows.used & np.isnan(days)
    if untimed.any():
        first = int(source.rows[np.flatnonzero(untimed)[0]])
        message = (
            f"{int(untimed.sum())} rows were set aside because their {study.visits.by}, or the "
            "start it counts from, is not known."
        )
        found.append(
            finding("no_time", "warning", message, file=source.name, row=first, column=column)
        )
    return days, rows.without(untimed, NO_TIME), found


def days_of(
    study: Study, source: Source, use: NDArray[np.bool_], column: str, starts: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], list[Finding]]:
    """Days since randomisation in a column of weeks, days, or dates counted from `starts`."""
    cells = source.cells(column)
    if starts is not None:
        read = dates_of(cells, use, order=study.data.dates, file=source.name)
        return read.days - starts, list(read.findings)
    numbers = numbers_of(cells, use, decimal=study.data.decimal, file=source.name)
    return numbers.values * (DAYS_PER_WEEK if study.visits.by == "week" else 1), list(numbers.findings)


def starts_of(
    study: Study, rows: Rows, patients: Rows | None
) -> tuple[NDArray[np.float64], list[Finding]]:
    """Day of randomisation for each row, from the same file or the patients file."""
    column = study.visits.start or ""
    home = rows if column in rows.source or patients is None else patients
    source: Source = home.source
    read = dates_of(source.cells(column), home.used, order=study.data.dates, file=source.name)
    if home is rows:
        return read.days, list(read.findings)
    known = pd.Series(read.days, index=pd.Series(home.keys, dtype="str"))
    known = known[home.used]
    known = known[~known.index.duplicated()]
    return known.reindex(pd.Series(rows.keys, dtype="str")).to_numpy(), list(read.findings)
