"""Excel workbooks, one sheet at a time, values only (never formulas or macros)."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.errors import DataError
from analysis.readers.finding import Finding, finding, listed, quoted
from analysis.readers.header import check_width, column_names, refuse_unnamed
from analysis.studies.records import Data

# A workbook is a zip archive; one that unpacks to more than this is refused.
MAX_UNPACKED = 500_000_000
# Sheets unpack to 5 to 50 times their size; one far beyond that is made to fill the memory.
MAX_RATIO, RATIO_FROM = 300, 20_000_000


def read_excel(path: Path, data: Data, max_columns: int) -> tuple[pd.DataFrame, list[Finding]]:
    """Read one sheet of a workbook; its first row names the columns.

    Parameters
    ----------
    path : Path
    data : Data
        `sheet` is a name, or a number counted from 1; the first sheet where it is not given.
    max_columns : int

    Returns
    -------
    tuple of DataFrame and findings
        Cells keep the types they have in Excel; index `row` as Excel shows it.

    Raises
    ------
    DataError
        Not a workbook, no such sheet, merged or missing names of columns, an empty sheet.
    """
    _check_archive(path)
    import openpyxl

    # Opened here, since openpyxl leaves a file open that it cannot read.
    with path.open("rb") as stream:
        try:
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        except Exception as error:  # openpyxl raises many kinds for a broken workbook
            raise DataError(
                f"the workbook cannot be opened ({type(error).__name__}). Save it again as .xlsx."
            ) from None
        sheet, notes = _sheet(book, data.sheet)
        return _frame(_cells(sheet), max_columns), notes


def _cells(sheet: Any) -> list[tuple[int, tuple[Any, ...]]]:
    """Rows with any cell, each with its number: blank lines are no records."""
    try:
        numbered = enumerate(sheet.iter_rows(values_only=True), start=1)
        return [(n, tuple(row)) for n, row in numbered if any(c is not None for c in row)]
    except Exception as error:  # the sheet itself is read only now, and may be broken
        raise DataError(
            f"the sheet {quoted(sheet.title)} cannot be read ({type(error).__name__}). Save the "
            "workbook again as .xlsx."
        ) from None


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            names = archive.namelist()
    except zipfile.BadZipFile:
        raise DataError("the workbook is damaged. Save it again as .xlsx.") from None
    unpacked = sum(part.file_size for part in parts)
    swollen = any(
        part.file_size > max(RATIO_FROM, MAX_RATIO * part.compress_size) for part in parts
    )
    if unpacked > MAX_UNPACKED or swollen:
        raise DataError(f"the workbook unpacks to {unpacked:,} bytes; save its data as CSV.")
    if "xl/workbook.xml" not in names:
        raise DataError("this is a zip archive but not an Excel workbook. Export it again.")


def _sheet(book: Any, wanted: str | int | None) -> tuple[Any, list[Finding]]:
    names = [sheet.title for sheet in book.worksheets]
    if not names:
        raise DataError("the workbook has no sheet with cells.")
    if wanted is None:
        if len(names) == 1:
            return book.worksheets[0], []
        message = (
            f"The workbook has the sheets {listed(names)}; the first was read. Name another one "
            "with data.sheet."
        )
        return book.worksheets[0], [finding("first_sheet", "note", message)]
    if isinstance(wanted, int) and 1 <= wanted <= len(names):
        return book.worksheets[wanted - 1], []
    if wanted in names:
        return book.worksheets[names.index(str(wanted))], []
    raise DataError(f"there is no sheet {quoted(wanted)}; the workbook has {listed(names)}.")


def _frame(records: list[tuple[int, tuple[Any, ...]]], max_columns: int) -> pd.DataFrame:
    if not records or records[0][0] != 1:
        raise DataError("row 1 of the sheet is empty; it must name the columns.")
    width = max(len(cells) for _, cells in records)
    check_width(width, max_columns)
    padded = [cells + (None,) * (width - len(cells)) for _, cells in records]
    names = column_names(padded[0], max_columns)
    columns = list(zip(*padded[1:], strict=True)) or [()] * width
    refuse_unnamed(
        [p for p, name in enumerate(names) if not name and any(c is not None for c in columns[p])]
    )
    index = pd.Index([row for row, _ in records[1:]], dtype="int64", name="row")
    named = {
        name: pd.Series(columns[position], index=index, dtype="object")
        for position, name in enumerate(names)
        if name
    }
    return pd.DataFrame(named, index=index)
