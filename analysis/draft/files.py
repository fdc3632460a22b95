"""What a draft says about the files: missing values, decimal sign, order of dates, rows to leave out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analysis.draft.cast import Cast
from analysis.draft.columns import DEFAULT_MISSING, Column, shown
from analysis.draft.names import identifies
from analysis.draft.page import Sketch
from analysis.readers.finding import listed

_SHORT_YEAR = re.compile(r"[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2}")
# Answers that are none, by what survey programs write: column, what counts, why.
_SURVEY = (
    ("Status", ("IP Address", "0"), "Preview or test of the survey"),
    ("Finished", ("True", "1", "TRUE"), "Answer was broken off"),
)


def data_section(sketch: Sketch, cast: Cast, paths: tuple[Path, Path | None], folder: Path) -> None:
    """Write the `data` section: which files, and how their numbers and dates are written."""
    outcomes, people = paths
    data: dict[str, Any] = {"outcomes": outcomes.relative_to(folder).as_posix()}
    if people is not None:
        data["patients"] = people.relative_to(folder).as_posix()
        theirs = cast.people_patient
        if theirs is not None and cast.patient and theirs.name != cast.patient[0].name:
            data["patients_id"] = theirs.name
            sketch.say("Guess: here the patient has another name than in the outcomes file.",
                       "data", "patients_id")  # fmt: skip
    sketch.content["data"] = data
    _encoding(sketch, cast, data)
    _decimal(sketch, cast, data)
    _dates(sketch, cast, data)
    _missing(sketch, cast, data)


def _every(cast: Cast) -> list[Column]:
    return [column for sheet, _ in cast.homes for column in sheet.columns.values()]


def _encoding(sketch: Sketch, cast: Cast, data: dict[str, Any]) -> None:
    if any(note["rule"] == "encoding" for note in cast.sheet.table.notes):
        data["encoding"] = "cp1252"
        sketch.say("Guess: the file is not UTF-8, and Windows programs write this encoding.",
                   "data", "encoding")  # fmt: skip
        sketch.ask("do letters such as é and ü look right in the report?", "data", "encoding")
    if any(note["rule"] == "first_sheet" for note in cast.sheet.table.notes):
        sketch.ask("the workbook has several sheets and the first was read; is it the right one? "
                   "If not, add 'sheet' with its name or number.", "data")  # fmt: skip


def _decimal(sketch: Sketch, cast: Cast, data: dict[str, Any]) -> None:
    numbers = [column for column in _every(cast) if column.kind == "number"]
    commas = [column.name for column in numbers if column.comma]
    if commas and not any(column.point for column in numbers):
        data["decimal"] = ","
        sketch.say(f"Guess: numbers in {listed(commas, 3)} have a comma, and no number has a point.",
                   "data", "decimal")  # fmt: skip
    for column in numbers:
        if column.grouped:
            sketch.ask(f"numbers in {shown(column.name)} look like 1,234: is that a thousand and "
                       'more, or one and a bit (then add decimal: ",")?', "data")  # fmt: skip


def _dates(sketch: Sketch, cast: Cast, data: dict[str, Any]) -> None:
    dates = [c for c in _every(cast) if c.kind == "date" and not identifies(c.name)]
    day, month = sum(c.day_first for c in dates), sum(c.month_first for c in dates)
    both = [c.name for c in dates if c.two_ways]
    if day and month:
        names = listed([c.name for c in dates if c.day_first or c.month_first], 4)
        sketch.ask(f"dates are written in two orders ({day} with the day first, {month} with the "
                   f"month first, in {names}); which columns are used? Write them all as "
                   "2024-03-31.", "data")  # fmt: skip
    elif day or month:
        order, n = ("day_first", day) if day else ("month_first", month)
        data["dates"] = order
        words = order.replace("_", " ")
        sketch.say(f"Guess: {n} dates can only be read {words}, and none the other way round.",
                   "data", "dates")  # fmt: skip
    elif both:
        sketch.ask(f"dates in {listed(both, 3)} could be read with the day or the month first. "
                   "Add 'dates: day_first' or 'dates: month_first'.", "data")  # fmt: skip


def _missing(sketch: Sketch, cast: Cast, data: dict[str, Any]) -> None:
    signs = list(dict.fromkeys(sign for sheet, _ in cast.homes for sign in sheet.signs))
    if signs:
        data["missing"] = [*DEFAULT_MISSING, *signs]
        sketch.say(f"Guess: {listed(signs, 6)} stand in the file and commonly mean missing; the "
                   "others always do.", "data", "missing")  # fmt: skip


def _two_digit_years(column: Column) -> bool:
    return all(_SHORT_YEAR.fullmatch(level) for level in column.levels)


def filters_section(sketch: Sketch, cast: Cast) -> None:
    """Write filters for answers that survey programs mark as none."""
    filters = []
    for name, kept, reason in _SURVEY:
        column = cast.sheet.columns.get(name)
        if column is None or "ResponseId" not in cast.sheet.columns:
            continue
        keep = [level for level in column.levels if level in kept]
        if keep and len(keep) < len(column.levels):
            filters.append({"column": name, "keep": keep, "reason": reason})
    if filters:
        sketch.content["filters"] = filters
        sketch.say("Guess: so survey programs mark answers that do not count.", "filters")


def warnings_of(cast: Cast) -> Iterator[str]:
    """What the person who holds the file should know before anything else."""
    telling = [c.name for c in _every(cast) if identifies(c.name)]
    if telling:
        yield (
            f"Columns that may say who a patient is: {listed(telling, 8)}. Nothing here uses them; "
            "better delete them from the file."
        )
    slips = [(c.name, c.slips) for c in _every(cast) if c.slips]
    for name, n in slips[:5]:
        yield (
            f"Column {shown(name)} holds numbers or dates, and {n} cells that are neither; "
            "'python3 run.py check' lists those that are used."
        )
    short = [c.name for c in _every(cast) if c.kind == "text" and _two_digit_years(c)]
    if short:
        yield (
            f"Dates in {listed(short, 4)} have years of two digits and are not read as dates; write "
            "four, as in 2024-03-31."
        )
    if cast.sheet.unusable:
        yield (
            f"{len(cast.sheet.unusable)} columns have names of more than 400 characters and cannot "
            "be named in a study file; shorten them if they are needed."
        )
