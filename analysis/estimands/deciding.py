"""Which intercurrent event decides how a patient's values are handled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.schema import EVENT_KINDS, EventKind
from analysis.studies.records import Estimand, Study
from analysis.trial.records import Trial

# Recorded with the events, and by themselves no reason to handle values otherwise.
NOT_INTERCURRENT = ("lost", "adverse_event")
DECIDES, OVERRULED = "decides", "another event decides"
UNDATED, BEFORE, AFTER = "has no week", "before the start", "after the last visit"
STEPS = (DECIDES, OVERRULED, AFTER, BEFORE, UNDATED)


@dataclass(frozen=True, eq=False, slots=True)
class Decisions:
    """The event of each patient that decides, and where all other events went.

    Attributes
    ----------
    deciding : pandas.DataFrame
        `patient`, `kind`, `week`, `strategy`: one row a patient who has such an event.
    account : pandas.DataFrame
        `kind`, `strategy`, `therapy`, `step`, `patients`: every patient with an event of the kind
        stands at one step, so that the steps add up to the patients with such an event.
    """

    deciding: pd.DataFrame
    account: pd.DataFrame


def kinds_of(study: Study, estimand: Estimand) -> list[EventKind]:
    """Kinds of event that the estimand speaks of, in the order in which they take precedence.

    Those it names come first; then those recorded that it leaves to treatment policy. Loss to
    follow-up and adverse events count only where it names them.
    """
    recorded = set() if study.events is None else set(study.events.kinds.values())
    others = [kind for kind in EVENT_KINDS if kind in recorded and kind not in NOT_INTERCURRENT]
    return list(dict.fromkeys([*estimand.events, *others]))


def decisions_of(trial: Trial, estimand: Estimand) -> Decisions:
    """Choose the event that decides: the earliest whose strategy is not treatment policy.

    In one week the kind that the estimand names first goes before. Where all events of a patient
    are treatment policy it is the earliest of them, which changes nothing. An event without a week,
    before the start, or after the last visit decides nothing; only loss to follow-up needs no week:
    without one it is at the first visit after the patient's last value.

    Parameters
    ----------
    trial : Trial
        Narrowed to the estimand's patients.
    estimand : Estimand
    """
    kinds = kinds_of(trial.study, estimand)
    strategy = {kind: estimand.handling(kind).strategy for kind in kinds}
    events = trial.events
    events = events[events["kind"].isin(kinds) & events["patient"].isin(trial.patients["patient"])]
    events = events.reset_index(drop=True).assign(
        strategy=events["kind"].map(strategy).to_numpy(),
        week=_weeks(trial, events),
    )
    last = max(visit.week for visit in trial.study.visits.schedule)
    week = events["week"].to_numpy()
    step = np.select([np.isnan(week), week < 0, week > last], [UNDATED, BEFORE, AFTER], "")
    placed = events.assign(
        gentle=events["strategy"] == "treatment_policy", order=events["kind"].map(kinds.index)
    )[step == ""]
    ranked = placed.sort_values(["gentle", "week", "order"], kind="stable")
    deciding = ranked.drop_duplicates("patient")[["patient", "kind", "week", "strategy"]]
    deciding = deciding.reset_index(drop=True)
    chosen = pd.MultiIndex.from_frame(deciding[["patient", "kind"]])
    mine = pd.MultiIndex.from_frame(events[["patient", "kind"]]).isin(chosen)
    events = events.assign(step=np.where(step != "", step, np.where(mine, DECIDES, OVERRULED)))
    return Decisions(deciding, _account(trial, events, strategy))


def _weeks(trial: Trial, events: pd.DataFrame) -> NDArray[np.float64]:
    """Weeks of events; loss without one is placed after the last value, past all visits if none is."""
    week = events["week"].to_numpy(dtype=np.float64, na_value=np.nan)
    lost = undated_loss(events)
    if not lost.any():
        return week
    last = trial.outcomes.groupby("patient")["week"].max()
    seen = last.reindex(events["patient"]).to_numpy(dtype=np.float64)
    visits = np.array([visit.week for visit in trial.study.followup] + [np.inf])
    following = visits[np.searchsorted(visits, np.nan_to_num(seen, nan=-1.0), side="right")]
    return np.where(lost, following, week)


def undated_loss(events: pd.DataFrame) -> NDArray[np.bool_]:
    """Which events are a loss to follow-up without a week."""
    return ((events["kind"] == "lost") & events["week"].isna()).to_numpy(dtype=bool)


def _account(trial: Trial, events: pd.DataFrame, strategy: Mapping[EventKind, str]) -> pd.DataFrame:
    """Patients by kind, therapy and step; a patient with several events of a kind stands once."""
    first = events.assign(rank=events["step"].map(STEPS.index)).sort_values("rank", kind="stable")
    first = first.drop_duplicates(["patient", "kind"])
    therapy = trial.patients.set_index("patient")["therapy"].astype(str)
    keys = first.assign(therapy=first["patient"].map(therapy))
    counts = keys.groupby(["kind", "therapy", "step"]).size()
    rows = [
        (kind, named, arm, step, int(counts.get((kind, arm, step), 0)))
        for kind, named in strategy.items()
        for arm in trial.study.therapies
        for step in STEPS
    ]
    return pd.DataFrame(rows, columns=["kind", "strategy", "therapy", "step", "patients"])
