"""Where data and reference numbers lie that the project may not ship."""

from __future__ import annotations

import os
from pathlib import Path

from analysis.errors import ReliefError

DATA_VARIABLE = "PAIN_DATA"


def real_data() -> Path:
    """Folder of data sets of other programs, below the one that PAIN_DATA names.

    Raises
    ------
    ReliefError
        PAIN_DATA is not set, or the folder it names has no such data.
    """
    return _existing(_named() / "reference", "the data that R's mmrm and SAS were run on")


def reference_beside() -> Path:
    """Folder of results of R and SAS on those data, beside the folder that PAIN_DATA names.

    Raises
    ------
    ReliefError
        PAIN_DATA is not set, or there is no such folder beside it.
    """
    return _existing(_named().parent / "reference", "the results of R's mmrm and SAS")


def _named() -> Path:
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        raise ReliefError(
            f"{DATA_VARIABLE} is not set. Set it to the folder of real data; see data/README.md."
        )
    return Path(folder)


def _existing(folder: Path, what: str) -> Path:
    if not folder.is_dir():
        raise ReliefError(
            f"There is no folder {folder.name} with {what} where {DATA_VARIABLE} points. "
            "Name the folder of real data that has it."
        )
    return folder
