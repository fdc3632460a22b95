"""The two trials whose imputation rbmi has published for us, laid out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.imputation import Panel, lay_out

REFERENCE = Path(__file__).parents[1] / "reference"
PAIN_FORMULA = "chg ~ base * visit + sex + therapy * visit"
PAIN_ANALYSIS = "chg ~ therapy + base + sex"
ANTIDEPRESSANT_FORMULA = "CHANGE ~ BASVAL * VISIT + THERAPY * VISIT"
ANTIDEPRESSANT_ANALYSIS = "CHANGE ~ THERAPY + BASVAL"
# The mix of strategies in the reference results, by the reason of the event.
MIXED = {"MOVED": "MAR", "RESCUE": "CIR", "STOPPED_THERAPY": "JR"}


def pain_data() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Acupuncture and usual care, and their events."""
    data = pd.read_csv(REFERENCE / "pain150.csv")
    data = data[data["therapy"] != "SHAM"].reset_index(drop=True)
    data["therapy"] = pd.Categorical(data["therapy"], ["USUAL", "ACU"])
    events = pd.read_csv(REFERENCE / "pain150_events.csv")
    return data, events[events["patient"].isin(data["patient"])].reset_index(drop=True)


def pain_panel(strategy: object, **options) -> Panel:
    """Strategy: one for all events, or "MIXED"."""
    data, events = pain_data()
    used = events["reason"].map(MIXED) if strategy == "MIXED" else [strategy] * len(events)
    events = events.assign(strategy=used, kind=events["reason"])
    return lay_out(
        data, PAIN_FORMULA, subject="patient", visit="visit", arm="therapy", reference="USUAL",
        events=events, week="week", **options,
    )  # fmt: skip


def antidepressant_panel(data: Path, reference: Path, strategy: object, **options) -> Panel:
    """All 172 patients; the event is the first visit missing for good."""
    text = {"PATIENT": str, "VISIT": str}
    rows = pd.read_csv(data / "reference" / "antidepressant_data.csv", dtype=text)
    events = pd.read_csv(reference / "rbmi_antidepressant_ice.csv", dtype=text)
    return lay_out(
        rows, ANTIDEPRESSANT_FORMULA, subject="PATIENT", visit="VISIT", arm="THERAPY",
        reference="PLACEBO", events=events.assign(strategy=[strategy] * len(events)), **options,
    )  # fmt: skip


def asked_weights(parameter: str, visits: tuple) -> np.ndarray:
    """Weights over LS means, two arms by visit, of rbmi's trt, lsm_ref and lsm_alt."""
    quantity, visit = parameter.rsplit("_", 1)
    weights = np.zeros((2, len(visits)))
    place = visits.index(visit)
    weights[:, place] = {"trt": (-1, 1), "lsm_ref": (1, 0), "lsm_alt": (0, 1)}[quantity]
    return weights.ravel()


def completed_by(file: Path, panel: Panel, strategy: str, patient: str, visit: str) -> np.ndarray:
    """Completed values of a reference file in the panel's order."""
    frame = pd.read_csv(file, dtype={patient: str, visit: str})
    table = frame.pivot(index=patient, columns=visit, values=strategy)
    return table.loc[list(panel.patients), list(panel.visits)].to_numpy()
