"""Small trials with events, to be counted by hand."""

from __future__ import annotations

import pandas as pd

from analysis.schema import EVENT_COLUMNS
from analysis.studies.records import Study
from analysis.trial.records import Trial

CARE, CUPPING = "Usual care", "Wet cupping"


def event(
    patient: str, what: str = "soreness", week: float | None = 2.0, kind: str = "adverse_event",
    serious: bool | None = False, related: bool | None = True,
) -> tuple[object, ...]:  # fmt: skip
    return patient, week, kind, what, serious, related


def study(arms: tuple[str, ...] = (CARE, CUPPING), comparator: str = CARE, **changes) -> Study:
    content = {
        "title": "Cupping", "design": "randomised", "layout": "long", "data": {"outcomes": "a.csv"},
        "patient": "patient",
        "therapy": {"column": "therapy", "arms": [{"label": arm} for arm in arms]}
        | ({"comparator": comparator} if comparator else {}),
        "visits": {"column": "visit", "schedule": [
            {"name": "start", "week": 0, "baseline": True},
            {"name": "week 10", "week": 10, "horizon": "long"},
        ]},
        "measures": [{"name": "pain", "label": "Pain", "instrument": "NRS", "column": "pain",
                      "primary": True}],
        "events": {"kind": "kind", "week": "week", "what": "what", "serious": "serious",
                   "related": "related",
                   "kinds": {k: k for k in ("adverse_event", "lost", "stopped_therapy")}},
        "minimum_count": 1,
    }  # fmt: skip
    return Study.model_validate({k: v for k, v in (content | changes).items() if v is not None})


def trial(events: list[tuple[object, ...]], each: int = 40, chosen: Study | None = None) -> Trial:
    """Patients A01, A02, … in the first arm, B01, … in the second; all seen at week 10."""
    chosen = chosen or study()
    rows = [
        (f"{letter}{n:02d}", arm)
        for letter, arm in zip("ABCDE", chosen.therapies, strict=False)
        for n in range(1, each + 1)
    ]
    patients = pd.DataFrame(rows, columns=["patient", "therapy"])
    outcomes = pd.concat([
        patients[["patient"]].assign(visit=visit, week=week, measure="pain", value=5.0)
        for visit, week in (("start", 0.0), ("week 10", 10.0))
    ])  # fmt: skip
    return Trial(chosen, patients, outcomes, pd.DataFrame(events, columns=list(EVENT_COLUMNS)))
