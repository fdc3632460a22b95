"""Which published trials there are, where nothing is as well."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from analysis.evidence.published import Published
from analysis.tables.numerals import number
from analysis.tables.table import Table


def coverage_table(
    published: Published, coverage: pd.DataFrame, therapies: Iterable[str] | None = None
) -> Table:
    """Trials by therapy, under each definition of short and long term.

    Parameters
    ----------
    published : Published
    coverage : DataFrame
        Of `analysis.evidence.windows.coverage`.
    therapies : iterable of str, optional
        Which, in this order; all if left out. One that has no trial at all is a row of zeros.
    """
    names = sorted(set(coverage["therapy"])) if therapies is None else list(therapies)
    heads = list(dict.fromkeys(zip(coverage["definition"], coverage["horizon"], strict=True)))
    cells = coverage.set_index(["therapy", "definition", "horizon"])
    rows = [
        (published.name_of(name), *(_cell(cells, (name, *head)) for head in heads))
        for name in names
    ]
    columns = ("therapy", *(f"{horizon}, {definition}" for definition, horizon in heads))
    note = (
        "Trials with a result after baseline; in brackets the latest week since randomisation. "
        "0 is an empty cell: nobody looked, or nobody said."
    )
    return Table("Published trials by therapy and horizon", columns, tuple(rows), note)


def effects_table(detail: pd.DataFrame, unit: str, published: Published) -> Table:
    """Effects of single trials, with where they come from (detail of `published_effects`)."""
    digits = 1 if unit.startswith("points") else 2
    rows = [
        (
            str(row["label"]), published.name_of(row["therapy"]),
            published.name_of(row["comparator"]), str(row["scale"]),
            number(row["week"], 0), number(row["effect"], digits), number(row["std_error"], digits),
            _people(row), str(row["how"]) or "as printed",
        )
        for _, row in detail.iterrows()
    ]  # fmt: skip
    columns = ("trial", "therapy", "against", "scale", "week", "effect", "SE", "patients", "how")
    note = f"Effect in {unit}; positive is more relief." if rows else "No trial: an empty cell."
    return Table("Effects of single trials", columns, tuple(rows), note, (1, 2, 3, 8))


def pairs_table(pairs: pd.DataFrame, unit: str, published: Published) -> Table:
    """Relief soon and later within the same trial, and the share that is kept.

    Parameters
    ----------
    pairs : DataFrame
        Of `analysis.evidence.pairs.within_trial_pairs`.
    unit : str
        Of the effects.
    published : Published
    """
    digits = 1 if unit.startswith("points") else 2
    rows = [
        (
            str(row["label"]), published.name_of(row["therapy"]),
            published.name_of(row["comparator"]), str(row["scale"]),
            f"{number(row['week_short'], 0)}, {number(row['week_long'], 0)}",
            _with_error(row["short"], row["se_short"], digits),
            _with_error(row["long"], row["se_long"], digits), _kept(row),
        )
        for _, row in pairs.iterrows()
    ]  # fmt: skip
    columns = ("trial", "therapy", "against", "scale", "weeks", "soon (SE)", "later (SE)", "share kept")
    note = (
        f"Effects in {unit}; positive is more relief. Share kept with its 95 % Fieller set; any value "
        "means that the early difference is not clear of 0."
    )
    return Table("What is kept within the same trial", columns, tuple(rows), note, (1, 2, 3))


def left_out_trials_table(left_out: pd.DataFrame) -> Table:
    """Trials that are not used, and why."""
    rows = [(str(row["label"]), str(row["reason"])) for _, row in left_out.iterrows()]
    note = "" if rows else "Every trial is used."
    return Table("Trials that are not used", ("trial", "reason"), tuple(rows), note, (1,))


def _cell(cells: pd.DataFrame, key: tuple[str, str, str]) -> str:
    if key not in cells.index or not cells.loc[key, "trials"]:
        return "0"
    return f"{cells.loc[key, 'trials']} ({number(cells.loc[key, 'latest_week'], 0)})"


def _people(row: pd.Series) -> str:
    total = row["n_therapy"] + row["n_comparator"]
    return "not known" if pd.isna(total) else number(total, 0)


def _with_error(value: float, error: float, digits: int) -> str:
    return f"{number(value, digits)} ({number(error, digits)})"


def _kept(row: pd.Series) -> str:
    share = number(row["retention"], 2)
    if row["kind"] == "whole line":
        return f"{share} (any value)"
    low, high = number(row["conf_low"], 2), number(row["conf_high"], 2)
    if row["kind"] == "complement":
        return f"{share} (up to {high}, or {low} and more)"
    return f"{share} ({low} to {high})"
