"""Events as they are written down: what interrupts a course, and what harms."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.schema import EVENT_COLUMNS
from analysis.simulate.course import Course, Floats
from analysis.simulate.scenario import Scenario, Treatment
from analysis.simulate.streams import stream

BACKGROUND = "illness or injury unrelated to the therapy"
_WEEKS_IN_QUARTER = 13.0


def events_of(
    scenario: Scenario,
    arms: NDArray[np.int64],
    courses: dict[int, tuple[NDArray[np.int64], Course]],
    lost: Floats,
    seed: int,
) -> pd.DataFrame:
    """Every event before a person is lost, and the loss itself.

    Parameters
    ----------
    scenario : Scenario
    arms : array (n,)
        Number of each person's treatment in the scenario.
    courses : dict
        For each treatment the people who have it and how they fared.
    lost : array (n,)
        Week of loss, infinite if never.
    seed : int

    Returns
    -------
    pandas.DataFrame
        `person` (position), then week (to a tenth), kind, what, serious and related; sorted by
        person and week.
    """
    pieces = [_frame(np.flatnonzero(np.isfinite(lost)), lost, "lost", "lost to follow-up")]
    for number, (rows, course) in courses.items():
        pieces += _intercurrent(scenario, scenario.treatments[number], rows, course, len(lost))
    ended = np.full(len(lost), np.inf)
    for rows, course in courses.values():
        ended[rows] = course.stopped
    for number, treatment in enumerate(scenario.treatments):
        pieces += _caused(treatment, np.flatnonzero(arms == number), ended, seed)
    pieces.append(_background(scenario, len(lost), seed))
    events = pd.concat(pieces, ignore_index=True)
    before = (events["kind"] == "lost") | (events["week"] < lost[events["person"].to_numpy()])
    within = events["week"] <= scenario.weeks[-1]
    events = events[before & within]
    events = events.assign(week=np.floor(events["week"] * 10.0) / 10.0)
    order = ["person", "week", "kind", "what"]
    return events.sort_values(order, kind="stable").reset_index(drop=True)


def _frame(
    people: NDArray[np.int64],
    weeks: Floats,
    kind: str,
    what: str | NDArray[np.object_],
    serious: NDArray[np.bool_] | None = None,
    related: bool | None = None,
) -> pd.DataFrame:
    """Events of these people; `weeks` has one entry for everybody in the trial."""
    size = len(people)
    columns = {
        "person": pd.Series(people, dtype="int64"),
        "week": pd.Series(weeks[people], dtype="float64"),
        "kind": pd.Series([kind] * size, dtype="str"),
        "what": pd.Series([what] * size if isinstance(what, str) else what, dtype="str"),
        "serious": pd.array([pd.NA] * size if serious is None else serious, dtype="boolean"),
        "related": pd.array([pd.NA if related is None else related] * size, dtype="boolean"),
    }
    return pd.DataFrame(columns)[["person", *EVENT_COLUMNS[1:]]]


def _intercurrent(
    scenario: Scenario,
    treatment: Treatment,
    rows: NDArray[np.int64],
    course: Course,
    everybody: int,
) -> list[pd.DataFrame]:
    pieces = []
    attended = np.zeros(everybody)
    attended[rows] = course.sessions
    for kind, weeks in (
        ("stopped_therapy", course.stopped),
        ("rescue_medication", course.rescue),
        ("other_therapy", course.other),
    ):
        spread = np.full(everybody, np.inf)
        spread[rows] = weeks
        people = np.flatnonzero(spread <= scenario.weeks[-1])
        what: str | NDArray[np.object_] = {
            "rescue_medication": "analgesic", "other_therapy": "another therapy for pain",
        }.get(kind, "")  # fmt: skip
        if kind == "stopped_therapy":
            texts = [f"after {n:.0f} of {treatment.sessions} sessions" for n in attended[people]]
            what = np.array(texts, dtype=object)
        pieces.append(_frame(people, spread, kind, what))
    return pieces


def _caused(
    treatment: Treatment, people: NDArray[np.int64], ended: Floats, seed: int
) -> list[pd.DataFrame]:
    """Adverse events a therapy causes while it is given; the risk is that of a whole course."""
    pieces = []
    for harm in treatment.harms:
        generator = stream(seed, f"harm {treatment.label} {harm.what}")
        happens = generator.random(len(people)) < harm.risk
        week = treatment.course_weeks * generator.random(len(people))
        serious = generator.random(len(people)) < harm.serious
        happens &= week < ended[people]
        spread = np.full(len(ended), np.inf)
        spread[people] = week
        pieces.append(
            _frame(people[happens], spread, "adverse_event", harm.what, serious[happens], True)
        )
    return pieces


def _background(scenario: Scenario, size: int, seed: int) -> pd.DataFrame:
    """The first event that no therapy caused, at the same rate in every arm."""
    events = scenario.events
    generator = stream(seed, "background events")
    rate = -math.log1p(-events.background_per_quarter) / _WEEKS_IN_QUARTER
    weeks = generator.standard_exponential(size) / rate if rate > 0 else np.full(size, np.inf)
    serious = generator.random(size) < events.background_serious
    people = np.flatnonzero(weeks <= scenario.weeks[-1])
    return _frame(people, weeks, "adverse_event", BACKGROUND, serious[people], False)
