"""Which files and columns a person can choose from, each with a label that shows it safely."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from analysis.draft.cast import Cast
from analysis.draft.columns import Column, varies_within
from analysis.draft.names import identifies
from analysis.draft.roles import MAX_ARMS, MAX_VISITS, NAMED, STEADY, levels_of, unit_or_day
from analysis.instruments import INSTRUMENTS
from analysis.readers.finding import printable
from analysis.readers.kinds import ENDINGS

# Label and value; "" stands for none, because a list has nothing chosen where its value is None.
Option = tuple[str, str]

# More files than this are no list to choose from: the path can be typed.
MAX_FILES = 300
# A column of visits differs from row to row in at least this share of the patients.
MOVES = 0.5
DESIGNS: tuple[Option, ...] = (
    ("chance decided who got which therapy (randomised)", "randomised"),
    ("chance did not decide (observational)", "observational"),
)
DATES: tuple[Option, ...] = (
    ("not said", ""), ("31.12.2024 (day first)", "day_first"),
    ("12/31/2024 (month first)", "month_first"), ("2024-12-31 (year first)", "year_first"),
)  # fmt: skip
PARTS: tuple[Option, ...] = (
    ("in between", ""), ("before treatment (baseline)", "baseline"),
    ("short term", "short"), ("long term", "long"),
)  # fmt: skip


def files_below(folder: Path) -> list[Path]:
    """Data files in a folder and below it, without hidden ones, in order of their names."""
    found = (
        path for path in folder.rglob("*")
        if path.suffix.lower() in ENDINGS and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )  # fmt: skip
    return sorted(found)[:MAX_FILES]


def file_options(paths: list[Path], folder: Path, none: str = "") -> list[Option]:
    """Files by their names below a folder; `none` is the label of the choice of no file."""
    first: list[Option] = [(none, "")] if none else []
    return first + [(printable(_below(path, folder)), str(path)) for path in paths]


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def column_options(names: list[str], none: str = "") -> list[Option]:
    """Columns by their names."""
    first: list[Option] = [(none, "")] if none else []
    return first + [(printable(name), name) for name in names]


def instrument_options() -> list[Option]:
    """Instruments of the registry with their range."""
    return [("not chosen", "")] + [
        (f"{key}: {known.name}, {known.low:g} to {known.high:g}", key)
        for key, known in INSTRUMENTS.items()
    ]


def patient_columns(cast: Cast) -> list[str]:
    """Columns that may name the patient: filled nearly everywhere, with more than two values."""
    if cast.layout == "adam":
        return [column.name for column in cast.patient]
    return [
        column.name for column in _open(cast)
        if column.filled.mean() >= NAMED and len(column.levels) > min(2, cast.sheet.rows - 1)
    ]  # fmt: skip


def therapy_columns(cast: Cast) -> list[str]:
    """Columns in either file that may hold the therapy: a few values, steady within patients."""
    found: dict[str, None] = {}
    for sheet, keys in cast.homes:
        for column in sheet.columns.values():
            if column.kind in ("empty", "date") or identifies(column.name):
                continue
            if varies_within(column, keys) <= STEADY:
                if 2 <= len(levels_of(column, keys).counts) <= MAX_ARMS:
                    found[column.name] = None
    return list(found)


def visit_columns(cast: Cast) -> list[str]:
    """Columns of a long file that may say which visit a row is, or when it was taken."""
    if cast.layout == "wide":
        return []
    used = {column.name for column in cast.patient}
    return [
        column.name for column in _open(cast)
        if column.name not in used and varies_within(column, cast.keys) >= MOVES
        and (column.kind == "date" or _few(column, cast) or unit_or_day(column))
    ]  # fmt: skip


def start_columns(cast: Cast) -> list[str]:
    """Dates that are the same on all rows of a patient, in either file."""
    found: dict[str, None] = {}
    for sheet, keys in cast.homes:
        for column in sheet.columns.values():
            if column.kind == "date" and not identifies(column.name):
                if varies_within(column, keys) <= STEADY:
                    found[column.name] = None
    return list(found)


def score_columns(cast: Cast) -> list[str]:
    """Columns of a wide file that may hold scores of one visit."""
    return [column.name for column in _open(cast) if column.kind == "number"]


def _open(cast: Cast) -> Iterator[Column]:
    """Columns that hold something and do not say who a patient is."""
    for column in cast.sheet.columns.values():
        if column.kind != "empty" and not identifies(column.name):
            yield column


def _few(column: Column, cast: Cast) -> bool:
    return 2 <= len(levels_of(column, cast.keys).counts) <= MAX_VISITS
