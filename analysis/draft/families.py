"""Columns of a wide file that are one measure at several visits: "nrs_w0", "nrs_w8", "nrs_w26"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from analysis.draft.columns import Column
from analysis.draft.moments import Moment, moment_of
from analysis.draft.names import apart, identifies, is_derived
from analysis.draft.scales import names_instrument, speaks_of_pain

# Beyond so many columns it is a list of items or places, not of visits.
MAX_VISITS = 12
MAX_NUMBERED = 8
_LONGEST_MOMENT = 3
CHECKBOX = "___"
# "actual_week_6", "days_6": when the visit called 6 was, and no score.
_COUNTED = re.compile(r"(?P<before>(?:(?:actual|real|true|study|visit) )*)(?P<unit>week|day)s? (?P<visit>.+)")


@dataclass(frozen=True, slots=True)
class Family:
    """Columns of one measure: what they have in common, and the column of each moment."""

    stem: str
    columns: dict[Moment, Column]

    @property
    def numbered(self) -> bool:
        """Whether visits are only numbered or called later, so that their weeks are not known."""
        return all(moment.week is None for moment in self.columns)

    @property
    def members(self) -> list[Column]:
        """Its columns."""
        return list(self.columns.values())

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """Orders families by how likely they are the main measure."""
        pain = any(speaks_of_pain(column) for column in self.members)
        named = any(names_instrument(column) for column in self.members)
        return (pain, named, len(self.columns))


def families_of(columns: Iterable[Column]) -> list[Family]:
    """Families among the columns of a file, the likeliest main measure first.

    Numbered columns without a word for time (`pk1`, `pk2`) count only where they speak of pain or
    name an instrument, or where several families have the same numbers.
    """
    usable = [
        column for column in columns
        if column.kind in ("number", "empty") and CHECKBOX not in column.name
        and not identifies(column.name) and not is_derived(column.name)
    ]  # fmt: skip
    found: dict[str, dict[Moment, Column]] = {}
    for column in usable:
        for stem, moment in _split(column.name):
            found.setdefault(stem, {}).setdefault(moment, column)
            break
    for column in usable:
        # "pain" beside "pain_follow_up": the bare name is the baseline.
        members = found.get(apart(column.name))
        if members and not any(moment.baseline for moment in members):
            members[Moment("baseline", 0.0, True)] = column
    families = [Family(stem, members) for stem, members in found.items()]
    families = [f for f in families if 2 <= len(f.columns) <= MAX_VISITS]
    families = [f for f in families if any(c.kind == "number" for c in f.members)]
    patterns = Counter(_pattern(f) for f in families if f.numbered)
    kept = [f for f in families if not f.numbered or _believed(f, patterns)]
    return sorted(kept, key=lambda family: family.rank, reverse=True)


def when_of(families: list[Family], columns: Iterable[Column]) -> tuple[str, Family] | None:
    """Columns that say when each visit of the main family was: what they hold, and the columns.

    They are dates called as the visits of the measure are ("date_6" beside "pain_6"), or weeks or days
    in numbers ("actual_week_6").

    Parameters
    ----------
    families : list of Family
        The likeliest main measure first.
    columns : iterable of Column
        Of the whole file.
    """
    timed: dict[tuple[str, str], dict[Moment, Column]] = {}
    for column in columns:
        if column.kind == "date" and not identifies(column.name):
            parts = next(iter(_split(column.name)), None)
            if parts is not None:
                timed.setdefault(("date", parts[0]), {}).setdefault(parts[1], column)
        elif column.kind == "number" and (match := _COUNTED.fullmatch(apart(column.name))):
            moment = moment_of(match["visit"])
            if moment is not None:
                timed.setdefault((match["unit"], match["before"]), {}).setdefault(moment, column)
    for (by, stem), members in timed.items():
        names = {column.name for column in members.values()}
        scores = next((f for f in families if not names >= {c.name for c in f.members}), None)
        if scores is not None and len(members.keys() & scores.columns.keys()) >= 2:
            return by, Family(stem, members)
    return None


def _pattern(family: Family) -> frozenset[str]:
    return frozenset(moment.name for moment in family.columns)


def _believed(family: Family, patterns: Counter[frozenset[str]]) -> bool:
    if len(family.columns) > MAX_NUMBERED:
        return False
    spoken = any(speaks_of_pain(c) or names_instrument(c) for c in family.members)
    return spoken or patterns[_pattern(family)] > 1


def _split(name: str) -> Iterable[tuple[str, Moment]]:
    """Every way to part a name into what was measured and when, the most telling first."""
    words = apart(name).split()
    for size in range(min(_LONGEST_MOMENT, len(words) - 1), 0, -1):
        for stem, part in ((words[:-size], words[-size:]), (words[size:], words[:size])):
            moment = moment_of(" ".join(part))
            # A bare number in front, as in "7 days", is no visit.
            if moment is not None and not (part == words[:size] and part[0].isdigit()):
                yield " ".join(stem), moment
