"""When a visit was, read from how it is called: "W12", "3 months", "baseline_arm_1"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from analysis.draft.names import words

WEEKS_PER_MONTH = 52 / 12
_UNITS = {
    "week": r"weeks?|wks?|wk|w|woche|wochen|wo|semaines?|sem|semanas?",
    "month": r"months?|mths?|mths?|mon|mos?|m|monate?|mois|mes|meses",
    "day": r"days?|d|tage?|jours?|dias?",
    "year": r"years?|yrs?|y|jahre?|ans?|anos?",
}
_ANY = "|".join(_UNITS.values())
_NUMBER = r"[0-9]{1,4}"
_TIMED = re.compile(
    rf"(?P<u1>{_ANY}) ?(?P<n1>{_NUMBER})|(?P<n2>{_NUMBER})(?:st|nd|rd|th)? ?(?P<u2>{_ANY})"
)
_BASE = re.compile(
    r"baseline|base|bl|screening|screen|pre|pre ?treatment|pretest|start|beginn?|beginning|initial|intake|"
    r"entry|enrol?lment|inclusion|randomi[sz]ation|vor|avant|aufnahme"
)  # fmt: skip
_LATER = re.compile(
    r"post|post ?treatment|posttest|end|end of treatment|eot|final|follow ?up|fu|nach|apres|after|ende|last"
)
_WAVE = re.compile(rf"(?:t|v|vis|time|visit|wave|follow ?up|fu|period|session|visite)? ?(?P<n>{_NUMBER})")
_ARM = re.compile(r" arm [0-9]+$")


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was.

    Attributes
    ----------
    name : str
        For people: "week 8", "3 months", "baseline", "time 2".
    week : float or None
        Weeks from the start, where the words say so.
    baseline : bool
        Before treatment.
    order : float
        For sorting those that have no week.
    """

    name: str
    week: float | None = None
    baseline: bool = False
    order: float = 0.0


def moment_of(text: str, unit: str | None = None) -> Moment | None:
    """Moment that a text names, or None.

    Parameters
    ----------
    text : str
        A label of a visit, or the part of a column's name that may be one.
    unit : {"week", "month", "day"}, optional
        What a bare number counts, where the column says so.
    """
    plain = _ARM.sub("", words(text))
    if _BASE.fullmatch(plain):
        return Moment("baseline", 0.0, True)
    match = _TIMED.fullmatch(plain)
    if match:
        word = match["u1"] or match["u2"]
        found = next(name for name, part in _UNITS.items() if re.fullmatch(part, word))
        return _counted(float(match["n1"] or match["n2"]), found)
    if unit is not None and re.fullmatch(_NUMBER, plain):
        return _counted(float(plain), unit)
    if _LATER.fullmatch(plain):
        return Moment(plain.replace(" ", "-"), order=1e6)
    match = _WAVE.fullmatch(plain)
    if match:
        return Moment(f"time {int(match['n'])}", order=float(match["n"]))
    return None


def unit_of(name: str) -> str | None:
    """What the numbers of a column of visits count, by its name."""
    for word in words(name).split():
        for unit, pattern in _UNITS.items():
            if len(word) > 1 and re.fullmatch(pattern, word):
                return unit
    return None


def _counted(number: float, unit: str) -> Moment:
    if number == 0:
        return Moment("baseline", 0.0, True)
    weeks = {
        "week": number, "month": float(round(number * WEEKS_PER_MONTH)), "year": 52.0 * number,
        "day": round(number / 7, 2),
    }[unit]  # fmt: skip
    name = f"{unit} {number:g}" if unit in ("week", "day") else f"{number:g} {unit}s"
    return Moment(name, weeks)
