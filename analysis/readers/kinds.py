"""Which format a file has: what its ending says, held against how it begins."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from analysis.errors import DataError

Kind = Literal["text", "excel", "parquet", "stata", "spss", "xpt", "sas7bdat", "r"]

ENDINGS: dict[str, Kind] = {
    ".csv": "text", ".tsv": "text", ".tab": "text", ".txt": "text", ".dat": "text",
    ".xlsx": "excel", ".xlsm": "excel", ".parquet": "parquet", ".dta": "stata",
    ".sav": "spss", ".zsav": "spss", ".xpt": "xpt", ".sas7bdat": "sas7bdat",
    ".rda": "r", ".rdata": "r", ".rds": "r",
}  # fmt: skip

_NAMES: dict[str, str] = {
    "text": "text", "excel": "an Excel workbook", "parquet": "Parquet", "stata": "Stata",
    "spss": "SPSS", "xpt": "a SAS transport file", "sas7bdat": "a SAS data set", "r": "data of R",
    "old_excel": "an old Excel workbook (.xls)", "gzip": "a gzip archive", "pdf": "a PDF",
    "html": "a web page",
}  # fmt: skip

_SAS7BDAT = bytes.fromhex("000000000000000000000000c2ea8160")
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "excel"), (b"PAR1", "parquet"), (b"<stata_dta>", "stata"),
    (b"$FL2", "spss"), (b"$FL3", "spss"), (b"HEADER RECORD*******", "xpt"),
    (_SAS7BDAT, "sas7bdat"), (b"\xd0\xcf\x11\xe0", "old_excel"), (b"\x1f\x8b", "gzip"),
    (b"%PDF", "pdf"), (b"RDX2\n", "r"), (b"RDX3\n", "r"), (b"RDA2\n", "r"), (b"RDA3\n", "r"),
    (b"RDB2\n", "r"), (b"RDB3\n", "r"),
)  # fmt: skip
# Beginnings of R's files that others may have too: compressed with gzip, bzip2 or xz, or one object bare.
_OF_R = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"X\n", b"A\n", b"A\r\n", b"B\n")
# First byte of Stata files before version 13 (formats 104 to 115).
_OLD_STATA = range(104, 116)
_WEB_PAGE = (b"<!doctype", b"<html", b"<table", b"<?xml")


def kind_of(path: Path, size: int) -> Kind:
    """Format of a file.

    Raises
    ------
    DataError
        An ending that is not known, or a beginning that belongs to another format.
    """
    ending = path.suffix.lower()
    if ending == ".xls":
        raise DataError("the old Excel format .xls is not read. Save it as .xlsx or .csv.")
    if ending not in ENDINGS:
        raise DataError(
            f"the ending '{ending}' is not known. Files that are read end in {', '.join(ENDINGS)}."
        )
    kind = ENDINGS[ending]
    with path.open("rb") as stream:
        head = stream.read(min(size, 64))
    begins = _begins_as(head)
    if kind == "r" and head.startswith(_OF_R):
        return kind
    if begins == kind or (kind == "text" and begins == "stata_old"):
        return kind
    if kind == "stata" and begins == "stata_old":
        return kind
    found = _NAMES.get(begins, "text")
    raise DataError(
        f"the ending '{ending}' says {_NAMES[kind]}, but the file holds {found}. Give it the "
        "ending that fits, or export it again."
    )


def _begins_as(head: bytes) -> str:
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head[0] in _OLD_STATA and head[1:2] in (b"\x01", b"\x02"):
        return "stata_old"
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_WEB_PAGE):
        return "html"
    return "text"
