"""Who left and why, beside harms."""

from __future__ import annotations

import pandas as pd

from analysis.harms.cells import ANY, HARM, LEFT, NAMED, SERIOUS
from analysis.harms.estimate import Harms

WITHDRAWAL_COLUMNS = (
    "therapy", "of", "item", "reason", "patients", "at_least", "at_most", "risk", "conf_low",
    "conf_high", "masked", "note",
)  # fmt: skip
ITEMS = {
    (HARM, ANY): "adverse event", (HARM, SERIOUS): "serious adverse event",
    **{(kind, scope): kind.replace("_", " ") for kind in LEFT for scope in (ANY, NAMED)},
}  # fmt: skip


def withdrawals_beside_harms(harms: Harms) -> pd.DataFrame:
    """Put stopping, loss and their reasons beside adverse events, therapy by therapy.

    A reason is the text the study recorded with the event; a patient can have left for more than
    one, so reasons need not add up to their total. Only reasons that somebody with the therapy had
    are listed.

    Returns
    -------
    pandas.DataFrame
        `therapy`, `of` (its patients), `item` ("adverse event", "serious adverse event", "stopped
        therapy", "lost"), `reason` (empty: any), `patients`, what they can be where that is masked
        (`at_least`, `at_most`), `risk` with its exact interval (shares), `masked`, `note`.
    """
    cells = harms.cells
    risks = harms.frame[harms.frame["analysis"] == "risk"].reset_index(drop=True)
    # One row of risks a cell, in the same order.
    beside = cells.reset_index(drop=True).assign(
        risk=risks["estimate"], conf_low=risks["conf_low"], conf_high=risks["conf_high"],
        note=risks["note"],
    )  # fmt: skip
    keys = pd.Series(list(zip(beside["kind"], beside["scope"], strict=True)), index=beside.index)
    beside = beside.assign(item=keys.map(ITEMS), reason=beside["what"])[keys.isin(list(ITEMS))]
    gave = (beside["scope"] != NAMED) | (beside["at_most"] > 0)
    beside = beside[gave.fillna(False)]
    therapies, items = list(dict.fromkeys(cells["therapy"])), list(dict.fromkeys(ITEMS.values()))
    place = beside["therapy"].map(therapies.index) * len(items) + beside["item"].map(items.index)
    beside = beside.loc[place.sort_values(kind="stable").index, list(WITHDRAWAL_COLUMNS)]
    return beside.reset_index(drop=True)
