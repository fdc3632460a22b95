"""Columns that the study file names and the files do not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from analysis.errors import DataError
from analysis.readers.finding import Finding, finding, listed, quoted
from analysis.schema import finding_frame
from analysis.studies.records import Study
from analysis.trial.source import Source, patient_columns

Wanted = tuple[str, str, tuple[str, ...], bool]


def missing_columns(study: Study, sources: Mapping[str, Source]) -> list[Finding]:
    """An error for every column that is named and not there.

    Raises
    ------
    DataError
        One without which nothing can be read is missing: patient, therapy or visit. The error
        carries all that are missing.
    """
    found: list[Finding] = []
    essential = False
    for key, column, roles, needed in _wanted(study):
        places = [sources[role] for role in roles if role in sources]
        if any(column in place for place in places):
            continue
        essential |= needed
        found.append(_missing(key, column, places))
    if essential:
        lines = [f"{f['file']}: {f['message']}" for f in found]
        raise DataError("\n".join(lines), finding_frame(found))
    return found


def _missing(key: str, column: str, places: list[Source]) -> Finding:
    present = [str(name) for place in places for name in place.table.frame.columns]
    close = get_close_matches(column, present, n=1)
    hint = f"Did you mean {quoted(close[0])}?" if close else f"It has {listed(present)}."
    files = ", ".join(place.name for place in places)
    message = (
        f"The study file names the column {quoted(column)} ({key}), which is not there. {hint} "
        "Correct the study file or the header."
    )
    return finding("missing_column", "error", message, file=files, column=column)


def _wanted(study: Study) -> Iterator[Wanted]:
    """Key of the study file, column, the files that may have it, and whether all hangs on it."""
    outcomes, either = ("outcomes",), ("patients", "outcomes")
    for column in study.patient:
        yield "patient", column, outcomes, True
    if study.data.patients is not None:
        key = "patient" if study.data.patients_id is None else "data.patients_id"
        for column in patient_columns(study, "patients"):
            yield key, column, ("patients",), True
    if study.therapy is not None:
        yield "therapy.column", study.therapy.column, either, True
    for column in study.visits.column or ():
        yield "visits.column", column, outcomes, True
    for column in study.visits.columns.values():
        yield "visits.columns", column, outcomes, True
    if study.visits.start is not None:
        yield "visits.start", study.visits.start, either, True
    if study.measure_column is not None:
        yield "measure_column", study.measure_column, outcomes, True
    for key, name in (("site", study.site), ("therapist", study.therapist)):
        if name is not None:
            yield key, name, either, False
    for measure in study.measures:
        named = [measure.column, *measure.columns.values(), *measure.requires.values()]
        for column in dict.fromkeys(name for name in named if name is not None):
            yield f"measure {measure.name}", column, outcomes, False
        if measure.baseline_column is not None:
            yield f"measure {measure.name}", measure.baseline_column, either, False
    for covariate in study.covariates:
        yield f"covariate {covariate.name}", covariate.column, either, False
    for rule in study.filters:
        yield "filters", rule.column, either, False
    yield from _wanted_events(study)


def _wanted_events(study: Study) -> Iterator[Wanted]:
    events = study.events
    if events is None:
        return
    for column in events.patient or study.patient:
        yield "events.patient", column, (events.file,), False
    for key in ("kind", "week", "visit", "what", "serious", "related"):
        name = getattr(events, key)
        if name is not None:
            yield f"events.{key}", name, (events.file,), False
