"""Which column names the patient, the therapy, the visit, and what else a study file asks for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.draft.columns import Column, Sheet, patients_by_level, varies_within
from analysis.draft.moments import moment_of, unit_of
from analysis.draft.names import identifies, is_baseline, is_start, role_rank

# A therapy has two levels or more, a schedule two visits or more; beyond these it is something else.
MAX_ARMS, MAX_VISITS = 12, 30
# A level is repeated in a draft only if so many patients hold it: one alone may be a person.
FEWEST = 2
LONGEST_LEVEL = 80
_ADDRESS = re.compile(r"\S@\S")
# Share of rows that must say whose they are.
NAMED = 0.9
# A characteristic that differs within more than this share of the patients is none of theirs.
STEADY = 0.05


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels of a column that may be written down, and how many patients hold each.

    `hidden` counts those that may not: held by a single patient, too long, or like an address.
    """

    column: Column
    counts: dict[str, int]
    hidden: int


def ranked(sheet: Sheet, role: str) -> list[Column]:
    """Columns whose name fits a role, the best first; never one that may say who a patient is."""
    fitting = [
        (rank, place, column)
        for place, column in enumerate(sheet.columns.values())
        if column.kind != "empty" and not identifies(column.name)
        and (rank := role_rank(column.name, role)) is not None
    ]  # fmt: skip
    return [column for *_, column in sorted(fitting, key=lambda part: part[:2])]


def patient_of(sheet: Sheet) -> Column | None:
    """Column that names the patient: filled nearly everywhere, with more than two levels."""
    for column in ranked(sheet, "patient"):
        distinct = len(column.levels)
        if column.filled.mean() >= NAMED and distinct > min(2, sheet.rows - 1):
            return column
    return None


def keys_of(sheet: Sheet, columns: Iterable[Column]) -> NDArray[np.object_]:
    """Key of the patient of each row; "" where a part of it is missing."""
    parts = list(columns)
    if not parts:
        return np.array([str(n) for n in range(sheet.rows)], dtype=object)
    keys = parts[0].cells.text.astype(object)
    blank = parts[0].cells.blank
    for part in parts[1:]:
        keys = np.array([f"{a}/{b}" for a, b in zip(keys, part.cells.text, strict=True)], dtype=object)
        blank = blank | part.cells.blank
    return np.where(blank, "", keys).astype(object)


def levels_of(column: Column, keys: NDArray[np.object_]) -> Levels:
    """Levels of a column that are no single patient's."""
    counts = patients_by_level(column, keys)
    open_ones = {
        level: n for level, n in counts.items()
        if n >= FEWEST and len(level) <= LONGEST_LEVEL and not _ADDRESS.search(level)
    }  # fmt: skip
    return Levels(column, open_ones, len(counts) - len(open_ones))


def therapies_of(sheet: Sheet, keys: NDArray[np.object_]) -> list[Levels]:
    """Columns that may hold the therapy, the best first."""
    found = []
    for column in ranked(sheet, "therapy"):
        if column.kind == "date" or varies_within(column, keys) > STEADY:
            continue
        levels = levels_of(column, keys)
        if 2 <= len(levels.counts) <= MAX_ARMS and levels.hidden <= len(levels.counts):
            found.append(levels)
    return found


def crossed(sheet: Sheet, keys: NDArray[np.object_]) -> Column | None:
    """A column named like a therapy that changes within patients, as in a crossover trial."""
    for column in ranked(sheet, "therapy"):
        if column.kind != "date" and varies_within(column, keys) > 0.5 and len(column.levels) <= MAX_ARMS:
            return column
    return None


def visits_of(sheet: Sheet, keys: NDArray[np.object_]) -> list[Levels]:
    """Columns that may say which visit a row is: they differ within patients, the best first."""
    found = []
    for column in ranked(sheet, "visit"):
        if column.kind == "date" or varies_within(column, keys) < 0.5:
            continue
        levels = levels_of(column, keys)
        if 2 <= len(levels.counts) <= MAX_VISITS:
            found.append(levels)
    return sorted(found, key=lambda levels: not _timed(levels))


def _timed(levels: Levels) -> bool:
    """Whether the levels say weeks."""
    unit = unit_of(levels.column.name)
    moments = [moment_of(level, unit) for level in levels.counts]
    return all(moment is not None and moment.week is not None for moment in moments)


def actual_time(sheet: Sheet, keys: NDArray[np.object_]) -> Column | None:
    """A column with the actual day or week of a record: many different numbers within patients."""
    for column in sheet.columns.values():
        many = column.kind == "number" and len(column.levels) > MAX_VISITS
        timed = role_rank(column.name, "visit") is not None or column.name.upper() == "ADY"
        if many and (timed or column.name.upper().endswith("DAYS")) and unit_or_day(column):
            if varies_within(column, keys) > 0.5:
                return column
    return None


def unit_or_day(column: Column) -> str | None:
    """Unit of a column of actual times."""
    if column.name.upper() == "ADY" or column.name.upper().endswith("DAYS"):
        return "day"
    unit = unit_of(column.name)
    return unit if unit in ("week", "day") else None


def dates_within(sheet: Sheet, keys: NDArray[np.object_]) -> list[Column]:
    """Columns of dates that differ within patients: when a record was taken."""
    dates = [column for column in sheet.columns.values() if column.kind == "date"]
    moving = [column for column in dates if varies_within(column, keys) > 0.5]
    ready = ("recorded", "timestamp", "visit", "end", "date")
    return sorted(moving, key=lambda c: [w not in c.name.lower() for w in ready])


def start_of(
    sheet: Sheet, keys: NDArray[np.object_], without: Collection[str] = ()
) -> tuple[Column | None, bool]:
    """Column with the day of randomisation, and whether its name says so; none of those `without`."""
    steady = [
        column for column in sheet.columns.values()
        if column.kind == "date" and column.name not in without and not identifies(column.name)
        and varies_within(column, keys) <= STEADY
    ]  # fmt: skip
    named = [column for column in steady if is_start(column.name)]
    random = [column for column in named if "random" in column.name.lower()]
    best = [*random, *named, *steady]
    return (best[0], bool(named)) if best else (None, False)


def repeated_baselines(sheet: Sheet, keys: NDArray[np.object_]) -> list[str]:
    """Columns that hold a baseline on every row of a patient."""
    return [
        column.name for column in sheet.columns.values()
        if column.kind == "number" and is_baseline(column.name) and varies_within(column, keys) == 0
    ]  # fmt: skip


def repeats(keys: NDArray[np.object_]) -> float:
    """Mean number of rows of a patient."""
    named = keys[keys != ""]
    return len(named) / max(1, len(pd.unique(pd.Series(named, dtype="object"))))
