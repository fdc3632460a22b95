"""Comparisons with the comparator again, adjusted over therapies (docs/methods.md section 7.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from analysis.mmrm.adjust import holm, max_t
from analysis.mmrm.contrasts import Contrasts

FAMILIES = (("relief", "short"), ("relief", "long"), ("loss", ""))


def adjusted_rows(
    rows: list[dict[str, Any]], table: Contrasts, positions: list[int], alpha: float
) -> Iterator[dict[str, Any]]:
    """Rows of the analyses "holm" and "simultaneous", one family per quantity and horizon.

    Parameters
    ----------
    rows : list of dict
        Result rows of all linear combinations against the comparator.
    table : Contrasts
        Estimates with their joint covariance.
    positions : list of int
        Place of each row in `table`.
    alpha : float
        One minus the simultaneous confidence level.

    Yields
    ------
    dict
        Holm: p-value only. Simultaneous: p-value and interval of the single-step max-t procedure.
        A therapy that cannot be estimated is no part of the family; a family of one has no rows.
    """
    for key in FAMILIES:
        family = [
            (row, position)
            for row, position in zip(rows, positions, strict=True)
            if (row["quantity"], row["horizon"]) == key and "std_error" in row
        ]
        if len(family) < 2:
            continue
        places = [position for _, position in family]
        cov, df = table.cov[np.ix_(places, places)], table.df[places]
        estimate = np.array([row["estimate"] for row, _ in family])
        critical, simultaneous = max_t(estimate, cov, df, alpha)
        stepwise = holm(np.array([row["p_value"] for row, _ in family]))
        for k, (row, _) in enumerate(family):
            bare = row | {"conf_low": None, "conf_high": None}
            yield bare | {
                "analysis": "holm", "p_value": stepwise[k],
                "method": f"{row['method']}; Holm over {len(family)} therapies",
            }  # fmt: skip
            margin = critical * row["std_error"]
            yield bare | {
                "analysis": "simultaneous", "p_value": simultaneous[k],
                "conf_low": row["estimate"] - margin, "conf_high": row["estimate"] + margin,
                "method": f"{row['method']}; max-t over {len(family)} therapies",
            }  # fmt: skip
