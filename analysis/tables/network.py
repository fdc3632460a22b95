"""Pooled relief of a network: against one comparator, under two definitions, kept, and spread."""

from __future__ import annotations

import pandas as pd

from analysis.evidence.certainty import LEGEND
from analysis.tables.numerals import number, p_value, with_interval
from analysis.tables.table import Table

EMPTY = "no trial joins"
HORIZONS = ("short", "long")


def network_table(effects: pd.DataFrame, unit: str, level: float = 0.95) -> Table:
    """Relief against one comparator with trials, patients, heterogeneity and certainty.

    Parameters
    ----------
    effects : pandas.DataFrame
        Of `analysis.evidence.synthesis.Synthesis.effects`.
    unit : str
    level : float
        Of the intervals.
    """
    by = effects.set_index(["therapy", "horizon"])
    rows = [
        (str(name), *(cell for horizon in HORIZONS for cell in _half(by.loc[name, horizon])))
        for name in dict.fromkeys(effects["therapy"])
    ]
    heads = (f"relief ({100 * level:g} % CI)", "trials (patients)", "certainty")
    columns = ("therapy", *(f"{horizon}: {head}" for horizon in HORIZONS for head in heads))
    spread = "; ".join(_spread(effects, horizon) for horizon in HORIZONS)
    note = (
        f"Relief against {effects['comparator'].iloc[0]} in {unit}; positive is better. Trials and "
        "patients are those that compared the two directly. Heterogeneity belongs to the whole "
        f"network of a horizon: {spread}; τ is the standard deviation of true effects between "
        "trials. Certainty by rule, without a judgement of risk of bias within trials: "
        f"{LEGEND}. No trial joins: an empty cell."
    )
    return Table("Pooled relief, soon and later", columns, tuple(rows), note)


def definitions_table(effects: pd.DataFrame, unit: str) -> Table:
    """Pooled relief under several definitions of short and long, side by side.

    Parameters
    ----------
    effects : pandas.DataFrame
        Of `analysis.evidence.synthesis.side_by_side`.
    unit : str
    """
    names = list(dict.fromkeys(effects["definition"]))
    heads = [(horizon, name) for horizon in HORIZONS for name in names]
    cells = {
        (row["horizon"], row["definition"], row["therapy"]): _short_cell(row)
        for _, row in effects.iterrows()
    }
    seen = effects.groupby("therapy")["definition"].nunique()
    therapies = sorted(seen.index[seen == len(names)], key=str.casefold)
    once = len(seen) - len(therapies)
    rows = [(one, *(cells[(*head, one)] for head in heads)) for one in therapies]
    columns = ("therapy", *(f"{horizon}, {name}" for horizon, name in heads))
    note = (
        f"Relief in {unit} (95 % CI; positive is better); trials that compared the two directly. "
        f"{once} other therapies have no trial under one of the definitions."
    )
    return Table("The same trials under two definitions", columns, tuple(rows), note)


def kept_table(tidy: pd.DataFrame, unit: str, definition: str) -> Table:
    """Relief soon and later, what was lost, and the share kept with its Fieller set.

    Parameters
    ----------
    tidy : pandas.DataFrame
        Result frame of a network of two horizons.
    unit, definition : str
        Of relief, and of the horizons.
    """
    rows, single = [], 0
    for therapy, part in tidy.groupby("therapy", sort=False):
        by = part.set_index(["quantity", "horizon"])
        cells = [by.loc[key] for key in (
            ("relief", "short"), ("relief", "long"), ("loss", ""), ("retention", ""),
        )]  # fmt: skip
        if any(pd.isna(cell["estimate"]) for cell in cells[:2]):
            single += 1
            continue
        shown = (with_interval(cell, 1) for cell in cells[:3])
        rows.append((str(therapy), *shown, with_interval(cells[3], 2)))
    columns = ("therapy", "soon", "later", "lost", "share kept (Fieller)")
    note = (
        f"Relief in {unit}; positive is better. {single} other therapies are known at one horizon or "
        "none, so nothing can be said of what they keep. Soon and later come from different trials "
        "in part: the share within the same trials stands apart."
    )
    return Table(f"What is kept, {definition}", columns, tuple(rows), note)


def correlation_table(frame: pd.DataFrame, unit: str) -> Table:
    """Loss and share kept at several correlations between the horizons of a trial.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of `analysis.evidence.correlation.relief_by_correlation`.
    unit : str
    """
    by = frame.set_index(["therapy", "quantity", "rho"])
    known = frame[(frame["quantity"] == "loss") & frame["estimate"].notna()]
    rhos = sorted(set(frame["rho"]))
    rows = [
        (
            str(name),
            *(with_interval(by.loc[(name, "loss", rho)], 1) for rho in rhos),
            *(with_interval(by.loc[(name, "retention", rho)], 2) for rho in rhos),
        )
        for name in dict.fromkeys(known["therapy"])
    ]
    heads = [f"{what}, ρ = {rho:g}" for what in ("lost", "share kept") for rho in rhos]
    note = (
        f"Lost: in {unit}. ρ: correlation of a trial's short and long result, which no trial prints; "
        "0.5 is used elsewhere."
    )
    title = "What is kept, under other correlations"
    return Table(title, ("therapy", *heads), tuple(rows), note)


def spread_table(spread: pd.DataFrame) -> Table:
    """Heterogeneity and inconsistency of every definition and horizon (`Synthesis.spread`)."""
    rows = [
        (
            f"{row['horizon']} term, {row['definition']}", number(row["trials"], 0),
            number(row["patients"], 0), number(row["therapies"], 0),
            f"{number(row['tau2'], 1)}{_range(row['tau2_low'], row['tau2_high'])}",
            _percent(row["i2"]), _q(row, "within"), _q(row, "between"),
        )
        for _, row in spread.iterrows()
    ]  # fmt: skip
    columns = ("network", "trials", "patients", "therapies", "τ² (95 % CI)", "I²",
               "Q within designs", "Q between designs")  # fmt: skip
    note = (
        "Trials that are joined to the comparator. Within designs: trials of the same therapies "
        "disagree. Between designs: ways round the network disagree. Q on its degrees of freedom, p."
    )
    return Table("How much trials differ", columns, tuple(rows), note)


def split_table(split: pd.DataFrame, digits: int = 1) -> Table:
    """Direct against indirect evidence, a row a comparison that has both."""
    both = split[split["difference"].notna()]
    rows = [
        (
            f"{row['therapy']} against {row['comparator']}", _trials(row["trials"]),
            _error(row, "direct", digits), _error(row, "indirect", digits),
            _error(row, "difference", digits), p_value(row["p_value"]),
        )
        for _, row in both.iterrows()
    ]  # fmt: skip
    columns = ("comparison", "trials", "direct (SE)", "indirect (SE)", "difference (SE)", "p")
    without = len(split) - len(both)
    note = (
        f"{without} of {len(split)} direct comparisons have no indirect evidence to be held against."
    )
    return Table("Direct and indirect evidence", columns, tuple(rows), note)


def ranks_table(ranks: pd.DataFrame) -> Table:
    """P-scores and ranks at both horizons, of therapies known at both."""
    rows = [
        (
            str(row["therapy"]), *(number(row[f"p_score_{at}"], 2) for at in ("short", "long")),
            *(
                f"{number(row[name], 0)}{_range(row[f'{name}_low'], row[f'{name}_high'], 0)}"
                for name in ("rank_short", "rank_long", "falls")
            ),
        )
        for _, row in ranks.iterrows()
    ]  # fmt: skip
    columns = ("therapy", "P-score, soon", "P-score, later", "rank, soon", "rank, later", "places lost")
    note = (
        "P-score: mean certainty that it relieves more than another therapy of this table. Ranks "
        "are medians with 95 % intervals, drawn together from both horizons; 1 is the most relief."
    )
    return Table("Order of therapies, and how sure it is", columns, tuple(rows), note)


def additivity_table(additivity: pd.DataFrame) -> Table:
    """The test of additivity at τ² = 0 and at the τ² of the network."""
    rows = [
        (
            number(row["tau2"], 1), _on(row["q_additive"], row["df_additive"]),
            _on(row["q_standard"], row["df_standard"]), _on(row["q"], row["df"]),
            p_value(row["p_value"]),
        )
        for _, row in additivity.iterrows()
    ]  # fmt: skip
    columns = ("τ²", "Q if parts add up", "Q of the network", "difference", "p")
    note = "At τ² = 0 trials would differ by chance alone; then the network's own τ²."
    return Table("Do parts add up?", columns, tuple(rows), note)


def combinations_table(combinations: pd.DataFrame, unit: str) -> Table:
    """Combinations as sums of their parts, beside what the network says of them whole."""
    rows = [
        (str(row["therapy"]), _trials(row["trials"]),
         *(_interval(row, kind) for kind in ("sum", "whole")))
        for _, row in combinations.iterrows()
    ]  # fmt: skip
    columns = ("combination", "trials", "sum of parts (95 % CI)", "whole (95 % CI)")
    note = f"Relief against usual care in {unit}; positive is better."
    return Table("Combinations and their parts", columns, tuple(rows), note)


def _cell(row: pd.Series) -> str:
    if pd.isna(row["estimate"]):
        return EMPTY
    low, high = number(row["conf_low"], 1), number(row["conf_high"], 1)
    return f"{number(row['estimate'], 1)} ({low} to {high})"


def _short_cell(row: pd.Series) -> str:
    return EMPTY if pd.isna(row["estimate"]) else f"{_cell(row)}; {_trials(row['trials'])}"


def _half(row: pd.Series) -> tuple[str, str, str]:
    """Relief, trials and certainty of one horizon."""
    if pd.isna(row["estimate"]):
        return EMPTY, "", ""
    people = f" ({_people(row['patients'])})" if row["trials"] else ""
    return _cell(row), f"{_trials(row['trials'])}{people}", str(row["certainty"])


def _spread(effects: pd.DataFrame, horizon: str) -> str:
    row = effects[effects["horizon"] == horizon].iloc[0]
    return f"{horizon} term τ {number(row['tau'], 1)}, I² {_percent(row['i2'])}"


def _interval(row: pd.Series, kind: str) -> str:
    if pd.isna(row[kind]):
        return "cannot be told"
    return f"{number(row[kind], 1)}{_range(row[f'{kind}_low'], row[f'{kind}_high'])}"


def _range(low: float, high: float, digits: int = 1) -> str:
    return "" if pd.isna(low) else f" ({number(low, digits)} to {number(high, digits)})"


def _trials(count: float) -> str:
    return {0: "indirect", 1: "1 trial"}.get(int(count), f"{int(count)} trials")


def _people(patients: float) -> str:
    return "not known" if pd.isna(patients) else number(patients, 0)


def _percent(share: float) -> str:
    return "cannot be told" if pd.isna(share) else f"{number(100 * share, 0)} %"


def _error(row: pd.Series, name: str, digits: int) -> str:
    return f"{number(row[name], digits)} ({number(row[f'{name}_error'], digits)})"


def _q(row: pd.Series, part: str) -> str:
    if not row[f"df_{part}"]:
        return "nothing to compare"
    return f"{_on(row[f'q_{part}'], row[f'df_{part}'])}, {p_value(row[f'p_{part}'])}"


def _on(q: float, df: float) -> str:
    return f"{number(q, 1)} on {number(df, 0)}"
