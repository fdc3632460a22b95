"""The tables of published evidence: their columns, keys and closed lists of words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["text", "number", "count"]

REGIONS = ("low_back", "leg", "neck")
DURATIONS = ("acute_subacute", "subacute", "subacute_chronic", "chronic", "postpartum", "mixed")
ROLES = ("active", "sham", "control")
OUTCOMES = ("pain", "function")
BETTER = ("lower", "higher", "unclear")
KINDS = ("baseline", "final", "change")
COUNTED = ("analysed", "assigned")
SOURCE_KINDS = (
    "primary_table", "abstract", "secondary_extraction", "public_data", "registry_copy",
    "news_summary", "review",
)  # fmt: skip
VERDICTS = (
    "supported at both horizons", "supported in the short term", "mixed", "not supported",
    "not tested", "not testable", "true of a document",
)  # fmt: skip
CERTAINTIES = ("high", "moderate", "low", "very low", "none")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
    kind : {"text", "number", "count"}
        A count is a whole number of at least 1.
    required : bool
        Whether every row must fill it.
    words : tuple of str
        The closed list of what it may hold; empty where it is free.
    refers : str
        Table and column whose values it must hold, as "studies.study"; "arms" means the pair of
        study and this column.
    low : float or None
        Smallest number allowed.
    several : bool
        Whether a cell may name several keys, separated by semicolons.
    """

    name: str
    kind: Kind = "text"
    required: bool = True
    words: tuple[str, ...] = ()
    refers: str = ""
    low: float | None = None
    several: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of a table, and those that name a row once."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]


def _optional(name: str, kind: Kind = "text", low: float | None = None) -> Column:
    return Column(name, kind, required=False, low=low)


_STUDY = Column("study", refers="studies.study")
_ARM = Column("arm", refers="arms")
_AGAINST = Column("against", refers="arms")
_SCALE = Column("scale", refers="scales.scale")
_SOURCE = Column("source", refers="sources.source")
_WEEK = Column("week", "number", low=0)
_AFTER = _optional("weeks_after", "number")
_COUNTED = Column("counted", required=False, words=COUNTED)
_LIMITS = (_optional("conf_low", "number"), _optional("conf_high", "number"))
_ADJUSTED = Column("adjusted", required=False, words=("yes", "no"))
_NOTE = _optional("note")

LAYOUTS: Mapping[str, Layout] = MappingProxyType({
    "sources": Layout(
        (
            Column("source"), Column("label"), Column("kind", words=SOURCE_KINDS), Column("url"),
            _NOTE,
        ),
        ("source",),
    ),
    "studies": Layout(
        (
            Column("study"), Column("label"), Column("year", "count"), _optional("identifier"),
            Column("condition"), Column("region", words=REGIONS),
            Column("duration", words=DURATIONS), Column("randomised", words=("yes", "no")),
            _optional("assigned", "count"), _optional("programme"), _NOTE,
        ),
        ("study",),
    ),
    "therapies": Layout(
        (
            Column("therapy"), Column("label"), Column("kind", words=ROLES), Column("node"),
            _optional("also_called"),
        ),
        ("therapy",),
    ),
    "scales": Layout(
        (
            Column("scale"), Column("outcome", words=OUTCOMES), _optional("lowest", "number"),
            _optional("highest", "number"), Column("better", words=BETTER),
            Column("choice", "count"), Column("label"),
        ),
        ("scale",),
    ),
    "arms": Layout(
        (
            _STUDY, Column("arm"), Column("therapy", refers="therapies.therapy"),
            Column("role", words=ROLES), _optional("assigned", "count"), Column("label"),
        ),
        ("study", "arm"),
    ),
    "outcomes": Layout(
        (
            _STUDY, _ARM, _SCALE, _WEEK, _AFTER, Column("kind", words=KINDS),
            _optional("n", "count"), _COUNTED, Column("mean", "number"),
            _optional("sd", "number", 0), _optional("se", "number", 0), *_LIMITS, _ADJUSTED,
            _SOURCE, _NOTE,
        ),
        ("study", "arm", "scale", "week", "kind"),
    ),
    "contrasts": Layout(
        (
            _STUDY, _ARM, _AGAINST, _SCALE, _WEEK, _AFTER,
            Column("kind", required=False, words=("final", "change")), _optional("n", "count"), _COUNTED,
            Column("difference", "number"), _optional("se", "number", 0), *_LIMITS,
            _optional("level", "number", 50), _optional("p_value", "number", 0), _ADJUSTED,
            _SOURCE, _NOTE,
        ),
        ("study", "arm", "against", "scale", "week", "kind"),
    ),
    "responders": Layout(
        (
            _STUDY, _ARM, Column("against", required=False, refers="arms"), Column("definition"),
            _WEEK, _optional("n", "count"), _optional("events", "number", 0),
            _optional("percent", "number", 0), _optional("risk_ratio", "number", 0),
            _optional("risk_difference", "number"), *_LIMITS, _SOURCE, _NOTE,
        ),
        ("study", "arm", "against", "definition", "week"),
    ),
    "pooled": Layout(
        (
            Column("review"), Column("comparison"), Column("outcome", words=(*OUTCOMES, "both")),
            Column("quantity"), Column("estimate", "number"), *_LIMITS,
            _optional("trials", "count"), _optional("patients", "count"), _SOURCE, _NOTE,
        ),
        ("review", "comparison", "outcome", "quantity"),
    ),
    "claims": Layout(
        (
            Column("claim"), Column("therapy"), Column("population"), Column("comparator"),
            Column("data"), Column("estimand"), Column("found"),
            Column("certainty", words=CERTAINTIES), Column("verdict", words=VERDICTS),
            Column("source", refers="sources.source", several=True),
        ),
        ("claim",),
    ),
})  # fmt: skip
