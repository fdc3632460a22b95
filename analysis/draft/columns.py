"""What the columns of a file look like: numbers, dates or words, how full, how they repeat."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import DataError
from analysis.readers.finding import finding, quoted
from analysis.readers.table import Table
from analysis.schema import finding_frame
from analysis.studies.records import Data
from analysis.trial.cells import Cells, cells_of
from analysis.trial.dates import readings
from analysis.trial.numerals import numbers_of
from analysis.validate.scores import MISSING_LIKE

# Written for a missing value; only these are ever repeated in a draft.
MISSING_WORDS = frozenset({
    "na", "n/a", "n.a.", "n. a.", "nan", "null", "none", "nil", "missing", "(missing)", "miss", "unknown",
    "undefined", "<undefined>", "#n/a", "#na", "#null!", "#value!", "-", "--", "---", "\u2013", "\u2014",
    "?", "??", "..", "*", "k.a.", "k.a", "k. a.", "ka", "keine angabe", "unbekannt", "nd", "n.d.",
    "not done", "not known", "not stated", "no answer", "no response", "refused", "s/d", "sin dato",
    "nr", "[not completed]", "blank", "(blank)", "[blank]",
})  # fmt: skip
CODES = MISSING_LIKE | {-99999.0, 99999.0}
# A column is of a kind if so much of what it holds is; the rest are slips that checking will list.
MOSTLY = 0.8
# Names that are numbers or dates: row 1 holds data, not names.
_NOT_A_NAME = re.compile(r"[-+]?[0-9]+([.,][0-9]+)?|[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}.*|.+@.+\..+")
_NAMES_THAT_ARE_DATA = 1 / 3
# Longest name that a study file can hold.
MAX_NAME = 400
DEFAULT_MISSING = Data.model_fields["missing"].default


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file.

    Attributes
    ----------
    kind : {"number", "date", "text", "empty"}
    values : ndarray of float
        Numbers of the cells; NaN where there is none.
    comma, grouped : bool
        Numbers use a decimal comma; numbers that could be read two ways.
    day_first, month_first, two_ways : int
        Dates that can only be read with the day first, only with the month first, or in both ways.
    description : str
        What the file or its dictionary calls the column.
    """

    name: str
    kind: str
    cells: Cells
    values: NDArray[np.float64]
    comma: bool = False
    grouped: bool = False
    point: bool = False
    day_first: int = 0
    month_first: int = 0
    two_ways: int = 0
    slips: int = 0
    description: str = ""

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Cells that hold something."""
        return ~self.cells.blank

    @property
    def levels(self) -> list[str]:
        """Distinct texts in the order in which they come up."""
        codes = self.cells.codes[self.filled]
        return [str(self.cells.texts[code]) for code in dict.fromkeys(codes.tolist())]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file with its columns; `signs` are texts found in it that mean missing."""

    table: Table
    columns: Mapping[str, Column]
    signs: tuple[str, ...] = ()
    unusable: tuple[str, ...] = field(default=())

    @property
    def rows(self) -> int:
        """Number of records."""
        return len(self.table.frame)


def sheet_of(table: Table) -> Sheet:
    """Look at every column of a table.

    Raises
    ------
    DataError
        The table has no rows, or its first row holds data in place of names. The names are then
        not repeated: they may be a patient's.
    """
    names = [str(name) for name in table.frame.columns]
    strange = sum(bool(_NOT_A_NAME.fullmatch(name)) for name in names)
    if strange > _NAMES_THAT_ARE_DATA * len(names):
        _refuse(table, "row 1 looks like a record and not like names of columns. Put a row with a "
                       "name for each column above it.")  # fmt: skip
    if table.frame.empty:
        _refuse(table, "the file has a header and no rows. Export it again.")
    usable = [name for name in names if len(name) <= MAX_NAME and name == name.strip()]
    signs = _signs(table, usable)
    missing = (*DEFAULT_MISSING, *signs)
    columns = {name: _column(table, name, missing) for name in usable}
    return Sheet(table, columns, signs, tuple(name for name in names if name not in columns))


def _refuse(table: Table, message: str) -> None:
    found = finding("unreadable_file", "error", message, file=table.name)
    raise DataError(f"{table.name}: {message}", finding_frame([found]))


def _signs(table: Table, names: list[str]) -> tuple[str, ...]:
    """Words for missing that stand in the file, beyond those that are always read so."""
    found: dict[str, None] = {}
    for name in names:
        cells = cells_of(table.frame[name], DEFAULT_MISSING)
        for text in cells.texts:
            if text.casefold() in MISSING_WORDS and text not in DEFAULT_MISSING:
                found[str(text)] = None
    return tuple(found)


def _column(table: Table, name: str, missing: tuple[str, ...]) -> Column:
    cells = cells_of(table.frame[name], missing, dict(table.labels.get(name, {})))
    description = " ".join(table.descriptions.get(name, "").split())
    every = np.ones(len(cells.codes), dtype=bool)
    filled = int((~cells.blank).sum())
    nothing = np.full(len(cells.codes), np.nan)
    if not filled:
        return Column(name, "empty", cells, nothing, description=description)
    numbers = numbers_of(cells, every)
    rules = {note["rule"] for note in numbers.findings}
    known = int((~np.isnan(numbers.values)).sum())
    if known >= MOSTLY * filled or "ambiguous_number" in rules:
        point = any("." in text for text in cells.texts)
        return Column(
            name, "number", cells, numbers.values, comma="decimal_comma" in rules, point=point,
            grouped="ambiguous_number" in rules, slips=filled - known, description=description,
        )  # fmt: skip
    day, month, both, bad = _orders(cells)
    if bad <= (1 - MOSTLY) * filled:
        return Column(name, "date", cells, nothing, day_first=day, month_first=month, two_ways=both,
                      slips=bad, description=description)  # fmt: skip
    return Column(name, "text", cells, nothing, description=description)


def _orders(cells: Cells) -> tuple[int, int, int, int]:
    """How many dates can only be read day first, only month first, in two ways, or not at all."""
    kinds = np.zeros(len(cells.texts), dtype=np.int64)
    for place, text in enumerate(cells.texts):
        if text:
            ways = readings(text, "day_first"), readings(text, "month_first")
            kinds[place] = 5 if ways[0] == ways[1] else 1 + (not ways[1]) + 2 * (not ways[0])
            if not ways[0] and not ways[1]:
                kinds[place] = 4
    counts = np.bincount(kinds[cells.codes], minlength=6)
    # 1 both and different, 2 day first only, 3 month first only, 4 neither, 5 the same either way.
    return int(counts[2]), int(counts[3]), int(counts[1]), int(counts[4])


def patients_by_level(column: Column, patients: NDArray[np.object_]) -> dict[str, int]:
    """How many patients hold each level of a column."""
    use = column.filled & (patients != "")
    pairs = pd.DataFrame({"level": column.cells.text[use], "patient": patients[use]})
    counts = pairs.drop_duplicates()["level"].value_counts(sort=False)
    return {str(level): int(n) for level, n in counts.items()}


def varies_within(column: Column, patients: NDArray[np.object_]) -> float:
    """Share of the patients with several filled cells in whom they are not all the same."""
    use = column.filled & (patients != "")
    if not use.any():
        return 0.0
    grouped = pd.Series(column.cells.codes[use]).groupby(pd.Series(patients[use]).to_numpy())
    size, distinct = grouped.size().to_numpy(), grouped.nunique().to_numpy()
    several = size > 1
    return float((distinct[several] > 1).mean()) if several.any() else 0.0


def shown(name: str) -> str:
    """Name of a column as remarks repeat it."""
    return quoted(name)
