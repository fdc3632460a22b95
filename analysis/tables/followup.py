"""Who was seen when, and with which score."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.tables.numerals import HIDDEN, count, number
from analysis.tables.table import Table


def patterns_table(frame: pd.DataFrame) -> Table:
    """Patients by pattern of their visits (frame of `analysis.describe.missing_patterns`)."""
    patterns = list(frame["pattern"].unique())
    rows = []
    for therapy, part in frame.groupby("therapy", sort=False):
        cells = [
            "hidden" if pd.isna(r["n"]) else f"{int(r['n'])} ({number(r['percent'], 0) or '–'} %)"
            for _, r in part.iterrows()
        ]
        rows.append((str(therapy), *cells))
    note = (
        "Patients (percent). Monotone: no visit after the first one missed; intermittent: seen again "
        "after a gap."
    )
    note += f" {HIDDEN}" if frame["n"].isna().any() else ""
    return Table("Patterns of follow-up", ("therapy", *patterns), tuple(rows), note)


def together_table(frame: pd.DataFrame) -> Table:
    """Patients seen at both of two visits (frame of `analysis.describe.visits_together`)."""
    visits = list(frame["visit"].unique())
    wide = frame.pivot(index="visit", columns="other", values="n").loc[visits, visits]
    cells = zip(visits, wide.to_numpy(), strict=True)
    rows = tuple((str(visit), *map(count, row)) for visit, row in cells)
    return Table("Patients seen at both visits", ("visit", *map(str, visits)), rows)


def missingness_table(frame: pd.DataFrame) -> Table:
    """Share of values missing, a column per visit (frame of `analysis.describe.missingness`)."""
    visits = list(frame["visit"].unique())
    rows = []
    for therapy, part in frame.groupby("therapy", sort=False):
        few = part["missing"].isna()
        told = [f"{r['missing']} ({number(r['percent'], 0)} %)" for _, r in part.iterrows()]
        cells = dict(zip(part["visit"], np.where(few, "hidden", told).tolist(), strict=True))
        rows.append((str(therapy), str(int(part["expected"].max())), *[cells.get(v, "") for v in visits]))
    return Table("Values missing", ("therapy", "patients", *map(str, visits)), tuple(rows))


def course_table(frame: pd.DataFrame, caption: str = "Mean score observed") -> Table:
    """Mean (n) of the raw score by therapy and visit."""
    visits = list(frame["visit"].unique())
    rows = []
    for therapy, part in frame.groupby("therapy", sort=False):
        cells = {r["visit"]: f"{number(r['mean']) or 'not shown'} ({count(r['n'])})"
                 if pd.isna(r["n"]) or r["n"] else "–" for _, r in part.iterrows()}  # fmt: skip
        rows.append((str(therapy), *[cells.get(visit, "") for visit in visits]))
    return Table(caption, ("therapy", *map(str, visits)), tuple(rows), "Mean (patients).")
