"""Every visit of published trials, as contrasts over time for a model of their course."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from analysis.evidence.effects import ranked_results
from analysis.evidence.measures import Measure, Measured
from analysis.evidence.published import Published
from analysis.evidence.selection import Selection
from analysis.evidence.windows import Window, Windows

# One window over all visits after baseline; its target only settles which scale comes first.
_ALL = Windows("all visits", "randomisation", (Window("all", 0.05, np.inf, 12),))

VISIT_COLUMNS = (
    "study", "therapy", "comparator", "week", "effect", "se", "n_therapy", "n_comparator",
)  # fmt: skip


def published_visits(
    published: Published, outcome: Literal["pain", "function"], *,
    therapies: Sequence[str] = (), measure: Measure = "MD", selection: Selection | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Contrasts of every trial at every visit after baseline.

    Parameters
    ----------
    published : Published
    outcome : {"pain", "function"}
    therapies : sequence of str
        Only contrasts between two of these; all where left out.
    measure : {"MD", "SMD", "ROM"}
    selection : Selection, optional

    Returns
    -------
    pandas.DataFrame
        Columns `VISIT_COLUMNS`, as `analysis.evidence.followups.follow` takes them. A trial keeps
        to one scale and one comparator, those of the result that `published_effects` would use;
        weeks are since randomisation.
    """
    ranked, _ = ranked_results(published, outcome, "all", _ALL, measure, selection)
    rows = [row for results in ranked.values() for row in _course(results)]
    frame = pd.DataFrame(rows, columns=list(VISIT_COLUMNS))
    if therapies:
        frame = frame[frame["therapy"].isin(therapies) & frame["comparator"].isin(therapies)]
    return frame.sort_values(["study", "week", "therapy"], kind="stable").reset_index(drop=True)


def _course(results: list[Measured]) -> list[tuple[object, ...]]:
    """One result a visit, on the scale and against the comparator of the first."""
    lead, seen = results[0], set()
    rows: list[tuple[object, ...]] = []
    for one in results:
        if one.scale != lead.scale or one.nodes[0] != lead.nodes[0]:
            continue
        for place, therapy in enumerate(one.nodes[1:]):
            if (one.week, therapy) not in seen:
                seen.add((one.week, therapy))
                rows.append((
                    one.study, therapy, one.nodes[0], one.week, float(one.effect[place]),
                    float(np.sqrt(one.covariance[place, place])), one.n[place + 1], one.n[0],
                ))  # fmt: skip
    return rows
