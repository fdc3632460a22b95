"""Trials with people who were lost, made up or from pain150, for every assumption about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.schema import EVENT_COLUMNS
from analysis.studies.records import Study
from analysis.trial.records import Trial, empty_events

REFERENCE = Path(__file__).parents[1] / "reference"
CARE, MASSAGE, CUPPING = "Usual care", "Massage", "Cupping"
VISITS = {"start": 0.0, "week 4": 4.0, "week 12": 12.0, "week 52": 52.0}
HORIZONS = {"week 12": "short", "week 52": "long"}
UPSIDE_DOWN = {
    "key": "WELL", "name": "Upside down", "low": 0, "high": 10, "direction": "higher_is_better",
    "minimal_important_change": 2,
}  # fmt: skip
PAIN_WEEKS = {"W02": 2.0, "W06": 6.0, "W12": 12.0, "W26": 26.0, "W52": 52.0}
PAIN_HORIZONS = {"W12": "short", "W52": "long"}


def study(
    therapies: Sequence[str] = (CARE, MASSAGE), comparator: str | None = None,
    visits: Mapping[str, float] = VISITS, horizons: Mapping[str, str] = HORIZONS, **changes,
) -> Study:  # fmt: skip
    """A study of one measure; the first therapy is the comparator unless another, or none, is."""
    schedule = [
        {"name": name, "week": week, "horizon": horizons.get(name, ""), "baseline": week == 0}
        for name, week in visits.items()
    ]
    other = therapies[0] if comparator is None and len(therapies) > 1 else comparator
    content = {
        "title": "Made up", "design": "randomised" if len(therapies) > 1 else "observational",
        "layout": "long", "data": {"outcomes": "pain.csv"}, "patient": "id",
        "therapy": {"column": "therapy", "arms": [{"label": name} for name in therapies]}
        | ({"comparator": other} if other else {}),
        "visits": {"column": "visit", "schedule": schedule},
        "measures": [{"name": "pain", "label": "Pain", "instrument": "NRS", "column": "pain",
                      "primary": True}],
        "minimum_count": 1,
    }  # fmt: skip
    return Study.model_validate(content | changes)


def trial(
    scores: Mapping[str, np.ndarray], events: Sequence[tuple[str, float | None, str]] = (),
    plan: Study | None = None,
) -> Trial:  # fmt: skip
    """Patients with a row of scores over the schedule, NaN where they were not seen.

    They are called by the first letter of the therapy and their place: M0, M1, and so on.
    """
    plan = plan or study(tuple(scores))
    weeks = {visit.name: float(visit.week) for visit in plan.visits.schedule}
    names = [f"{therapy[0]}{k}" for therapy, rows in scores.items() for k in range(len(rows))]
    values = np.concatenate([np.asarray(rows, dtype=float).reshape(-1, len(weeks))
                             for rows in scores.values()])  # fmt: skip
    rows = pd.DataFrame(values, columns=list(weeks), index=names).rename_axis("patient")
    rows = rows.reset_index().melt("patient", var_name="visit").dropna().reset_index(drop=True)
    outcomes = rows.assign(week=rows["visit"].map(weeks), measure="pain", row=range(2, len(rows) + 2))
    arms = [therapy for therapy, rows in scores.items() for _ in range(len(rows))]
    patients = pd.DataFrame({"patient": names, "therapy": pd.Categorical(arms, list(plan.therapies))})
    happened = pd.DataFrame(
        [(patient, week, kind, "", None, None) for patient, week, kind in events],
        columns=list(EVENT_COLUMNS),
    ).astype({"week": "float64"})
    return Trial(plan, patients, outcomes, happened if events else empty_events())


def random_scores(
    n: int = 30, seed: int = 1, better: float = 1.0, lost: float = 0.15, gaps: float = 0.05
) -> np.ndarray:
    """Scores of one therapy: people leave for good after a visit, and miss some in between."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(4, 9, n)
    person = rng.normal(0, 1, n)
    later = start[:, None] - 1 - better + person[:, None] + rng.normal(0, 1, (n, 3))
    gone = np.cumsum(rng.random((n, 3)) < lost, axis=1) > 0
    gone |= rng.random((n, 3)) < gaps
    later[gone] = np.nan
    return np.column_stack([start, np.clip(later, 0, 10)])


def usual_trial(lost: float = 0.15, **changes) -> Trial:
    """Two therapies, the second better, with patients who left for good."""
    scores = {CARE: random_scores(seed=1, better=0, lost=lost, gaps=lost / 3),
              MASSAGE: random_scores(seed=2, better=1.5, lost=lost, gaps=lost / 3)}  # fmt: skip
    return trial(scores, plan=study((CARE, MASSAGE), **changes))


def upside_down(one: Trial) -> Trial:
    """The same trial on a scale turned about its middle, on which more is better."""
    turned = one.outcomes.assign(value=10 - one.outcomes["value"])
    measures = [one.study.primary.model_copy(update={"instrument": "WELL"}).model_dump()]
    content = one.study.model_dump() | {"instruments": [UPSIDE_DOWN], "measures": measures}
    return replace(one, study=Study.model_validate(content), outcomes=turned)


def pain_two() -> Trial:
    """Usual care and acupuncture of pain150, analysed as rbmi's reference did."""
    data = pd.read_csv(REFERENCE / "pain150.csv")
    data = data[data["therapy"] != "SHAM"].reset_index(drop=True)
    plan = study(
        ("USUAL", "ACU"), visits={"W00": 0.0} | PAIN_WEEKS, horizons=PAIN_HORIZONS,
        covariates=[{"name": "sex", "column": "sex", "type": "category"}],
    )  # fmt: skip
    people = data.drop_duplicates("patient").reset_index(drop=True)
    start = people.assign(visit="W00", week=0.0, pain=people["base"])
    rows = pd.concat([start, data])[["patient", "visit", "week", "pain"]].dropna()
    outcomes = rows.rename(columns={"pain": "value"}).assign(
        measure="pain", row=range(2, len(rows) + 2)
    )
    patients = pd.DataFrame({
        "patient": people["patient"], "sex": people["sex"].astype("category"),
        "therapy": pd.Categorical(people["therapy"], ["USUAL", "ACU"]),
    })  # fmt: skip
    return Trial(plan, patients, outcomes.reset_index(drop=True))


def relief_of(frame: pd.DataFrame, analysis: str, therapy: str, horizon: str, against: str) -> pd.Series:
    """The one row of relief of that analysis."""
    rows = frame[
        (frame["analysis"] == analysis) & (frame["quantity"] == "relief")
        & (frame["therapy"] == therapy) & (frame["horizon"] == horizon)
        & (frame["comparator"] == against)
    ]  # fmt: skip
    assert len(rows) == 1, rows.to_string()
    return rows.iloc[0]
