"""The data that the reference results were made with, read as the results need them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from parity import REFERENCE

from analysis.parity import BCVA, FEV, PAIN

__all__ = ["BCVA", "FEV", "PAIN", "bcva", "fev", "pain150"]


def pain150() -> pd.DataFrame:
    """The trial that ships with these tests."""
    return PAIN.read(REFERENCE / "pain150.csv")


def fev(shared_data: Path) -> pd.DataFrame:
    """The FEV1 example of R's mmrm."""
    return FEV.read(shared_data / "reference" / "fev_data.csv")


def bcva(shared_data: Path) -> pd.DataFrame:
    """The visual acuity example of R's mmrm."""
    return BCVA.read(shared_data / "reference" / "bcva_data.csv")
