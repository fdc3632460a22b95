"""Harms and withdrawals of whole trials: the made-up one, the bundled one and a published one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.harms import estimate_harms, harm_sentences, withdrawals_beside_harms
from analysis.intake import read_trial
from analysis.schema import EVENT_COLUMNS
from analysis.studies.records import Study
from analysis.trial.records import Trial

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "tests" / "reference"
KINDS = {"STOPPED_THERAPY": "stopped_therapy", "MOVED": "lost", "RESCUE": "rescue_medication"}
PAIN150 = {
    "title": "pain150", "design": "randomised", "simulated": True, "layout": "long",
    "data": {"outcomes": "pain150.csv", "events": "pain150_events.csv"}, "patient": "patient",
    "therapy": {"column": "therapy", "comparator": "USUAL",
                "arms": [{"label": t} for t in ("USUAL", "SHAM", "ACU")]},
    "visits": {"column": "visit", "schedule": [
        {"name": "W00", "week": 0, "baseline": True}, {"name": "W02", "week": 2},
        {"name": "W06", "week": 6}, {"name": "W12", "week": 12, "horizon": "short"},
        {"name": "W26", "week": 26}, {"name": "W52", "week": 52, "horizon": "long"},
    ]},
    "measures": [{"name": "pain", "label": "Pain", "instrument": "NRS", "column": "pain",
                  "baseline_column": "base", "primary": True}],
    "events": {"kind": "reason", "what": "reason", "visit": "visit", "kinds": KINDS},
    "minimum_count": 1,
}  # fmt: skip


def test_withdrawals_of_pain150_are_those_of_its_events_file() -> None:
    data, raw = (pd.read_csv(REFERENCE / f"pain150{end}.csv") for end in ("", "_events"))
    arms = data.drop_duplicates("patient")[["patient", "therapy"]].reset_index(drop=True)
    events = raw.assign(kind=raw["reason"].map(KINDS), what=raw["reason"], week=np.nan,
                        serious=pd.NA, related=pd.NA)[list(EVENT_COLUMNS)]  # fmt: skip
    outcomes = data.assign(measure="pain", value=data["pain"]).dropna(subset="value")
    harms = estimate_harms(Trial(Study.model_validate(PAIN150), arms, outcomes, events))
    frame = withdrawals_beside_harms(harms)
    expected = raw.merge(arms).groupby(["therapy", "reason"])["patient"].nunique()
    for reason in ("STOPPED_THERAPY", "MOVED"):
        found = frame[frame["reason"] == reason].set_index("therapy")["patients"]
        assert found.to_dict() == expected.xs(reason, level="reason").to_dict()
    # Rescue medication is neither a harm nor a withdrawal.
    assert "RESCUE" not in set(frame["reason"])
    assert not harms.recorded


def test_the_bundled_trial_has_the_events_of_its_file() -> None:
    trial = read_trial(ROOT / "data" / "simulated" / "study.yml")
    harms = estimate_harms(trial)
    raw = pd.read_csv(ROOT / "data" / "simulated" / "events.csv", dtype="str")
    adverse = raw[raw["kind"] == "adverse_event"].merge(trial.patients.astype("str"), on="patient")
    found = harms.cells[(harms.cells["kind"] == "adverse_event") & (harms.cells["scope"] == "any")]
    found = found.set_index("therapy")
    by = adverse.groupby("therapy")["patient"]
    assert found["patients"].to_dict() == by.nunique().to_dict()
    assert found["events"].to_dict() == by.size().to_dict()
    assert len(harm_sentences(harms, trial.study)) == 8


def test_losses_of_vickers_2004_leave_the_patients_the_paper_analysed(shared_data) -> None:
    # BMJ 2004;328:744: 161 of 205 and 140 of 196 had the score at 12 months.
    trial = read_trial(ROOT / "data" / "open" / "vickers2004.yml")
    harms = estimate_harms(trial)
    lost = harms.rows("risk", "lost").set_index("therapy")
    acupuncture, care = (name for name in (trial.study.therapies[1], trial.study.comparator))
    assert lost.loc[acupuncture, "estimate"] == pytest.approx((205 - 161) / 205, abs=1e-12)
    assert lost.loc[care, "estimate"] == pytest.approx((196 - 140) / 196, abs=1e-12)
    for text in harm_sentences(harms, trial.study):
        assert "adverse events were not recorded in this study" in text
