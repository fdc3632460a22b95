"""Harms as sentences: none recorded is not none, and not recorded is not none either."""

from __future__ import annotations

import pandas as pd

from analysis.harms.cells import ANY, HARM, LEFT, NAMED, NOT_RECORDED, RELATED, SERIOUS
from analysis.harms.estimate import Harms
from analysis.harms.incidence import name_of
from analysis.studies.records import Study

UNRECORDED = "adverse events were not recorded in this study."


def harm_sentences(harms: Harms, study: Study, expected: tuple[str, ...] = ()) -> list[str]:
    """Say of every therapy what harms were seen and what cannot be ruled out.

    Parameters
    ----------
    harms : Harms
    study : Study
    expected : tuple of str
        Names of events that the study expects of the procedure itself, such as the marks of cups.
        They are counted like all others, and the sentence says so.

    Returns
    -------
    list of str
        One text per therapy, the comparator included.
    """
    return _told([_of_therapy(harms, study, therapy, expected) for therapy in study.therapies], study)


def harm_lines(harms: Harms, study: Study) -> list[str]:
    """Say of every therapy, in short, how many were harmed and how that compares.

    `harm_sentences` without serious and related events and without withdrawals; where harms were
    not recorded, one line for all therapies.

    Parameters
    ----------
    harms : Harms
    study : Study

    Returns
    -------
    list of str
    """
    if not harms.recorded:
        return _told([f"Nothing can be said about harms: {UNRECORDED}"], study)
    lines = []
    for therapy in study.therapies:
        text, seen = _start(harms, study, therapy)
        lines.append(" ".join([text, *(_compared(harms, study, therapy) if seen else ())]))
    return _told(lines, study)


def _told(texts: list[str], study: Study) -> list[str]:
    if not study.simulated:
        return texts
    return [f"Simulated data: {text[0].lower()}{text[1:]}" for text in texts]


def _start(harms: Harms, study: Study, therapy: str) -> tuple[str, bool]:
    """How many had an adverse event, and whether there was anybody to have one."""
    who = "In all patients" if study.therapy is None else f"With {therapy}"
    cell = _cell(harms, HARM, ANY, therapy)
    if cell["of"] == 0:
        return f"{who}, nothing can be said about harms: the therapy has no patients.", False
    level = f"{100 * study.model.confidence:g} %"
    return f"{who}, {_count(harms, cell, 'adverse event', level)}.", True


def _of_therapy(harms: Harms, study: Study, therapy: str, expected: tuple[str, ...]) -> str:
    if not harms.recorded:
        who = "In all patients" if study.therapy is None else f"With {therapy}"
        text = f"{who}, nothing can be said about harms: {UNRECORDED}"
        return " ".join([text, *_withdrawals(harms, therapy)])
    text, seen = _start(harms, study, therapy)
    if not seen:
        return text
    parts = [text, *_compared(harms, study, therapy)]
    if _cell(harms, HARM, ANY, therapy)["at_most"] > 0:
        parts += _narrower(harms, therapy, f"{100 * study.model.confidence:g} %")
    parts += _expected(harms, therapy, expected)
    return " ".join([*parts, *_withdrawals(harms, therapy)])


def _cell(harms: Harms, kind: str, scope: str, therapy: str) -> pd.Series:
    cells = harms.cells
    chosen = (cells["kind"] == kind) & (cells["scope"] == scope) & (cells["therapy"] == therapy)
    return cells[chosen].iloc[0]


def _count(harms: Harms, cell: pd.Series, noun: str, level: str) -> str:
    """How many had one, with the interval; for none, what that does not show."""
    measure = name_of(cell["kind"], cell["scope"], cell["what"])
    row = harms.rows("risk", measure, cell["therapy"]).iloc[0]
    high, of = percent(row["conf_high"], 100), _people(cell["of"])
    if cell["at_most"] == 0:
        return (
            f"no {noun} was recorded among {of}; this does not show that there is no risk: "
            f"up to {high} of patients cannot be ruled out ({level} confidence)"
        )
    limits = f"{level} confidence interval {percent(row['conf_low'], 0)} to {high}"
    if pd.isna(cell["patients"]):
        return (
            f"between {cell['at_least']} and {cell['at_most']} of {of} had at least one {noun} "
            f"({limits}, whichever of these it was; the number is not shown because it is small)"
        )
    had = f"{cell['patients']} of {of} ({percent(row['estimate'], 0)}; {limits}) had at least one {noun}"
    if cell["at_most"] > cell["at_least"]:
        had += f" for certain, and up to {cell['at_most']} may have had one: it is not known of every event"
    return had


def _compared(harms: Harms, study: Study, therapy: str) -> list[str]:
    """Against the comparator: a difference is claimed only where its interval leaves out 0."""
    rows = harms.rows("risk difference", HARM, therapy)
    if rows.empty:
        return []
    row = rows.iloc[0]
    if pd.isna(row["conf_low"]):
        return [f"The risk cannot be compared with that under {study.comparator}."]
    low, high = float(row["conf_low"]), float(row["conf_high"])
    ends = [points(abs(end)) for end in (low, high)]
    if low <= 0 <= high:
        return [
            f"This risk could not be told from that with {study.comparator}: anything from {ends[0]} "
            f"percentage points lower to {ends[1]} higher fits the data."
        ]
    word = "higher" if low > 0 else "lower"
    ends = ends if low > 0 else ends[::-1]
    amount = "" if pd.isna(row["estimate"]) else f"{points(abs(row['estimate']))} percentage points "
    text = (
        f"This risk is {amount}{word} than with {study.comparator} "
        f"(between {ends[0]} and {ends[1]} percentage points)."
    )
    if study.design != "randomised":
        text += " Patients were not randomised, so a difference may have other causes than the therapy."
    return [text]


def _narrower(harms: Harms, therapy: str, level: str) -> list[str]:
    """Serious and related ones, or that nobody wrote down which they were."""
    parts = []
    for scope, noun in ((SERIOUS, "serious adverse event"), (RELATED, "related adverse event")):
        cell = _cell(harms, HARM, scope, therapy)
        if cell["note"] == NOT_RECORDED:
            parts.append(f"Which events were {scope} was not recorded.")
            continue
        text = _count(harms, cell, noun, level)
        parts.append(f"{text[0].upper()}{text[1:]}.")
    return parts


def _expected(harms: Harms, therapy: str, expected: tuple[str, ...]) -> list[str]:
    """Events of the procedure itself, where the study names them and they happened."""
    names = {" ".join(name.split()).casefold() for name in expected}
    cells = harms.cells
    chosen = (cells["kind"] == HARM) & (cells["scope"] == NAMED) & (cells["therapy"] == therapy)
    chosen &= cells["what"].str.casefold().isin(names) & (cells["at_most"] > 0).fillna(False)
    said = [f"{cell['what']} ({_in_short(cell)})" for _, cell in cells[chosen].iterrows()]
    if not said:
        return []
    return [f"Counted among them, but expected of the procedure: {', '.join(said)}."]


def _withdrawals(harms: Harms, therapy: str) -> list[str]:
    """Who left, in short."""
    said = []
    for kind, words in zip(LEFT, ("stopped the therapy", "were lost"), strict=True):
        cell = _cell(harms, kind, ANY, therapy)
        if pd.notna(cell["at_least"]) and cell["of"]:
            said.append(f"{_in_short(cell)} {words}")
    of = _people(_cell(harms, HARM, ANY, therapy)["of"])
    return [f"Of {of}, {' and '.join(said)}."] if said else []


def _in_short(cell: pd.Series) -> str:
    if pd.notna(cell["patients"]):
        return f"{cell['patients']}"
    return f"{cell['at_least']} to {cell['at_most']}"


def _people(count: int) -> str:
    return "1 patient" if count == 1 else f"{count} patients"


def points(share: float) -> str:
    """A share in percent without the sign, with a digit more where it would be shown as 0."""
    digits = next((d for d in (1, 2, 3) if share == 0 or round(100 * share, d) > 0), 3)
    return f"{round(100 * share, 9):.{digits}f}"


def percent(share: float, never: int) -> str:
    """A share in percent; one that is not `never` (0 or 100) is not shown as that."""
    for digits in (1, 2, 3):
        text = f"{round(100 * share, 9):.{digits}f}"
        if float(text) != never or 100 * share == never:
            break
    return f"{text} %"
