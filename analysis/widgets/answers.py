"""What a person answered, written into the sketch of a study file in place of what was guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from analysis.draft.outcomes import PRIMARY, Outcomes
from analysis.draft.page import Sketch
from analysis.draft.schedule import HORIZONS, SINCE_END

# ("title",), ("data", "dates"), ("visits", name of the visit, "week"), ("measures", outcome, "instrument"),
# ("measures", outcome, "columns", name of the visit), ("measures", outcome, "primary").
Key = tuple[str, ...]
Answers = Mapping[Key, Any]

_SETTLED = {"week": "", "horizon": HORIZONS, "weeks_since_end": SINCE_END}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,8})([.,][0-9]{1,6})?")


def number_or_text(text: str) -> float | int | str | None:
    """What was typed as a number; text that is none is left for the loader to refuse in words."""
    plain = text.strip()
    if not plain:
        return None
    if not _NUMBER.fullmatch(plain):
        return plain
    value = float(plain.replace(",", "."))
    return int(value) if value.is_integer() else value


def codes_in(text: str) -> list[float | int | str] | None:
    """Codes typed with commas or semicolons between them; None where there are none."""
    parts = (number_or_text(part) for part in re.split(r"[;,]", text))
    return [part for part in parts if part is not None] or None


def write_answers(sketch: Sketch, outcomes: Outcomes, answers: Answers) -> None:
    """Put answers in place of guesses, and take back the questions that they settle.

    Parameters
    ----------
    sketch : Sketch
        Changed in place. An answer about something that it does not have is passed over.
    outcomes : Outcomes
        What its measures are called, in their order.
    answers : mapping
        Key of the answer to its value; None takes the key out of the study file.
    """
    for key, value in answers.items():
        section = sketch.content.get(key[0])
        if len(key) == 1:
            _put(sketch.content, key[0], value)
            sketch.remarks.pop(key, None)
        elif key[0] == "visits" and isinstance(section, dict):
            _visit(sketch, section.get("schedule"), key[1], key[2], value)
        elif key[0] == "measures" and isinstance(section, list) and key[1] in outcomes.kept:
            _measure(sketch, section, outcomes.kept.index(key[1]), key[2:], value)
        elif len(key) == 2 and isinstance(section, dict):
            _put(section, key[1], value)
            sketch.remarks.pop(key, None)
            _settle(sketch, (key[0],), f"'{key[1]}: ")


def _visit(sketch: Sketch, schedule: object, name: str, field: str, value: Any) -> None:
    entries = schedule if isinstance(schedule, list) else []
    for place, entry in enumerate(entries):
        if entry["name"] != name:
            continue
        if field == "horizon":
            # The visit before treatment is neither short nor long term.
            _put(entry, "baseline", True if value == "baseline" else None)
            _put(entry, "horizon", None if value == "baseline" else value)
        else:
            _put(entry, field, value)
        if field == "week":
            sketch.remarks.pop(("visits", "schedule", place), None)
        else:
            _settle(sketch, ("visits", "schedule"), _SETTLED[field])


def _measure(
    sketch: Sketch, measures: list[dict[str, Any]], place: int, field: Key, value: Any
) -> None:
    entry = measures[place]
    if field[0] == "columns":
        _put(entry["columns"], field[1], value)
    elif field[0] == "primary":
        for other in measures:
            other.pop("primary", None)
        entry["primary"] = True
        _settle(sketch, ("measures",), PRIMARY)
    else:
        _put(entry, field[0], value)
        if field[0] == "instrument":
            sketch.remarks.pop(("measures", place), None)
        else:
            _settle(sketch, ("measures", place), "mean missing")


def _put(content: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        content.pop(name, None)
    else:
        content[name] = value


def _settle(sketch: Sketch, key: tuple[str | int, ...], words: str) -> None:
    """Take back the questions with these words."""
    left = [(doubt, text) for doubt, text in sketch.remarks.get(key, []) if words not in text or not doubt]
    if left:
        sketch.remarks[key] = left
    else:
        sketch.remarks.pop(key, None)
