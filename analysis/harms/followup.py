"""Which events count, and for how long each patient was followed."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.errors import ModelError
from analysis.schema import EVENT_COLUMNS
from analysis.trial.records import Trial

BEFORE = "before randomisation"
STRANGER = "of someone who is not a patient of a therapy in this study"
AGAIN = "the same event with the same week stands in an earlier row"


@dataclass(frozen=True, slots=True)
class Followup:
    """Events that count, patients and their time under observation.

    Attributes
    ----------
    events : pandas.DataFrame
        `EVENT_COLUMNS` and `therapy`; `what` with single spaces, spelt one way, "" where not named;
        `serious` and `related` nullable boolean.
    patients : pandas.DataFrame
        Index `patient`; `therapy`, and `weeks`: from randomisation to the last visit with a value
        of any measure, or to the last dated event if that is later.
    set_aside : pandas.DataFrame
        `reason`, `n` of rows; only reasons that occur.
    """

    events: pd.DataFrame
    patients: pd.DataFrame
    set_aside: pd.DataFrame


def follow(trial: Trial) -> Followup:
    """Take the events that count, and the time in which they could be seen.

    An event before randomisation, or of somebody who is not in the trial, is set aside; so is a
    dated event that is written down twice. Without a week the same event twice cannot be told from
    two events: both count. A loss is an event, so that the time ends with it when it has a week.

    Parameters
    ----------
    trial : Trial

    Returns
    -------
    Followup

    Raises
    ------
    ModelError
        A patient stands twice among the patients.
    """
    therapy = _therapies(trial)
    events = trial.events[list(EVENT_COLUMNS)].reset_index(drop=True)
    events["week"] = pd.to_numeric(events["week"], errors="coerce").astype("float64")
    for name in ("serious", "related"):
        events[name] = events[name].astype("boolean")
    events["kind"] = events["kind"].astype("str")
    events["what"] = _one_spelling(events["what"])
    events["therapy"] = events["patient"].map(therapy).astype("str")
    known = events["patient"].isin(therapy.index)
    reason = pd.Series("", index=events.index, dtype="str")
    reason = reason.mask(events["week"] < 0, BEFORE).mask(~known, STRANGER)
    dated = events["week"].notna() & (reason == "")
    again = events[dated].duplicated(list(EVENT_COLUMNS))
    reason[again[again].index] = AGAIN
    counts = reason[reason != ""].value_counts().sort_index()
    aside = pd.DataFrame({"reason": counts.index.astype("str"), "n": counts.to_numpy("int64")})
    kept = events[reason == ""].reset_index(drop=True)
    patients = pd.DataFrame({"therapy": therapy, "weeks": _weeks(trial, therapy.index, kept)})
    return Followup(kept, patients, aside)


def _therapies(trial: Trial) -> pd.Series:
    """Therapy by patient, for therapies of the study."""
    patients = trial.patients
    twice = patients.loc[patients["patient"].duplicated(), "patient"].unique()
    if len(twice):
        raise ModelError(
            f"{len(twice)} patients stand more than once among the patients "
            f"({', '.join(map(str, twice[:3]))}): keep one row a patient."
        )
    therapy = patients.set_index("patient")["therapy"].astype("str")
    return therapy[therapy.isin(trial.study.therapies)]


def _one_spelling(what: pd.Series) -> pd.Series:
    """Names without the differences in case and spaces that people type; the commonest is shown."""
    text = what.astype("object").where(what.notna(), "").map(str)
    text = text.map(lambda name: " ".join(name.split())).astype("str")
    counted = pd.DataFrame({"text": text, "key": text.str.casefold()}).value_counts().reset_index()
    first = counted.sort_values(["count", "text"], ascending=[False, True]).drop_duplicates("key")
    return text.str.casefold().map(first.set_index("key")["text"]).astype("str")


def _weeks(trial: Trial, patients: pd.Index, events: pd.DataFrame) -> pd.Series:
    visits = trial.outcomes.groupby("patient")["week"].max()
    dated = events.groupby("patient")["week"].max()
    last = pd.concat([visits, dated], axis=1).max(axis=1).astype("float64")
    return last.reindex(patients).fillna(0.0).clip(lower=0.0)
