"""Parquet files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.errors import DataError
from analysis.readers.header import column_names


def read_parquet(path: Path, max_columns: int) -> pd.DataFrame:
    """Read a Parquet file; the first record is row 2, as it would be in a spreadsheet.

    Raises
    ------
    DataError
        A damaged file, too many columns, or names that are missing or stand twice.
    """
    import pyarrow.parquet

    try:
        names = column_names(pyarrow.parquet.read_schema(path).names, max_columns)
        frame = pyarrow.parquet.read_table(path).to_pandas(ignore_metadata=True)
    except DataError:
        raise
    except Exception as error:  # what a damaged file says of itself may be no text and no JSON
        raise DataError(
            f"the Parquet file cannot be read ({type(error).__name__}). Write it again."
        ) from None
    frame.columns = names
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="row")
    return frame
