"""Where parts of a study file must agree with each other. Each rule yields (key, what is wrong)."""

from __future__ import annotations

import keyword
from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import pairwise
from pathlib import PurePosixPath, PureWindowsPath

from analysis.instruments import INSTRUMENTS
from analysis.studies.estimand_rules import estimands_problems
from analysis.studies.formulas import check_formula
from analysis.studies.records import ROW, Measure, Study

Key = tuple[object, ...]
Problem = tuple[Key, str]

RESERVED = (
    "patient", "therapy", "visit", "week", "value", "baseline", "site", "therapist", "row",
    "measure",
)  # fmt: skip


def problems_between(study: Study) -> list[Problem]:
    """Every disagreement between parts of a study file, as (key, rest of a sentence)."""
    rules = (
        _data, _therapy, _schedule, _horizons, _finding_visits, _measures, _instruments,
        _covariates, _filters, _events, estimands_problems, _model,
    )  # fmt: skip
    return [problem for rule in rules for problem in rule(study)]


def outside(name: str) -> str | None:
    """Say why a file name in a study file is refused, or None: it must stay below the study file.

    Both path styles are read, so that a file is refused or accepted alike on every system.
    """
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if any(ord(character) < 32 for character in name):
        return f"is {name!r}; a file name has no control characters"
    if posix.is_absolute() or windows.anchor or name.startswith("~"):
        return f"is {name!r}; a file is named relative to the study file"
    if ".." in {*posix.parts, *windows.parts}:
        return f"is {name!r}, which climbs out of the study file's folder; put the file below it"
    return None


def _data(study: Study) -> Iterator[Problem]:
    data = study.data
    for role in ("outcomes", "patients", "events", "truth"):
        name = getattr(data, role)
        if name is not None and (why := outside(name)):
            yield ("data", role), why
    for given in ("url", "obtain"):
        if getattr(data, given) is not None:
            for key in ("sha256", "licence"):
                if getattr(data, key) is None:
                    yield ("data", key), f"is missing; data with '{given}' need it"
    if ROW in study.patient and (study.layout != "wide" or data.patients is not None):
        yield ("patient",), f"is {ROW!r}, the row; only a wide file alone has a row a patient"
    if data.patients_id is not None:
        if data.patients is None:
            yield ("data", "patients_id"), "is for a patients file; name it under 'patients'"
        elif len(data.patients_id) != len(study.patient):
            yield ("data", "patients_id"), "needs as many columns as 'patient'"
    if data.truth is not None and not study.simulated:
        yield ("data", "truth"), "is only known of simulated data ('simulated: true'); leave it out"
    if study.layout == "adam" and data.patients is None:
        yield ("data", "patients"), "is missing; layout adam needs the ADSL file there"


def _repeated(values: list[object], key: Key, what: str) -> Iterator[Problem]:
    for value, count in Counter(values).items():
        if count > 1:
            yield key, f"holds the {what} {value!r} {count} times; each must differ"


def _therapy(study: Study) -> Iterator[Problem]:
    if study.therapy is None:
        if study.design == "randomised":
            yield ("therapy",), "is missing; a randomised study has one (or say 'observational')"
        return
    key: Key = ("therapy", "arms")
    labels = [arm.label for arm in study.therapy.arms]
    codes = [str(arm.label if arm.code is None else arm.code).strip() for arm in study.therapy.arms]
    yield from _repeated(list(labels), key, "label")
    yield from _repeated(list(codes), key, "code")
    comparator = study.therapy.comparator
    if comparator is not None and comparator not in labels:
        yield ("therapy", "comparator"), f"is {comparator!r}; it must be one of the labels {labels}"
    if comparator is None and len(labels) > 1:
        yield ("therapy",), f"has no comparator; name one of {labels}"


def _schedule(study: Study) -> Iterator[Problem]:
    schedule, key = study.visits.schedule, ("visits", "schedule")
    yield from _repeated([visit.name for visit in schedule], key, "name")
    codes = [str(visit.name if visit.code is None else visit.code) for visit in schedule]
    yield from _repeated(list(codes), key, "code")
    weeks = [visit.week for visit in schedule]
    if any(later <= earlier for earlier, later in pairwise(weeks)):
        yield key, f"has weeks {weeks}; they must rise from visit to visit"
    if sum(visit.baseline for visit in schedule) > 1:
        yield key, "marks more than one visit as baseline; mark one"
    elif any(visit.baseline for visit in schedule[1:]):
        yield key, "has a visit before the baseline visit; baseline comes first"
    if not study.followup:
        yield key, "has no visit after baseline; name at least one"


def _horizons(study: Study) -> Iterator[Problem]:
    key: Key = ("visits", "schedule")
    for position, visit in enumerate(study.visits.schedule):
        if visit.baseline and visit.horizon:
            yield (*key, position, "horizon"), "is set at baseline; later visits have one"
    short = [visit.week for visit in study.horizon("short")]
    long = [visit.week for visit in study.horizon("long")]
    if short and long and max(short) >= min(long):
        yield key, "has a short-term visit after a long-term one"


def _finding_visits(study: Study) -> Iterator[Problem]:
    visits = study.visits
    if study.layout == "wide":
        if visits.column is not None:
            yield ("visits", "column"), "is for long files; a wide one has measures[].columns"
        yield from _timed_columns(study)
    else:
        if visits.column is None:
            yield ("visits", "column"), "is missing; it names the column that says which visit a row is"
        if visits.by != "label" and len(visits.column or ()) > 1:
            yield ("visits", "column"), f"holds several columns; the {visits.by} of a row is in one"
        if visits.columns:
            yield ("visits", "columns"), "are for wide files; a long file has one 'column'"
    if visits.by == "date" and visits.start is None:
        yield ("visits", "start"), "is missing; dates need the column with the day of randomisation"
    if visits.by != "label":
        for position, visit in enumerate(visits.schedule):
            if visit.window_days is None:
                key = ("visits", "schedule", position, "window_days")
                yield key, f"is missing; a visit found by its {visits.by} needs one, as [7, 7]"


def _timed_columns(study: Study) -> Iterator[Problem]:
    """Columns of a wide file that say when each visit was."""
    visits = study.visits
    if visits.by != "label" and not visits.columns:
        yield (
            ("visits", "columns"),
            f"is missing; with 'by: {visits.by}' a wide file needs the column with each visit's {visits.by}",
        )
    if visits.by == "label" and visits.columns:
        yield ("visits", "by"), "is missing; say whether visits.columns hold a 'date', 'week' or 'day'"
    names = [visit.name for visit in visits.schedule]
    for unknown in visits.columns:
        if unknown not in names:
            yield ("visits", "columns", unknown), f"is not a visit; visits are {names}"


def _measures(study: Study) -> Iterator[Problem]:
    key: Key = ("measures",)
    yield from _repeated([measure.name for measure in study.measures], key, "name")
    primaries = sum(measure.primary for measure in study.measures)
    if primaries != 1:
        yield key, f"has {primaries} primary measures; mark exactly one with 'primary: true'"
    names = [visit.name for visit in study.visits.schedule]
    for position, measure in enumerate(study.measures):
        here: Key = (*key, position)
        yield from _columns(study, measure, here)
        for part in ("columns", "requires"):
            for unknown in getattr(measure, part):
                if unknown not in names:
                    yield (*here, part, unknown), f"is not a visit; visits are {names}"
        if measure.code is not None and study.measure_column is None:
            yield (*here, "code"), "needs 'measure_column', which says which measure a row holds"
        if measure.baseline_column is not None and study.baseline_visit is None:
            yield (*here, "baseline_column"), "needs a visit with 'baseline: true' in the schedule"


def _columns(study: Study, measure: Measure, here: Key) -> Iterator[Problem]:
    if study.layout == "wide":
        if not measure.columns:
            yield (*here, "columns"), "is missing; a wide file needs a column for each visit"
        if measure.column is not None:
            yield (*here, "column"), "is for long files; a wide file has 'columns', one per visit"
        return
    if measure.column is None:
        yield (*here, "column"), "is missing; it names the column with the values"
    if measure.columns:
        yield (*here, "columns"), "is for wide files; a long file has one 'column'"
    if study.measure_column is not None and measure.code is None:
        yield (*here, "code"), "is missing; it is what 'measure_column' holds for this measure"


def _instruments(study: Study) -> Iterator[Problem]:
    own = [instrument.key for instrument in study.instruments]
    yield from _repeated(list(own), ("instruments",), "key")
    for position, instrument in enumerate(study.instruments):
        if instrument.low >= instrument.high:
            yield ("instruments", position, "low"), f"is {instrument.low}; it must be below high"
    known = sorted({*INSTRUMENTS, *own})
    for position, measure in enumerate(study.measures):
        if measure.instrument not in known:
            close = get_close_matches(measure.instrument.upper(), known, n=1)
            meant = f"did you mean {close[0]!r}? " if close else ""
            yield (
                ("measures", position, "instrument"),
                f"is {measure.instrument!r}, which is not known; {meant}allowed: "
                f"{', '.join(known)}, or one defined under 'instruments'",
            )


def _covariates(study: Study) -> Iterator[Problem]:
    yield from _repeated([c.name for c in study.covariates], ("covariates",), "name")
    for position, covariate in enumerate(study.covariates):
        here: Key = ("covariates", position)
        if covariate.name in RESERVED or keyword.iskeyword(covariate.name):
            yield (*here, "name"), f"is {covariate.name!r}, which is taken; choose another"
        if covariate.range is not None and covariate.range[0] >= covariate.range[1]:
            yield (*here, "range"), f"is {list(covariate.range)}; it must rise from low to high"
        if covariate.type == "number" and covariate.labels:
            yield (*here, "labels"), "are for categories; this covariate is a number"
        if covariate.type == "category" and covariate.range is not None:
            yield (*here, "range"), "is for numbers; this covariate is a category"


def _filters(study: Study) -> Iterator[Problem]:
    for position, rule in enumerate(study.filters):
        if (bool(rule.keep) + bool(rule.drop) + rule.present) != 1:
            yield ("filters", position), "needs exactly one of 'keep', 'drop' and 'present: true'"


def _events(study: Study) -> Iterator[Problem]:
    if study.events is None:
        return
    role = study.events.file
    if getattr(study.data, role) is None:
        yield ("data", role), f"is missing; 'events' reads from that file (events.file is {role!r})"
    if study.events.week is not None and study.events.visit is not None:
        yield ("events",), "has both 'week' and 'visit'; keep one"


def _model(study: Study) -> Iterator[Problem]:
    yield from _repeated(list(study.model.covariance), ("model", "covariance"), "structure")
    if study.model.formula is not None:
        names = [covariate.name for covariate in study.covariates]
        if why := check_formula(study.model.formula, names):
            yield ("model", "formula"), why
