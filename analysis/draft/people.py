"""What a draft says about patients: who they are, what they were assigned to, what is known before."""

from __future__ import annotations

import re
from typing import Any

from analysis.draft.cast import Cast
from analysis.draft.columns import Column, shown, varies_within
from analysis.draft.names import speaks_of_chance, words
from analysis.draft.page import ABSENT, Sketch
from analysis.draft.roles import STEADY, Levels, ranked
from analysis.draft.scales import codes_of
from analysis.readers.finding import listed
from analysis.studies.records import ROW

# What therapies are called that others are compared with, the surest first.
_COMPARATORS = tuple(re.compile(part) for part in (
    r"placebo|sham|scheinakupunktur|plc|pbo",
    r"usual care|care as usual|treatment as usual|\btau\b|standard care|ubliche versorgung|standard",
    r"control|ctl|kontroll|temoin|waiting|wait ?list|warteliste|no treatment|untreated|none|nothing",
))  # fmt: skip


def patient_section(sketch: Sketch, cast: Cast) -> None:
    """Write who a row is about."""
    names = [column.name for column in cast.patient]
    if not names and cast.layout == "wide":
        sketch.content["patient"] = ROW
        sketch.ask("is each row another patient? No column names the patient, so the number of the "
                   "row was taken. If a column does, write its name.", "patient")  # fmt: skip
        return
    if not names:
        sketch.content["patient"] = ABSENT
        sketch.ask("which column names the patient? None has a name that says so and a value in "
                   "every row. Write 'patient: NAME'.", "patient")  # fmt: skip
        return
    sketch.content["patient"] = names[0] if len(names) == 1 else names
    if len(names) > 1:
        sketch.say(f"Guess: patients are numbered anew at each {shown(names[0])}, since the same "
                   "number comes up twice at one visit.", "patient")  # fmt: skip
        return
    sketch.say(f"Guess: its name says so, and {len(cast.patient[0].levels)} different values stand "
               f"in {cast.sheet.rows} rows.", "patient")  # fmt: skip


def places_section(sketch: Sketch, cast: Cast) -> None:
    """Write site and therapist where columns are called so."""
    for role in ("site", "therapist"):
        column = cast.best(role)
        if column is not None:
            sketch.content[role] = column.name
            sketch.say("Guess: its name says so. Leave the line out if it is something else.", role)


def design_section(sketch: Sketch, cast: Cast) -> None:
    """Write the design: randomised only where a name speaks of it, and always as a question."""
    names = [column.name for sheet, _ in cast.homes for column in sheet.columns.values()]
    chance = [name for name in names if speaks_of_chance(name)]
    randomised = cast.layout == "adam" or bool(chance and cast.therapies)
    sketch.content["design"] = "randomised" if randomised else "observational"
    if chance and randomised:
        sketch.say(f"Guess: the column {shown(chance[0])} speaks of it.", "design")
    sketch.ask("did chance decide who got which therapy? Then 'randomised', else 'observational'.",
               "design")  # fmt: skip


def therapy_section(sketch: Sketch, cast: Cast) -> None:
    """Write the therapies and what they are compared with."""
    if not cast.therapies:
        sketch.content["therapy"] = ABSENT
        if cast.crossover is not None:
            sketch.ask(f"{shown(cast.crossover.name)} changes within patients, as in a crossover "
                       "trial. Which therapy did each patient have first? Only a parallel "
                       "comparison is made: see docs/study_file.md.", "therapy")  # fmt: skip
            return
        sketch.ask("which column says which therapy a patient was assigned to? None looks like it. "
                   "Without 'therapy' all patients are one group. If it stands in another file, "
                   "draft again with --patients FILE.", "therapy")  # fmt: skip
        return
    levels = cast.therapies[0]
    arms = [_arm(levels.column, level) for level in levels.counts]
    comparator, sure = _comparator(arms)
    arms.sort(key=lambda arm: (arm["label"] != comparator, str(arm.get("code", arm["label"]))))
    sketch.content["therapy"] = {
        "column": levels.column.name, "comparator": comparator, "arms": arms,
    }  # fmt: skip
    key = ("therapy",)
    sketch.say(f"Guess: the name says so, the {len(arms)} values are the same on all rows of a "
               "patient, and several patients share each.", *key)  # fmt: skip
    _doubts(sketch, cast, levels, arms, sure)


def _doubts(
    sketch: Sketch, cast: Cast, levels: Levels, arms: list[dict[str, Any]], sure: bool
) -> None:
    others = [other.column.name for other in cast.therapies[1:]]
    if others:
        sketch.ask(f"is it this column, or {listed(others, 3)}?", "therapy", "column")
    if levels.hidden:
        sketch.ask(f"{levels.hidden} more values of this column are held by one patient each, or "
                   "are long; they are not repeated here. Slips of typing, or therapies to add?",
                   "therapy", "column")  # fmt: skip
    if sure:
        sketch.say("Guess: its name is that of a comparison.", "therapy", "comparator")
    else:
        sketch.ask("which therapy are the others compared with? The first was put here.",
                   "therapy", "comparator")  # fmt: skip
    if any("code" in arm and str(arm["code"]) in arm["label"] for arm in arms):
        sketch.ask("what do the codes mean? Write the names of the therapies as labels.",
                   "therapy", "arms")  # fmt: skip


def _arm(column: Column, level: str) -> dict[str, Any]:
    label = column.cells.labels.get(level)
    if label:
        return {"label": label[:400], "code": code_of(level)}
    if re.fullmatch(r"[0-9]+([.][0-9]+)?", level):
        return {"label": f"{column.name[:300]} {level}", "code": code_of(level)}
    return {"label": level}


def code_of(level: str) -> object:
    """A level as study files write codes: whole numbers as numbers."""
    return int(level) if re.fullmatch(r"-?(0|[1-9][0-9]{0,8})", level) else level


def _comparator(arms: list[dict[str, Any]]) -> tuple[str, bool]:
    """Label of the likeliest comparator, and whether its name says so."""
    labels = [arm["label"] for arm in arms]
    for pattern in _COMPARATORS:
        fitting = [label for label in labels if pattern.search(words(label))]
        if len(fitting) == 1:
            return fitting[0], True
    ordered = sorted(arms, key=lambda arm: (str(arm.get("code", "")), arm["label"]))
    return ordered[0]["label"], False


def covariates_section(sketch: Sketch, cast: Cast) -> None:
    """Write age and sex as covariates; others that are steady within patients are only named."""
    found = []
    used = {column.name for column in cast.patient}
    for role, more in (("age", {"type": "number", "unit": "years"}), ("sex", {"type": "category"})):
        for sheet, keys in cast.homes:
            column = next((c for c in ranked(sheet, role) if c.name not in used), None)
            if column is None or varies_within(column, keys) > STEADY:
                continue
            if role == "age" and column.kind != "number":
                continue
            used.add(column.name)
            entry: dict[str, Any] = {"name": role, "column": column.name, **more}
            codes = codes_of(column) if role == "age" else ()
            if codes:
                entry["missing_codes"] = list(codes)
            found.append(entry)
            break
    sketch.content["covariates"] = found or ABSENT
    sketch.say("Known before treatment, and adjusted for in the model.", "covariates")
    sketch.ask("which other characteristics at baseline should be described or adjusted for? Name "
               "them before you look at the outcome.", "covariates")  # fmt: skip
