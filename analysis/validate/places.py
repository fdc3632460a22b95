"""Where in the files something of a trial stands."""

from __future__ import annotations

from analysis.studies.records import Measure, Study
from analysis.trial.records import Trial


def file_of(trial: Trial, role: str = "outcomes") -> str:
    """Name of the file with that role, "" where the trial came from no file."""
    return next((file.name for file in trial.files if file.role == role), "")


def column_of(study: Study, measure: Measure, visit: str) -> str:
    """Column of a measure at a visit, as the file names it."""
    if study.layout == "wide":
        baseline = study.baseline_visit
        fallback = ", ".join(measure.columns.values())
        if baseline is not None and visit == baseline.name and visit not in measure.columns:
            return measure.baseline_column or fallback
        return measure.columns.get(visit, fallback)
    return measure.column or measure.name
