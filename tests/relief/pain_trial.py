"""The trial of tests/reference/pain150.csv, to be analysed whole or spoilt in one way."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.studies.records import Study
from analysis.trial.records import Trial

REFERENCE = Path(__file__).parents[1] / "reference"
WEEKS = {"W02": 2, "W06": 6, "W12": 12, "W26": 26, "W52": 52}


def study(horizons: dict[str, str] | None = None, **changes) -> Study:
    """Its study; `horizons` maps visits to "short" or "long"."""
    horizons = {"W12": "short", "W52": "long"} if horizons is None else horizons
    schedule = [{"name": "W00", "week": 0, "baseline": True}]
    schedule += [{"name": n, "week": w, "horizon": horizons.get(n, "")} for n, w in WEEKS.items()]
    content = {
        "title": "pain150", "design": "randomised", "simulated": True, "layout": "long",
        "data": {"outcomes": "pain150.csv"}, "patient": "patient",
        "therapy": {"column": "therapy", "comparator": "USUAL",
                    "arms": [{"label": t} for t in ("USUAL", "SHAM", "ACU")]},
        "visits": {"column": "visit", "schedule": schedule},
        "measures": [{"name": "pain", "label": "Pain", "instrument": "NRS", "column": "pain",
                      "baseline_column": "base", "primary": True}],
        "covariates": [{"name": "sex", "column": "sex", "type": "category"},
                       {"name": "age", "column": "age", "type": "number"}],
        "model": {"formula": "value ~ baseline + sex + age + therapy * visit"},
    }  # fmt: skip
    return Study.model_validate(content | changes)


def pain150(**changes) -> Trial:
    """The trial; `changes` go into its study."""
    data = pd.read_csv(REFERENCE / "pain150.csv")
    patients = data.drop_duplicates("patient")
    start = patients.assign(visit="W00", week=0.0, value=patients["base"])
    columns = ["patient", "visit", "week", "value"]
    outcomes = pd.concat([start[columns], data.assign(value=data["pain"])[columns]]).dropna()
    outcomes = outcomes.assign(measure="pain", row=range(2, len(outcomes) + 2))
    patients = patients[["patient", "therapy", "sex", "age"]].assign(
        sex=lambda d: d["sex"].astype("category")
    )
    return Trial(study(**changes), patients.reset_index(drop=True), outcomes.reset_index(drop=True))


def spoilt(trial: Trial, patients=None, outcomes=None) -> Trial:
    """The trial with other patients or outcomes."""
    return Trial(
        trial.study,
        trial.patients if patients is None else patients,
        trial.outcomes if outcomes is None else outcomes,
    )


def without(trial: Trial, therapies: tuple[str, ...], visits: tuple[str, ...]) -> Trial:
    """The trial without the values of these therapies at these visits."""
    there = trial.patients.loc[trial.patients["therapy"].isin(therapies), "patient"]
    gone = trial.outcomes["patient"].isin(there) & trial.outcomes["visit"].isin(visits)
    return spoilt(trial, outcomes=trial.outcomes[~gone])


def pick(frame, quantity, therapy, comparator="USUAL", horizon="", analysis="main"):
    """The one row of that name."""
    rows = frame[
        (frame["quantity"] == quantity) & (frame["therapy"] == therapy)
        & (frame["comparator"] == comparator) & (frame["horizon"] == horizon)
        & (frame["analysis"] == analysis)
    ]  # fmt: skip
    assert len(rows) == 1
    return rows.iloc[0]
