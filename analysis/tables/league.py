"""The league table: every therapy against every other, one horizon or both."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.tables.numerals import number
from analysis.tables.table import Table

# What an empty cell says: trials of neither kind join the two therapies.
EMPTY = "no trial joins"


def league_table(
    frame: pd.DataFrame, therapies: Sequence[str] | None = None, *, unit: str = "",
    level: float = 0.95, digits: int = 1,
) -> Table:  # fmt: skip
    """A square table of pooled differences.

    Parameters
    ----------
    frame : pandas.DataFrame
        `therapy`, `comparator`, `estimate`, `conf_low`, `conf_high`, `trials` for every ordered
        pair; with the column `horizon`, the short term stands below the diagonal and the long term
        above it.
    therapies : sequence of str, optional
        Which, in this order; all when left out.
    unit : str
    level : float
        Of the intervals.
    digits : int
    """
    names = list(dict.fromkeys(frame["therapy"])) if therapies is None else list(therapies)
    both = "horizon" in frame
    keys = ["horizon", "therapy", "comparator"] if both else ["therapy", "comparator"]
    cells = {tuple(key): row for key, row in zip(
        frame[keys].itertuples(index=False), frame.to_dict("records"), strict=True
    )}  # fmt: skip
    rows = []
    for down, one in enumerate(names):
        shown = [one]
        for across, other in enumerate(names):
            # Above the diagonal the column's therapy comes first, so that a pair reads one way.
            pair = (other, one) if both and across > down else (one, other)
            where = (("long" if across > down else "short",) if both else ()) + pair
            shown.append("" if one == other else _cell(cells.get(where), digits))
        rows.append(tuple(shown))
    return Table("Every therapy against every other", ("therapy", *names), tuple(rows),
                 _note(both, unit, level))  # fmt: skip


def _cell(row: dict | None, digits: int) -> str:
    """`8.2 (2.8 to 13.7); 3 trials`."""
    if row is None or pd.isna(row["estimate"]):
        return EMPTY
    low, high = number(row["conf_low"], digits), number(row["conf_high"], digits)
    count = {0: "indirect", 1: "1 trial"}.get(row["trials"], f"{row['trials']} trials")
    return f"{number(row['estimate'], digits)} ({low} to {high}); {count}"


def _note(both: bool, unit: str, level: float) -> str:
    scale = f" in {unit}" if unit else ""
    read = (
        "Below the diagonal, short term: relief with the row's therapy less relief with the "
        "column's. Above it, long term: relief with the column's less relief with the row's."
        if both else
        "Relief with the row's therapy less relief with the column's."
    )  # fmt: skip
    return (
        f"{read} Pooled difference{scale} ({100 * level:g} % confidence interval; positive is "
        "better); trials that compared the two directly. Indirect: only by way of other therapies."
    )
