"""The five attributes of an estimand (ICH E9(R1)), in words."""

from __future__ import annotations

from analysis.instruments import find_instrument
from analysis.studies.estimand_rules import comparator_of, measure_of, visits_of
from analysis.studies.records import Estimand, Handling, Measure, Study

ATTRIBUTES = ("Population", "Treatments", "Variable", "Intercurrent events", "Summary measure")
ASSUMPTIONS = {
    "JR": "jump to reference", "CR": "copy reference", "CIR": "copy increments in reference",
    "LMCF": "last mean carried forward", "causal": "causal model",
}  # fmt: skip


def attributes(study: Study, estimand: Estimand) -> tuple[str, str, str, str, str]:
    """Population, treatments, variable, intercurrent events and summary measure, one text each."""
    return (
        estimand.population if estimand.who is None else f"{estimand.population} ({estimand.who})",
        _treatments(study, estimand),
        _variable(study, estimand),
        _events(study, estimand),
        summary_words(study, estimand),
    )


def measure_in(study: Study, estimand: Estimand) -> Measure:
    """The measure of the variable."""
    return measure_of(study, estimand) or study.primary


def kind_words(kind: str) -> str:
    """A kind of event, as a part of a sentence."""
    return kind.replace("_", " ")


def handling_words(study: Study, estimand: Estimand, handling: Handling) -> str:
    """A strategy with what it needs, such as "composite (failure: the baseline score)"."""
    name = kind_words(handling.strategy).replace("reference based", "reference-based")
    if handling.strategy == "composite":
        return f"{name} (failure: {failure_words(study, estimand, handling)})"
    if handling.assumption is None:
        return name
    constants = f", k0 {handling.k0:g}, k1 {handling.k1:g}" if handling.k0 is not None else ""
    return f"{name} ({ASSUMPTIONS[handling.assumption]}{constants})"


def failure_words(study: Study, estimand: Estimand, handling: Handling) -> str:
    """The value that counts as failure, in words."""
    if handling.value == "baseline":
        return "the baseline score, no relief"
    if handling.value == "non_response":
        return "no response"
    instrument = find_instrument(measure_in(study, estimand).instrument, study.instruments)
    worst = instrument.high if instrument.direction == "lower_is_better" else instrument.low
    number = worst if handling.value == "worst" else handling.value
    return f"the {'worst ' if handling.value == 'worst' else ''}score {number:g}"


def summary_words(study: Study, estimand: Estimand) -> str:
    """The summary measure, in words."""
    compared = bool(comparator_of(study, estimand))
    if estimand.summary == "difference_in_responders":
        return "Difference in the share of responders" if compared else "Share of responders"
    return "Difference in mean relief between therapies" if compared else "Mean relief from baseline"


def _treatments(study: Study, estimand: Estimand) -> str:
    labels = study.therapies if estimand.treatments is None else estimand.treatments
    comparator = comparator_of(study, estimand)
    return ", ".join(labels) + (f"; each against {comparator}" if comparator else "")


def _variable(study: Study, estimand: Estimand) -> str:
    parts = []
    for horizon in ("short", "long"):
        names = ", ".join(visits_of(study, estimand, horizon))
        parts.append(f"{horizon} term: {names}" if names else f"{horizon} term: no visit")
    return f"{measure_in(study, estimand).label} at {'; '.join(parts)}"


def _events(study: Study, estimand: Estimand) -> str:
    said = [
        f"{kind_words(kind)}: {handling_words(study, estimand, handling)}"
        for kind, handling in estimand.events.items()
    ]
    recorded = set() if study.events is None else set(study.events.kinds.values())
    if not said:
        return "all: treatment policy" if recorded else "none is recorded"
    if recorded - set(estimand.events):
        said.append("all others: treatment policy")
    return "; ".join(said)
