"""The study file of a simulated trial, as a record."""

from __future__ import annotations

from typing import Any

from analysis.schema import EventKind, Horizon
from analysis.simulate.scenario import Scenario
from analysis.studies.records import (
    Arm,
    Covariate,
    Data,
    Estimand,
    Events,
    Handling,
    Measure,
    Study,
    Therapy,
    Visit,
    Visits,
)

KINDS: tuple[EventKind, ...] = (
    "stopped_therapy", "rescue_medication", "other_therapy", "lost", "adverse_event",
)  # fmt: skip


def visit_name(week: float) -> str:
    """Name of the visit in this week."""
    return "baseline" if week == 0.0 else f"week {week:g}"


def study_of(scenario: Scenario) -> Study:
    """Describe a scenario as a study, before any outcome is drawn.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    Study
        As it reads back from the study file that `write_trial` makes.
    """
    return Study(
        title=scenario.title,
        description=scenario.description,
        design="randomised",
        simulated=True,
        data=Data(
            outcomes="outcomes.csv", patients="patients.csv", events="events.csv",
            truth="truth.csv", licence="BSD-3-Clause",
        ),
        layout="long",
        patient=("patient",),
        site="site",
        therapist="therapist",
        therapy=Therapy(
            column="therapy",
            comparator=scenario.comparator.label,
            arms=tuple(
                Arm(label=t.label, randomised=scenario.per_arm) for t in scenario.treatments
            ),
        ),
        visits=Visits(
            column=("visit",), schedule=tuple(_visit(scenario, week) for week in scenario.weeks)
        ),
        measures=tuple(
            Measure(name=scale.name, label=scale.label, instrument=scale.instrument,
                    column=scale.name, primary=scale is scenario.pain_scale)
            for scale in scenario.scales
        ),
        covariates=_covariates(scenario),
        events=Events(
            kind="kind", kinds={kind: kind for kind in KINDS}, week="week", what="what",
            serious="serious", related="related",
        ),
        estimands=_estimands(scenario),
    )  # fmt: skip


def _visit(scenario: Scenario, week: float) -> Visit:
    named: dict[float, Horizon] = {scenario.short: "short", scenario.long: "long"}
    horizon = named.get(week, "")
    since = None if week == 0.0 else week - scenario.treatment_end
    return Visit(name=visit_name(week), week=week, weeks_since_end=since, baseline=week == 0.0,
                 horizon=horizon)  # fmt: skip


def _estimands(scenario: Scenario) -> tuple[Estimand, ...]:
    """Treatment policy, which the true values are of, and one supplementary for each strategy."""
    hypothetical = Handling(strategy="hypothetical")
    last = max(week for week in scenario.weeks if week <= scenario.treatment_end)
    handled: dict[str, dict[str, Any]] = {
        "Treatment policy": {"primary": True},
        "No other treatment": {
            "events": {"rescue_medication": hypothetical, "other_therapy": hypothetical}
        },
        "Benefit lost after stopping": {
            "events": {
                "stopped_therapy": Handling(strategy="reference_based", assumption="JR"),
                "other_therapy": hypothetical,
            }
        },
        "Stopping is failure": {
            "events": {"stopped_therapy": Handling(strategy="composite", value="baseline")}
        },
        "While on treatment": {
            "events": {"stopped_therapy": Handling(strategy="while_on_treatment")},
            "short": (visit_name(last),) if last > 0 else (),
            "long": (),
        },
    }
    who = f"People with chronic pain of {scenario.pain.entry[0]:g} or more at entry"
    return tuple(Estimand(name=name, population=who, **more) for name, more in handled.items())


def _covariates(scenario: Scenario) -> tuple[Covariate, ...]:
    return (
        Covariate(name="age", column="age", label="Age", type="number", unit="years",
                  range=scenario.people.age_range),
        Covariate(name="sex", column="sex", label="Sex", type="category",
                  labels={"F": "female", "M": "male"}),
        Covariate(name="duration", column="duration", label="Duration of pain", type="number",
                  unit="years", range=(0.0, 200.0)),
        Covariate(name="expectation", column="expectation", label="Expectation of relief",
                  type="number", unit="points", range=(0.0, 10.0)),
    )  # fmt: skip
