"""The cells of one column as trimmed text, whatever type the file gave them."""

from __future__ import annotations

import datetime
import math
import numbers
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.schema import UNSEEN

_WHOLE = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")


@dataclass(frozen=True, slots=True)
class Cells:
    """A column of a file.

    Attributes
    ----------
    column : str
        Its name.
    rows : ndarray of int
        Row of each cell as the spreadsheet numbers it.
    codes : ndarray of int
        Position in `texts` of each cell.
    texts : ndarray of str
        Every distinct text, trimmed; "" is missing. Work is done once a text, not once a cell.
    labels : mapping
        Label of a text where the file keeps value labels.
    """

    column: str
    rows: NDArray[np.int64]
    codes: NDArray[np.int64]
    texts: NDArray[np.object_]
    labels: dict[str, str]

    @property
    def text(self) -> NDArray[np.object_]:
        """Text of each cell."""
        return self.texts[self.codes]

    @property
    def blank(self) -> NDArray[np.bool_]:
        """True where a cell is empty or holds a sign for missing."""
        return (self.texts == "")[self.codes]

    def each(self, function: Callable[[str], Any], dtype: Any = object) -> NDArray[Any]:
        """Result of a function for each cell, computed once a distinct text."""
        results = np.empty(len(self.texts), dtype=dtype)
        for position, text in enumerate(self.texts):
            results[position] = function(text)
        return results[self.codes]

    def matches(self, values: Iterable[object]) -> NDArray[np.bool_]:
        """True where a cell holds one of these codes ("1", 1 and 1.0 are one code)."""
        wanted = {code_key(value) for value in values}
        return self.each(
            lambda text: code_key(text) in wanted or self.labels.get(text, text) in wanted, bool
        )


def cells_of(
    series: pd.Series, missing: Sequence[str] = (), labels: dict[object, str] | None = None
) -> Cells:
    """Cells of a column as it was read.

    Parameters
    ----------
    series : Series
        Any type; its index is the row.
    missing : sequence of str
        Texts that stand for a missing value.
    labels : dict, optional
        Value labels of the column.
    """
    try:
        codes, uniques = pd.factorize(series, use_na_sentinel=True)
    except TypeError:
        # Lists and records, as Parquet may hold them, cannot be compared as they are.
        codes, uniques = pd.factorize(series.astype("str"), use_na_sentinel=True)
    signs = {sign.strip() for sign in missing}
    texts = [cell_text(value) for value in uniques]
    # The last text is "": a code of -1, which marks a missing cell, points at it.
    found = np.array(["" if text in signs else text for text in texts] + [""], dtype=object)
    codes = np.where(codes < 0, len(found) - 1, codes).astype(np.int64)
    named = {cell_text(value): _legible(label.strip()) for value, label in (labels or {}).items()}
    rows = series.index.to_numpy(dtype=np.int64)
    return Cells(str(series.name), rows, codes, found, named)


def cell_text(value: object) -> str:
    """Text of one cell: trimmed, whole numbers without a decimal point, dates as ISO.

    Characters that cannot be seen are escaped (`\\x1b`): the text may stand in a figure or a page.
    """
    if isinstance(value, str):
        return _legible(value.strip())
    if value is None or value is pd.NaT:
        return ""
    if isinstance(value, bool | np.bool_):
        return "1" if value else "0"
    if isinstance(value, datetime.datetime):
        midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, numbers.Real):
        number = float(value)
        if math.isnan(number):
            return ""
        whole = number.is_integer() and abs(number) < 1e15
        return str(int(number)) if whole else repr(number)
    if isinstance(value, bytes):
        return _legible(value.decode("utf-8", "replace").strip())
    return _legible(str(value).strip())


def _legible(text: str) -> str:
    if text.isprintable():
        return text
    return UNSEEN.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


def code_key(value: object) -> str:
    """What two spellings of one code have in common: "1", 1, 1.0 and " 01 " give the same."""
    text = cell_text(value)
    if not _WHOLE.fullmatch(text):
        return text
    return cell_text(float(text))
