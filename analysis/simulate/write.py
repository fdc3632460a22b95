"""Write a simulated trial: four tables and the study file that describes them.

Line ends and number formats are fixed, so that the same trial is the same bytes everywhere.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from analysis.schema import EVENT_COLUMNS, RESULT_COLUMNS
from analysis.studies.records import Study
from analysis.trial.records import Trial

_HEADING = (
    "# SIMULATED DATA. No patient stands behind any row: analysis.simulate made all files in this\n"
    "# folder. True values of every relief estimand are in truth.csv.\n"
)
_COMMENTS = {
    "data": "Files beside this one. Every column is explained in data/README.md.",
    "layout": "One row is one patient at one visit; a missed visit has no row.",
    "therapy": "Everybody is analysed in the arm they were randomised to.",
    "visits": (
        "Two clocks: weeks from randomisation (week) and from the end of treatment\n"
        "(weeks_since_end); every course ends by week {end:g}, some earlier. Short and long term\n"
        "were named before the outcome was drawn: within 14 weeks and at one year."
    ),
    "measures": "Lower is better on all of these; directions belong to the instruments.",
    "covariates": "Known before randomisation.",
    "events": "What happened between visits. Scores after an event count as they are.",
    "estimands": (
        "The question (ICH E9(R1)): first the primary estimand, then supplementary ones that ask\n"
        "what if. A kind of event that is not named is treatment policy."
    ),
}


def write_trial(trial: Trial, folder: str | Path) -> None:
    """Write outcomes.csv, patients.csv, events.csv, truth.csv and study.yml.

    Parameters
    ----------
    trial : Trial
        As `simulate` makes it.
    folder : str or Path
        Made if it does not exist; files of these names in it are replaced.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    texts = {
        "outcomes.csv": csv_text(*_outcome_rows(trial)),
        "patients.csv": csv_text(*_patient_rows(trial)),
        "events.csv": csv_text(EVENT_COLUMNS, _cells(trial.events, EVENT_COLUMNS)),
        "study.yml": study_text(trial.study),
    }
    if trial.truth is not None:
        texts["truth.csv"] = csv_text(RESULT_COLUMNS, _cells(trial.truth, RESULT_COLUMNS))
    for name, text in texts.items():
        (target / name).write_bytes(text.encode("utf-8"))


def study_text(study: Study) -> str:
    """Write a study as the text of a study file, with comments for its reader."""
    content: Mapping[str, Any] = study.model_dump(mode="json", exclude_defaults=True)
    end = max(
        (v.week - v.weeks_since_end for v in study.followup if v.weeks_since_end is not None),
        default=0.0,
    )
    parts = [_HEADING]
    for key, value in content.items():
        comment = _COMMENTS.get(key)
        if comment:
            lines = comment.format(end=end).split("\n")
            parts.append("\n" + "".join(f"# {line}\n" for line in lines))
        parts.append(_yaml(key, _plain(value)))
    return "".join(parts)


def _yaml(key: str, value: Any) -> str:
    """One entry; lists of records have one record a line."""
    if isinstance(value, dict) and any(_is_records(inner) for inner in value.values()):
        inner = "".join(_indented(_yaml(name, part)) for name, part in value.items())
        return f"{key}:\n{inner}"
    if _is_records(value):
        return f"{key}:\n" + "".join(f"  - {_flow(record)}\n" for record in value)
    return yaml.safe_dump(
        {key: value}, sort_keys=False, allow_unicode=True, width=96, default_flow_style=False
    )


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, dict) for part in value)


def _flow(record: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(
        record, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=True
    )
    return text.strip()


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def _plain(value: Any) -> Any:
    """Whole numbers without a decimal point; a list of one text as that text."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        parts = [_plain(part) for part in value]
        return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else parts
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _outcome_rows(trial: Trial) -> tuple[list[str], Iterable[list[str]]]:
    """One row a patient and visit, in the rows that the outcomes say they stand in."""
    outcomes = trial.outcomes
    names = [measure.name for measure in trial.study.measures]
    lines: dict[int, list[str]] = {}
    place = {name: 3 + number for number, name in enumerate(names)}
    columns = ("row", "patient", "visit", "week", "measure", "value")
    for row, patient, visit, week, measure, value in zip(
        *(outcomes[name].tolist() for name in columns), strict=True
    ):
        line = lines.setdefault(row, [patient, visit, _text(week), *[""] * len(names)])
        line[place[measure]] = _text(value)
    return ["patient", "visit", "week", *names], [lines[row] for row in sorted(lines)]


def _patient_rows(trial: Trial) -> tuple[list[str], Iterable[Sequence[str]]]:
    patients = trial.patients
    codes = {
        covariate.name: {label: str(code) for code, label in covariate.labels.items()}
        for covariate in trial.study.covariates
        if covariate.labels
    }
    coded = patients.assign(
        **{name: patients[name].astype("str").map(code) for name, code in codes.items()}
    )
    return list(patients.columns), _cells(coded, tuple(patients.columns))


def _cells(frame: pd.DataFrame, columns: tuple[str, ...]) -> Iterable[Sequence[str]]:
    return zip(*([_text(value) for value in frame[name].tolist()] for name in columns), strict=True)


def _text(value: Any) -> str:
    """A cell: nothing for missing, yes or no, numbers without needless digits."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        text = f"{value:.6f}".rstrip("0").rstrip(".")
        return "0" if text == "-0" else text
    return str(value)


def csv_text(
    columns: Iterable[str], rows: Iterable[Iterable[str]], *, delimiter: str = ",", end: str = "\n"
) -> str:
    """Delimited text: a line of names and a line for each row, quoted where it must be."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
