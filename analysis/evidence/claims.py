"""What is said of the therapies, held against what was found."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.evidence.layouts import VERDICTS
from analysis.evidence.published import Published
from analysis.readers.finding import Finding, finding

# Verdicts that say nothing was measured, and so leave nothing to be certain of.
UNTESTED = ("not tested", "not testable")


def verdict_counts(published: Published) -> pd.DataFrame:
    """How many claims have each verdict, in the order of the closed list, 0 where none has.

    Returns
    -------
    pandas.DataFrame
        Columns `verdict`, `claims`.
    """
    counts = published.claims["verdict"].value_counts().reindex(list(VERDICTS), fill_value=0)
    return pd.DataFrame({"verdict": VERDICTS, "claims": counts.to_numpy()})


def sources_of(published: Published, cell: str) -> pd.DataFrame:
    """Rows of the sources that a cell of `claims.csv` names, in its order."""
    keys = [part.strip() for part in cell.split(";")]
    return published.sources.set_index("source", drop=False).loc[keys].reset_index(drop=True)


def inconsistent_claims(published: Published) -> Iterator[Finding]:
    """Verdicts and certainties that contradict each other."""
    claims = published.claims
    untested = claims["verdict"].isin(UNTESTED)
    for _, row in claims[untested & (claims["certainty"] != "none")].iterrows():
        message = (
            f"The claim is {row['verdict']}, but its certainty is {row['certainty']}: nothing was "
            "measured that one could be certain of. Write none, or correct the verdict."
        )
        yield finding("claim_certainty", "warning", message, file="claims.csv",
                      row=int(row["row"]), column="certainty", value=row["claim"])  # fmt: skip
