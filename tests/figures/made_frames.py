"""Made-up frames of responders and of assumptions, in the shapes that figures take."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.figures.responders import MARKERS
from analysis.figures.strategies import MARKERS as ASSUMPTIONS
from analysis.schema import result_frame

DEFINITION = "at least 30 % better"


def made_responders(therapies, comparator, masked=()):
    """Result frame of shares and differences by handling."""
    rows = []
    for k, therapy in enumerate(therapies):
        for j, handling in enumerate(MARKERS):
            base = {"analysis": handling, "estimand": DEFINITION, "horizon": "long", "visit": "week 52",
                    "therapy": therapy, "n_therapy": 40 + k}  # fmt: skip
            known = {"estimate": 0.3 + 0.01 * k + 0.02 * j, "conf_low": 0.2, "conf_high": 0.6}
            hidden = {"note": "fewer than 5 patients: not shown"}
            found = hidden if therapy in masked else known
            rows.append({**base, "quantity": "responders", **found})
            if comparator and therapy != comparator:
                gap = {"estimate": 0.1, "conf_low": -0.1, "conf_high": 0.3}
                rows.append({**base, "quantity": "risk_difference", "comparator": comparator,
                             "n_comparator": 40, **(hidden if therapy in masked else gap)})  # fmt: skip
    return result_frame(rows)


def made_curve(therapies, empty=()):
    """Frame of `analysis.responders.responder_curve`."""
    parts = []
    for k, therapy in enumerate(therapies):
        share = np.linspace(1, 0.1, 12)
        part = pd.DataFrame({
            "therapy": therapy, "horizon": "long", "visit": "week 52", "change": np.arange(12) - 4.0 + k / 9,
            "n": 50, "proportion": share, "conf_low": share - 0.08, "conf_high": share + 0.05,
            "band_low": np.maximum(share - 0.2, 0), "band_high": np.minimum(share + 0.2, 1), "note": "",
        })  # fmt: skip
        if therapy in empty:
            part = part.iloc[:1].assign(proportion=np.nan, change=np.nan, note="nobody can be judged")
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def made_kept(therapies, empty=()):
    """Frame of `analysis.responders.loss_of_response`."""
    rows = []
    for k, therapy in enumerate(therapies):
        for j, week in enumerate((12.0, 26.0, 52.0)):
            kept = np.nan if therapy in empty else 1 - 0.2 * j
            n = pd.NA if therapy in empty else 30 - k - j
            note = "nobody responded in the short term" if therapy in empty else ""
            rows.append((DEFINITION, therapy, week, n, kept, kept - 0.1, min(kept + 0.1, 1), note))
    names = ["definition", "therapy", "week", "at_risk", "kept", "conf_low", "conf_high", "note"]
    return pd.DataFrame(rows, columns=names).astype({"at_risk": "Int64"})


def made_strategies(therapies, comparator, refused=()):
    """Result frame of every strategy at both horizons."""
    rows = []
    for k, therapy in enumerate(therapies):
        for j, name in enumerate(ASSUMPTIONS):
            for horizon in ("short", "long"):
                if therapy != comparator:
                    known = {"estimate": 0.5 + k / 10 - j / 9, "conf_low": -0.2, "conf_high": 1.4}
                    found = {"note": "not estimable: why"} if therapy in refused else known
                    rows.append({"analysis": "main" if name == "main analysis" else name,
                                 "quantity": "relief", "horizon": horizon, "therapy": therapy,
                                 "comparator": comparator, "n_therapy": 40,
                                 "n_comparator": 41 if comparator else None, **found})  # fmt: skip
    frame = result_frame(rows)
    return frame[frame["analysis"] == "main"], frame[frame["analysis"] != "main"]


def made_curves(therapies, comparator, slope=-0.25):
    """Straight lines: relief 1 at no shift, half as wide as high."""
    shifts = np.linspace(-8, 8, 33)
    parts = [
        pd.DataFrame({"therapy": therapy, "shift": shifts, "estimate": 1 + slope * shifts,
                      "conf_low": 0.5 + slope * shifts, "conf_high": 1.5 + slope * shifts})
        for therapy in therapies if therapy != comparator
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True) if parts else made_curves(("A",), "").iloc[:0]


def made_surfaces(therapies, comparator, height=0.4):
    own, other = (part.ravel() for part in np.meshgrid(*[np.linspace(-3, 3, 7)] * 2, indexing="ij"))
    parts = [
        pd.DataFrame({"therapy": therapy, "shift": own, "comparator_shift": other,
                      "estimate": height + 0.3 * (other - own)}).assign(
            conf_low=lambda d: d["estimate"] - 0.5, conf_high=lambda d: d["estimate"] + 0.5)
        for therapy in therapies if therapy != comparator
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)
