"""The sentences that a methods section needs about an estimand, from what was done."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.estimands.analysis_data import EstimandData
from analysis.estimands.attributes import (
    ASSUMPTIONS,
    failure_words,
    kind_words,
    measure_in,
    summary_words,
)
from analysis.estimands.deciding import kinds_of
from analysis.estimands.values import APART, FILLED, KEPT, REPLACED, SET_ASIDE, TO_IMPUTE
from analysis.studies.estimand_rules import comparator_of, visits_of
from analysis.studies.records import Estimand, Handling, Study

# After what, in a sentence.
_AFTER = {
    "stopped_therapy": "stopping therapy", "other_therapy": "another therapy",
    "lost": "loss to follow-up", "adverse_event": "an adverse event",
}  # fmt: skip


def estimand_sentence(data: EstimandData) -> str:
    """What is estimated and how events were handled, as a methods section would say it.

    Counts are of values of all therapies together.
    """
    study, estimand = data.trial.study, data.estimand
    parts = [_question(study, estimand)]
    parts += [
        f"After {_joined([_AFTER.get(kind, kind_words(kind)) for kind in kinds])}, {what}."
        for what, kinds in _handlings(study, estimand).items()
    ]
    return " ".join([*parts, _counts(data), *data.notes, *_missing(data)])


def _question(study: Study, estimand: Estimand) -> str:
    comparator = comparator_of(study, estimand)
    when = [
        f"{_joined(visits)} ({horizon} term)"
        for horizon in ("short", "long")
        if (visits := visits_of(study, estimand, horizon))
    ]
    at = f" at {_joined(when)}" if when else ""
    against = f", each therapy against {comparator}," if comparator else ""
    who = estimand.population[0].lower() + estimand.population[1:]
    who += f" ({estimand.who})" if estimand.who else ""
    summary = summary_words(study, estimand)
    return (
        f"Estimand “{estimand.name}”: the {summary[0].lower()}{summary[1:]} in "
        f"{measure_in(study, estimand).label}{at}{against} in {who}."
    )


def _handlings(study: Study, estimand: Estimand) -> dict[str, list[str]]:
    """Kinds of event by what is done with them."""
    found: dict[str, list[str]] = {}
    for kind in kinds_of(study, estimand):
        handling = estimand.handling(kind)
        found.setdefault(_what(study, estimand, handling), []).append(kind)
    return found


def _what(study: Study, estimand: Estimand, handling: Handling) -> str:
    if handling.strategy == "treatment_policy":
        return "scores were used as they were observed (treatment policy)"
    if handling.strategy == "hypothetical":
        return "scores were set aside, as if the event had not happened (hypothetical)"
    if handling.strategy == "composite":
        return f"scores count as failure: {failure_words(study, estimand, handling)} (composite)"
    if handling.strategy == "while_on_treatment":
        return "the last score before it counts at all later visits (while on treatment)"
    named = ASSUMPTIONS[handling.assumption or "JR"]
    if handling.k0 is not None:
        named = f"the {named} (k0 {handling.k0:g}, k1 {handling.k1:g})"
    return (
        f"scores that were not observed are imputed under {named}, and scores that were observed "
        "are used in the analysis but not in the imputation model (reference-based)"
    )


def _counts(data: EstimandData) -> str:
    observed = data.count(KEPT, APART, SET_ASIDE, REPLACED)
    aside = data.values[data.values["fate"] == SET_ASIDE]
    over = int(aside.loc[aside["kind"] == "", "values"].sum())
    done = [
        f"{n:,} were {words}"
        for n, words in (
            (over, "set aside because treatment had ended"),
            (data.count(SET_ASIDE) - over, "set aside"),
            (data.count(REPLACED), "replaced"),
            (data.count(APART), "kept out of the imputation model"),
        )
        if n
    ]  # fmt: skip
    added = data.count(FILLED)
    filled = f"; {added:,} were filled in where none was observed" if added else ""
    imputed = data.count(TO_IMPUTE)
    filled += f"; {imputed:,} that nobody saw are imputed by reference" if imputed else ""
    patients = len(data.trial.patients)
    return (
        f"Of {observed:,} observed scores of {patients:,} patients "
        f"{_joined(done) if done else 'all were used as observed'}{filled}."
    )


def _missing(data: EstimandData) -> list[str]:
    if data.reference_based:
        return ["Other scores that are missing are assumed to be missing at random."]
    return ["Scores that are then missing are assumed to be missing at random."]


def _joined(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
