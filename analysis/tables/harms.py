"""Harms and withdrawals: patients of every therapy, with what cannot be ruled out."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from analysis.harms import Harms, withdrawals_beside_harms
from analysis.harms.words import points
from analysis.tables.numerals import number, percent
from analysis.tables.table import Table

# Reasons of one kind of withdrawal that are listed; the others are counted.
REASONS = 5
TOTALS = {
    "adverse_event": "any", "adverse_event, serious": "serious", "adverse_event, related": "related",
}  # fmt: skip


def harms_table(harms: Harms, level: float = 0.95) -> Table:
    """Patients with at least one adverse event, a column per therapy."""
    rows = _rows(harms, "risk", lambda row, cell: _risk(row, cell))
    note = (
        f"Patients (percent; exact {percent(level)} confidence interval). The upper limit at none is "
        "what cannot be ruled out. A range such as 1 to 4 stands for a number that is not shown; its "
        "interval holds that of every number in it."
    )
    columns = ("adverse event", *dict.fromkeys(harms.cells["therapy"]))
    note = note if harms.recorded else "Adverse events were not recorded in this study."
    return Table("Patients with an adverse event", columns, tuple(rows), note)


def harm_rates_table(harms: Harms, level: float = 0.95) -> Table:
    """Any, serious and related adverse events in the time under observation, a column per therapy."""
    rows = _rows(harms, "rate", lambda row, cell: _interval(row, _why(row, cell)))
    rows = [row for row in rows if row[0] in TOTALS.values()]
    note = (
        f"Events per {harms.per} (exact {percent(level)} confidence interval), from randomisation to the "
        "last visit with a value or the last dated event. Events of one patient are taken for "
        "independent of each other."
    )
    columns = ("adverse event", *dict.fromkeys(harms.cells["therapy"]))
    return Table("Adverse events in time", columns, tuple(rows), note)


def harm_differences_table(
    harms: Harms, comparator: str, level: float = 0.95, kinds: bool = False
) -> Table:
    """Risk differences in percentage points and risk ratios against the comparator.

    Any, serious and related events; each kind by name as well, where `kinds` is true.
    """
    frame = harms.frame[harms.frame["comparator"] == comparator] if comparator else harms.frame.iloc[:0]
    ratios = frame[frame["analysis"] == "risk ratio"].set_index(["measure", "therapy"])
    frame = frame if kinds else frame[frame["measure"].isin(list(TOTALS))]
    rows = []
    for _, row in frame[frame["analysis"] == "risk difference"].iterrows():
        ratio = ratios.loc[(row["measure"], row["therapy"])]
        rows.append((
            _title(row["measure"]), row["therapy"], _interval(row, row["note"], 100, 1),
            _interval(ratio, "not estimable", 1, 2),
        ))  # fmt: skip
    note = (
        f"Therapy less comparator, and therapy divided by comparator ({percent(level)} score interval of "
        "Miettinen and Nurminen). Positive, or above 1: more patients with the event than with "
        f"{comparator}. An interval alone belongs to a number that is not shown."
    )
    note = note if comparator else "The study has no comparator."
    columns = ("adverse event", "therapy", "difference, percentage points", "ratio")
    title = f"Harms against {comparator}" if comparator else "Harms against a comparator"
    return Table(title, columns, tuple(rows), note, (1,))


def relief_harm_table(plane: pd.DataFrame, unit: str, level: float = 0.95) -> Table:
    """Long-term relief and risk of harm of each therapy side by side."""
    rows = []
    for _, row in plane.iterrows():
        cells = []
        for name, times, digits in (("relief", 1, 2), ("harm", 100, 1)):
            named = {"estimate": row[name], "conf_low": row[f"{name}_low"], "conf_high": row[f"{name}_high"]}
            cells.append(_interval(pd.Series(named), "not estimable", times, digits))
        rows.append((row["therapy"], *cells, row["note"]))
    comparator = plane["comparator"].iloc[0] if len(plane) else ""
    harm = "risk difference, percentage points" if comparator else "risk, percent"
    columns = ("therapy", f"long-term relief, {unit}", f"any adverse event: {harm}", "note")
    against = f"Against {comparator}" if comparator else "Each therapy alone"
    note = f"{against}; {percent(level)} intervals. Relief is positive when better."
    return Table("Relief beside harm", columns, tuple(rows), note, (3,))


def withdrawals_table(harms: Harms) -> Table:
    """Who left and why beside who was harmed, a column per therapy."""
    frame = withdrawals_beside_harms(harms)
    therapies = list(dict.fromkeys(harms.cells["therapy"]))
    rows, left = [], 0
    for item, of_item in frame.groupby("item", sort=False):
        reasons = _by_size(of_item)
        left += len(reasons[REASONS + 1 :])
        for reason in reasons[: REASONS + 1]:
            by = of_item[of_item["reason"] == reason].set_index("therapy")
            cells = [_count(by.loc[name]) if name in by.index else "0" for name in therapies]
            rows.append((f"{item}: {reason}" if reason else str(item), *cells))
    note = "Patients (percent). A patient may have left for more than one reason, or without one."
    note += f" {left} rarer reasons are not listed." if left else ""
    return Table("Withdrawals beside harms", ("what", *therapies), tuple(rows), note)


def _by_size(of_item: pd.DataFrame) -> list[str]:
    """Reasons of one kind, any reason first, then those that most can have had."""
    most = of_item.groupby("reason")["at_most"].sum().fillna(0)
    return sorted(most.index, key=lambda reason: (reason != "", -int(most[reason]), reason))


def _title(measure: str) -> str:
    return TOTALS.get(measure, measure.removeprefix("adverse_event: "))


def _rows(
    harms: Harms, analysis: str, cell_of: Callable[[pd.Series, pd.Series], str]
) -> list[tuple[str, ...]]:
    """One row for everything that is counted as an adverse event."""
    chosen = harms.cells["kind"] == "adverse_event"
    cells = harms.cells[chosen].reset_index(drop=True)
    frame = harms.frame[harms.frame["analysis"] == analysis]
    # Both have a row for each cell, in the same order.
    frame = frame[frame["measure"].str.startswith("adverse_event")].reset_index(drop=True)
    texts = [cell_of(frame.loc[k], cells.loc[k]) for k in cells.index]
    shown = frame.assign(text=texts)
    return [
        (_title(str(measure)), *part["text"]) for measure, part in shown.groupby("measure", sort=False)
    ]  # fmt: skip


def _risk(row: pd.Series, cell: pd.Series) -> str:
    if pd.isna(row["conf_low"]):
        return str(row["note"])
    low, high = points(row["conf_low"]), points(row["conf_high"])
    if pd.isna(cell["patients"]):
        return f"{cell['at_least']} to {cell['at_most']} ({low} to {high} %)"
    return f"{cell['patients']} of {cell['of']} ({number(100 * row['estimate'])} %; {low} to {high} %)"


def _interval(row: pd.Series, otherwise: str, times: float = 1.0, digits: int = 2) -> str:
    if pd.isna(row["conf_low"]):
        return otherwise
    low, high = (number(times * row[name], digits) for name in ("conf_low", "conf_high"))
    high = "no limit" if high == "inf" else high
    if pd.isna(row["estimate"]):
        return f"{low} to {high}"
    return f"{number(times * row['estimate'], digits)} ({low} to {high})"


def _why(row: pd.Series, cell: pd.Series) -> str:
    """Why there is no rate, in short."""
    return "not shown" if pd.notna(cell["at_least"]) and cell["weeks"] > 0 else str(row["note"])


def _count(row: pd.Series) -> str:
    if pd.isna(row["at_least"]):
        return str(row["note"])
    if pd.isna(row["patients"]):
        return f"{row['at_least']} to {row['at_most']}"
    return f"{row['patients']} ({number(100 * row['risk'])} %)" if row["of"] else "0"
