"""Rules about visits: those without data, and pairs that never meet in one patient."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from analysis.readers.finding import Finding, finding
from analysis.schema import Horizon
from analysis.trial.records import Trial
from analysis.validate.places import file_of


def visits_without_data(trial: Trial) -> Iterator[Finding]:
    """Scheduled visits at which nobody has a value of the primary measure."""
    study, outcomes = trial.study, trial.outcomes
    primary = set(outcomes["visit"][outcomes["measure"] == study.primary.name])
    attended = set(outcomes["visit"])
    for visit in study.visits.schedule:
        if visit.name in primary:
            continue
        what = study.primary.name if visit.name in attended else "any measure"
        message = (
            f"Nobody has a value of {what} at the visit '{visit.name}'; nothing can be estimated "
            "there. Check how the visit is written in the data, or take it out of the schedule."
        )
        yield finding("visit_without_data", "warning", message, file=file_of(trial),
                      visit=visit.name)  # fmt: skip


def visits_never_together(trial: Trial) -> Iterator[Finding]:
    """Pairs of visits that both have data but share no patient."""
    study, outcomes = trial.study, trial.outcomes
    values = outcomes[outcomes["measure"] == study.primary.name]
    seen = {
        visit.name: set(values["patient"][values["visit"] == visit.name])
        for visit in study.visits.schedule
    }
    for one, other in combinations([name for name, patients in seen.items() if patients], 2):
        if seen[one].isdisjoint(seen[other]):
            message = (
                f"No patient has {study.primary.name} at both '{one}' and '{other}'; how they go "
                "together cannot be estimated. Check that ids are the same at both visits."
            )
            yield finding("visits_never_together", "warning", message, file=file_of(trial),
                          visit=f"{one}, {other}")  # fmt: skip


def missing_horizons(trial: Trial) -> Iterator[Finding]:
    """No visit declared as short term, or none as long term."""
    rules: dict[Horizon, str] = {"short": "no_short_term_visit", "long": "no_long_term_visit"}
    for horizon, rule in rules.items():
        if not trial.study.horizon(horizon):
            message = (
                f"No visit is declared as {horizon} term, so {horizon}-term relief is not "
                f"estimated. Give a visit 'horizon: {horizon}' if the study has one."
            )
            yield finding(rule, "note", message)
