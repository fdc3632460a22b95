"""Risks and rates of every therapy by itself, with exact intervals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pandas as pd

from analysis.harms.cells import ANY, HARM, HIDDEN, NAMED
from analysis.proportions import rate_interval, risk_interval

Per = Literal["100 patient-weeks", "100 patient-years"]
WEEKS: dict[Per, float] = {"100 patient-weeks": 100.0, "100 patient-years": 36525 / 7}
NOBODY = "not estimable: the therapy has no patients"
NO_TIME = "not estimable: nobody was followed"


def name_of(kind: str, scope: str, what: str) -> str:
    """What a row of harms counts, as `measure` of the result frame.

    The names of a study stand after a colon, so that none can pass for a total.
    """
    if scope == ANY:
        return kind
    return f"{kind}: {what}" if scope == NAMED else f"{kind}, {scope}"


def risk_rows(cells: pd.DataFrame, level: float) -> Iterator[dict[str, Any]]:
    """Share of patients with at least one event (Clopper-Pearson).

    Where a count is known only to lie between two limits, the estimate is missing and the interval
    reaches from the lower limit at the least to the upper limit at the most: it holds the interval
    of the count itself.
    """
    for cell in cells.itertuples(index=False):
        row = {"analysis": "risk", "estimand": "patients with at least one", **_start(cell)}
        row |= {"n_therapy": cell.of, "method": "exact (Clopper-Pearson)"}
        if cell.of == 0:
            yield row | {"note": NOBODY}
        elif pd.isna(cell.at_least):
            yield row
        else:
            low = risk_interval(int(cell.at_least), cell.of, level)[0]
            high = risk_interval(int(cell.at_most), cell.of, level)[1]
            estimate = None if pd.isna(cell.patients) else cell.patients / cell.of
            yield row | {"estimate": estimate, "conf_low": low, "conf_high": high}


def rate_rows(cells: pd.DataFrame, level: float, per: Per) -> Iterator[dict[str, Any]]:
    """Adverse events in the time under observation (Garwood).

    The interval takes events for independent of each other; where few patients have many events it
    is too short. Masked counts have no rate.
    """
    for cell in cells[cells["kind"] == HARM].itertuples(index=False):
        row = {"analysis": "rate", "estimand": f"events per {per}", **_start(cell)}
        row |= {"n_therapy": cell.of, "method": "exact Poisson (Garwood)"}
        if cell.of == 0 or cell.weeks == 0:
            yield row | {"note": NO_TIME if cell.of else NOBODY}
        elif pd.isna(cell.events):
            yield row | {"note": cell.note or HIDDEN}
        else:
            time = cell.weeks / WEEKS[per]
            low, high = rate_interval(int(cell.events), time, level)
            yield row | {"estimate": cell.events / time, "conf_low": low, "conf_high": high}


def _start(cell: Any) -> dict[str, Any]:
    return {
        "quantity": "harm", "measure": name_of(cell.kind, cell.scope, cell.what),
        "therapy": cell.therapy, "note": cell.note,
    }  # fmt: skip
