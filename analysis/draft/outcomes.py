"""What a draft says about measures: columns, instruments, codes for missing values."""

from __future__ import annotations

from collections.abc import Collection
from itertools import takewhile
from typing import Any, NamedTuple

from analysis.draft.cast import Cast
from analysis.draft.columns import Column, shown, varies_within
from analysis.draft.families import Family
from analysis.draft.moments import Moment
from analysis.draft.names import identifies, is_derived, role_rank, slug, words
from analysis.draft.page import ABSENT, Sketch
from analysis.draft.people import code_of
from analysis.draft.roles import Levels, levels_of, repeated_baselines
from analysis.draft.scales import names_instrument, scale_of, speaks_of_pain
from analysis.readers.finding import listed

MAX_MEASURES = 8
# A score changes from visit to visit in at least this share of the patients.
CHANGES = 0.2
LONGEST_LABEL, LONGEST_SHORT = 120, 24
# Names of measures whose column is called by a whole question.
_SHORT = {"NRS": "pain", "VAS10": "pain", "VAS100": "pain", "RMDQ": "rmdq", "ODI": "odi", "PEG": "peg"}

# How the question begins that is asked where there are several measures.
PRIMARY = "The answer of the report is about one measure"

Candidate = tuple[str, str, list[Column], dict[str, Any]]


class Outcomes(NamedTuple):
    """What the outcomes of a file are called: those in the draft, and others that there may be."""

    kept: tuple[str, ...]
    others: tuple[str, ...]


def measures_section(
    sketch: Sketch, cast: Cast, names: dict[Moment, str], chosen: Collection[str] | None = None
) -> Outcomes:
    """Write the measures, the likeliest main one first and primary.

    Parameters
    ----------
    sketch : Sketch
    cast : Cast
    names : dict
        Name of the visit of each moment, for wide files.
    chosen : collection of str, optional
        Outcomes that a person chose, as `Outcomes` calls them, in place of the likeliest.
    """
    if cast.layout == "wide":
        candidates, rest = _wide(cast, names, chosen)
    elif cast.measure is not None and cast.value is not None:
        candidates, rest = _by_code(sketch, cast, cast.measure, cast.value), []
    else:
        candidates, rest = _long(cast, chosen)
    if not candidates:
        sketch.content["measures"] = ABSENT
        sketch.ask("which column holds the outcome? No column of numbers changes from visit to "
                   "visit. Write 'measures': see docs/study_file.md.", "measures")  # fmt: skip
        return Outcomes((), tuple(rest))
    kept = _telling(candidates)
    if chosen is not None:
        kept = [candidate for candidate in candidates if candidate[0] in chosen] or kept
    stems = {text for text, *_ in kept}
    rest = [text for text, *_ in candidates if text not in stems] + rest
    _write(sketch, kept)
    if rest:
        sketch.ask(f"are these outcomes too: {listed(rest, 20)}?", "measures")
    return Outcomes(tuple(text for text, *_ in kept), tuple(dict.fromkeys(rest)))


def _telling(candidates: list[Candidate]) -> list[Candidate]:
    """Those with an instrument; one without is kept first if it is about pain, or the only kind."""
    known = [c for c in candidates if scale_of(c[2], c[0]).instrument is not None]
    first = candidates[0]
    if first not in known and (not known or any(speaks_of_pain(column) for column in first[2])):
        known = [first, *known]
    return known[:MAX_MEASURES]


def _write(sketch: Sketch, candidates: list[Candidate]) -> None:
    taken: set[str] = set()
    measures = []
    for place, (text, label, columns, where) in enumerate(candidates):
        scale = scale_of(columns, text)
        short = text if len(text) <= LONGEST_SHORT else _SHORT.get(scale.instrument or "", text)
        entry: dict[str, Any] = {"name": slug(short, taken), "label": label[:LONGEST_LABEL]}
        if scale.instrument is not None:
            entry["instrument"] = scale.instrument
        if place == 0:
            entry["primary"] = True
        entry |= where
        if scale.missing_codes:
            entry["missing_codes"] = list(scale.missing_codes)
        measures.append(entry)
        if scale.reason:
            sketch.say(scale.reason, "measures", place)
        for doubt in scale.doubts:
            sketch.ask(f"{entry['name']}: {doubt}", "measures", place)
    sketch.content["measures"] = measures
    if len(measures) > 1:
        sketch.ask(f"{PRIMARY}; is it {measures[0]['name']}? "
                   "Move 'primary: true' if not, and delete measures you do not need.",
                   "measures")  # fmt: skip


def _wide(
    cast: Cast, names: dict[Moment, str], chosen: Collection[str] | None
) -> tuple[list[Candidate], list[str]]:
    """Families that have an instrument or speak of pain; where there is none, the first."""
    found = [(family, _candidate(family, names)) for family in cast.families]
    found = [(family, candidate) for family, candidate in found if candidate[3]["columns"]]
    telling = [pair for pair in found if any(pair[0].rank[:2])] or found[:1]
    if chosen is not None:
        telling = [pair for pair in found if pair[0].stem in chosen] or telling
    kept = {family.stem for family, _ in telling}
    rest = [family.stem for family, _ in found if family.stem not in kept]
    return [candidate for _, candidate in telling], rest


def _candidate(family: Family, names: dict[Moment, str]) -> Candidate:
    by_week: dict[float | None, str] = {
        moment.week: name for moment, name in names.items() if moment.week is not None
    }  # fmt: skip
    columns = {
        names.get(moment, by_week.get(moment.week, "")): column.name
        for moment, column in family.columns.items()
    }
    placed = {name: columns[name] for name in names.values() if name in columns}
    described = _shared([column.description for column in family.members])
    label = described or _shared([column.name for column in family.members]) or family.stem
    return (family.stem, label, family.members, {"columns": placed})


def _shared(texts: list[str]) -> str:
    """What texts begin with in common, without the signs that come before a visit."""
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False))
    common = "".join(letters[0] for letters in alike).strip(" ,;:._-(")
    return common if len(common) > 1 else ""


def _by_code(sketch: Sketch, cast: Cast, measure: Levels, value: Column) -> list[Candidate]:
    """A measure for each level of the column that names them."""
    column, adam = measure.column, cast.layout == "adam"
    sketch.content["measure_column"] = column.name
    sketch.say("Guess: it says which measure a row holds.", "measure_column")
    titles = _titles(cast, column) if adam else {}
    based = adam and "BASE" in cast.sheet.columns and _lacks_baseline(sketch)
    found: list[Candidate] = []
    for level in measure.counts:
        part = _part(value, column.cells.matches([level]))
        where: dict[str, Any] = {"column": value.name, "code": code_of(level)}
        if based:
            where["baseline_column"] = "BASE"
        text = f"{level} {titles.get(level, '')}".strip()
        found.append((text, titles.get(level, level), [part], where))
    if based and found:
        _add_baseline(sketch, "BASE")
    return sorted(found, key=lambda candidate: not _about_pain(candidate[0]))


def _about_pain(text: str) -> bool:
    return "pain" in words(text)


def _titles(cast: Cast, column: Column) -> dict[str, str]:
    """PARAM beside PARAMCD: the name of a parameter in words."""
    param = cast.sheet.columns.get("PARAM")
    if param is None:
        return {}
    several = levels_of(param, cast.keys).counts
    pairs = dict(zip(column.cells.text.tolist(), param.cells.text.tolist(), strict=True))
    return {str(code): str(title) for code, title in pairs.items() if title in several}


def _part(column: Column, use: Any) -> Column:
    """The same column with the numbers of other rows left out; its name says nothing."""
    values = column.values.copy()
    values[~use] = float("nan")
    return Column("", column.kind, column.cells, values)


def _long(cast: Cast, chosen: Collection[str] | None) -> tuple[list[Candidate], list[str]]:
    """Columns of numbers that change from visit to visit."""
    roles = _used(cast)
    found: list[tuple[tuple[bool, bool, bool], Column]] = []
    for column in cast.sheet.columns.values():
        if column.kind != "number" or column.name in roles or identifies(column.name):
            continue
        if varies_within(column, cast.keys) < CHANGES or column.name.endswith("_complete"):
            continue
        rank = (is_derived(column.name), not speaks_of_pain(column), not names_instrument(column))
        found.append((rank, column))
    found.sort(key=lambda pair: pair[0])
    telling = [pair for pair in found if not all(pair[0][1:]) and not pair[0][0]]
    kept = telling or [pair for pair in found if not pair[0][0]][:1] or found[:1]
    if chosen is not None:
        kept = [pair for pair in found if pair[1].name in chosen] or kept
    names = {column.name for _, column in kept}
    candidates = [
        (column.name, column.description or column.name, [column], {"column": column.name})
        for _, column in kept
    ]
    return candidates, [column.name for _, column in found if column.name not in names]


def _used(cast: Cast) -> set[str]:
    told = [*cast.patient, cast.visit, cast.start, *(levels.column for levels in cast.therapies)]
    names = {column.name for column in told if column is not None}
    for column in cast.sheet.columns.values():
        roles = ("age", "sex", "site", "therapist", "visit", "patient")
        if any(role_rank(column.name, role) is not None for role in roles):
            names.add(column.name)
    return names


def baseline_section(sketch: Sketch, cast: Cast) -> None:
    """Use a baseline that is repeated on every row, where the schedule has no baseline visit."""
    measures = sketch.content.get("measures")
    if cast.layout == "wide" or not isinstance(measures, list) or not _lacks_baseline(sketch):
        return
    steady = repeated_baselines(cast.sheet, cast.keys)
    if len(steady) == 1:
        measures[0]["baseline_column"] = steady[0]
        _add_baseline(sketch, steady[0])
        sketch.ask(f"is {shown(steady[0])} the baseline of {measures[0]['name']}?", "measures", 0)
    else:
        sketch.ask("no visit is called baseline; which one comes before treatment? Mark it "
                   "'baseline: true', or name a baseline_column.", "visits")  # fmt: skip


def _lacks_baseline(sketch: Sketch) -> bool:
    """Whether there is a schedule and no baseline in it."""
    visits = sketch.content.get("visits")
    schedule = visits.get("schedule") if isinstance(visits, dict) else None
    return isinstance(schedule, list) and not any(visit.get("baseline") for visit in schedule)


def _add_baseline(sketch: Sketch, column: str) -> None:
    """Put a baseline before the visits that the data have rows of."""
    schedule = sketch.content["visits"]["schedule"]
    moved = {
        (*key[:2], int(key[2]) + 1, *key[3:]) if _is_visit(key) else key: said
        for key, said in sketch.remarks.items()
    }
    sketch.remarks.clear()
    sketch.remarks.update(moved)
    entry: dict[str, Any] = {"name": "baseline", "week": 0.0, "baseline": True}
    schedule.insert(0, entry)
    sketch.say(f"Guess: baseline has no rows; {shown(column)} repeats it on every row.",
               "visits", "schedule", 0)  # fmt: skip


def _is_visit(key: tuple[str | int, ...]) -> bool:
    return key[:2] == ("visits", "schedule") and len(key) > 2
