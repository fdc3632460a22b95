"""What a study is, in sentences made from its study file, so that prose is right for any study."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.describe.grid import values_grid
from analysis.instruments import Instrument, find_instrument
from analysis.studies.records import Study, Visit
from analysis.trial.records import Trial

SIMULATED = "Simulated data: no real patient stands behind these numbers."
DESIGNS = {
    "randomised": (
        "Patients were randomised, so differences between therapies can be read as effects of "
        "being assigned to them."
    ),
    "observational": (
        "Therapies were not assigned at random, so differences between them are described and are "
        "not effects."
    ),
}
ONE_GROUP = (
    "The study has one group. It says how patients fared, and cannot say what a therapy added."
)
NO_COMPARATOR = (
    "No comparator is named, so each therapy is shown alone; improvement alone also holds natural "
    "recovery and regression to the mean."
)


def about_study(study: Study) -> list[str]:
    """Sentences that say which data these are and how they came about.

    Parameters
    ----------
    study : Study

    Returns
    -------
    list of str
        Plain text; titles and labels are the user's own and must be escaped where they are shown.
    """
    first = [SIMULATED] if study.simulated else []
    return [*first, f"Study: {study.title}.", _groups(study), _score(study), *_horizons(study)]


def who_took_part(trial: Trial) -> str:
    """How many patients there were, and how many of them were still seen at each horizon."""
    grid = values_grid(trial)
    parts = []
    for word in ("short", "long"):
        visits = [visit.name for visit in trial.study.horizon(word)]
        if visits:
            seen = int(grid[visits].notna().any(axis=1).sum())
            parts.append(f"{seen:,} have a score in the {word} term")
    people = f"{len(grid):,} {'patient' if len(grid) == 1 else 'patients'}"
    return f"{people}; of these {' and '.join(parts)}." if parts else f"{people}."


def limits_of(study: Study) -> list[str]:
    """What the study cannot tell, in sentences; one item each, plain text."""
    found = [SIMULATED] if study.simulated else []
    if not study.horizon("long"):
        found.append("There is no long-term visit, so nothing is said about how long relief lasts.")
    if not study.horizon("short"):
        found.append(
            "There is no short-term visit, so nothing is said about how fast relief comes."
        )
    if len(study.therapies) == 1:
        found.append(ONE_GROUP)
    elif study.design == "observational":
        found.append(DESIGNS["observational"])
    if study.baseline_visit is None:
        found.append("There is no baseline, so relief of a therapy alone cannot be estimated.")
    found += [
        "Patients who were lost are represented by patients like them who stayed (missing at "
        "random). Whether that holds cannot be seen in the data.",
        "The minimal important change is meant for change within a person. It is not a threshold "
        "for differences between groups.",
        "This is research on groups of patients and no medical advice for one of them.",
    ]
    return found


def _groups(study: Study) -> str:
    if len(study.therapies) == 1:
        return ONE_GROUP
    named = "; ".join(study.therapies)
    against = f" The comparator is {study.comparator}." if study.comparator else " " + NO_COMPARATOR
    return f"Therapies: {named}.{against} {DESIGNS[study.design]}"


def _score(study: Study) -> str:
    measure = study.primary
    instrument: Instrument = find_instrument(measure.instrument, study.instruments)
    better = "lower" if instrument.direction == "lower_is_better" else "higher"
    return (
        f"Outcome: {measure.label} ({instrument.name}, {instrument.low:g} to {instrument.high:g} "
        f"{instrument.unit}; {better} is better). Relief is turned so that positive is better."
    )


def _horizons(study: Study) -> list[str]:
    named = [("Short term", study.horizon("short")), ("Long term", study.horizon("long"))]
    return [
        f"{word}: {_visits(visits)}." if visits else f"{word}: the study has no such visit."
        for word, visits in named
    ]


def _visits(visits: Sequence[Visit]) -> str:
    """Visits with both clocks, the second where it is known."""
    parts = []
    for visit in visits:
        since = ""
        if visit.weeks_since_end is not None:
            after = visit.weeks_since_end
            word = "after" if after >= 0 else "before"
            since = f", {abs(after):g} weeks {word} the end of treatment"
            since = ", at the end of treatment" if after == 0 else since
        parts.append(f"{visit.name} ({visit.week:g} weeks after the start{since})")
    return "; ".join(parts)
