"""Does a conclusion survive other assumptions about those not seen?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from analysis.schema import Horizon
from analysis.sensitivity.strategies import RANDOM, Sensitivity
from analysis.sensitivity.tipping_points import tipping_points

MORE, LESS, UNCLEAR, NOTHING = "more relief", "less relief", "no clear difference", "not estimable"
CONCLUSION_COLUMNS = (
    "therapy", "horizon", "conclusion", "strategies", "same", "others", "tip", "important",
    "missing", "possible", "note",
)  # fmt: skip


NOBODY = {"tip": np.nan, "important": np.nan, "missing": pd.NA,
          "note": "not estimable: nobody was seen after baseline"}  # fmt: skip


def verdict(row: pd.Series | None) -> str:
    """What an interval says: more or less relief where it leaves out 0."""
    if row is None or pd.isna(row["conf_low"]):
        return NOTHING
    if row["conf_low"] > 0:
        return MORE
    return LESS if row["conf_high"] < 0 else UNCLEAR


def conclusions(
    relief: pd.DataFrame, found: Sensitivity, horizons: Iterable[Horizon] = ("short", "long")
) -> pd.DataFrame:
    """Put the main conclusion about each therapy beside that under every strategy.

    Parameters
    ----------
    relief : pandas.DataFrame
        Result frame of the main analysis.
    found : Sensitivity
    horizons : iterable of {"short", "long"}

    Returns
    -------
    pandas.DataFrame
        `CONCLUSION_COLUMNS`, a row for each therapy of the study and horizon: `conclusion` of the
        main analysis, judged by its own interval; `strategies` that could be estimated, with either
        variance; how many led to the `same`, and the names of the `others`, joined by "; ". `tip`
        and `important` from `tipping_points`, where imputation as missing at random leads to the
        conclusion that is to be tipped; `possible` is whether there is a tip and the scale is wide
        enough for it.
    """
    setting, horizons = found.setting, tuple(horizons)
    if setting is None or not setting.comparator:
        return pd.DataFrame(columns=list(CONCLUSION_COLUMNS))
    tips = tipping_points(setting, horizons).set_index(["therapy", "horizon"])
    width = setting.instrument.high - setting.instrument.low
    rows = []
    for horizon in horizons:
        main = _rows(relief[relief["analysis"] == "main"], horizon, setting.comparator)
        other = _rows(found.frame[found.frame["analysis"] != RANDOM], horizon, setting.comparator)
        for therapy in (name for name in setting.study.therapies if name != setting.comparator):
            mine = main[main["therapy"] == therapy]
            first = verdict(mine.iloc[0] if len(mine) else None)
            strategies = other[(other["therapy"] == therapy) & other["estimate"].notna()]
            said = strategies.apply(verdict, axis=1) if len(strategies) else pd.Series(dtype="str")
            seen = therapy in setting.therapies
            tip = _of_conclusion(tips.loc[(therapy, horizon)], first) if seen else NOBODY
            rows.append((
                therapy, horizon, first, len(said), int((said == first).sum()),
                "; ".join(strategies.loc[said[said != first].index, "analysis"]), tip["tip"],
                tip["important"], tip["missing"], bool(abs(tip["tip"]) <= width), tip["note"],
            ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(CONCLUSION_COLUMNS)).astype({"missing": "Int64"})


def _of_conclusion(tip: pd.Series, conclusion: str) -> dict[str, Any]:
    """No tip where what is shifted is not where the main analysis stands."""
    at_random = verdict(tip)
    if conclusion == NOTHING or at_random in (NOTHING, conclusion):
        return tip.to_dict()
    note = f"imputation as missing at random, with its jackknife, already gives {at_random}"
    return tip.to_dict() | {"tip": np.nan, "important": np.nan, "note": note}


def _rows(frame: pd.DataFrame, horizon: str, comparator: str) -> pd.DataFrame:
    chosen = (frame["quantity"] == "relief") & (frame["horizon"] == horizon)
    return frame[chosen & (frame["comparator"] == comparator)]
