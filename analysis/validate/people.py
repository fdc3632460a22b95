"""Rules about characteristics at baseline."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.readers.finding import Finding, finding
from analysis.trial.cells import cell_text
from analysis.trial.covariates import limits, outside_limits
from analysis.trial.records import Trial
from analysis.validate.places import file_of


def impossible_characteristics(trial: Trial) -> Iterator[Finding]:
    """Ages that cannot be, and covariates outside their declared range."""
    for covariate in trial.study.covariates:
        bounds = limits(covariate)
        if covariate.type != "number" or bounds is None or covariate.name not in trial.patients:
            continue
        values = trial.patients[covariate.name]
        outside = (values < bounds[0]) | (values > bounds[1])
        for patient, value in zip(
            trial.patients["patient"][outside], values[outside], strict=True
        ):
            yield outside_limits(
                covariate, float(value), bounds, file=_file(trial), patient=patient
            )


def unknown_characteristics(trial: Trial) -> Iterator[Finding]:
    """Covariates of the model that some patients lack."""
    for covariate in trial.study.covariates:
        if not covariate.model or covariate.name not in trial.patients:
            continue
        missing = int(trial.patients[covariate.name].isna().sum())
        if missing:
            message = (
                f"{missing} of {len(trial.patients)} patients have no "
                f"{covariate.label or covariate.name}, which the model adjusts for. Fill it in, or "
                "set 'model: false' for it."
            )
            yield finding("covariate_missing", "warning", message, file=_file(trial),
                          column=covariate.column)  # fmt: skip


def constant_characteristics(trial: Trial) -> Iterator[Finding]:
    """Covariates with one value in all patients: nothing to adjust for."""
    for covariate in trial.study.covariates:
        if covariate.name not in trial.patients:
            continue
        known = trial.patients[covariate.name].dropna()
        if len(known) > 1 and known.nunique() == 1:
            message = (
                f"{covariate.label or covariate.name} is the same for all patients "
                f"({cell_text(known.iloc[0])}); it tells nothing. Check the column, or take it out."
            )
            yield finding("constant_column", "warning", message, file=_file(trial),
                          column=covariate.column, value=cell_text(known.iloc[0]))  # fmt: skip


def _file(trial: Trial) -> str:
    return file_of(trial, "patients") or file_of(trial)
