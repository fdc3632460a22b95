"""Responders of published trials: ratios and differences of shares, with where they come from."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from analysis.errors import ModelError
from analysis.evidence.conversions import se_from_interval
from analysis.evidence.effect_sizes import (
    Counts,
    log_odds_ratio,
    log_risk_ratio,
    risk_difference,
)
from analysis.evidence.published import Published

Ratio = Literal["RR", "OR", "RD"]
EFFECTS = {"RR": log_risk_ratio, "OR": log_odds_ratio, "RD": risk_difference}
RESPONDER_COLUMNS = (
    "study", "label", "therapy", "comparator", "definition", "week", "effect", "std_error",
    "n_therapy", "n_comparator", "how",
)  # fmt: skip


def responder_effects(published: Published, measure: Ratio = "RR") -> pd.DataFrame:
    """Effects on the share of responders, of every arm against the control of its trial.

    Parameters
    ----------
    published : Published
    measure : {"RR", "OR", "RD"}
        Log risk ratio, log odds ratio, or risk difference (as a share).

    Returns
    -------
    pandas.DataFrame
        Columns `RESPONDER_COLUMNS`; positive is more responders. `how` says whether events were
        counted or worked out from a percentage. Printed ratios stand where no arms are printed.
        Arms whose size is not known give no row.

    Raises
    ------
    ModelError
        A measure that is not known.
    """
    if measure not in EFFECTS:
        raise ModelError(f"The measure is {measure!r}: use one of {', '.join(EFFECTS)}.")
    arms = published.arms[["study", "arm", "therapy", "role"]]
    rows = published.responders.merge(arms, on=["study", "arm"], how="left")
    frames = [_from_arms(_counted(rows), measure), _as_printed(rows, arms, measure)]
    found = [frame for frame in frames if len(frame)]
    if not found:
        return pd.DataFrame(columns=list(RESPONDER_COLUMNS))
    every = pd.concat(found, ignore_index=True)
    # The first is that of the arms.
    every = every.drop_duplicates(["study", "arm", "against", "definition", "week"])
    every = every.reset_index(drop=True)
    every.insert(1, "label", [published.label(study) for study in every["study"]])
    return every[list(RESPONDER_COLUMNS)]


def _counted(rows: pd.DataFrame) -> pd.DataFrame:
    """Arms with their number of responders, as printed or from the percentage."""
    alone = rows[(rows["against"] == "") & rows["n"].notna()]
    known = alone["events"].notna()
    events = alone["events"].fillna((alone["n"] * alone["percent"] / 100).round())
    how = np.where(known, "counted", "events from the percentage")
    return alone.assign(events=events, how=how).dropna(subset="events")


def _from_arms(arms: pd.DataFrame, measure: Ratio) -> pd.DataFrame:
    key = ["study", "definition", "week"]
    # The comparator of a trial: its control, or else its sham arm.
    order = arms["role"].map({"control": 0, "sham": 1}).fillna(2)
    ranked = arms.assign(order=order).sort_values([*key, "order"], kind="stable")
    base = ranked.drop_duplicates(key)
    pairs = ranked.merge(base[[*key, "arm", "therapy", "events", "n"]], on=key, suffixes=("", "_c"))
    pairs = pairs[pairs["arm"] != pairs["arm_c"]]
    if pairs.empty:
        return pd.DataFrame()
    effect = EFFECTS[measure](
        Counts(pairs["events"], pairs["n"]), Counts(pairs["events_c"], pairs["n_c"])
    )
    return pd.DataFrame({
        "study": pairs["study"], "arm": pairs["arm"], "against": pairs["arm_c"],
        "therapy": pairs["therapy"], "comparator": pairs["therapy_c"],
        "definition": pairs["definition"], "week": pairs["week"], "effect": effect.estimate,
        "std_error": np.sqrt(effect.variance), "n_therapy": pairs["n"],
        "n_comparator": pairs["n_c"], "how": pairs["how"],
    })  # fmt: skip


def _as_printed(rows: pd.DataFrame, arms: pd.DataFrame, measure: Ratio) -> pd.DataFrame:
    """Ratios of trials that print no arms."""
    if measure != "RR":
        return pd.DataFrame()
    printed = rows[rows["risk_ratio"].notna()]
    names = arms[["study", "arm", "therapy"]].set_axis(["study", "against", "comparator"], axis=1)
    printed = printed.merge(names, on=["study", "against"], how="left")
    logs = {name: np.log(printed[name]) for name in ("risk_ratio", "conf_low", "conf_high")}
    return pd.DataFrame({
        "study": printed["study"], "arm": printed["arm"], "against": printed["against"],
        "therapy": printed["therapy"],
        "comparator": printed["comparator"], "definition": printed["definition"],
        "week": printed["week"], "effect": logs["risk_ratio"],
        "std_error": se_from_interval(logs["conf_low"], logs["conf_high"]),
        "n_therapy": np.nan, "n_comparator": np.nan, "how": "ratio as printed",
    })  # fmt: skip
