"""Files of a report that other programs read: results.csv and provenance.json."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.trial.records import Trial

DISTRIBUTION = "lasting-relief"
PROVENANCE_NAME = "provenance.json"
# What reads, computes, draws and runs; provenance names their versions.
PACKAGES = (
    "formulaic", "ipykernel", "matplotlib", "nbclient", "nbconvert", "numpy", "openpyxl", "pandas",
    "pyarrow", "pydantic", "pyreadstat", "pyyaml", "scipy", "statsmodels",
)  # fmt: skip
# Digits beyond the eighth differ between builds of the linear algebra library.
NUMBER_FORMAT = "%.8g"
# A spreadsheet runs a cell that starts with one of these as a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_results(frame: pd.DataFrame, path: Path) -> None:
    """Write a result frame as CSV: UTF-8, LF line ends, eight digits, empty for missing.

    Text that a spreadsheet would run as a formula gets an apostrophe in front.

    Parameters
    ----------
    frame : pandas.DataFrame
        Result frame (`analysis.schema.RESULT_COLUMNS`); not changed.
    path : Path
    """
    safe = frame.copy()
    for name in safe.columns:
        if pd.api.types.is_string_dtype(safe[name].dtype):
            safe[name] = safe[name].map(harmless)
    safe.to_csv(
        path, index=False, float_format=NUMBER_FORMAT, lineterminator="\n", encoding="utf-8"
    )


def harmless(text: str) -> str:
    """Text with an apostrophe in front where a spreadsheet would run it as a formula."""
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def provenance(trial: Trial, study_file: Path, seed: int | None = None) -> dict[str, Any]:
    """What a report was made from: inputs by name and sha256, versions, the seed of a simulation.

    Holds no folder of this computer, no date and no address: the same inputs give the same file.

    Parameters
    ----------
    trial : Trial
    study_file : Path
    seed : int, optional
        Seed the data were simulated with, where known.
    """
    digest = hashlib.sha256(study_file.read_bytes()).hexdigest()
    inputs: list[dict[str, Any]] = [
        {"name": study_file.name, "role": "study", "sha256": digest}
    ]
    inputs += [
        {"name": Path(file.name).name, "role": file.role, "sha256": file.sha256, "rows": file.rows}
        for file in trial.files
    ]
    return {
        "made_by": DISTRIBUTION,
        "version": _version(DISTRIBUTION),
        "study": trial.study.title,
        "simulated": trial.study.simulated,
        "seed": seed,
        "licence_of_data": trial.study.data.licence,
        "citation_of_data": trial.study.data.citation,
        "inputs": inputs,
        "versions": package_versions(),
    }


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that read, compute, draw and run."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def write_provenance(record: dict[str, Any], path: Path) -> None:
    """Write a provenance record as indented JSON."""
    text = json.dumps(record, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
