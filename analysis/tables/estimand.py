"""What is estimated, and what was done to values for it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.estimands.analysis_data import EstimandData
from analysis.estimands.attributes import ATTRIBUTES, attributes, handling_words, kind_words
from analysis.estimands.deciding import DECIDES
from analysis.estimands.values import APART, FILLED, REPLACED, SET_ASIDE, TO_IMPUTE
from analysis.studies.records import Estimand, Study
from analysis.tables.numerals import digits_for, percent, with_interval
from analysis.tables.table import Table


def estimand_table(study: Study, estimands: Estimand | Sequence[Estimand] | None = None) -> Table:
    """Estimands in their five attributes (ICH E9(R1)), a column each; the primary one if left out."""
    given = study.estimand if estimands is None else estimands
    chosen = (given,) if isinstance(given, Estimand) else tuple(given)
    columns = [attributes(study, estimand) for estimand in chosen]
    names = ["in this study"] if estimands is None else [estimand.name for estimand in chosen]
    rows = tuple(zip(ATTRIBUTES, *columns, strict=True))
    words = tuple(range(1, len(names) + 1))
    return Table("What is estimated", ("attribute", *names), rows, words=words)


def handling_table(data: EstimandData) -> Table:
    """Patients whose values an event decides, and what became of their values, by therapy."""
    study, estimand = data.trial.study, data.estimand
    therapies, minimum = study.therapies, study.minimum_count
    decided = data.events[data.events["step"] == DECIDES]
    patients = decided.set_index(["kind", "therapy"])["patients"]
    changed = data.values[data.values["fate"] != "kept"]
    counts = changed.groupby(["kind", "therapy", "fate"])["values"].sum()
    rows = []
    for kind in decided["kind"].unique():
        how = handling_words(study, estimand, estimand.handling(kind))
        cells = []
        for therapy in therapies:
            n = int(patients[kind, therapy])
            fates = [int(counts.get((kind, therapy, fate), 0)) for fate in _WORDS]
            values = f": {sum(fates)}" if sum(fates) else ""
            cells.append(f"<{minimum}" if 0 < n < minimum else f"{n}{values}")
        rows.append((f"{kind_words(kind)}: {how}", *cells))
    note = (
        "Patients for whom the event decides: how many of their values were set aside, replaced, "
        "filled in, kept out of the imputation model or are to be imputed by reference, if any. "
        f"<{minimum}: fewer patients than may be shown. Altogether {_totals(data)}."
        if rows
        else "The study records no events that could change a value."
    )
    caption = f"How events were handled: {estimand.name}"
    return Table(caption, ("event: strategy", *therapies), tuple(rows), note)


def relief_by_estimand_table(frame: pd.DataFrame, level: float = 0.95) -> Table:
    """Short term, long term and loss by therapy and estimand, from a frame of several estimands.

    Against the comparator, or from baseline in a study without one.
    """
    compared = frame[frame["comparator"] != ""]
    against = "against the comparator" if len(compared) else "from baseline"
    chosen = compared if len(compared) else frame
    chosen = chosen[chosen["quantity"].isin(["relief", "loss"])]
    chosen = chosen[(chosen["quantity"] == "loss") | (chosen["horizon"] != "")]
    digits = digits_for(chosen)
    rows = []
    for (therapy, estimand), part in chosen.groupby(["therapy", "estimand"], sort=False):
        by = {(row["quantity"], row["horizon"]): row for _, row in part.iterrows()}
        keys = (("relief", "short"), ("relief", "long"), ("loss", ""))
        cells = [with_interval(by[key], digits) if key in by else "" for key in keys]
        rows.append((str(therapy), str(estimand), *cells))
    rows.sort(key=lambda row: list(chosen["therapy"].unique()).index(row[0]))
    refused = frame[(frame["quantity"] == "") & (frame["note"] != "")]
    notes = [f"Estimate ({percent(level)} confidence interval). Positive is better."]
    notes += [f"{row['estimand']}: {row['note']}" for _, row in refused.iterrows()]
    columns = ("therapy", "estimand", "short term", "long term", "loss")
    return Table(f"Relief {against} by estimand", columns, tuple(rows), " ".join(notes), (1,))


_WORDS = {
    SET_ASIDE: "set aside", REPLACED: "replaced", FILLED: "filled in",
    APART: "kept out of the imputation model", TO_IMPUTE: "to be imputed by reference",
}  # fmt: skip


def _totals(data: EstimandData) -> str:
    return ", ".join(f"{data.count(fate):,} {words}" for fate, words in _WORDS.items())
