"""Long-term relief beside harm, a point a therapy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.harms.cells import HARM
from analysis.harms.estimate import Harms

PLANE_COLUMNS = (
    "measure", "therapy", "comparator", "relief", "relief_low", "relief_high", "harm", "harm_low",
    "harm_high", "n_relief", "n_harm", "note",
)  # fmt: skip
WITHOUT = {"comparator": "", "estimate": np.nan, "conf_low": np.nan, "conf_high": np.nan, "note": ""}


def relief_and_harm(
    relief: pd.DataFrame, harms: Harms, comparator: str = "", measure: str = HARM
) -> pd.DataFrame:
    """Put long-term relief and harm side by side.

    The two are estimated apart from each other: their intervals are, too.

    Parameters
    ----------
    relief : pandas.DataFrame
        Result frame of one measure (`analysis.relief`).
    harms : Harms
    comparator : str
        Both are differences from it (relief in units of the measure, risk difference); empty for
        each therapy alone (change from baseline, risk).
    measure : str
        What is counted as harm, as in `Harms.frame`.

    Returns
    -------
    pandas.DataFrame
        `PLANE_COLUMNS`, one row for every therapy that has either. Relief is positive when better,
        harm a share of patients and positive when there is more of it. What cannot be estimated is
        NaN and `note` says why; a masked count has an interval, but no estimate.
    """
    main = (relief["analysis"] == "main") & (relief["quantity"] == "relief")
    main &= (relief["horizon"] == "long") & (relief["comparator"] == comparator)
    benefit = relief[main].set_index("therapy")
    found = harms.rows("risk difference" if comparator else "risk", measure)
    harm = found[found["comparator"] == comparator].set_index("therapy")
    rows = []
    for therapy in dict.fromkeys([*harm.index, *benefit.index]):
        good, bad = (
            part.loc[therapy] if therapy in part.index else pd.Series({**WITHOUT, "n_therapy": pd.NA})
            for part in (benefit, harm)
        )
        notes = [f"{word}: {row['note']}" for word, row in (("relief", good), ("harm", bad)) if row["note"]]
        rows.append((
            measure, therapy, comparator, good["estimate"], good["conf_low"], good["conf_high"],
            bad["estimate"], bad["conf_low"], bad["conf_high"], good["n_therapy"], bad["n_therapy"],
            "; ".join(notes),
        ))  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(PLANE_COLUMNS))
    numbers = dict.fromkeys(PLANE_COLUMNS[3:9], "float64")
    texts = dict.fromkeys(("measure", "therapy", "comparator", "note"), "str")
    return frame.astype({**texts, **numbers, "n_relief": "Int64", "n_harm": "Int64"})
