"""A small study that tests spoil in one way each."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from analysis.errors import DataError
from analysis.intake import read_trial

CONTENT: dict[str, Any] = {
    "title": "Massage for neck pain",
    "design": "randomised",
    "data": {"outcomes": "pain.csv"},
    "layout": "long",
    "patient": "id",
    "therapy": {
        "column": "therapy",
        "comparator": "Usual care",
        "arms": [{"label": "Usual care"}, {"label": "Massage"}],
    },
    "visits": {
        "column": "visit",
        "schedule": [
            {"name": "start", "week": 0, "baseline": True},
            {"name": "week 4", "week": 4, "horizon": "short"},
            {"name": "week 26", "week": 26, "horizon": "long"},
        ],
    },
    "measures": [
        {"name": "pain", "label": "Pain", "instrument": "NRS", "column": "pain", "primary": True}
    ],
    "covariates": [{"name": "age", "column": "age", "type": "number"}],
}

Row = dict[str, object]


def content() -> dict[str, Any]:
    """Content of a sound study file, to be changed."""
    return copy.deepcopy(CONTENT)


def sound_rows(patients: int = 6) -> list[Row]:
    """Rows of a sound outcomes file: patients take turns between the therapies."""
    visits = (("start", 6), ("week 4", 4), ("week 26", 5))
    return [
        {"id": f"P{n:02d}", "therapy": ("Usual care", "Massage")[n % 2], "age": 30 + n,
         "visit": visit, "pain": pain + n % 3}
        for n in range(patients)
        for visit, pain in visits
    ]  # fmt: skip


def csv_text(rows: list[Row], delimiter: str = ",") -> str:
    """Rows as delimited text."""
    return pd.DataFrame(rows).to_csv(index=False, sep=delimiter)


def write_study(
    folder: Path, study: Mapping[str, Any] | None = None, **files: str | bytes | list[Row]
) -> Path:
    """Write a study file and its data files (`pain_csv` is written as pain.csv)."""
    for name, text in ({"pain_csv": sound_rows()} | files).items():
        raw = csv_text(text) if isinstance(text, list) else text
        raw = raw.encode() if isinstance(raw, str) else raw
        (folder / name.replace("_", ".")).write_bytes(raw)
    path = folder / "study.yml"
    path.write_text(yaml.safe_dump(dict(study or CONTENT), sort_keys=False), encoding="utf-8")
    return path


def findings_of(path: Path) -> pd.DataFrame:
    """Findings of a study, whether they stop the analysis or not."""
    try:
        return read_trial(path).findings
    except DataError as error:
        assert error.findings is not None
        return error.findings


def only(findings: pd.DataFrame, rule: str) -> pd.Series:
    """The one finding of that rule."""
    hits = findings[findings["rule"] == rule]
    assert len(hits) == 1, findings[["rule", "message"]].to_string()
    return hits.iloc[0]
