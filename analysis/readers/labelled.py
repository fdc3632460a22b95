"""Files of statistics packages: Stata, SPSS, SAS transport and SAS data sets."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.errors import DataError
from analysis.readers.finding import Finding, finding, shorten
from analysis.readers.header import check_width, column_names
from analysis.readers.kinds import Kind
from analysis.readers.probe import refuse_crashing

Labels = dict[str, dict[object, str]]
# Values declared as missing, by column: "lo" to "hi", both included.
Ranges = dict[str, list[dict[str, Any]]]


def read_labelled(
    path: Path, kind: Kind, max_columns: int
) -> tuple[pd.DataFrame, Labels, dict[str, str], list[Finding]]:
    """Read a file of a statistics package, keeping its labels beside the values.

    Values that an SPSS file itself declares as missing are read as missing, with a note of how
    many. Dates come as dates.

    Returns
    -------
    tuple of DataFrame, labels of values, labels of columns, and findings
        The first record is row 2, as it would be in a spreadsheet.

    Raises
    ------
    DataError
        A damaged file, too many columns, or names that stand twice.
    """
    import pyreadstat

    readers: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
        "stata": (pyreadstat.read_dta, {}),
        "spss": (pyreadstat.read_sav, {"user_missing": True}),
        "xpt": (pyreadstat.read_xport, {}),
        "sas7bdat": (pyreadstat.read_sas7bdat, {}),
    }
    read, options = readers[kind]
    refuse_crashing(path, read.__name__)
    try:
        with warnings.catch_warnings():
            # pyreadstat renames a column whose name comes twice, and says so in a warning.
            warnings.simplefilter("error", UserWarning)
            _, head = read(str(path), metadataonly=True)
            check_width(head.number_columns, max_columns)
            frame, meta = read(str(path), **options)
    except DataError:
        raise
    except Exception as error:  # a damaged file may hold dates and names that nothing can be
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"the file cannot be read ({shorten(why)}). Export it again."
        ) from None
    frame.columns = column_names(list(frame.columns), max_columns)
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="row")
    frame, notes = without_declared_missing(frame, getattr(meta, "missing_ranges", None) or {})
    labels = {column: dict(values) for column, values in meta.variable_value_labels.items()}
    descriptions = {name: text for name, text in meta.column_names_to_labels.items() if text}
    return frame, labels, descriptions, notes


def without_declared_missing(frame: pd.DataFrame, ranges: Ranges) -> tuple[pd.DataFrame, list[Finding]]:
    """Take values for missing that the file itself declares so, with a note of how many."""
    notes: list[Finding] = []
    columns = dict(frame.items())
    for name, declared in ranges.items():
        if name not in columns:
            continue
        column = columns[name]
        hit = pd.Series(False, index=frame.index)
        for part in declared:
            filled = column.notna()
            within = column[filled].between(part["lo"], part["hi"])
            hit |= within.reindex(frame.index, fill_value=False)
        if hit.any():
            codes = sorted({str(value) for value in column[hit]})
            message = (
                f"The file declares {', '.join(codes)} as missing; {int(hit.sum())} values "
                "were read as missing."
            )
            notes.append(finding("declared_missing", "note", message, column=name))
        columns[name] = column.mask(hit)
    return pd.DataFrame(columns, index=frame.index), notes
