"""Small trials whose responders can be counted by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.studies.records import Study
from analysis.trial.records import Trial

WEEKS = {"W04": 4, "W12": 12, "W26": 26, "W52": 52}
HORIZONS = {"W12": "short", "W52": "long"}


def study(
    therapies: Sequence[str] = ("Usual care", "Massage"),
    horizons: dict[str, str] | None = None,
    baseline: bool = True,
    instrument: str = "NRS",
    **changes,
) -> Study:
    """A study of one measure; no comparator where there is one therapy."""
    horizons = HORIZONS if horizons is None else horizons
    schedule = [{"name": n, "week": w, "horizon": horizons.get(n, "")} for n, w in WEEKS.items()]
    if baseline:
        schedule.insert(0, {"name": "start", "week": 0, "baseline": True})
    arms = {"column": "therapy", "arms": [{"label": name} for name in therapies]}
    if len(therapies) > 1:
        arms["comparator"] = therapies[0]
    content = {
        "title": "Made up", "design": "randomised" if len(therapies) > 1 else "observational",
        "layout": "long", "data": {"outcomes": "pain.csv"}, "patient": "id", "therapy": arms,
        "visits": {"column": "visit", "schedule": schedule},
        "measures": [{"name": "pain", "label": "Pain", "instrument": instrument, "column": "pain",
                      "primary": True}],
        "minimum_count": 1,
    }  # fmt: skip
    return Study.model_validate(content | changes)


def trial(
    scores: Sequence[Sequence[float]], therapy: Sequence[str], plan: Study | None = None
) -> Trial:
    """Patients with scores at the start and the four visits, NaN where they were not seen."""
    plan = study() if plan is None else plan
    names = [f"P{k:03d}" for k in range(len(scores))]
    grid = pd.DataFrame(np.asarray(scores, dtype=float), columns=["start", *WEEKS], index=names)
    rows = grid.rename_axis("patient").reset_index().melt("patient", var_name="visit")
    rows = rows[rows["visit"].isin([v.name for v in plan.visits.schedule])].dropna()
    known = {"start": 0.0, **{name: float(week) for name, week in WEEKS.items()}}
    outcomes = rows.assign(week=rows["visit"].map(known), measure=plan.primary.name,
                           row=range(2, len(rows) + 2))  # fmt: skip
    levels = pd.Categorical(list(therapy), list(plan.therapies))
    patients = pd.DataFrame({"patient": pd.Series(names, dtype="str"), "therapy": levels})
    return Trial(plan, patients, outcomes.astype({"patient": "str"}))


def random_trial(
    n: int = 40, seed: int = 3, lost: float = 0.2, therapies: Sequence[str] = ("Usual care", "Massage"),
    whole: bool = True, **changes,
) -> Trial:  # fmt: skip
    """Patients who improve, more with later therapies; scores are whole numbers unless asked."""
    rng = np.random.default_rng(seed)
    arm = np.arange(n) % len(therapies)
    start = rng.integers(4, 11, n).astype(float)
    person = rng.normal(0, 1.2, n)
    values = start[:, None] - 1.5 - arm[:, None] + person[:, None] + rng.normal(0, 1, (n, 4))
    values = np.clip(np.round(values) if whole else values, 0, 10)
    values[rng.random((n, 4)) < lost] = np.nan
    scores = np.column_stack([start, values])
    return trial(scores, [therapies[k] for k in arm], study(therapies, **changes))


def pick(frame: pd.DataFrame, quantity: str, **columns: str) -> pd.Series:
    """The one row of that quantity with these values in its columns."""
    rows = frame[frame["quantity"] == quantity]
    for name, value in columns.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows.to_string()
    return rows.iloc[0]
