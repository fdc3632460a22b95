"""Analysis results as data: results.json, one object an estimate, after CDISC's ARS and `cards`."""

from __future__ import annotations

import json
import math
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.report.results import NUMBER_FORMAT
from analysis.studies.records import Study

SCHEMA_NAME = "results.schema.json"
# Column of a result frame, and the name and label its statistic has in `broom` and `cards`.
STATISTICS = (
    ("estimate", "estimate", "Estimate"), ("std_error", "std.error", "Standard error"),
    ("df", "df", "Degrees of freedom"), ("statistic", "statistic", "Test statistic"),
    ("p_value", "p.value", "p-value"), ("conf_low", "conf.low", "Lower confidence limit"),
    ("conf_high", "conf.high", "Upper confidence limit"), ("n_therapy", "n", "Patients of the therapy"),
    ("n_comparator", "n.comparator", "Patients of the comparator"),
)  # fmt: skip
COLUMN_OF = {name: column for column, name, _ in STATISTICS}


def analysis_results(frame: pd.DataFrame, study: Study) -> dict[str, Any]:
    """Every estimate as an object that names its analysis, variable, groups and statistics.

    Parameters
    ----------
    frame : pandas.DataFrame
        Result frame (`analysis.schema.RESULT_COLUMNS`).
    study : Study

    Returns
    -------
    dict
        As `results.schema.json` has it. Numbers have the digits of results.csv; one that is not
        finite is "Infinity" or "-Infinity", a missing one is left out. `error` says why there is
        no estimate, `warning` what to mind.
    """
    labels = {measure.name: measure.label for measure in study.measures}
    confidence = study.model.confidence
    return {
        "$schema": SCHEMA_NAME,
        "study": study.title,
        "simulated": study.simulated,
        "confidence": confidence,
        "results": [_result(row, labels) for row in frame.to_dict("records")],
    }


def write_analysis_results(frame: pd.DataFrame, study: Study, path: Path) -> None:
    """Write results.json, one estimate a line, and its schema beside it."""
    content = analysis_results(frame, study)
    results = content.pop("results")
    start = json.dumps(content, ensure_ascii=False, indent=1).removesuffix("\n}")
    dense = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    lines = ",\n".join(dense.encode(row) for row in results)
    text = f'{start},\n "results": [\n{lines}\n]}}\n'
    path.write_text(text, encoding="utf-8", newline="\n")
    path.with_name(SCHEMA_NAME).write_text(schema_text(), encoding="utf-8", newline="\n")


def schema_text() -> str:
    """The JSON schema (draft 2020-12) of results.json."""
    return (files("analysis.report") / "templates" / SCHEMA_NAME).read_text(encoding="utf-8")


def _result(row: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    missing = pd.isna(row["estimate"])
    return {
        "analysis": row["analysis"],
        "estimand": row["estimand"],
        "variable": row["measure"],
        "variable_label": labels.get(row["measure"], row["measure"]),
        "context": row["quantity"],
        "horizon": row["horizon"],
        "visit": row["visit"],
        "week": _number(row["week"]),
        "group1": "therapy",
        "group1_level": row["therapy"],
        "group2": "comparator" if row["comparator"] else None,
        "group2_level": row["comparator"] or None,
        "method": row["method"],
        "stats": [
            {"stat_name": name, "stat_label": label, "stat": _number(row[column])}
            for column, name, label in STATISTICS
            if not pd.isna(row[column])
        ],
        "warning": None if missing else row["note"] or None,
        "error": (row["note"] or "not estimable") if missing else None,
    }


def _number(value: float) -> float | int | str | None:
    if pd.isna(value):
        return None
    if isinstance(value, int):
        return value
    if not math.isfinite(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(NUMBER_FORMAT % value)
