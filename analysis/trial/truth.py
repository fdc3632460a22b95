"""The true values that a simulated trial keeps beside its data."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.readers.finding import Finding, finding, listed
from analysis.schema import RESULT_COLUMNS, RESULT_COUNTS, RESULT_NUMBERS, result_frame
from analysis.trial.numerals import numbers_of
from analysis.trial.source import Source


def truth_of(source: Source) -> tuple[pd.DataFrame | None, list[Finding]]:
    """Result frame from the file of true values.

    Returns
    -------
    tuple of DataFrame or None, and findings
        None where the file is not a result frame; the findings say why.
    """
    frame = source.table.frame
    unknown = [str(name) for name in frame.columns if name not in RESULT_COLUMNS]
    if unknown:
        message = (
            f"True values have the columns of a result frame; {listed(unknown)} are not among "
            f"them. They are {listed(list(RESULT_COLUMNS), 20)}."
        )
        return None, [finding("truth_columns", "error", message, file=source.name)]
    found: list[Finding] = []
    columns: dict[str, list[object]] = {}
    use = np.ones(len(frame), dtype=bool)
    for name in frame.columns:
        cells = source.cells(name)
        if name in RESULT_NUMBERS or name in RESULT_COUNTS:
            read = numbers_of(cells, use, decimal=".", file=source.name)
            found += read.findings
            columns[name] = [None if np.isnan(v) else v for v in read.values.tolist()]
        else:
            columns[name] = cells.text.tolist()
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    try:
        return result_frame(rows), found
    except ValueError as error:
        message = f"True values cannot be read: {error}."
        return None, [*found, finding("truth_columns", "error", message, file=source.name)]
