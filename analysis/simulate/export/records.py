"""The small trial behind the examples, and its records as programs would have taken them down."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.simulate.bundled import FUNCTION
from analysis.simulate.generate import simulate
from analysis.simulate.scenario import Loss, Places, Scenario, Treatment
from analysis.trial.records import Trial

EXAMPLE_SEED = 7
FIRST_DAY = datetime.date(2024, 1, 8)
# Appointments are kept a few days early or late; baseline is at most four days before day 0.
EARLIEST, SPREAD, BEFORE = -5, 11, 5


def example_scenario() -> Scenario:
    """Return two therapies, 12 patients each, seen at weeks 0, 8 and 26."""
    return Scenario(
        title="Massage for back pain (simulated)",
        description="Simulated data: no patient stands behind any row.",
        treatments=(
            Treatment("Usual care"),
            Treatment("Massage", -1.5, 8.0, 8, (0.50, 0.20)),
        ),
        weeks=(0.0, 8.0, 26.0),
        short=8.0,
        long=26.0,
        per_arm=12,
        companions=(FUNCTION,),
        loss=replace(Loss(), missing=((8.0, 0.10), (26.0, 0.20)), item_missing=0.08),
        places=Places(sites=2),
    )


def example_trial() -> Trial:
    """Simulate the trial that all examples hold, each in another format."""
    return simulate(example_scenario(), seed=EXAMPLE_SEED, truth_patients=0)


def records_of(trial: Trial) -> pd.DataFrame:
    """Every visit that was kept, with the day on which it took place.

    Parameters
    ----------
    trial : Trial
        As `example_trial` makes it.

    Returns
    -------
    DataFrame
        One row a patient and visit, in the order of the patients: `patient`, `number` (from 1),
        `therapy`, `arm` (0 for the comparator), `age`, `sex`, `duration`, `visit`, `week`, `start`
        (date of randomisation), `day` (from randomisation), `date`, and a column a measure (NaN
        where it was left blank).
    """
    scores = trial.outcomes.pivot(index=["patient", "visit", "week"], columns="measure",
                                  values="value").reset_index()  # fmt: skip
    people = trial.patients.reset_index(names="place")
    frame = people.merge(scores, on="patient").sort_values(["place", "week"], kind="stable")
    number = frame["place"].to_numpy() + 1
    week = frame["week"].to_numpy()
    jitter = np.where(week == 0, -(number % BEFORE), EARLIEST + (5 * number + 3 * week) % SPREAD)
    day = (7 * week + jitter).astype(int)
    start = [FIRST_DAY + datetime.timedelta(days=3 * int(n)) for n in number]
    frame = frame.assign(
        number=number, arm=frame["therapy"].cat.codes.astype(int), start=start, day=day,
        date=[s + datetime.timedelta(days=int(d)) for s, d in zip(start, day, strict=True)],
    )  # fmt: skip
    return frame.drop(columns=["place", "site", "therapist", "expectation"]).reset_index(drop=True)


def written(value: object, missing: str = "") -> str:
    """A score as a form holds it: whole numbers without a point, a sign where it is missing."""
    if pd.isna(value):
        return missing
    number = float(str(value))
    return str(int(number)) if number.is_integer() else f"{number:g}"
