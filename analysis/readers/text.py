"""Delimited text: CSV, TSV and their relatives, as they come out of clinics and spreadsheets."""

from __future__ import annotations

import codecs
import csv
import io
from itertools import islice
from pathlib import Path

import pandas as pd

from analysis.errors import DataError
from analysis.readers.finding import Finding, finding, quoted
from analysis.readers.header import check_width, column_names, refuse_unnamed
from analysis.studies.records import Data

DELIMITERS = (",", ";", "\t", "|")
# Enough of a file to see its header and to guess its encoding and delimiter.
HEAD_BYTES = 1_000_000
SNIFFED_RECORDS = 50
MAX_EXAMPLES = 10
# Longest text in one cell (the csv module's own limit).
MAX_CELL = 131_072

_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


def read_text(path: Path, data: Data, max_columns: int) -> tuple[pd.DataFrame, list[Finding]]:
    """Read delimited text as text.

    Encoding and delimiter are found where the study does not declare them; carriage return, line
    feed and both end a line; a quoted cell may hold line ends.

    Parameters
    ----------
    path : Path
    data : Data
        `encoding` and `delimiter` are used where given.
    max_columns : int
        More columns than this are refused after a look at the beginning of the file.

    Returns
    -------
    tuple of DataFrame and findings
        Columns of dtype str, index `row`.

    Raises
    ------
    DataError
    """
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    encoding = data.encoding or _guessed_encoding(head)
    _refuse_wide(head, encoding, data, max_columns)
    raw = path.read_bytes()
    text, notes = _decode(raw, encoding, declared=data.encoding is not None)
    delimiter = _declared(data.delimiter) or _sniffed(text)
    rows, records = _records(text, delimiter)
    if not records:
        raise DataError("the file holds no text. Export it again.")
    names = column_names(records[0], max_columns)
    body = _even(rows, records, len(names))
    return _frame(names, rows[1:], body, notes), notes


def _declared(delimiter: str | None) -> str | None:
    if delimiter is None or len(delimiter) == 1:
        return delimiter
    if delimiter == "\\t":
        return "\t"
    raise DataError(f"data.delimiter is {quoted(delimiter)}; it must be one character.")


def _guessed_encoding(head: bytes) -> str:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    start = head[:4000]
    if b"\x00" in start:
        # Latin letters in UTF-16 without a mark: every other byte is zero.
        even, odd = start[::2].count(0), start[1::2].count(0)
        if odd > 0.4 * len(start[1::2]) and even == 0:
            return "utf-16-le"
        if even > 0.4 * len(start[::2]) and odd == 0:
            return "utf-16-be"
        raise DataError("this is not text but binary data. Export it as CSV again.")
    return "utf-8"


def _refuse_wide(head: bytes, encoding: str, data: Data, max_columns: int) -> None:
    """Look at the first line only, so that a monstrous header costs nothing."""
    try:
        text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
        if not isinstance(text, str):
            raise LookupError
    except (LookupError, ValueError, AssertionError, TypeError):
        # Codecs that are no encodings of text (base64, idna) fail in ways of their own.
        raise DataError(
            f"data.encoding is {quoted(encoding)}, which is not known. Use utf-8, utf-16 or cp1252."
        ) from None
    line = text.lstrip("\r\n").replace("\r", "\n").partition("\n")[0]
    declared = _declared(data.delimiter)
    count = max(line.count(delimiter) for delimiter in ([declared] if declared else DELIMITERS))
    if len(head) == HEAD_BYTES and len(line) == len(text) and count > max_columns:
        raise DataError(
            f"the first line alone holds more than {count:,} columns; at most {max_columns:,} are "
            "read. Keep the columns that the study needs."
        )
    if '"' not in line:
        check_width(count + 1, max_columns)


def _decode(raw: bytes, encoding: str, *, declared: bool) -> tuple[str, list[Finding]]:
    try:
        return raw.decode(encoding), []
    except UnicodeError as error:
        line = raw.count(b"\n", 0, getattr(error, "start", 0)) + 1
        if declared or encoding != "utf-8":
            raise DataError(
                f"line {line} is not text in {encoding}. Correct data.encoding in the study file, "
                "or leave it out to have it found."
            ) from None
    try:
        text, found = raw.decode("cp1252"), "Windows-1252 (Latin-1)"
    except UnicodeDecodeError:
        text, found = raw.decode("latin-1"), "Latin-1"
    message = (
        f"The file is not UTF-8 (line {line}); it was read as {found}. Check letters such as é "
        "and ü; declare data.encoding to be sure."
    )
    return text, [finding("encoding", "note", message)]


def _sniffed(text: str) -> str:
    """Delimiter that cuts the first records into the same number of cells, the more the better."""
    best, best_score = ",", (0, 0)
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(text[:HEAD_BYTES], newline=""), delimiter=delimiter)
        try:
            records = [r for r in islice(reader, SNIFFED_RECORDS) if r]
        except csv.Error:
            continue
        if not records or len(records[0]) < 2:
            continue
        agreeing = sum(len(record) == len(records[0]) for record in records)
        score = (round(100 * agreeing / len(records)), len(records[0]))
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _records(text: str, delimiter: str) -> tuple[list[int], list[list[str]]]:
    """Every record that is not a blank line, with its row as the spreadsheet numbers it."""
    if "\x00" in text:
        raise DataError("the text holds NUL characters. Export the file again as CSV.")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[int] = []
    records: list[list[str]] = []
    number = 0
    try:
        for record in reader:
            number += 1
            if record:
                rows.append(number)
                records.append(record)
    except csv.Error as error:
        raise DataError(
            f"row {number + 1} cannot be read: {error}. Look at its quotation marks; a quoted "
            f"cell must be closed and holds at most {MAX_CELL:,} characters."
        ) from None
    return rows, records


def _even(rows: list[int], records: list[list[str]], width: int) -> list[list[str]]:
    """Records below the header; cells after the last column are allowed only where empty."""
    ragged = []
    first, body = rows[0], records[1:]
    even = body
    if any(len(record) != width for record in body):
        even = []
        for row, record in zip(rows[1:], body, strict=True):
            if len(record) > width and not any(cell.strip() for cell in record[width:]):
                record = record[:width]
            if len(record) != width:
                ragged.append(f"row {row} has {len(record)}")
            even.append(record)
    if ragged:
        more = f" and {len(ragged) - MAX_EXAMPLES} more" if len(ragged) > MAX_EXAMPLES else ""
        raise DataError(
            f"the header (row {first}) has {width} cell{'' if width == 1 else 's'}, but "
            f"{', '.join(ragged[:MAX_EXAMPLES])}{more}. Put quotes around cells that hold the "
            "delimiter, delete lines above the header, or declare data.delimiter."
        )
    return even


def _frame(
    names: list[str], rows: list[int], body: list[list[str]], notes: list[Finding]
) -> pd.DataFrame:
    columns = list(zip(*body, strict=True)) if body else [()] * len(names)
    unnamed = [p for p, name in enumerate(names) if not name and any(map(str.strip, columns[p]))]
    if unnamed[:1] == [0]:
        names = ["(row names)", *names[1:]]
        message = "The first column has no name; it was taken for row names and is not used."
        notes.append(finding("unnamed_column", "note", message, column="A"))
        unnamed = unnamed[1:]
    refuse_unnamed(unnamed)
    index = pd.Index(rows, dtype="int64", name="row")
    named = {
        name: pd.Series(columns[position], index=index, dtype="str")
        for position, name in enumerate(names)
        if name
    }
    return pd.DataFrame(named, index=index)
