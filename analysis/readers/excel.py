"""Excel workbooks, one sheet at a time, values only (never formulas or macros)."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.errors import DataError
from analysis.readers.finding import Finding, finding, listed, quoted
from analysis.readers.header import column_names, refuse_unnamed
from analysis.studies.records import Data

# A workbook is a zip archive; one that unpacks to more than this is refused.
MAX_UNPACKED = 2_000_000_000


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

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises many kinds for a broken workbook
        raise DataError(
            f"the workbook cannot be opened ({type(error).__name__}). Save it again as .xlsx."
        ) from None
    try:
        sheet, notes = _sheet(book, data.sheet)
        records = list(sheet.iter_rows(values_only=True))
    finally:
        book.close()
    return _frame(records, max_columns), notes


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
            names = archive.namelist()
    except zipfile.BadZipFile:
        raise DataError("the workbook is damaged. Save it again as .xlsx.") from None
    if unpacked > MAX_UNPACKED:
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


def _frame(records: list[tuple[Any, ...]], max_columns: int) -> pd.DataFrame:
    if not records or all(cell is None for cell in records[0]):
        raise DataError("row 1 of the sheet is empty; it must name the columns.")
    width = max(len(record) for record in records)
    padded = [record + (None,) * (width - len(record)) for record in records]
    names = column_names(padded[0], max_columns)
    # Rows without any cell are blank lines: they keep their number and are no records.
    rows = [n for n, record in enumerate(padded[1:], start=2) if any(c is not None for c in record)]
    columns = list(zip(*(padded[row - 1] for row in rows), strict=True)) or [()] * width
    refuse_unnamed(
        [p for p, name in enumerate(names) if not name and any(c is not None for c in columns[p])]
    )
    index = pd.Index(rows, dtype="int64", name="row")
    named = {
        name: pd.Series(columns[position], index=index, dtype="object")
        for position, name in enumerate(names)
        if name
    }
    return pd.DataFrame(named, index=index)
