"""Relief under every assumption about those not seen, and what would change a conclusion."""

from __future__ import annotations

import pandas as pd

from analysis.describe.masking import hide_few
from analysis.sensitivity import ANCHORED, RANDOM, STRATEGIES, Sensitivity
from analysis.tables.numerals import digits_for, number, percent, with_interval
from analysis.tables.table import Table

MAIN = "main analysis (mixed model)"


def strategies_table(
    relief: pd.DataFrame, found: Sensitivity, horizon: str = "long", level: float = 0.95
) -> Table:
    """Relief of every therapy under each strategy, beside the main analysis.

    Each strategy has two intervals: over repeated trials, and information-anchored.
    """
    title = f"{horizon.capitalize()}-term relief under each assumption"
    if found.setting is None:
        return Table(title, ("analysis",), (), found.refused)
    comparator = found.setting.comparator
    both = pd.concat([relief[relief["analysis"] == "main"], found.frame], ignore_index=True)
    chosen = (both["quantity"] == "relief") & (both["horizon"] == horizon)
    rows = both[chosen & (both["comparator"] == comparator)]
    therapies = [name for name in found.setting.therapies if name != comparator]
    digits = digits_for(rows)
    made = [(MAIN, *_cells(rows, "main", therapies, digits))]
    for name in STRATEGIES:
        if (rows["analysis"] == name).any():
            made.append((name, *_cells(rows, name, therapies, digits)))
        if (rows["analysis"] == name + ANCHORED).any():
            made.append((f"  {name}, anchored", *_cells(rows, name + ANCHORED, therapies, digits)))
    against = f"against {comparator}" if comparator else "change from baseline"
    note = (
        f"Relief {against} ({percent(level)} interval); positive is better. Without more words the "
        "interval is over repeated trials; anchored: it loses as much to missing values as under "
        f"{RANDOM}. A strategy applies to patients who were gone for good; a gap with a later visit "
        f"is {RANDOM} in all of them."
    )
    reasons = dict.fromkeys(rows.loc[rows["note"] != "", "note"])
    return Table(title, ("analysis", *therapies), tuple(made), " ".join([note, *reasons]))


def _cells(rows: pd.DataFrame, analysis: str, therapies: list[str], digits: int) -> list[str]:
    by = rows[rows["analysis"] == analysis].drop_duplicates("therapy").set_index("therapy")
    return [with_interval(by.loc[name], digits) if name in by.index else "" for name in therapies]


def tipping_table(tips: pd.DataFrame, unit: str, minimum: int) -> Table:
    """How much worse patients not seen must have been before a conclusion changes.

    Parameters
    ----------
    tips : pandas.DataFrame
        Of `analysis.sensitivity.tipping_points`.
    unit : str
    minimum : int
        Fewer missing values than this are not told.
    """
    rows = []
    for _, row in tips.iterrows():
        missing = row["missing"]
        told = "" if pd.isna(missing) else (f"<{minimum}" if 0 < missing < minimum else str(missing))
        rows.append((
            row["therapy"], row["horizon"], *([row["kind"] or "all"] if tips["kind"].any() else []),
            told, number(row["tip"], 2), number(row["important"], 1), number(row["of_change"], 1),
            row["note"],
        ))  # fmt: skip
    kinds = ("kind",) if tips["kind"].any() else ()
    columns = (
        "therapy", "term", *kinds, "values missing", f"tipping shift ({unit})",
        "in minimal important changes", "times own change", "why none",
    )  # fmt: skip
    note = (
        "The shift by which every missing value of the therapy must be worse (negative: better) than "
        "under missing at random before the interval reaches, or leaves, 0. The nearer to 0, the less "
        "it takes. A shift beyond the width of the scale cannot be."
    )
    return Table("Tipping points", columns, tuple(rows), note, (1, len(columns) - 1))


def departures_table(found: Sensitivity, minimum: int) -> Table:
    """Patients who were gone for good, by therapy and recorded reason."""
    title = "Patients gone for good"
    if found.setting is None:
        return Table(title, ("therapy",), (), found.refused)
    gone = found.setting.departures
    kinds = sorted(gone["kind"].unique())
    counts = gone.groupby(["therapy", "kind"]).size()
    rows = []
    for therapy in found.setting.therapies:
        cells = [int(counts.get((therapy, kind), 0)) for kind in kinds]
        hidden = hide_few(cells, minimum)
        rows.append((therapy, *[_masked(n, few, minimum) for n, few in zip(cells, hidden, strict=True)]))
    note = (
        "Patients by the last event recorded before the first visit that they missed for good. "
        f"Numbers from 1 to {minimum - 1} are not told, nor one that would tell them (hidden)."
    )
    words = tuple(kind.replace("_", " ") for kind in kinds)
    return Table(title, ("therapy", *words), tuple(rows), note)


def _masked(n: int, hidden: bool, minimum: int) -> str:
    return f"<{minimum}" if 0 < n < minimum else "hidden" if hidden else str(n)
