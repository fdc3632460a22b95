"""What is estimated."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.studies.records import Study
from analysis.tables.table import Table


def estimand_table(study: Study) -> Table:
    """The estimand in its five attributes (ICH E9(R1))."""
    handled = study.estimand.events.items()
    events = [f"{kind.replace('_', ' ')}: {how.replace('_', ' ')}" for kind, how in handled]
    treatments = ", ".join(study.therapies)
    if study.comparator:
        treatments += f"; each against {study.comparator}"
    rows = (
        ("Population", study.estimand.population),
        ("Treatments", treatments),
        ("Variable", f"{study.primary.label} at {_visits(study)}"),
        ("Intercurrent events", "; ".join([*events, "all others: treatment policy"])),
        ("Summary measure", study.estimand.summary),
    )
    return Table("What is estimated", ("attribute", "in this study"), rows, words=(1,))


def _visits(study: Study) -> str:
    parts: list[str] = []
    for horizon, word in (("short", "short term"), ("long", "long term")):
        names: Sequence[str] = [visit.name for visit in study.horizon(horizon)]
        parts.append(f"{word}: {', '.join(names)}" if names else f"{word}: no visit")
    return "; ".join(parts)
