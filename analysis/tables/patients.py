"""Who took part: stages, characteristics at baseline, events."""

from __future__ import annotations

import pandas as pd

from analysis.tables.numerals import HIDDEN, count, number
from analysis.tables.table import Table


def flow_table(flow: pd.DataFrame) -> Table:
    """Patients at each stage, a column per therapy (frame of `analysis.describe.flow`)."""
    therapies = [name for name in flow["therapy"].unique() if name]
    rows = []
    for (stage, detail), part in flow.groupby(["stage", "detail"], sort=False):
        counts = part.set_index("therapy")["n"]
        title = f"{stage}: {detail}" if detail else str(stage)
        cells = [count(counts[name]) if name in counts.index else "" for name in therapies]
        rows.append((title, count(part["n"].sum(skipna=False)), *cells))
    columns = ("stage", "all", *map(str, therapies))
    note = HIDDEN if flow["n"].isna().any() else ""
    return Table("Patients at each stage", columns, tuple(rows), note)


def baseline_as_table(frame: pd.DataFrame, minimum: int) -> Table:
    """Characteristics at baseline, a column per therapy (frame of `analysis.describe.baseline_table`)."""
    therapies = [name for name in frame["therapy"].unique() if name]
    rows = []
    keys = ["characteristic", "level", "unit"]
    for (name, level, unit), part in frame.groupby(keys, sort=False):
        by = part.set_index("therapy")
        title = f"{name}, {unit}" if unit else f"{name}: {level}" if level else str(name)
        cells = [_baseline_cell(by.loc[t], minimum) for t in (*therapies, "")]
        rows.append((title, *cells, number(by.loc["", "difference"], 2), by.loc["", "between"]))
    note = (
        "Mean (standard deviation; patients) or patients (percent). Difference: the largest absolute "
        f"standardised difference between a therapy and the comparator. <{minimum}: fewer patients "
        "than may be shown; hidden: it would tell a number that may not be shown."
    )
    columns = ("characteristic", *map(str, therapies), "all", "difference", "of")
    return Table("Characteristics at baseline", columns, tuple(rows), note, (len(columns) - 1,))


def _baseline_cell(row: pd.Series, minimum: int) -> str:
    if row["masked"]:
        return f"<{minimum}" if row["small"] else "hidden"
    if row["kind"] == "number":
        return f"{number(row['mean'])} ({number(row['sd']) or '–'}; {int(row['n'])})"
    return f"{int(row['count'])} ({number(row['percent'], 0)} %)"


def events_as_table(frame: pd.DataFrame, minimum: int) -> Table:
    """Patients with an event (events), a column per therapy (frame of `analysis.describe.events_table`)."""
    therapies = list(frame["therapy"].unique())
    rows = []
    for kind, part in frame.groupby("kind", sort=False):
        by = part.set_index("therapy")
        cells = [
            f"<{minimum}" if by.loc[t, "masked"]
            else f"{by.loc[t, 'patients']} ({number(by.loc[t, 'percent'], 0)} %), {by.loc[t, 'events']}"
            for t in therapies
        ]  # fmt: skip
        rows.append((str(kind).replace("_", " "), *cells))
    note = "Patients with at least one (percent of the therapy), events." if rows else "No events."
    return Table("Events", ("event", *map(str, therapies)), tuple(rows), note)
