"""Claims for people who want to know whether they hold."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.evidence.claims import sources_of, verdict_counts
from analysis.evidence.layouts import VERDICTS
from analysis.evidence.published import Published
from analysis.tables.table import Table


def claims_table(published: Published, verdicts: tuple[str, ...] = VERDICTS) -> Table:
    """Claims, what was found, how sure that is, and the verdict; best supported first.

    Parameters
    ----------
    published : Published
    verdicts : tuple of str
        Which verdicts to show, in this order.
    """
    claims = published.claims
    chosen = pd.concat([claims[claims["verdict"] == verdict] for verdict in verdicts])
    rows = [
        (
            str(row["claim"]), str(row["verdict"]), str(row["found"]), _certainty(row["certainty"]),
            ", ".join(sources_of(published, str(row["source"]))["label"]),
        )
        for _, row in chosen.iterrows()
    ]  # fmt: skip
    columns = ("claim", "verdict", "what was found", "certainty", "sources")
    return Table(
        "What is said, and what was found", columns, tuple(rows), _note(rows), (1, 2, 3, 4)
    )


def tests_of_claims_table(published: Published) -> Table:
    """What would show whether each claim holds: people, comparison, data, and what is estimated."""
    rows = [
        tuple(str(row[name]) for name in ("claim", "population", "comparator", "data", "estimand"))
        for _, row in published.claims.iterrows()
    ]
    columns = ("claim", "people", "compared with", "data needed", "what is estimated")
    note = "A claim without a measurement cannot be tested, whatever trials are run."
    return Table("What would test each claim", columns, tuple(rows), note, (1, 2, 3, 4))


def verdicts_table(published: Published) -> Table:
    """How many claims have each verdict, those with none as well."""
    rows = [
        (str(row["verdict"]), str(row["claims"])) for _, row in verdict_counts(published).iterrows()
    ]
    return Table("Verdicts", ("verdict", "claims"), tuple(rows))


def claim_sources_table(published: Published) -> Table:
    """Where what was found can be read."""
    used = pd.concat([sources_of(published, str(cell)) for cell in published.claims["source"]])
    used = used.drop_duplicates("source").sort_values("label", kind="stable")
    rows = [
        (str(row["label"]), str(row["kind"]).replace("_", " "), str(row["url"]), str(row["note"]))
        for _, row in used.iterrows()
    ]
    note = "An abstract, news or an extraction was read where the table of the paper was not."
    columns = ("source", "what was read", "address", "about it")
    return Table("Sources", columns, tuple(rows), note, (1, 2, 3))


def _certainty(word: object) -> str:
    return "nothing to be certain of" if word == "none" else str(word)


def _note(rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return "No claim has such a verdict."
    return (
        "Not tested: no trial that was found measured it. Not testable: no measurement is defined."
    )
