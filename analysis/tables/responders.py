"""Responders: who could be judged, how many responded under each handling, and compared with whom."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.responders import HANDLINGS, Responders
from analysis.tables.numerals import number, percent
from analysis.tables.table import Table

HORIZON_WORDS = {"short": "short term", "long": "long term", "sustained": "short and long term"}


def judged_table(found: Responders, minimum: int) -> Table:
    """Patients of each therapy by what can be said about their response."""
    rows = []
    for _, row in found.counts.iterrows():
        seen = "not shown" if row["masked"] else f"{row['responders']} of {row['seen']}"
        rows.append((
            row["definition"], HORIZON_WORDS[row["horizon"]], row["therapy"],
            *[_masked(row[name], minimum) for name in ("patients", "no_baseline", "below_floor", "judged")],
            seen,
        ))  # fmt: skip
    columns = (
        "responder", "when", "therapy", "patients", "no baseline", "baseline too low", "can be judged",
        "responders of those seen",
    )  # fmt: skip
    note = (
        "A percentage is asked only of patients whose complaint at baseline was large enough for one to "
        f"mean something. Counts from 1 to {minimum - 1} are not told."
    )
    return Table("Who can be judged", columns, tuple(rows), note, (1, 2))


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
    note = f"Percent of patients who were {definition} ({percent(level)} interval), by how those not seen count."
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


def _masked(n: object, minimum: int) -> str:
    if pd.isna(n):
        return ""
    return f"<{minimum}" if 0 < int(n) < minimum else str(int(n))
