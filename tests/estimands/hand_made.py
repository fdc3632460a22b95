"""A trial small enough to count by hand: eight patients, three visits after baseline.

    patient  therapy     start  week 4  week 12  week 26   events (week)
    U1       Usual care    6      5       5        6
    U2       Usual care    7      7       .        .       lost (6)
    U3       Usual care    5      4       4        5       rescue (12)
    U4       Usual care    8      7       6        7       other therapy (2), stopped (2)
    M1       Massage       6      3       2        3
    M2       Massage       7      4       5        .       stopped (5)
    M3       Massage       8      4       3        5       rescue (5), stopped (20)
    M4       Massage       5      .       3        4       stopped (0)
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.schema import EVENT_COLUMNS
from analysis.studies.records import Estimand, Study
from analysis.trial.records import Trial

VISITS = {"start": 0.0, "week 4": 4.0, "week 12": 12.0, "week 26": 26.0}
PAIN = {
    "U1": (6, 5, 5, 6), "U2": (7, 7, None, None), "U3": (5, 4, 4, 5), "U4": (8, 7, 6, 7),
    "M1": (6, 3, 2, 3), "M2": (7, 4, 5, None), "M3": (8, 4, 3, 5), "M4": (5, None, 3, 4),
}  # fmt: skip
STOPPED, RESCUE, OTHER, LOST = "stopped_therapy", "rescue_medication", "other_therapy", "lost"
EVENTS = (
    ("U2", 6.0, LOST), ("U3", 12.0, RESCUE), ("U4", 2.0, OTHER), ("U4", 2.0, STOPPED),
    ("M2", 5.0, STOPPED), ("M3", 5.0, RESCUE), ("M3", 20.0, STOPPED), ("M4", 0.0, STOPPED),
)  # fmt: skip
OBSERVED = sum(value is not None for row in PAIN.values() for value in row)


def estimand(**content) -> Estimand:
    """An estimand; strategies as a study file writes them."""
    return Estimand.model_validate({"name": "What if"} | content)


def study(*estimands, **changes) -> Study:
    """The study of the trial."""
    schedule = [
        {"name": "start", "week": 0, "baseline": True},
        {"name": "week 4", "week": 4, "weeks_since_end": -8},
        {"name": "week 12", "week": 12, "weeks_since_end": 0, "horizon": "short"},
        {"name": "week 26", "week": 26, "weeks_since_end": 14, "horizon": "long"},
    ]
    content = {
        "title": "Massage", "design": "randomised", "layout": "long", "patient": "id",
        "data": {"outcomes": "pain.csv"}, "minimum_count": 2,
        "therapy": {"column": "therapy", "comparator": "Usual care",
                    "arms": [{"label": "Usual care"}, {"label": "Massage"}]},
        "visits": {"column": "visit", "schedule": schedule},
        "measures": [{"name": "pain", "label": "Pain", "instrument": "NRS", "column": "pain",
                      "primary": True},
                     {"name": "function", "label": "Disability", "instrument": "RMDQ",
                      "column": "function"}],
        "covariates": [{"name": "age", "column": "age", "type": "number", "model": False},
                       {"name": "sex", "column": "sex", "type": "category", "model": False,
                        "labels": {"F": "female", "M": "male"}}],
        "events": {"file": "outcomes", "kind": "event", "week": "when",
                   "kinds": {k: k for k in (STOPPED, RESCUE, OTHER, LOST)}},
    }  # fmt: skip
    if estimands:
        content["estimands"] = [one.model_dump() for one in estimands]
    return Study.model_validate(content | changes)


def trial(events=EVENTS, pain=PAIN, **changes) -> Trial:
    """The trial; `changes` go into its study."""
    rows = [
        (patient, visit, VISITS[visit], "pain", float(value))
        for patient, row in pain.items()
        for visit, value in zip(VISITS, row, strict=True)
        if value is not None
    ]
    outcomes = pd.DataFrame(rows, columns=["patient", "visit", "week", "measure", "value"])
    outcomes = outcomes.assign(
        visit=pd.Categorical(outcomes["visit"], list(VISITS), ordered=True),
        row=pd.array(range(2, len(rows) + 2), dtype="Int64"),
    )
    therapy = ["Usual care" if patient[0] == "U" else "Massage" for patient in pain]
    patients = pd.DataFrame(
        {
            "patient": list(pain),
            "therapy": pd.Categorical(therapy, ["Usual care", "Massage"]),
            "age": [30.0 + 10 * (k % 4) for k in range(len(pain))],
            "sex": pd.Categorical(["female", "male"] * (len(pain) // 2)),
        }
    )
    happened = pd.DataFrame(
        [(patient, week, kind, "", None, None) for patient, week, kind in events],
        columns=list(EVENT_COLUMNS),
    )
    return Trial(study(**changes), patients, outcomes, happened.astype({"week": "float64"}))


def grid(made: Trial, patient: str) -> list[float | None]:
    """Values of a patient by visit, None where there is none."""
    rows = made.outcomes[made.outcomes["patient"] == patient]
    by = dict(zip(rows["visit"].astype(str), rows["value"], strict=True))
    return [None if np.isnan(value := by.get(visit, np.nan)) else value for visit in VISITS]
