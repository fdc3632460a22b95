"""Frames as tables for people: one rounding for text and HTML, everything escaped, no ids and no dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from analysis.studies.records import Study
from analysis.trial.records import Trial

QUANTITY_WORDS = {
    "relief": "Relief", "loss": "Loss (short − long)", "retention": "Retention (long / short)",
    "area": "Area under relief", "mean": "Mean score",
}  # fmt: skip
# Width of an interval, in units of the scale, below which one decimal says too little.
NARROW = 0.5
HORIZON_WORDS = {"short": "short term", "long": "long term", "": ""}


@dataclass(frozen=True, slots=True)
class Table:
    """A table that shows as HTML in a notebook and as text elsewhere.

    Attributes
    ----------
    caption : str
    columns : tuple of str
    rows : tuple of tuple of str
        Cells as shown. The first column names the row.
    note : str
    words : tuple of int
        Columns that hold words, which stand left; all others but the first hold numbers and stand
        right.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    words: tuple[int, ...] = ()

    def _repr_html_(self) -> str:
        side = ["left" if k in (0, *self.words) else "right" for k in range(len(self.columns))]
        head = "".join(
            f'<th scope="col" style="text-align: {where}">{escape(name)}</th>'
            for name, where in zip(self.columns, side, strict=True)
        )
        body = "".join(
            f'<tr><th scope="row" style="text-align: left">{escape(row[0])}</th>'
            + "".join(
                f'<td style="text-align: {where}">{escape(cell)}</td>'
                for cell, where in zip(row[1:], side[1:], strict=True)
            )
            + "</tr>"
            for row in self.rows
        )
        note = f"<p><small>{escape(self.note)}</small></p>" if self.note else ""
        return (
            f"<table><caption>{escape(self.caption)}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>{note}"
        )

    def __repr__(self) -> str:
        grid = [self.columns, *self.rows]
        widths = [max(len(row[k]) for row in grid) for k in range(len(self.columns))]
        left = [k in (0, *self.words) for k in range(len(self.columns))]
        lines = [
            "  ".join(
                cell.ljust(width) if words else cell.rjust(width)
                for cell, width, words in zip(row, widths, left, strict=True)
            ).rstrip()
            for row in grid
        ]
        return "\n".join([self.caption, *lines, *([self.note] if self.note else [])])


def number(value: float, digits: int = 1) -> str:
    """A number as shown: fixed digits, a true minus sign, no negative zero, empty when missing."""
    if pd.isna(value):
        return ""
    text = f"{round(float(value), 9):.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def p_value(value: float) -> str:
    """A p-value to three decimals, or <0.001."""
    if pd.isna(value):
        return ""
    return "<0.001" if value < 0.001 else f"{round(float(value), 9):.3f}"


def with_interval(row: pd.Series, digits: int = 1) -> str:
    """`estimate (low to high)`, in words where it is not an interval."""
    if pd.isna(row["estimate"]):
        return "not estimable"
    estimate = number(row["estimate"], digits)
    if "whole line" in row["method"]:
        return f"{estimate} (any value)"
    low, high = number(row["conf_low"], digits), number(row["conf_high"], digits)
    if "complement" in row["method"]:
        return f"{estimate} (up to {high}, or {low} and more)"
    return f"{estimate} ({low} to {high})" if low and high else estimate


def digits_for(frame: pd.DataFrame) -> int:
    """Decimals for relief: one, or two where one would say too little.

    That is where intervals are narrow, or where an end that is not zero would be shown as zero, and
    so an interval that holds zero would look as if it did not, or the other way round.
    """
    relief = frame[frame["quantity"].isin(["relief", "loss"])]
    ends = relief[["conf_low", "conf_high"]].dropna()
    if ends.empty:
        return 1
    hidden = ((ends != 0) & (ends.abs() < 0.05)).any(axis=None)
    narrow = (ends["conf_high"] - ends["conf_low"]).median() < NARROW
    return 2 if hidden or narrow else 1


def _percent(level: float) -> str:
    return f"{100 * level:g} %"


def findings_table(summary: pd.DataFrame) -> Table:
    """What validation found, without naming patients (frame of `analysis.validate.summary`)."""
    rows = [
        (str(row["severity"]), str(row["rule"]), str(row["count"]), str(row["message"]))
        for _, row in summary.iterrows()
    ]
    note = "" if rows else "Nothing was found."
    return Table("Findings", ("severity", "rule", "count", "what was found"), tuple(rows), note,
                 (1, 3))  # fmt: skip


def account_table(trial: Trial) -> Table:
    """Where every row and value of the input went."""
    rows = [
        (str(r["file"]), f"{r['item']}s", str(r["step"]), str(r["reason"] or ""), f"{int(r['n']):,}")
        for _, r in trial.account.iterrows()
    ]
    note = "In = set aside + used, for each file and item."
    columns = ("file", "counted", "step", "reason", "n")
    return Table("Account of the input", columns, tuple(rows), note, (1, 2, 3))


def flow_table(flow: pd.DataFrame) -> Table:
    """Patients at each stage, a column per therapy (frame of `analysis.describe.flow`)."""
    therapies = [name for name in flow["therapy"].unique() if name]
    rows = []
    for (stage, detail), part in flow.groupby(["stage", "detail"], sort=False):
        counts = part.set_index("therapy")["n"]
        title = f"{stage}: {detail}" if detail else str(stage)
        cells = [f"{int(counts[name]):,}" if name in counts.index else "" for name in therapies]
        rows.append((title, f"{int(part['n'].sum()):,}", *cells))
    columns = ("stage", "all", *map(str, therapies))
    return Table("Patients at each stage", columns, tuple(rows))


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


def patterns_table(frame: pd.DataFrame) -> Table:
    """Patients by pattern of their visits (frame of `analysis.describe.missing_patterns`)."""
    patterns = list(frame["pattern"].unique())
    rows = []
    for therapy, part in frame.groupby("therapy", sort=False):
        cells = [f"{int(r['n'])} ({number(r['percent'], 0) or '–'} %)" for _, r in part.iterrows()]
        rows.append((str(therapy), *cells))
    note = (
        "Patients (percent). Monotone: no visit after the first one missed; intermittent: seen again "
        "after a gap."
    )
    return Table("Patterns of follow-up", ("therapy", *patterns), tuple(rows), note)


def together_table(frame: pd.DataFrame) -> Table:
    """Patients seen at both of two visits (frame of `analysis.describe.visits_together`)."""
    visits = list(frame["visit"].unique())
    wide = frame.pivot(index="visit", columns="other", values="n").loc[visits, visits]
    cells = zip(visits, wide.to_numpy(), strict=True)
    rows = tuple((str(visit), *[f"{int(n):,}" for n in row]) for visit, row in cells)
    return Table("Patients seen at both visits", ("visit", *map(str, visits)), rows)


def missingness_table(frame: pd.DataFrame) -> Table:
    """Share of values missing, a column per visit (frame of `analysis.describe.missingness`)."""
    visits = list(frame["visit"].unique())
    rows = []
    for therapy, part in frame.groupby("therapy", sort=False):
        cells = {r["visit"]: f"{int(r['missing'])} ({number(r['percent'], 0)} %)" for _, r in part.iterrows()}
        rows.append((str(therapy), str(int(part["expected"].max())), *[cells.get(v, "") for v in visits]))
    return Table("Values missing", ("therapy", "patients", *map(str, visits)), tuple(rows))


def course_table(frame: pd.DataFrame, caption: str = "Mean score observed") -> Table:
    """Mean (n) of the raw score by therapy and visit."""
    visits = list(frame["visit"].unique())
    rows = []
    for therapy, part in frame.groupby("therapy", sort=False):
        cells = {r["visit"]: f"{number(r['mean']) or 'not shown'} ({int(r['n'])})" if r["n"] else "–"
                 for _, r in part.iterrows()}  # fmt: skip
        rows.append((str(therapy), *[cells.get(visit, "") for visit in visits]))
    return Table(caption, ("therapy", *map(str, visits)), tuple(rows), "Mean (patients).")


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
    notes = [f"Estimate ({_percent(level)} confidence interval). Positive is better.", *reasons]
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
        what = " ".join(part for part in (QUANTITY_WORDS[index[0]], HORIZON_WORDS[index[1]]) if part)
        rows.append((index[2], what, with_interval(row, digits), p_value(single[index]), p_value(holm[index]),
                     p_value(row["p_value"])))  # fmt: skip
    columns = ("therapy", "what", "estimate, simultaneous interval", "p alone", "p Holm", "p max-t")
    note = f"Simultaneous {_percent(level)} intervals hold for all therapies of a row's kind together."
    note = note if rows else "Fewer than two therapies are compared: there is nothing to adjust."
    title = "Against the comparator, adjusted over therapies"
    return Table(title, columns, tuple(rows), note, (1,))


def truth_table(frame: pd.DataFrame, truth: pd.DataFrame) -> Table:
    """Estimate beside the true value of a simulated trial, and whether the interval holds it."""
    key = ["measure", "quantity", "horizon", "therapy", "comparator", "visit"]
    wanted = frame[(frame["analysis"] == "main") & frame["quantity"].isin(["relief", "loss", "retention"])]
    wanted = wanted[(wanted["horizon"] != "") | (wanted["quantity"] != "relief")]
    known = truth[truth["quantity"].isin(["relief", "loss", "retention"])]
    merged = wanted.merge(known[[*key, "estimate"]], on=key, suffixes=("", "_true"))
    usual = digits_for(merged)
    rows = []
    for _, row in merged[merged["comparator"] != ""].iterrows():
        what = " ".join(part for part in (QUANTITY_WORDS[row["quantity"]], HORIZON_WORDS[row["horizon"]]) if part)
        digits = 2 if row["quantity"] == "retention" else usual
        held = _holds(row)
        rows.append((row["therapy"], what, with_interval(row, digits),
                     number(row["estimate_true"], digits),
                     "" if held is None else "yes" if held else "no"))  # fmt: skip
    columns = ("therapy", "what", "estimate (interval)", "truth", "interval holds it")
    return Table("Estimate and truth (simulated)", columns, tuple(rows), words=(1, 4))


def _holds(row: pd.Series) -> bool | None:
    if pd.isna(row["estimate"]) or pd.isna(row["estimate_true"]):
        return None
    if "whole line" in row["method"]:
        return True
    if "complement" in row["method"]:
        return bool(row["estimate_true"] <= row["conf_high"] or row["estimate_true"] >= row["conf_low"])
    return bool(row["conf_low"] <= row["estimate_true"] <= row["conf_high"])


def estimand_table(study: Study) -> Table:
    """The estimand in its five attributes (ICH E9(R1))."""
    events = [f"{kind.replace('_', ' ')}: {how.replace('_', ' ')}" for kind, how in study.estimand.events.items()]
    treatments = ", ".join(study.therapies)
    if study.comparator:
        treatments += f"; each against {study.comparator}"
    rows = (
        ("Population", study.estimand.population),
        ("Treatments", treatments),
        ("Variable", f"{study.primary.label} at {_visits(study)}"),
        ("Intercurrent events", "; ".join([*events, "all others: treatment policy"])),
        ("Summary measure", study.estimand.summary),
    )
    return Table("What is estimated", ("attribute", "in this study"), rows, words=(1,))


def _visits(study: Study) -> str:
    parts: list[str] = []
    for horizon, word in (("short", "short term"), ("long", "long term")):
        names: Sequence[str] = [visit.name for visit in study.horizon(horizon)]
        parts.append(f"{word}: {', '.join(names)}" if names else f"{word}: no visit")
    return "; ".join(parts)


def left_out_table(frame: pd.DataFrame) -> Table:
    """Patients with follow-up who could not enter the model, by reason."""
    rows = tuple((str(row["reason"]), str(int(row["n"]))) for _, row in frame.iterrows())
    note = "" if rows else "Every patient with follow-up entered the model."
    return Table("Left out of the model", ("reason", "patients"), rows, note)

