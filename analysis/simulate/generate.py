"""Make a trial from a scenario: enrol, randomise, treat, follow, and lose some on the way."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.schema import EVENT_COLUMNS
from analysis.simulate.attendance import attend
from analysis.simulate.course import Course, Floats, follow
from analysis.simulate.harms import events_of
from analysis.simulate.people import Drawn, enrol
from analysis.simulate.scenario import Scenario
from analysis.simulate.streams import stream
from analysis.simulate.study import study_of, visit_name
from analysis.simulate.truth import PATIENTS, truth
from analysis.trial.account import account_frame, lines_of
from analysis.trial.records import Trial


def simulate(scenario: Scenario, *, seed: int, truth_patients: int = PATIENTS) -> Trial:
    """Simulate a randomised trial.

    People are screened in order, randomised in blocks that hold every therapy once, within sites
    in turn. Purposes (screening, events, loss, ...) draw from streams of their own.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        0 or more; the same seed gives the same trial to the byte.
    truth_patients : int
        Patients that the true values rest on (some seconds); 0 leaves the true values out, for
        loops over seeds.

    Returns
    -------
    Trial
        As it reads back from the files that `write_trial` makes; raw scores, missed visits absent.
    """
    size = scenario.per_arm * len(scenario.treatments)
    people = enrol(scenario, size, seed)
    arms = _allocate(scenario, seed)
    sites = np.arange(size) // len(scenario.treatments) % scenario.places.sites
    place = _place(scenario, arms, sites, seed)
    courses: dict[int, tuple[NDArray[np.int64], Course]] = {}
    for number, treatment in enumerate(scenario.treatments):
        rows = np.flatnonzero(arms == number)
        courses[number] = (rows, follow(scenario, treatment, people.take(rows), place[rows]))
    scores = _gathered(scenario, courses, size)
    log_odds = np.array([treatment.loss_log_odds for treatment in scenario.treatments])[arms]
    attendance = attend(
        scenario, scores[0] / scenario.pain_scale.per_point, people.age, log_odds, seed
    )
    patients = _patients(scenario, people, arms, sites)
    outcomes, cells = _outcomes(scenario, patients["patient"], scores, attendance.seen, seed)
    events = events_of(scenario, arms, courses, attendance.lost, seed)
    events["patient"] = patients["patient"].to_numpy()[events["person"].to_numpy()]
    return Trial(
        study=study_of(scenario),
        patients=patients,
        outcomes=outcomes,
        events=events.astype({"patient": "str"})[list(EVENT_COLUMNS)],
        account=_account(cells, size, len(events)),
        truth=truth(scenario, seed=seed, patients=truth_patients) if truth_patients else None,
    )


def _allocate(scenario: Scenario, seed: int) -> NDArray[np.int64]:
    """Number of the treatment for each person: permuted blocks, each treatment once a block."""
    blocks = np.tile(np.arange(len(scenario.treatments)), (scenario.per_arm, 1))
    return stream(seed, "allocation").permuted(blocks, axis=1).ravel()


def _place(
    scenario: Scenario, arms: NDArray[np.int64], sites: NDArray[np.int64], seed: int
) -> Floats:
    """What site and therapist add: centred, so that the trial's means stay the population's."""
    places = scenario.places
    site = places.site_sd * stream(seed, "sites").standard_normal(places.sites)
    shape = (places.sites, len(scenario.treatments))
    therapist = places.therapist_sd * stream(seed, "therapists").standard_normal(shape)
    site = site - sum(site.tolist()) / places.sites
    therapist = therapist - np.array([sum(column) for column in therapist.T.tolist()]) / shape[0]
    return site[sites] + therapist[sites, arms]


def _gathered(
    scenario: Scenario, courses: dict[int, tuple[NDArray[np.int64], Course]], size: int
) -> tuple[Floats, ...]:
    """Scores of everybody, one array a measure, in the order of enrolment."""
    gathered = tuple(np.empty((size, len(scenario.weeks))) for _ in scenario.scales)
    for rows, course in courses.values():
        for whole, part in zip(gathered, course.scores, strict=True):
            whole[rows] = part
    return gathered


def _patients(
    scenario: Scenario, people: Drawn, arms: NDArray[np.int64], sites: NDArray[np.int64]
) -> pd.DataFrame:
    labels = [treatment.label for treatment in scenario.treatments]
    width = len(str(len(arms)))
    letters = [chr(ord("A") + number % 26) * (number // 26 + 1) for number in range(len(labels))]
    return pd.DataFrame(
        {
            "patient": pd.Series([f"P{n + 1:0{width}d}" for n in range(len(arms))], dtype="str"),
            "therapy": pd.Series(pd.Categorical.from_codes(arms, categories=labels)),
            "site": pd.Series([f"S{site + 1}" for site in sites], dtype="str"),
            "therapist": pd.Series(
                [f"S{s + 1}-{letters[a]}" for s, a in zip(sites, arms, strict=True)], dtype="str"
            ),
            "age": people.age,
            "sex": pd.Categorical.from_codes(
                np.where(people.female, 0, 1), categories=["female", "male"]
            ),
            "duration": people.duration,
            "expectation": people.expectation,
        }
    )


def _outcomes(
    scenario: Scenario,
    patients: pd.Series,
    scores: tuple[Floats, ...],
    seen: NDArray[np.bool_],
    seed: int,
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Observed values, and for each row of the file and measure whether the cell is filled."""
    person, visit = np.nonzero(seen)
    blank = stream(seed, "blanks").random((*seen.shape, len(scores)))[person, visit]
    filled = blank >= scenario.loss.item_missing
    filled[:, 0] = True
    filled[visit == 0] = True
    row, measure = np.nonzero(filled)
    stacked = np.stack([s / scale.per_point for s, scale in zip(scores, scenario.scales,
                                                                strict=True)], axis=2)  # fmt: skip
    names = [visit_name(week) for week in scenario.weeks]
    keys = np.array([scale.name for scale in scenario.scales], dtype=object)
    frame = pd.DataFrame(
        {
            "patient": pd.Series(patients.to_numpy()[person[row]], dtype="str"),
            "visit": pd.Categorical.from_codes(visit[row], categories=names, ordered=True),
            "week": np.array(scenario.weeks)[visit[row]],
            "measure": pd.Series(keys[measure], dtype="str"),
            "value": stacked[person[row], visit[row], measure],
            "row": pd.Series(row + 2, dtype="Int64"),
        }
    )
    return frame, filled


def _account(cells: NDArray[np.bool_], patients: int, events: int) -> pd.DataFrame:
    """The account that reading the files gives."""
    values = ["" if filled else "missing" for filled in cells.T.ravel().tolist()]
    return account_frame(
        [
            *lines_of("outcomes.csv", "row", [""] * len(cells)),
            *lines_of("patients.csv", "row", [""] * patients),
            *lines_of("outcomes.csv", "value", values),
            *lines_of("patients.csv", "patient", [""] * patients),
            *lines_of("events.csv", "row", [""] * events),
        ]
    )
