"""True effects on pain under the estimands whose truth the simulator knows, and true responders.

People are followed under every therapy with the same chances, nobody is lost, and each estimand's
rule is applied to what happens to them. `analysis.simulate.truth` does the same for treatment policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.simulate import Scenario
from analysis.simulate.course import Course, follow
from analysis.simulate.people import enrol

Array = NDArray[np.float64]

BLOCK = 20_000
POLICY, NO_OTHER = "Treatment policy", "No other treatment"
FAILURE, ON_TREATMENT = "Stopping is failure", "While on treatment"
RESPONSE, SHARE = "at least 30 % better", 0.3
# Scores are whole steps and 30 % of 10 is 3: as in the definition of responders.
ROUNDING = 1e-9


def known_values(scenario: Scenario, *, seed: int, patients: int) -> pd.DataFrame:
    """True effect of every therapy against the comparator, with its Monte-Carlo error.

    Columns `estimand`, `quantity`, `horizon`, `therapy`, `estimate`, `std_error`; the estimand of
    responders is their definition. Reference-based estimands are not here: what a patient would
    have had after jumping to the reference is an assumption, and no truth.
    """
    scenario = replace(scenario, companions=())
    labels = [treatment.label for treatment in scenario.treatments]
    sums: dict[tuple[str, str], tuple[Array, Array]] = {}
    blocks = -(-patients // BLOCK)
    for block in range(blocks):
        for estimand, scores, base in _scores(scenario, seed, block):
            for label, mine in zip(labels[1:], scores[1:], strict=True):
                made = _effects(scenario, estimand, scores[0], mine, base)
                total, product = sums.get((estimand, label), (0.0, 0.0))
                sums[estimand, label] = (total + made.sum(axis=0), product + made.T @ made)
    count = blocks * BLOCK
    rows = []
    for (estimand, label), (total, product) in sums.items():
        mean = total / count
        cov = (product / count - np.outer(mean, mean)) / count
        rows += [
            (estimand, *named, label, value, error) for named, value, error in _rows(estimand, mean, cov)
        ]
    columns = ["estimand", "quantity", "horizon", "therapy", "estimate", "std_error"]
    return pd.DataFrame(rows, columns=columns)


def without_other_treatment(scenario: Scenario) -> Scenario:
    """The scenario in a world without rescue medication and other therapies."""
    return replace(
        scenario,
        treatments=tuple(replace(one, other_therapy=0.0) for one in scenario.treatments),
        events=replace(scenario.events, rescue_in_year=0.0),
    )


def _scores(
    scenario: Scenario, seed: int, block: int
) -> Iterator[tuple[str, list[Array], Array]]:
    """Pain of one block of people under every therapy, as each estimand has it, in points."""
    people = enrol(scenario, BLOCK, seed, f"known values {block} ")
    spread = np.hypot(scenario.places.site_sd, scenario.places.therapist_sd)
    place = spread * np.random.default_rng([seed, block]).standard_normal(BLOCK)
    step = scenario.pain_scale.per_point
    courses = [follow(scenario, one, people, place) for one in scenario.treatments]
    pain = [course.scores[0] / step for course in courses]
    base = pain[0][:, 0]
    yield POLICY, pain, base
    yield RESPONSE, pain, base
    weeks = np.array(scenario.weeks)
    yield FAILURE, [
        np.where(_stopped(course, weeks), base[:, None], scores)
        for course, scores in zip(courses, pain, strict=True)
    ], base
    yield ON_TREATMENT, [
        _carried(scores, _stopped(course, weeks)) for course, scores in zip(courses, pain, strict=True)
    ], base
    bare = without_other_treatment(scenario)
    yield NO_OTHER, [
        follow(bare, one, people, place).scores[0] / step for one in bare.treatments
    ], base


def _stopped(course: Course, weeks: Array) -> NDArray[np.bool_]:
    """Visits from the week of stopping on, the baseline never; weeks are written to a tenth."""
    week = np.floor(course.stopped * 10.0) / 10.0
    after = weeks >= week[:, None]
    after[:, 0] = False
    return after


def _carried(scores: Array, stopped: NDArray[np.bool_]) -> Array:
    """The last score before stopping stands for all later ones."""
    last = np.where(stopped, 0, np.arange(scores.shape[1])).max(axis=1)
    held = np.take_along_axis(scores, last[:, None], axis=1)
    return np.where(stopped, held, scores)


def _effects(scenario: Scenario, estimand: str, control: Array, mine: Array, base: Array) -> Array:
    """Three effects of each person: short, long and area; of responders short, long and both."""
    weeks = np.array(scenario.weeks)
    short, long = (scenario.weeks.index(week) for week in (scenario.short, scenario.long))
    if estimand == ON_TREATMENT:
        short = int(np.flatnonzero(weeks <= scenario.treatment_end)[-1])
    if estimand == RESPONSE:
        need = SHARE * base[:, None] - ROUNDING
        found, other = ((base[:, None] - pain >= need)[:, [short, long]] for pain in (mine, control))
        both = found.all(axis=1).astype(float) - other.all(axis=1)
        return np.column_stack([found.astype(float) - other, both])
    relief = control - mine
    area = np.trapezoid(relief[:, : long + 1], weeks[: long + 1], axis=1)
    return np.column_stack([relief[:, short], relief[:, long], area])


def _rows(
    estimand: str, mean: Array, cov: Array
) -> Iterator[tuple[tuple[str, str], float, float]]:
    """Quantities that follow from the three means, with their errors."""
    error = np.sqrt(np.diag(cov))
    if estimand == RESPONSE:
        for place, horizon in enumerate(("short", "long", "sustained")):
            yield ("risk_difference", horizon), mean[place], error[place]
        return
    yield ("relief", "short"), mean[0], error[0]
    if estimand == ON_TREATMENT:
        return
    yield ("relief", "long"), mean[1], error[1]
    loss = np.array([1.0, -1.0, 0.0])
    yield ("loss", ""), mean[0] - mean[1], float(np.sqrt(loss @ cov @ loss))
    ratio = mean[1] / mean[0]
    kept = np.array([-ratio, 1.0, 0.0])
    yield ("retention", ""), ratio, float(np.sqrt(kept @ cov @ kept)) / abs(mean[0])
    yield ("area", ""), mean[2], error[2]
