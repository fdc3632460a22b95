"""Risk of a therapy against that of the comparator: difference and ratio."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from analysis.harms.cells import HARM
from analysis.harms.incidence import NOBODY, name_of
from analysis.proportions import METHOD_WORDS, DifferenceMethod, difference_interval, ratio_interval

SCORE: DifferenceMethod = "miettinen_nurminen"
METHOD = f"score ({METHOD_WORDS[SCORE]})"


def difference_rows(cells: pd.DataFrame, comparator: str, level: float) -> Iterator[dict[str, Any]]:
    """Risk differences and ratios against the comparator, for adverse events.

    Positive differences and ratios above 1 are more harm with the therapy. Where a count is masked
    the estimate is missing and the interval is wide enough for every count it can be: both grow
    with the events of the therapy and fall with those of the comparator.

    Parameters
    ----------
    cells : pandas.DataFrame
        Of `count_cells`.
    comparator : str
        Without one there are no rows.
    level : float
    """
    key = ["kind", "scope", "what"]
    for _, part in cells[cells["kind"] == HARM].groupby(key, sort=False):
        by = {cell.therapy: cell for cell in part.itertuples(index=False)}
        if comparator not in by:
            continue
        for therapy, cell in by.items():
            if therapy != comparator:
                yield from _pair(cell, by[comparator], level)


def _pair(cell: Any, other: Any, level: float) -> Iterator[dict[str, Any]]:
    row = {
        "quantity": "harm", "estimand": "patients with at least one",
        "measure": name_of(cell.kind, cell.scope, cell.what), "therapy": cell.therapy,
        "comparator": other.therapy, "n_therapy": cell.of, "n_comparator": other.of,
        "method": METHOD, "note": _note(cell, other),
    }  # fmt: skip
    both = ({"analysis": "risk difference"}, {"analysis": "risk ratio"})
    missing = [c for c in (cell, other) if c.of == 0 or pd.isna(c.at_least)]
    if missing:
        yield from (row | kind for kind in both)
        return
    fewest = (int(cell.at_least), cell.of, int(other.at_most), other.of)
    most = (int(cell.at_most), cell.of, int(other.at_least), other.of)
    known = pd.notna(cell.patients) and pd.notna(other.patients)
    risk = cell.patients / cell.of if known else np.nan
    against = other.patients / other.of if known else np.nan
    yield row | both[0] | {
        "estimate": risk - against if known else None,
        "conf_low": difference_interval(*fewest, SCORE, level)[0],
        "conf_high": difference_interval(*most, SCORE, level)[1],
    }  # fmt: skip
    if other.at_most == 0 or (known and against == 0):
        yield row | both[1] | {"note": f"not estimable: nobody with {other.therapy} had one"}
        return
    yield row | both[1] | {
        "estimate": risk / against if known else None,
        "conf_low": ratio_interval(*fewest, level)[0], "conf_high": ratio_interval(*most, level)[1],
    }  # fmt: skip


def _note(cell: Any, other: Any) -> str:
    said = [
        f"{c.therapy}: {NOBODY.removeprefix('not estimable: ') if c.of == 0 else c.note}"
        for c in (cell, other)
        if c.of == 0 or c.note
    ]
    return "; ".join(said)
