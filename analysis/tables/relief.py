"""Relief of every therapy, from a result frame."""

from __future__ import annotations

import pandas as pd

from analysis.tables.numerals import digits_for, p_value, percent, with_interval
from analysis.tables.table import Table

QUANTITY_WORDS = {
    "relief": "Relief", "loss": "Loss (short − long)", "retention": "Retention (long / short)",
    "area": "Area under relief", "mean": "Mean score",
}  # fmt: skip
HORIZON_WORDS = {"short": "short term", "long": "long term", "": ""}


def lsmeans_table(frame: pd.DataFrame) -> Table:
    """Modelled means of the raw score by therapy and visit, from a result frame."""
    means = frame[(frame["quantity"] == "mean") & (frame["analysis"] == "main")]
    visits = list(means["visit"].unique())
    rows = []
    for therapy, part in means.groupby("therapy", sort=False):
        cells = {row["visit"]: with_interval(row) for _, row in part.iterrows()}
        rows.append((str(therapy), *[cells.get(visit, "") for visit in visits]))
    note = "Mean score and its interval, for the same average patient in every therapy."
    return Table("Modelled mean score", ("therapy", *map(str, visits)), tuple(rows), note)


def relief_table(frame: pd.DataFrame, comparator: str = "", level: float = 0.95) -> Table:
    """Short term, long term, loss, retention and area by therapy: alone, or against the comparator.

    Against the comparator each of the first three has its p-value; none is given for change from
    baseline, which is no comparison of therapies. What cannot be estimated says why in the note.
    """
    chosen = (frame["analysis"] == "main") & (frame["comparator"] == comparator)
    chosen &= frame["quantity"].isin(["relief", "loss", "retention", "area"])
    rows_of = frame[chosen & ((frame["quantity"] != "relief") | (frame["horizon"] != ""))]
    digits = digits_for(rows_of)
    rows = []
    for therapy, part in rows_of.groupby("therapy", sort=False):
        cells: list[str] = []
        for key in (("relief", "short"), ("relief", "long"), ("loss", "")):
            cells.append(_cell(part, *key, digits))
            cells += [_p_cell(part, *key)] if comparator else []
        cells += [_cell(part, "retention", "", 2), _cell(part, "area", "", 1)]
        rows.append((str(therapy), *cells, _people(part)))
    beside = ("p",) if comparator else ()
    columns = ("therapy", "short term", *beside, "long term", *beside, "loss", *beside, "retention",
               "area (unit × weeks)", "n short; long")  # fmt: skip
    against = f"against {comparator}" if comparator else "alone (change from baseline)"
    reasons = rows_of.loc[rows_of["estimate"].isna() & (rows_of["note"] != ""), "note"].unique()
    notes = [f"Estimate ({percent(level)} confidence interval). Positive is better.", *reasons]
    if comparator:
        notes.append("n: the therapy / the comparator")
    return Table(f"Relief {against}", columns, tuple(rows), ". ".join(n.rstrip(".") for n in notes) + ".")


def _cell(part: pd.DataFrame, quantity: str, horizon: str, digits: int = 1) -> str:
    rows = part[(part["quantity"] == quantity) & (part["horizon"] == horizon)]
    return with_interval(rows.iloc[0], digits) if len(rows) else ""


def _p_cell(part: pd.DataFrame, quantity: str, horizon: str) -> str:
    rows = part[(part["quantity"] == quantity) & (part["horizon"] == horizon)]
    return p_value(rows["p_value"].iloc[0]) if len(rows) else ""


def _people(part: pd.DataFrame) -> str:
    cells = []
    for horizon in ("short", "long"):
        rows = part[(part["quantity"] == "relief") & (part["horizon"] == horizon)]
        counts = rows[["n_therapy", "n_comparator"]].to_numpy().ravel()
        cells.append(" / ".join(str(int(n)) for n in counts if not pd.isna(n)) or "–")
    return "; ".join(cells)


def adjusted_table(frame: pd.DataFrame, level: float = 0.95) -> Table:
    """Comparisons adjusted over therapies: simultaneous intervals and Holm's p-values."""
    key = ["quantity", "horizon", "therapy"]
    digits = digits_for(frame[(frame["analysis"] == "main") & (frame["comparator"] != "")])
    joint = frame[frame["analysis"] == "simultaneous"].set_index(key)
    holm = frame[frame["analysis"] == "holm"].set_index(key)["p_value"]
    single = frame[(frame["analysis"] == "main") & (frame["comparator"] != "")]
    single = single[(single["quantity"] == "loss") | (single["horizon"] != "")].set_index(key)["p_value"]
    rows = []
    for index, row in joint.iterrows():
        what = in_words(*index[:2])
        rows.append((index[2], what, with_interval(row, digits), p_value(single[index]), p_value(holm[index]),
                     p_value(row["p_value"])))  # fmt: skip
    columns = ("therapy", "what", "estimate, simultaneous interval", "p alone", "p Holm", "p max-t")
    note = f"Simultaneous {percent(level)} intervals hold for all therapies of a row's kind together."
    note = note if rows else "Fewer than two therapies are compared: there is nothing to adjust."
    title = "Against the comparator, adjusted over therapies"
    return Table(title, columns, tuple(rows), note, (1,))


def in_words(quantity: str, horizon: str) -> str:
    """What a row is about, as "Relief short term"."""
    return " ".join(part for part in (QUANTITY_WORDS[quantity], HORIZON_WORDS[horizon]) if part)
