"""When patients were gone for good, and what was written down about it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trial.records import Trial

# An event explains a gap that begins at the next visit after it; of several the last one counts. A
# loss explains the gap whenever it was written down: it is often noticed only later.
LEAVING = ("lost", "stopped_therapy", "other_therapy", "rescue_medication")
NOT_TOLD = "no reason recorded"
DEPARTURE_COLUMNS = ("patient", "therapy", "visit", "week", "kind")


def departures(trial: Trial, frame: pd.DataFrame) -> pd.DataFrame:
    """First visit from which on a patient has no value, for every patient who has such a visit.

    Missed visits with a value after them are no departure: they are missing at random under every
    strategy.

    Parameters
    ----------
    trial : Trial
        Its events say why, as far as they were recorded.
    frame : pandas.DataFrame
        Rows after baseline, `patient`, `therapy`, `visit` (ordered categories) and `value`, at
        least one of every patient; a value may be missing.

    Returns
    -------
    pandas.DataFrame
        `DEPARTURE_COLUMNS`, in the order of the frame's patients. `kind` is the last event of the
        kinds in `LEAVING` up to the week of the visit, a loss at any time, or `NOT_TOLD`.
    """
    visits = list(frame["visit"].cat.categories)
    weeks = {visit.name: visit.week for visit in trial.study.followup}
    people = frame.drop_duplicates("patient").set_index("patient")["therapy"]
    seen = frame[frame["value"].notna()]
    last = seen["visit"].cat.codes.groupby(seen["patient"]).max().reindex(people.index, fill_value=-1)
    gone = last[last < len(visits) - 1].astype("int64") + 1
    found = pd.DataFrame({
        "patient": gone.index, "therapy": people.loc[gone.index].astype(str).to_numpy(),
        "visit": [visits[place] for place in gone],
        "week": [weeks[visits[place]] for place in gone],
    })  # fmt: skip
    return found.assign(kind=_kinds(trial, found))[list(DEPARTURE_COLUMNS)]


def _kinds(trial: Trial, found: pd.DataFrame) -> NDArray[np.object_]:
    """Last event of a patient by the week of the departure; one without a week comes first."""
    events = trial.events[trial.events["kind"].isin(LEAVING)]
    events = events.assign(when=events["week"].astype("float64").fillna(-np.inf))
    joined = found[["patient", "week"]].merge(events[["patient", "when", "kind"]], on="patient")
    noticed = joined["when"].where(joined["when"] > -np.inf, np.inf).clip(upper=joined["week"])
    joined["when"] = joined["when"].where(joined["kind"] != "lost", noticed)
    before = joined[joined["when"] <= joined["week"]]
    # On the same day the loss itself says more than what led to it.
    rank = before["kind"].map({kind: -place for place, kind in enumerate(LEAVING)})
    before = before.assign(rank=rank).sort_values(["when", "rank"], kind="stable")
    told = before.drop_duplicates("patient", keep="last").set_index("patient")["kind"]
    return told.astype("object").reindex(found["patient"], fill_value=NOT_TOLD).to_numpy()
