"""The antidepressant trial as rbmi analysed it, and the quantities it reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.imputation.analyse import Ancova
from analysis.imputation.layout import lay_out
from analysis.imputation.panel import Panel

Array = NDArray[np.float64]

VISITS = ("4", "5", "6", "7")
MODEL = "CHANGE ~ BASVAL*VISIT + THERAPY*VISIT"


def panel(data: Path, reference: Path) -> Panel:
    """All patients, those who left with an event at their first missing visit."""
    text = {"PATIENT": str, "VISIT": str}
    frame = pd.read_csv(data / "reference" / "antidepressant_data.csv", dtype=text)
    frame["VISIT"] = pd.Categorical(frame["VISIT"], categories=VISITS)
    events = pd.read_csv(reference / "rbmi_antidepressant_ice.csv", dtype=text)
    return lay_out(
        frame, MODEL, subject="PATIENT", visit="VISIT", arm="THERAPY", reference="PLACEBO",
        events=events.assign(strategy="JR"),
    )  # fmt: skip


def quantities(analysis: Ancova) -> Array:
    """Weights of trt_v, lsm_ref_v, lsm_alt_v by visit on the LS means; rbmi's names.

    trt is PLACEBO less DRUG; ref is DRUG.
    """
    place = {name: k for k, name in enumerate(analysis.names)}
    rows = np.eye(len(place))
    found = []
    for visit in VISITS:
        drug, placebo = (rows[place[f"{arm}, {visit}"]] for arm in ("DRUG", "PLACEBO"))
        found += [placebo - drug, drug, placebo]
    return np.array(found)


def names() -> list[str]:
    """Of the quantities, in the order of `quantities`."""
    return [f"{kind}_{visit}" for visit in VISITS for kind in ("trt", "lsm_ref", "lsm_alt")]
