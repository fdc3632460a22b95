"""The names of a table's columns: there, unique, and not too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from analysis.errors import DataError
from analysis.readers.finding import listed


def check_width(count: int, limit: int) -> None:
    """Refuse a table with more columns than `limit`.

    Raises
    ------
    DataError
    """
    if count > limit:
        raise DataError(
            f"the file has {count:,} columns; at most {limit:,} are read. Keep the columns that "
            "the study needs."
        )


def column_names(cells: Sequence[object], limit: int) -> list[str]:
    """Names of columns from the cells of the header, trimmed; "" where a cell is empty.

    Raises
    ------
    DataError
        No name at all, a name that stands there twice, or more than `limit` columns.
    """
    check_width(len(cells), limit)
    names = ["" if cell is None else str(cell).strip() for cell in cells]
    if not any(names):
        raise DataError("row 1 is empty; it must name the columns.")
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        raise DataError(
            f"row 1 names {listed(twice)} more than once. Give each column a name of its own."
        )
    return names


def refuse_unnamed(positions: Sequence[int]) -> None:
    """Refuse columns that hold data but have no name, as merged header cells leave them.

    Parameters
    ----------
    positions : sequence of int
        Which columns, counted from 0.

    Raises
    ------
    DataError
    """
    if positions:
        letters = ", ".join(column_letter(position) for position in positions[:12])
        raise DataError(
            f"the header (row 1) has no name for column {letters}, which holds data. Undo merged "
            "cells and name every column."
        )


def column_letter(position: int) -> str:
    """Letter of a column as spreadsheets show it: 0 is A, 26 is AA."""
    letters = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
