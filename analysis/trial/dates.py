"""Dates from text. A date that could be read two ways is an error, never a guess."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.readers.finding import Finding, finding, quoted
from analysis.trial.cells import Cells

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_EPOCH = datetime.date(1970, 1, 1).toordinal()
# The time of day is not used: 14:03:11, 2:03:11 PM, 14:03+02:00, 2:03:11 PM GMT+1.
_TIME = r"(?:[T ]+[0-9:.]+(?: ?[AaPp]\.?[Mm]\.?)?(?: ?(?:Z|UTC|GMT))?(?: ?[+-][0-9:]+)?)?"
_YEAR_FIRST = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})" + _TIME)
_YEAR_LAST = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})" + _TIME)
_NAMED = re.compile(r"([0-9]{1,2})[- /.]?([A-Za-z]{3})[a-z]*[- /.,]*([0-9]{4})" + _TIME)


@dataclass(frozen=True, slots=True)
class Dates:
    """Dates of a column: `days` since 1970-01-01 (NaN where there is none) and findings."""

    days: NDArray[np.float64]
    blank: NDArray[np.bool_]
    findings: tuple[Finding, ...]


def dates_of(
    cells: Cells, use: NDArray[np.bool_], *, order: str | None = None, file: str = ""
) -> Dates:
    """Read the cells of a column as dates.

    Parameters
    ----------
    cells : Cells
    use : ndarray of bool
        Cells that count.
    order : {"day_first", "month_first", "year_first"}, optional
        Order of a date written in digits that does not begin with the year. ISO dates
        (2004-03-15) and dates with the month in letters (15 Mar 2004) need none.
    file : str
        Named in findings.
    """
    days = np.full(len(cells.texts), np.nan)
    bad = np.zeros(len(cells.texts), dtype=bool)
    two_ways = np.zeros(len(cells.texts), dtype=bool)
    used = np.zeros(len(cells.texts), dtype=bool)
    used[cells.codes[use]] = True
    for position in np.flatnonzero(used):
        text = cells.texts[position]
        if not text:
            continue
        ways = readings(text, order)
        bad[position] = not ways
        two_ways[position] = len(ways) > 1
        if len(ways) == 1:
            days[position] = next(iter(ways)).toordinal() - _EPOCH
    found = _unreadable(cells, bad[cells.codes] & use, order, file)
    if (two_ways[cells.codes] & use).any():
        found.append(_ambiguous(cells, two_ways[cells.codes] & use, use, file))
    return Dates(np.where(use, days[cells.codes], np.nan), cells.blank & use, tuple(found))


def readings(text: str, order: str | None) -> set[datetime.date]:
    """Every date that a text can mean under the declared order, or under any where none is."""
    if match := _YEAR_FIRST.fullmatch(text):
        return _dates([match.group(1, 2, 3)])
    if match := _NAMED.fullmatch(text):
        day, name, year = match.groups()
        if name.lower() not in MONTHS:
            return set()
        return _dates([(year, MONTHS.index(name.lower()) + 1, day)])
    if match := _YEAR_LAST.fullmatch(text):
        first, second, year = match.groups()
        ways = {"day_first": (year, second, first), "month_first": (year, first, second)}
        if order is None:
            return _dates(list(ways.values()))
        return _dates([ways[order]]) if order in ways else set()
    return set()


def _dates(parts: list[tuple[object, ...]]) -> set[datetime.date]:
    found = set()
    for year, month, day in parts:
        try:
            found.add(datetime.date(int(str(year)), int(str(month)), int(str(day))))
        except ValueError:
            continue
    return found


def _unreadable(
    cells: Cells, bad: NDArray[np.bool_], order: str | None, file: str
) -> list[Finding]:
    found = []
    for position in np.flatnonzero(bad):
        text = cells.texts[cells.codes[position]]
        declared = f" with dates declared as {order}" if order else ""
        message = (
            f"{quoted(text)} is not a date{declared}. Write it as 2004-03-15, with four digits for "
            "the year, or correct data.dates."
        )
        found.append(
            finding("unreadable_date", "error", message, file=file, column=cells.column,
                    row=int(cells.rows[position]), value=text)
        )  # fmt: skip
    return found


def _ambiguous(
    cells: Cells, two_ways: NDArray[np.bool_], use: NDArray[np.bool_], file: str
) -> Finding:
    position = int(np.flatnonzero(two_ways)[0])
    text = cells.texts[cells.codes[position]]
    day, month = 0, 0
    for value in cells.text[use & ~two_ways]:
        if match := _YEAR_LAST.fullmatch(value):
            day += int(match.group(1)) > 12
            month += int(match.group(2)) > 12
    hint = "day_first or month_first"
    if day and not month:
        hint = f"day_first, as {day} other dates here can only be"
    if month and not day:
        hint = f"month_first, as {month} other dates here can only be"
    message = (
        f"{int(two_ways.sum())} dates such as {quoted(text)} could be read two ways, and no order "
        f"is declared. Set data.dates in the study file to {hint}, or write dates as 2004-03-15."
    )
    return finding(
        "ambiguous_date", "error", message, file=file, column=cells.column,
        row=int(cells.rows[position]), value=text,
    )  # fmt: skip
