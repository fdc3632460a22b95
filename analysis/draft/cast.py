"""Who plays which part: the columns of the files, as far as they can be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.draft.columns import Column, Sheet
from analysis.draft.families import Family, families_of, when_of
from analysis.draft.moments import Moment
from analysis.draft.names import role_rank
from analysis.draft.roles import (
    MAX_ARMS,
    MAX_VISITS,
    Levels,
    actual_time,
    crossed,
    dates_within,
    keys_of,
    levels_of,
    patient_of,
    ranked,
    repeats,
    start_of,
    therapies_of,
    unit_or_day,
    visits_of,
)

# Patients with more rows than this on average are followed in rows, not in columns.
SEVERAL_ROWS = 1.2
ADAM = {"USUBJID", "PARAMCD", "AVAL"}


@dataclass(frozen=True, slots=True)
class Parts:
    """Names of columns that a person gave a part; None where none has it.

    Without `start` the day of randomisation is guessed, where visits are found by their dates.
    """

    patient: str | None = None
    therapy: str | None = None
    visit: str | None = None
    start: str | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """What the columns of one or two files seem to be.

    Attributes
    ----------
    layout : {"long", "wide", "adam"}
    patient : tuple of Column
        Columns that name the patient together; empty where none was found.
    by : {"label", "date", "week", "day"}
        How rows of a long file find their visit.
    visit : Column or None
        The column for that.
    when : Family or None
        In a wide file the columns that say when each visit was, as `by` says.
    measure, value : Levels, Column or None
        Where one column of values serves several measures: what says which, and the values.
    """

    sheet: Sheet
    people: Sheet | None
    layout: str
    patient: tuple[Column, ...]
    people_patient: Column | None
    keys: NDArray[np.object_]
    therapies: list[Levels]
    crossover: Column | None
    families: list[Family] = field(default_factory=list)
    by: str = "label"
    visit: Column | None = None
    visit_levels: Levels | None = None
    other_visits: tuple[str, ...] = ()
    when: Family | None = None
    start: Column | None = None
    start_named: bool = False
    measure: Levels | None = None
    value: Column | None = None

    @property
    def homes(self) -> Iterator[tuple[Sheet, NDArray[np.object_]]]:
        """Files that may hold what is known of a patient, with the patient of each row."""
        if self.people is not None:
            column = self.people_patient
            yield self.people, keys_of(self.people, [column] if column is not None else [])
        yield self.sheet, self.keys

    def best(self, role: str) -> Column | None:
        """Column for a role, in either file."""
        for sheet, _ in self.homes:
            found = ranked(sheet, role)
            if found:
                return found[0]
        return None


def cast_of(sheet: Sheet, people: Sheet | None = None, parts: Parts | None = None) -> Cast:
    """Find out what the columns are.

    Parameters
    ----------
    sheet : Sheet
        The file with the outcomes.
    people : Sheet, optional
        A file with a row for each patient.
    parts : Parts, optional
        Columns chosen by a person, in place of guesses.
    """
    adam = set(sheet.columns) >= ADAM
    column = sheet.columns["USUBJID"] if adam else patient_of(sheet)
    if parts is not None:
        column = sheet.columns.get(parts.patient or "")
    patient: tuple[Column, ...] = () if column is None else (column,)
    keys = keys_of(sheet, patient)
    families = [] if adam else families_of(_unused(sheet, patient))
    several = repeats(keys) > SEVERAL_ROWS
    visits = visits_of(sheet, keys) if several else []
    if not adam and visits:
        patient, keys = _with_site(sheet, patient, keys, visits[0])
    timed = dates_within(sheet, keys) if several else []
    long = adam or (several and (bool(visits) or bool(timed) or not families))
    people_patient = patient_of(people) if people is not None else None
    cast = Cast(
        sheet, people, "adam" if adam else "long" if long else "wide", patient, people_patient,
        keys, [], None, families=[] if long else families,
    )  # fmt: skip
    therapies = [found for home, of in cast.homes for found in therapies_of(home, of)]
    if parts is not None:
        therapies = _chosen_therapy(cast, parts.therapy)
    told = {found.column.name for found in therapies}
    changing = next((c for home, of in cast.homes if (c := crossed(home, of))), None)
    cast = replace(cast, therapies=therapies, crossover=changing)
    if not long:
        return _with_columns_of_time(cast, parts)
    measure, value = _measure(sheet, keys, told, adam=adam)
    cast = replace(cast, measure=measure, value=value)
    if parts is not None:
        return _with_chosen_visit(cast, sheet.columns.get(parts.visit or ""), parts.start)
    return _with_visit(cast, visits, timed)


def _with_columns_of_time(cast: Cast, parts: Parts | None) -> Cast:
    """Say how the visits of a wide file are found where columns tell when each was."""
    found = when_of(cast.families, cast.sheet.columns.values())
    if found is None:
        return cast
    by, when = found
    told = {column.name for column in when.members}
    scores = [family for family in cast.families if not told >= {c.name for c in family.members}]
    cast = replace(cast, by=by, when=when, families=scores)
    if by != "date":
        return cast
    if parts is not None and parts.start is not None:
        name = parts.start
        chosen = [sheet.columns[name] for sheet, _ in cast.homes if name in sheet.columns]
        return replace(cast, start=chosen[0] if chosen else None, start_named=True)
    starts = [start_of(sheet, keys, told) for sheet, keys in cast.homes]
    start, named = next((one for one in starts if one[1]), (None, False))
    if start is None:
        start = next((column for moment, column in when.columns.items() if _first(moment)), None)
    return replace(cast, start=start, start_named=named)


def _first(moment: Moment) -> bool:
    return moment.baseline or moment.name == "time 0"


def _chosen_therapy(cast: Cast, name: str | None) -> list[Levels]:
    """The therapies that a chosen column holds, in whichever file has it; none where patients share none."""
    homes = [(sheet, keys) for sheet, keys in cast.homes if name in sheet.columns]
    found = [levels_of(sheet.columns[str(name)], keys) for sheet, keys in homes[:1]]
    return [levels for levels in found if 2 <= len(levels.counts) <= MAX_ARMS]


def _with_chosen_visit(cast: Cast, column: Column | None, start: str | None) -> Cast:
    """Say how rows find their visit in the column that was chosen for it."""
    if column is None:
        return cast
    if column.kind == "date":
        found = _by_date(cast, column)
        named = [sheet.columns.get(start or "") for sheet, _ in cast.homes]
        days = [day for day in named if day is not None]
        return replace(found, start=days[0], start_named=True) if days else found
    levels = levels_of(column, cast.keys)
    if not levels.counts:
        return cast
    if len(levels.counts) <= MAX_VISITS:
        return replace(cast, visit=column, visit_levels=levels)
    return replace(cast, by="week" if unit_or_day(column) == "week" else "day", visit=column)


def _unused(sheet: Sheet, patient: tuple[Column, ...]) -> Iterator[Column]:
    """Columns that may hold outcomes of a wide file."""
    for column in sheet.columns.values():
        if column not in patient and role_rank(column.name, "age") is None:
            yield column


def _with_site(
    sheet: Sheet, patient: tuple[Column, ...], keys: NDArray[np.object_], visit: Levels
) -> tuple[tuple[Column, ...], NDArray[np.object_]]:
    """Add the site where patients are numbered anew at each site."""
    text = visit.column.cells.text
    if not _twice(keys, text) or not patient:
        return patient, keys
    for site in ranked(sheet, "site"):
        both = (site, *patient)
        joined = keys_of(sheet, both)
        if site not in patient and not _twice(joined, text):
            return both, joined
    return patient, keys


def _twice(keys: NDArray[np.object_], visit: NDArray[np.object_]) -> bool:
    pairs = pd.DataFrame({"key": keys, "visit": visit})
    pairs = pairs[(pairs["key"] != "") & (pairs["visit"] != "")]
    # More than a slip here and there.
    return bool(pairs.duplicated().mean() > 0.05)


def _with_visit(cast: Cast, visits: list[Levels], timed: list[Column]) -> Cast:
    """Say how rows find their visit: by a label, else by an actual day or week, else by a date."""
    if visits:
        others = tuple(levels.column.name for levels in visits[1:])
        return replace(cast, visit=visits[0].column, visit_levels=visits[0], other_visits=others)
    days = actual_time(cast.sheet, cast.keys)
    if days is not None:
        return replace(cast, by="week" if "week" in days.name.lower() else "day", visit=days)
    return _by_date(cast, timed[0]) if timed else cast


def _by_date(cast: Cast, column: Column) -> Cast:
    found = [start_of(sheet, keys) for sheet, keys in cast.homes]
    start, named = next((f for f in found if f[0] is not None), (None, False))
    return replace(cast, by="date", visit=column, start=start, start_named=named)


def _measure(
    sheet: Sheet, keys: NDArray[np.object_], told: set[str], *, adam: bool
) -> tuple[Levels | None, Column | None]:
    """Column that says which measure a row holds, and the column with its value."""
    if adam:
        return levels_of(sheet.columns["PARAMCD"], keys), sheet.columns["AVAL"]
    values = ranked(sheet, "value")
    for column in ranked(sheet, "measure") if values else []:
        levels = levels_of(column, keys)
        if column.name not in told and column.kind == "text" and levels.counts:
            return levels, values[0]
    return None, None
