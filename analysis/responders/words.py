"""Responders as sentences: how many got better by a stated amount, and how many more than otherwise."""

from __future__ import annotations

import pandas as pd

from analysis.responders.estimate import Responders
from analysis.responders.handling import MULTIPLE, NON_RESPONSE
from analysis.studies.records import Study

# Multiple imputation is told first; where it cannot be had, those not seen count as failures.
TOLD = (MULTIPLE, NON_RESPONSE)
WHEN = {"short": "in the short term", "long": "in the long term", "sustained": "at both"}


def responder_sentences(
    found: Responders, study: Study, horizon: str = "long", definition: str | None = None
) -> list[str]:
    """Say of every therapy how many patients responded, and how that compares.

    Parameters
    ----------
    found : Responders
    study : Study
    horizon : {"short", "long", "sustained"}
    definition : str, optional
        As in `estimand`; the first of the frame when left out.

    Returns
    -------
    list of str
        One a therapy, the comparator included.
    """
    frame = found.frame[found.frame["horizon"] == horizon]
    definition = definition or str(found.frame["estimand"].iloc[0])
    frame = frame[frame["estimand"] == definition]
    counts = found.counts[found.counts["horizon"] == horizon]
    counts = counts[counts["definition"] == definition].set_index("therapy")
    texts = [
        _of_therapy(frame, study, therapy, horizon, definition, _patients(counts, study, therapy))
        for therapy in study.therapies
    ]
    if study.simulated:
        return [f"Simulated data: {text[0].lower()}{text[1:]}" for text in texts]
    return texts


def _patients(counts: pd.DataFrame, study: Study, therapy: str) -> str:
    """Whom a share is of: where a low baseline keeps patients from being judged, that is said."""
    if therapy not in counts.index or not counts.loc[therapy, "below_floor"]:
        return "patients"
    judged, all_of_it = (int(counts.loc[therapy, name]) for name in ("judged", "patients"))
    least = study.minimum_count
    # What is left of all patients would tell a small number of the others.
    few = [n for n in (judged, all_of_it - judged) if 0 < n < least]
    who = "patients with a complaint large enough at baseline to be judged by a percentage"
    return who if few else f"{who} ({judged} of {all_of_it})"


def _of_therapy(
    frame: pd.DataFrame, study: Study, therapy: str, horizon: str, definition: str, patients: str
) -> str:
    who = "Of all patients" if study.therapy is None else f"With {therapy}"
    share, handling = _first(frame, "responders", therapy)
    if share is None:
        return f"{who}, nothing can be said about patients {definition} {WHEN[horizon]}."
    text = (
        f"{who}, {_percent(share['estimate'])} of {patients} were {definition} {WHEN[horizon]}"
        f"{_between(share, study)} ({handling})"
    )
    gap, _ = _first(frame, "risk_difference", therapy, (handling,))
    if gap is None or pd.isna(gap["conf_low"]):
        return f"{text}."
    return f"{text}; {_compared(gap, frame, study, therapy, handling)}."


def _first(
    frame: pd.DataFrame, quantity: str, therapy: str, handlings: tuple[str, ...] = TOLD
) -> tuple[pd.Series | None, str]:
    """The first handling that has an estimate."""
    rows = frame[(frame["quantity"] == quantity) & (frame["therapy"] == therapy)]
    for handling in handlings:
        part = rows[(rows["analysis"] == handling) & rows["estimate"].notna()]
        if len(part):
            return part.iloc[0], handling
    return None, ""


def _between(row: pd.Series, study: Study) -> str:
    if pd.isna(row["conf_low"]):
        return ""
    level = f"{100 * study.model.confidence:g} %"
    return f", with {level} confidence between {_percent(row['conf_low'])} and {_percent(row['conf_high'])}"


def _compared(
    gap: pd.Series, frame: pd.DataFrame, study: Study, therapy: str, handling: str
) -> str:
    """A difference is claimed only where its interval leaves out 0; the number needed goes with it."""
    low, high = float(gap["conf_low"]), float(gap["conf_high"])
    if low <= 0 <= high:
        return (
            f"this could not be told from {study.comparator}: anything from {_points(low)} fewer to "
            f"{_points(high)} more of 100 fits the data"
        )
    word = "more" if low > 0 else "fewer"
    ends = sorted((abs(low), abs(high)))
    text = (
        f"{_points(gap['estimate'])} {word} of 100 than with {study.comparator} "
        f"(between {_points(ends[0])} and {_points(ends[1])})"
    )
    needed, _ = _first(frame, "number_needed", therapy, (handling,))
    if needed is None:
        return text
    return f"{text}, or one {word} for every {abs(needed['estimate']):.1f} patients treated"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _points(share: float) -> str:
    return f"{abs(100 * share):.1f}"
