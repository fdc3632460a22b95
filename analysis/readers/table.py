"""A table as it stands in a file, and the one function that reads any of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from analysis.errors import DataError
from analysis.readers.finding import Finding, finding
from analysis.readers.kinds import Kind, kind_of
from analysis.readers.survey import without_question_rows
from analysis.schema import finding_frame
from analysis.studies.records import Data

MAX_BYTES = 2_000_000_000
MAX_COLUMNS = 10_000


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds, before anything is made of it.

    Attributes
    ----------
    name : str
        Bare name of the file.
    frame : pandas.DataFrame
        Columns as in the file. Text formats come as text (dtype str) with "" for an empty cell;
        other formats keep their types. The index, `row`, counts as a spreadsheet does: the header
        is row 1, the first record row 2, and blank lines keep their number.
    labels : mapping
        Value labels that Stata, SPSS and R keep with the data: column, then value, then label.
    sha256 : str
        Of the bytes of the file.
    notes : tuple of findings
        What was noticed while reading.
    descriptions : mapping
        What a column is, in words, where the file says so (variable labels, texts of questions).
    """

    name: str
    frame: pd.DataFrame
    labels: Mapping[str, Mapping[object, str]] = field(default_factory=dict)
    sha256: str = ""
    notes: tuple[Finding, ...] = ()
    descriptions: Mapping[str, str] = field(default_factory=dict)


def read_table(path: Path, data: Data) -> Table:
    """Read a data file of any supported format.

    Parameters
    ----------
    path : Path
        The format follows from the ending: csv, tsv, tab, txt, dat, xlsx, xlsm, parquet, dta, sav,
        zsav, xpt, sas7bdat, rda, RData, rds.
    data : Data
        How the file is written, as far as the study says: encoding, delimiter, sheet.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        The file is missing, empty, too large, not what its ending says, or is not a table with one
        unique name a column; the error carries the findings.
    """
    try:
        kind = kind_of(path, _size(path))
        frame, labels, descriptions, notes = _read(path, kind, data)
    except DataError as error:
        if error.findings is not None:
            raise
        found = finding("unreadable_file", "error", str(error), file=path.name)
        raise DataError(f"{path.name}: {error}", finding_frame([found])) from None
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    placed = tuple({**note, "file": path.name} for note in notes)
    return Table(path.name, frame, labels, digest, placed, descriptions)


def _size(path: Path) -> int:
    if not path.exists():
        raise DataError("the file is not there. Check its name in the study file.")
    if not path.is_file():
        raise DataError("this is a folder, not a file. Name the data file in it.")
    size = path.stat().st_size
    if size == 0:
        raise DataError("the file is empty (0 bytes). Export it again.")
    if size > MAX_BYTES:
        raise DataError(
            f"the file has {size:,} bytes; at most {MAX_BYTES:,} are read. Keep only the columns "
            "that the study needs, or save it as Parquet."
        )
    return size


def _read(
    path: Path, kind: Kind, data: Data
) -> tuple[pd.DataFrame, dict[str, dict[object, str]], dict[str, str], list[Finding]]:
    """Hand the file to the reader of its kind; each is imported only when it is needed."""
    if kind in ("text", "excel"):
        if kind == "text":
            from analysis.readers.text import read_text

            frame, notes = read_text(path, data, MAX_COLUMNS)
        else:
            from analysis.readers.excel import read_excel

            frame, notes = read_excel(path, data, MAX_COLUMNS)
        frame, descriptions, noticed = without_question_rows(frame)
        return frame, {}, descriptions, [*notes, *noticed]
    if kind == "parquet":
        from analysis.readers.parquet import read_parquet

        return read_parquet(path, MAX_COLUMNS), {}, {}, []
    if kind == "r":
        from analysis.readers.r_frame import read_r

        return read_r(path, data, MAX_COLUMNS)
    from analysis.readers.labelled import read_labelled

    return read_labelled(path, kind, MAX_COLUMNS)
