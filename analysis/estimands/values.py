"""What becomes of values from an intercurrent event on, strategy by strategy."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.instruments import find_instrument
from analysis.studies.records import Estimand, Handling
from analysis.trial.records import Trial

Array = NDArray[np.float64]

KEPT, APART, SET_ASIDE, REPLACED, FILLED = "kept", "apart", "set_aside", "replaced", "filled"
TO_IMPUTE = "to_impute"
FATES = (KEPT, APART, SET_ASIDE, REPLACED, FILLED, TO_IMPUTE)
# What happens to an observed value from the event on; composite and while on treatment give another.
_OBSERVED = {"treatment_policy": KEPT, "reference_based": APART, "hypothetical": SET_ASIDE}


def handled_outcomes(
    trial: Trial, estimand: Estimand, deciding: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values of a trial with the estimand's handling.

    The value at a visit in the week of the event, or later, is affected; the baseline never is.

    Parameters
    ----------
    trial : Trial
        Narrowed to one measure.
    estimand : Estimand
    deciding : pandas.DataFrame
        As in `Decisions`.

    Returns
    -------
    outcomes : pandas.DataFrame
        Columns of `trial.outcomes`; a value that was filled in has no `row`. Values at visits that
        the estimand's schedule has not, because treatment had ended, are set aside.
    account : pandas.DataFrame
        `kind`, `strategy`, `therapy`, `fate`, `values`. In: kept + apart + set_aside + replaced, out:
        kept + apart + replaced + filled. Values that no event affects stand under kind ""; values
        that nobody saw and a reference-based strategy imputes are `to_impute`.
    """
    outcomes = trial.outcomes
    visits = [visit.name for visit in trial.study.visits.schedule]
    over = ~outcomes["visit"].isin(visits).to_numpy()
    by = deciding.set_index("patient")
    baseline = {visit.name for visit in trial.study.visits.schedule if visit.baseline}
    start = by["week"].reindex(outcomes["patient"]).to_numpy()
    after = (outcomes["week"].to_numpy() >= start) & ~outcomes["visit"].isin(baseline).to_numpy()
    after &= ~over
    strategy = by["strategy"].reindex(outcomes["patient"]).to_numpy()
    fate = np.where(after, pd.Series(strategy).map(_OBSERVED).fillna(SET_ASIDE), KEPT)
    given = _given(trial, estimand, deciding)
    keys = ["patient", "visit"]
    place = pd.MultiIndex.from_frame(given[keys]).get_indexer(_keys(outcomes))
    replaced = place >= 0
    fate = np.select([over, replaced], [SET_ASIDE, REPLACED], fate)
    values = outcomes["value"].to_numpy(dtype=np.float64)
    if replaced.any():
        values = np.where(replaced, given["value"].to_numpy()[place], values)
    added = given[~pd.MultiIndex.from_frame(given[keys]).isin(_keys(outcomes))]
    unseen = _unseen(trial, deciding)
    kind = np.where(after, by["kind"].reindex(outcomes["patient"]).to_numpy(), "")
    account = _account(
        trial,
        deciding,
        np.concatenate([outcomes["patient"], added["patient"], unseen]),
        np.concatenate([kind, *(by["kind"].reindex(p).to_numpy() for p in (added["patient"], unseen))]),
        np.concatenate([fate, np.full(len(added), FILLED), np.full(len(unseen), TO_IMPUTE)]),
    )
    kept = outcomes.assign(value=values)[fate != SET_ASIDE]
    if over.any() and isinstance(kept["visit"].dtype, pd.CategoricalDtype):
        kept = kept.assign(visit=kept["visit"].cat.set_categories(visits, ordered=True))
    return _joined(trial, kept, added), account


def _keys(outcomes: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([outcomes["patient"], outcomes["visit"].astype(str)])


def _given(trial: Trial, estimand: Estimand, deciding: pd.DataFrame) -> pd.DataFrame:
    """Values that a strategy puts in, at all visits from the event on: patient, visit, value."""
    parts = []
    for kind, handling in estimand.events.items():
        if handling.strategy not in ("composite", "while_on_treatment"):
            continue
        mine = deciding[deciding["kind"] == kind]
        value = (
            _failure(trial, handling, mine["patient"])
            if handling.strategy == "composite"
            else _last_before(trial, mine)
        )
        for visit in trial.study.followup:
            there = (visit.week >= mine["week"].to_numpy()) & ~np.isnan(value)
            part = mine.loc[there, ["patient"]].assign(visit=visit.name, value=value[there])
            parts.append(part.assign(week=float(visit.week)))
    if not parts:
        return pd.DataFrame({"patient": [], "visit": [], "value": [], "week": []})
    return pd.concat(parts, ignore_index=True)


def _unseen(trial: Trial, deciding: pd.DataFrame) -> pd.Series:
    """The patient of each value, from a reference-based event on, that nobody saw."""
    mine = deciding[deciding["strategy"] == "reference_based"]
    cells = mine[["patient", "week"]].merge(
        pd.DataFrame(
            {
                "visit": [visit.name for visit in trial.study.followup],
                "at": [float(visit.week) for visit in trial.study.followup],
            }
        ),
        how="cross",
    )
    cells = cells[cells["at"] >= cells["week"]]
    seen = pd.MultiIndex.from_frame(cells[["patient", "visit"]]).isin(_keys(trial.outcomes))
    return cells.loc[~seen, "patient"]


def _failure(trial: Trial, handling: Handling, patients: pd.Series) -> Array:
    """The failure value of each patient; NaN where it is a baseline that nobody knows."""
    if handling.value == "baseline":
        return trial.baseline().reindex(patients).to_numpy(dtype=np.float64)
    if isinstance(handling.value, float):
        return np.full(len(patients), handling.value)
    # The worst score is no response by any definition.
    instrument = find_instrument(trial.study.primary.instrument, trial.study.instruments)
    lower = instrument.direction == "lower_is_better"
    return np.full(len(patients), float(instrument.high if lower else instrument.low))


def _last_before(trial: Trial, deciding: pd.DataFrame) -> Array:
    """The last value before each patient's event, the baseline among them; NaN where none is."""
    outcomes = trial.outcomes
    start = deciding.set_index("patient")["week"].reindex(outcomes["patient"]).to_numpy()
    baseline = {visit.name for visit in trial.study.visits.schedule if visit.baseline}
    before = (outcomes["week"].to_numpy() < start) | outcomes["visit"].isin(baseline).to_numpy()
    rows = outcomes[before].sort_values("week", kind="stable").drop_duplicates("patient", keep="last")
    return rows.set_index("patient")["value"].reindex(deciding["patient"]).to_numpy(dtype=np.float64)


def _joined(trial: Trial, observed: pd.DataFrame, added: pd.DataFrame) -> pd.DataFrame:
    """Observed and filled values in the order of the patients and the schedule."""
    if added.empty:
        return observed.reset_index(drop=True)
    visits = [visit.name for visit in trial.study.visits.schedule]
    new = pd.DataFrame(
        {
            "patient": added["patient"].astype("str"),
            "visit": pd.Categorical(added["visit"], observed["visit"].cat.categories, ordered=True)
            if isinstance(observed["visit"].dtype, pd.CategoricalDtype)
            else added["visit"],
            "week": added["week"],
            "measure": trial.study.primary.name,
            "value": added["value"],
            "row": pd.array([pd.NA] * len(added), dtype="Int64"),
        }
    )
    rows = pd.concat([observed.astype({"row": "Int64"}), new], ignore_index=True)
    order = np.lexsort(
        (
            pd.Index(visits).get_indexer(rows["visit"].astype(str)),
            pd.Index(trial.patients["patient"]).get_indexer(pd.Index(rows["patient"])),
        )
    )
    return rows.iloc[order].reset_index(drop=True)


def _account(
    trial: Trial, deciding: pd.DataFrame, patient: NDArray, kind: NDArray, fate: NDArray
) -> pd.DataFrame:
    """Values by kind of the event that affects them, therapy and fate; no zero lines."""
    strategy = dict(zip(deciding["kind"], deciding["strategy"], strict=True)) | {"": ""}
    therapy = trial.patients.set_index("patient")["therapy"].astype(str)
    frame = pd.DataFrame({"kind": kind, "therapy": therapy.reindex(patient).to_numpy(), "fate": fate})
    counts = frame.groupby(["kind", "therapy", "fate"]).size().rename("values").reset_index()
    counts.insert(1, "strategy", counts["kind"].map(strategy))
    order = np.lexsort(
        (
            counts["fate"].map(FATES.index),
            counts["therapy"].map(list(trial.study.therapies).index),
            counts["kind"].to_numpy().astype(str),
        )
    )
    return counts.iloc[order].reset_index(drop=True)
