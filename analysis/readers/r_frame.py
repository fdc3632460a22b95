"""Data frames of R (.rda, .RData, .rds), with their value labels and labels of columns."""

from __future__ import annotations

import codecs
import datetime
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rdata.parser import CharFlags, RObject, RObjectType

from analysis.errors import DataError
from analysis.readers.finding import Finding, finding, listed, quoted
from analysis.readers.header import check_width, column_names
from analysis.readers.labelled import Labels, Ranges, without_declared_missing
from analysis.readers.r_objects import Contents, attributes_of, contents_of
from analysis.studies.records import Data

# Days and seconds from 1970 that the calendar of Python holds; others stay numbers.
_DAYS = (-719_162, 2_932_896)
_SECONDS = (-62_135_596_800.0, 253_402_300_799.0)
_ROW_NAMES = "(row names)"
_NUMBERS = (RObjectType.LGL, RObjectType.INT, RObjectType.REAL)
_WORDS = {
    RObjectType.VEC: "list", RObjectType.LIST: "list", RObjectType.CLO: "function",
    RObjectType.ENV: "environment", RObjectType.NILVALUE: "NULL", RObjectType.S4: "S4 object",
    **dict.fromkeys((*_NUMBERS, RObjectType.STR, RObjectType.CPLX), "vector"),
}  # fmt: skip


class _DamagedError(Exception):
    """Parts of the data frame do not fit together."""


def read_r(
    path: Path, data: Data, max_columns: int
) -> tuple[pd.DataFrame, Labels, dict[str, str], list[Finding]]:
    """Read a data frame of a file of R; nothing in the file is run.

    Factors come as their labels, NA as missing, `Date` as dates and `POSIXct` as local times of the
    zone that it names; labels of haven and labelled are kept beside the values, and values that they
    declare as missing are read as missing. Row names that are text are the column "(row names)".

    Parameters
    ----------
    path : Path
    data : Data
        `sheet` is the name of the data frame, or its number counted from 1; not needed where the
        file holds one. `encoding` is that of text that does not say its own.
    max_columns : int

    Returns
    -------
    tuple of DataFrame, labels of values, labels of columns, and findings
        The first record is row 2, as it would be in a spreadsheet.

    Raises
    ------
    DataError
        No file of R, a damaged or a monstrous one, no data frame, several of which none is chosen.
    """
    contents = contents_of(path)
    texts = _Texts(data.encoding or contents.encoding, declared=data.encoding is not None)
    frame = _chosen(contents, texts, data.sheet)
    try:
        return _read(frame, texts, max_columns)
    except DataError:
        raise
    except Exception as error:  # a damaged file may hold any object in the place of any other
        raise DataError(
            f"the data frame is damaged: its parts do not fit together ({type(error).__name__}). "
            "Save it again."
        ) from None


def _chosen(contents: Contents, texts: _Texts, wanted: str | int | None) -> RObject:
    """The data frame that is wanted, or the only one."""
    named = [(texts.of(name, 0) or "", thing) for name, thing in contents.objects]
    frames = [(name, thing) for name, thing in named if "data.frame" in _classes(thing, texts)]
    if not frames:
        held = listed([f"{name or 'an object'} ({_kind(thing)})" for name, thing in named])
        raise DataError(
            f"the file holds no data frame{', but ' + held if held else ''}. Save one in R: "
            'saveRDS(as.data.frame(NAME), "NAME.rds").'
        )
    names = [name for name, _ in frames]
    if wanted is None and len(frames) == 1:
        return frames[0][1]
    if wanted is None:
        raise DataError(
            f"the file holds several data frames: {listed(names)}. Name one of them with data.sheet."
        )
    if isinstance(wanted, int) and 1 <= wanted <= len(frames):
        return frames[wanted - 1][1]
    if wanted in names:
        return frames[names.index(str(wanted))][1]
    if names == [""]:
        raise DataError(
            f"there is no data frame {quoted(wanted)}; an .rds file holds one without a name. Leave "
            "data.sheet out."
        )
    raise DataError(f"there is no data frame {quoted(wanted)}; the file holds {listed(names)}.")


def _kind(thing: RObject) -> str:
    matrix = "dim" in attributes_of(thing) and _WORDS.get(thing.info.type) == "vector"
    return "matrix" if matrix else _WORDS.get(thing.info.type, "something else")


class _Texts:
    """Text of R, which says its encoding or leaves it to the file."""

    def __init__(self, encoding: str | None, *, declared: bool) -> None:
        self.encoding, self.declared, self.foreign = encoding or "utf-8", declared, False
        try:
            codecs.lookup(self.encoding)
            if not isinstance(codecs.decode(b"a", self.encoding), str):
                raise LookupError
        except (LookupError, ValueError, AssertionError, TypeError):
            raise DataError(
                f"data.encoding is {quoted(encoding)}, which is not known. Use utf-8, latin-1 or cp1252."
            ) from None

    def of(self, raw: bytes | None, flags: int) -> str | None:
        """One text; None is NA."""
        if raw is None:
            return None
        if not isinstance(raw, bytes):
            raise _DamagedError
        encoding = self.encoding
        if flags & CharFlags.UTF8 or flags & CharFlags.ASCII:
            encoding = "utf-8"
        elif flags & CharFlags.LATIN1:
            encoding = "cp1252"
        try:
            return raw.decode(encoding)
        except UnicodeError:
            self.foreign |= encoding != "cp1252"
        try:
            return raw.decode("cp1252")
        except UnicodeError:
            return raw.decode("latin-1")

    def all(self, vector: RObject) -> list[str | None]:
        """Every text of a character vector."""
        if vector.info.type is not RObjectType.STR:
            raise _DamagedError
        return [self.of(part.value, part.info.gp) for part in vector.value]


def _classes(thing: RObject, texts: _Texts) -> tuple[str, ...]:
    named = attributes_of(thing).get("class")
    if named is None or named.info.type is not RObjectType.STR:
        return ()
    return tuple(filter(None, texts.all(named)))


@dataclass(slots=True)
class _Read:
    """What was read of a data frame so far."""

    columns: dict[str, Any] = field(default_factory=dict)
    labels: Labels = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    ranges: Ranges = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    zoneless: list[str] = field(default_factory=list)


def _read(
    frame: RObject, texts: _Texts, max_columns: int
) -> tuple[pd.DataFrame, Labels, dict[str, str], list[Finding]]:
    about = attributes_of(frame)
    if frame.info.type is not RObjectType.VEC or (frame.value and "names" not in about):
        raise _DamagedError
    check_width(len(frame.value), max_columns)
    if not frame.value:
        raise DataError("the data frame has no columns. Save it again.")
    names = column_names(texts.all(about["names"]), max_columns)
    if len(names) != len(frame.value):
        raise _DamagedError
    if "" in names:
        raise DataError("a column of the data frame has no name. Give it one with names() in R.")
    read = _Read()
    for name, column in zip(names, frame.value, strict=True):
        _add(read, name, column, texts)
    rows = _rows(read)
    named = _row_names(about.get("row.names"), texts, rows)
    if named is not None and _ROW_NAMES not in read.columns:
        read.columns = {_ROW_NAMES: named, **read.columns}
    index = pd.RangeIndex(2, rows + 2, name="row")
    made = pd.DataFrame(
        {name: pd.Series(values, index=index, dtype=_dtype(values)) for name, values in read.columns.items()},
        index=index,
    )
    made, notes = without_declared_missing(made, read.ranges)
    return made, read.labels, read.descriptions, [*_notes(read, texts), *notes]


def _dtype(values: Any) -> str | None:
    return "object" if isinstance(values, list) else None


def _row_names(named: RObject | None, texts: _Texts, rows: int) -> list[str | None] | None:
    """Names of rows that say something: text, and more than the numbers of the rows."""
    if named is None or named.info.type is not RObjectType.STR:
        return None
    said = texts.all(named)
    if len(said) != rows:
        raise _DamagedError
    return None if said == [str(n) for n in range(1, rows + 1)] else said


def _rows(read: _Read) -> int:
    """Number of rows, the same for every column."""
    lengths = {len(values) for values in read.columns.values()}
    if len(lengths) > 1:
        raise _DamagedError
    if lengths:
        return lengths.pop()
    raise DataError(
        f"no column of the data frame can be read: {listed(read.left_out)} hold lists, matrices or complex "
        "numbers."
    )


def _notes(read: _Read, texts: _Texts) -> list[Finding]:
    found = []
    if texts.foreign:
        message = (
            "Text that does not say its encoding is not UTF-8; it was read as Windows-1252 (Latin-1). "
            "Check letters such as é and ü; declare data.encoding to be sure."
        )
        found.append(finding("encoding", "note", message))
    for name in read.left_out:
        message = "The column holds lists, a matrix or complex numbers; it was not read."
        found.append(finding("column_left_out", "note", message, column=name))
    for name in read.zoneless:
        message = (
            "The times name no time zone that is known here; they were read as UTC. Near midnight the date "
            "may be another one where they were taken."
        )
        found.append(finding("no_time_zone", "note", message, column=name))
    return found


def _add(read: _Read, name: str, column: RObject, texts: _Texts) -> None:
    """Read one column, and what is said of it."""
    about, classes = attributes_of(column), _classes(column, texts)
    plain = column.info.type in _NUMBERS or column.info.type is RObjectType.STR
    if not plain or "dim" in about:
        read.left_out.append(name)
        return
    if "label" in about and about["label"].info.type is RObjectType.STR:
        read.descriptions[name] = " ".join(filter(None, texts.all(about["label"])))
    if column.info.type is RObjectType.STR:
        read.columns[name] = texts.all(column)
    elif "factor" in classes:
        read.columns[name] = _factor(column, texts.all(about["levels"]))
    elif "Date" in classes:
        read.columns[name] = _dates(_floats(column))
    elif "POSIXct" in classes:
        zone = _zone(about.get("tzone"), texts)
        read.columns[name] = _times(_floats(column), zone or datetime.UTC)
        if zone is None:
            read.zoneless.append(name)
    elif "integer64" in classes:
        read.columns[name] = _long_integers(column)
    elif column.info.type is RObjectType.LGL:
        values = np.ma.asarray(column.value)
        read.columns[name] = [None if v is None else bool(v) for v in values.tolist()]
        # So that a study file may say TRUE and FALSE, as R shows them.
        read.labels[name] = {True: "TRUE", False: "FALSE"}
    else:
        read.columns[name] = _floats(column)
    _add_labels(read, name, about, texts)


def _add_labels(read: _Read, name: str, about: Mapping[str, RObject], texts: _Texts) -> None:
    """Value labels and missing values of the packages haven and labelled."""
    labelled = about.get("labels")
    if labelled is not None and "names" in attributes_of(labelled):
        said = texts.all(attributes_of(labelled)["names"])
        values = _values(labelled, texts)
        if len(said) != len(values):
            raise _DamagedError
        read.labels[name] = {v: text for v, text in zip(values, said, strict=True) if v == v and text}
    ranges = []
    if "na_values" in about:
        ranges += [{"lo": v, "hi": v} for v in _values(about["na_values"], texts)]
    if "na_range" in about:
        low, high = _values(about["na_range"], texts)
        ranges.append({"lo": low, "hi": high})
    if ranges:
        read.ranges[name] = ranges


def _values(vector: RObject, texts: _Texts) -> list[Any]:
    if vector.info.type is RObjectType.STR:
        return list(texts.all(vector))
    return list(_floats(vector).tolist())


def _floats(vector: RObject) -> NDArray[np.float64]:
    if vector.info.type not in _NUMBERS:
        raise _DamagedError
    return np.asarray(np.ma.filled(np.ma.asarray(vector.value, dtype=np.float64), np.nan))


def _factor(column: RObject, levels: list[str | None]) -> list[str | None]:
    codes = _floats(column)
    if column.info.type is not RObjectType.INT or (codes < 1).any() or (codes > len(levels)).any():
        raise _DamagedError
    return [None if code != code else levels[int(code) - 1] for code in codes.tolist()]


def _long_integers(column: RObject) -> list[int | None]:
    """Integers of the package bit64, written over the bytes of numbers; the lowest one is NA."""
    if column.info.type is not RObjectType.REAL:
        raise _DamagedError
    missing = np.iinfo(np.int64).min
    return [None if v == missing else v for v in column.value.view(np.int64).tolist()]


def _dates(days: NDArray[np.float64]) -> list[Any]:
    return _within(np.floor(days), _DAYS, lambda some: some.astype("datetime64[D]").astype(object))


def _times(seconds: NDArray[np.float64], zone: datetime.tzinfo) -> list[Any]:
    """Local times of a zone."""

    def local(some: NDArray[np.float64]) -> NDArray[np.object_]:
        utc = pd.DatetimeIndex(np.round(some * 1e6).astype("datetime64[us]"), tz="UTC")
        return utc.tz_convert(zone).tz_localize(None).to_pydatetime()

    return _within(seconds, _SECONDS, local)


def _within(
    numbers: NDArray[np.float64], limits: tuple[float, float],
    convert: Callable[[NDArray[np.float64]], NDArray[np.object_]],
) -> list[Any]:  # fmt: skip
    """Numbers within the limits converted, others as they are, NaN as None."""
    made = numbers.astype(object)
    made[np.isnan(numbers)] = None
    inside = (numbers >= limits[0]) & (numbers <= limits[1])
    made[inside] = convert(numbers[inside])
    return made.tolist()


def _zone(named: RObject | None, texts: _Texts) -> zoneinfo.ZoneInfo | None:
    """Time zone of a column of times, where it names one that is known here."""
    names = [] if named is None else texts.all(named)
    try:
        return zoneinfo.ZoneInfo(names[0]) if names and names[0] else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
