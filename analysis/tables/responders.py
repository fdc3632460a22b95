"""Responders: who could be judged, how many responded under each handling, and compared with whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.responders import HANDLINGS, Responders
from analysis.tables.numerals import number, percent
from analysis.tables.table import Table

# Amounts that differ by less than this are the same.
SAME = 1e-9
HORIZON_WORDS = {"short": "short term", "long": "long term", "sustained": "short and long term"}


def judged_table(found: Responders, definition: str, minimum: int) -> Table:
    """Patients of each therapy by what can be said about their response to one definition."""
    rows = []
    for _, row in found.counts[found.counts["definition"] == definition].iterrows():
        seen = "not shown" if row["masked"] else f"{row['responders']} of {row['seen']}"
        names = ("patients", "no_baseline", "below_floor", "judged")
        cells = [_masked(row[name], minimum) for name in names]
        # The three add up to the patients: one that is hidden could be had from the others.
        if sum(cell.startswith("<") for cell in cells[1:]) == 1 and not cells[3].startswith("<"):
            cells[3] = "not shown"
        rows.append((row["therapy"], HORIZON_WORDS[row["horizon"]], *cells, seen))
    columns = (
        "therapy", "when", "patients", "no baseline", "baseline too low", "can be judged",
        "responders of those seen",
    )  # fmt: skip
    note = (
        f"Responders are {definition}. A percentage is asked only of patients whose complaint at "
        "baseline was large enough for one to mean something. Counts from 1 to "
        f"{minimum - 1} are not told."
    )
    return Table("Who can be judged", columns, tuple(rows), note, (1,))


def responder_curve_table(curve: pd.DataFrame, horizon: str = "long", steps: int = 7) -> Table:
    """Share of each therapy's patients who improved by at least so much, at some amounts."""
    part = curve[(curve["horizon"] == horizon) & curve["change"].notna()]
    title = "Percent of patients improved by at least"
    if part.empty:
        return Table(title, ("therapy",), (), "Nobody can be shown.")
    top = float(part["change"].max())
    step = max(np.ceil(top / steps), 1.0) if top > steps / 2 else _round_step(top / steps)
    asked = np.arange(0, top + SAME, step) if step > 0 else np.zeros(1)
    rows = []
    for therapy, mine in part.groupby("therapy", sort=False):
        change, share = mine["change"].to_numpy(), mine["proportion"].to_numpy()
        # The share at the next point of the curve holds down to the one before it.
        places = np.searchsorted(change, asked - SAME)
        cells = [number(100 * share[k], 0) if k < len(share) else "few" for k in places]
        rows.append((str(therapy), *cells))
    digits = int(max(0, -np.floor(np.log10(step)))) if step > 0 else 0
    columns = ("therapy", *[number(amount, digits) for amount in asked])
    note = (
        f"{HORIZON_WORDS[horizon].capitalize()}; units of the instrument, positive is better. few: too "
        "few patients, or none, improved so much."
    )
    return Table(title, columns, tuple(rows), note)


def _round_step(least: float) -> float:
    """The next of 1, 2, 5 and 10 times a power of ten; 0 where nothing improved."""
    if least <= 0:
        return 0.0
    power = 10 ** np.floor(np.log10(least))
    return float(next(power * k for k in (1, 2, 5, 10) if power * k >= least - SAME))


def kept_response_table(kept: pd.DataFrame) -> Table:
    """Short-term responders who still respond, by therapy and visit."""
    rows = []
    for _, row in kept.iterrows():
        shown = "" if pd.isna(row["kept"]) else number(100 * row["kept"], 0) + " %"
        if pd.notna(row["kept"]) and pd.notna(row["conf_low"]) and row["weeks"] > 0:
            shown += f" ({number(100 * row['conf_low'], 0)} to {number(100 * row['conf_high'], 0)})"
        counts = ["" if pd.isna(row[name]) else str(row[name]) for name in ("at_risk", "lost")]
        rows.append((row["therapy"], row["visit"], *counts, shown, row["note"]))
    definition = kept["definition"].iloc[0] if len(kept) else ""
    columns = ("therapy", "visit", "at risk", "lost since", "still responding", "why none")
    note = f"Of patients who were {definition} in the short term."
    return Table("Response kept", columns, tuple(rows), note, (1, 5))


def responders_table(
    found: Responders, definition: str, level: float = 0.95, handlings: Sequence[str] = HANDLINGS
) -> Table:
    """Share of responders by therapy and horizon, a column for each handling of those not seen."""
    frame = found.frame[found.frame["estimand"] == definition]
    shares = frame[frame["quantity"] == "responders"]
    rows = []
    for (horizon, therapy), part in shares.groupby(["horizon", "therapy"], sort=False):
        by = part.drop_duplicates("analysis").set_index("analysis")
        cells = [_share(by.loc[name]) if name in by.index else "" for name in handlings]
        rows.append((str(therapy), HORIZON_WORDS[str(horizon)], *cells))
    note = (
        f"Percent of patients who were {definition} ({percent(level)} interval), by how those not "
        "seen count."
    )
    return Table("Responders", ("therapy", "when", *handlings), tuple(rows), note, (1,))


def responder_differences_table(
    found: Responders, definition: str, comparator: str, handling: str, level: float = 0.95
) -> Table:
    """Difference, ratios and number needed to treat against the comparator, under one handling."""
    title = f"Responders against {comparator}" if comparator else "Responders against a comparator"
    columns = ("therapy", "when", "difference, percentage points", "ratio", "odds ratio", "number needed")
    if not comparator:
        return Table(title, columns, (), "The study has no comparator.")
    frame = found.frame[(found.frame["estimand"] == definition) & (found.frame["analysis"] == handling)]
    frame = frame[frame["comparator"] == comparator]
    rows = []
    for (horizon, therapy), part in frame.groupby(["horizon", "therapy"], sort=False):
        by = part.set_index("quantity")
        rows.append((
            str(therapy), HORIZON_WORDS[str(horizon)], _interval(by.loc["risk_difference"], 100, 1),
            _interval(by.loc["risk_ratio"], 1, 2), _interval(by.loc["odds_ratio"], 1, 2),
            _needed(by.loc["number_needed"]),
        ))  # fmt: skip
    note = (
        f"Patients who were {definition} ({handling}; {percent(level)} intervals). NNTB: so many treated "
        "for one more responder; NNTH: for one fewer. An interval through ∞ holds no difference."
    )
    return Table(title, columns, tuple(rows), note, (1, 5))


def _share(row: pd.Series) -> str:
    if pd.isna(row["estimate"]):
        return "not shown" if "not shown" in row["note"] else "not estimable"
    estimate = number(100 * row["estimate"], 0)
    if pd.isna(row["conf_low"]):
        return f"{estimate} %"
    return f"{estimate} % ({number(100 * row['conf_low'], 0)} to {number(100 * row['conf_high'], 0)})"


def _interval(row: pd.Series, times: float, digits: int) -> str:
    if pd.isna(row["estimate"]):
        return "not shown" if "not shown" in row["note"] else "not estimable"
    text = number(times * row["estimate"], digits)
    if pd.isna(row["conf_low"]):
        return text
    low, high = (number(times * row[name], digits) for name in ("conf_low", "conf_high"))
    return f"{text} ({low} to {high})"


def _needed(row: pd.Series) -> str:
    """The number needed with its interval in words, which may have two parts."""
    if pd.isna(row["estimate"]):
        return "not shown" if "not shown" in row["note"] else "not estimable"
    kind = "NNTB" if row["estimate"] > 0 else "NNTH"
    return f"{kind} {number(abs(row['estimate']), 1)} ({row['note']})"


def _masked(n: Any, minimum: int) -> str:
    if pd.isna(n):
        return ""
    return f"<{minimum}" if 0 < int(n) < minimum else str(int(n))
