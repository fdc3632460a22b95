"""Data to measure with: made trials of any size, and the reference data sets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
VISITS = 4
SEED = 20240229
PART = 50_000


def trial(patients: int, seed: int = SEED, first: int = 0) -> pd.DataFrame:
    """Three arms, a baseline, four visits, 2 to 20 % of values missing at random.

    Parameters
    ----------
    patients : int
        Rows are four times as many.
    seed : int
    first : int
        Number of the first patient.
    """
    rng = np.random.default_rng(seed)
    base, arm = rng.normal(6, 1.4, patients), np.arange(patients) % 3
    root = np.linalg.cholesky(0.5 + 0.5 * np.eye(VISITS))
    y = 0.4 * base[:, None] - 0.3 * arm[:, None] + rng.standard_normal((patients, VISITS)) @ root.T
    y[rng.random(y.shape) < np.linspace(0.02, 0.2, VISITS)] = np.nan
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(first, first + patients), VISITS),
            "visit": pd.Categorical.from_codes(
                np.tile(np.arange(VISITS), patients), ["w04", "w12", "w26", "w52"]
            ),
            "arm": pd.Categorical.from_codes(np.repeat(arm, VISITS), ["usual", "sham", "active"]),
            "base": np.repeat(base, VISITS),
            "y": y.ravel(),
        }
    )


def dropouts(
    patients: int, visits: int = 5, seed: int = SEED
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Outcomes (n, m) with a tenth lost at each visit, design (n, m, 3 m), and two arms (n,)."""
    rng = np.random.default_rng(seed)
    arm, base = np.arange(patients) % 2, rng.normal(50, 10, patients)
    design = np.zeros((patients, visits, 3 * visits))
    for visit in range(visits):
        columns = slice(3 * visit, 3 * visit + 3)
        design[:, visit, columns] = np.column_stack([np.ones(patients), arm, base])
    root = np.linalg.cholesky(0.5 + 0.5 * np.eye(visits))
    outcome = design @ np.tile([1.0, 2.0, 0.5], visits)
    outcome += 5 * rng.standard_normal((patients, visits)) @ root.T
    gone = np.cumsum(rng.random((patients, visits)) < 0.1, axis=1) > 0
    outcome[gone & (np.arange(visits) > 0)] = np.nan
    return outcome, design, arm


def parts(patients: int) -> Iterator[pd.DataFrame]:
    """A trial one part after another, so that it is never in memory whole."""
    for number, first in enumerate(range(0, patients, PART)):
        yield trial(min(PART, patients - first), SEED + number, first)


def write_parquet(path: Path, patients: int) -> None:
    """A trial of this size as a Parquet file, one row group a part."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = (pa.Table.from_pandas(part, preserve_index=False) for part in parts(patients))
    head = next(tables)
    with pq.ParquetWriter(path, head.schema) as file:
        file.write_table(head)
        for table in tables:
            file.write_table(table)


def reference(name: str) -> Path | None:
    """A reference data set, or None where the folder of real data is absent."""
    folder = Path(os.environ.get("PAIN_DATA", ROOT.parent / "shared" / "data")) / "reference"
    path = folder / f"{name}_data.csv"
    return path if path.exists() else None
