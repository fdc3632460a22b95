"""Where an estimand cannot be what it says. Each rule yields (key, what is wrong)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain

from analysis.instruments import INSTRUMENTS, find_instrument
from analysis.schema import EventKind
from analysis.studies.conditions import read_condition
from analysis.studies.records import Estimand, Handling, Measure, Study

Key = tuple[object, ...]
Problem = tuple[Key, str]

PRINCIPAL_STRATUM = (
    "is 'principal_stratum', which is not available: who would have had the event under the other "
    "therapy is never seen, so that the stratum rests on assumptions that no data can check; "
    "choose hypothetical, or narrow the population by what is known at baseline"
)


def estimand_problems(study: Study, estimand: Estimand) -> list[Problem]:
    """Everything that keeps an estimand from being estimated in a study, keys relative to it."""
    rules = (_population, _treatments, _variable, _kinds, _on_treatment)
    problems = list(chain.from_iterable(rule(study, estimand) for rule in rules))
    for kind, handling in estimand.events.items():
        here: Key = ("events", kind)
        problems += [
            ((*here, *key), why) for key, why in _handling(study, estimand, kind, handling)
        ]
    return problems


def estimands_problems(study: Study) -> Iterator[Problem]:
    """The same for all estimands of a study file, and what they must be among themselves."""
    for name, count in Counter(one.name for one in study.estimands).items():
        if count > 1:
            yield ("estimands",), f"holds the name {name!r} {count} times; each must differ"
    primary = sum(one.primary for one in study.estimands)
    if primary > 1:
        yield ("estimands",), f"marks {primary} as primary; mark one, the others are supplementary"
    for position, estimand in enumerate(study.estimands):
        for key, why in estimand_problems(study, estimand):
            yield ("estimands", position, *key), why


def _population(study: Study, estimand: Estimand) -> Iterator[Problem]:
    if estimand.who is None:
        return
    try:
        read_condition(study, estimand.who)
    except ValueError as error:
        yield ("who",), str(error)


def _treatments(study: Study, estimand: Estimand) -> Iterator[Problem]:
    if estimand.treatments is None and estimand.comparator is None:
        return
    labels = list(study.therapies)
    chosen = labels if estimand.treatments is None else list(estimand.treatments)
    for label in chosen:
        if label not in labels:
            yield ("treatments",), f"names {label!r}; it must be one of the therapies {labels}"
    for label, count in Counter(chosen).items():
        if count > 1:
            yield ("treatments",), f"names {label!r} {count} times; once is enough"
    if not chosen:
        yield ("treatments",), "is empty; leave it out for all therapies of the study"
    if estimand.comparator is not None and estimand.comparator not in chosen:
        yield ("comparator",), f"is {estimand.comparator!r}; it must be one of {chosen}"
    elif len(chosen) > 1 and comparator_of(study, estimand) not in chosen:
        yield ("treatments",), f"lacks the comparator {study.comparator!r}; add it or name another"


def _variable(study: Study, estimand: Estimand) -> Iterator[Problem]:
    names = [measure.name for measure in study.measures]
    if estimand.measure is not None and estimand.measure not in names:
        yield ("measure",), f"is {estimand.measure!r}; measures are {names}"
    weeks = {visit.name: visit.week for visit in study.followup}
    for horizon in ("short", "long"):
        for visit in getattr(estimand, horizon) or ():
            if visit not in weeks:
                yield (horizon,), f"is {visit!r}; visits after baseline are {list(weeks)}"
    if estimand.short is None and estimand.long is None:
        return
    short, long = (
        [weeks[visit] for visit in visits_of(study, estimand, horizon) if visit in weeks]
        for horizon in ("short", "long")
    )
    if short and long and max(short) >= min(long):
        yield ("long",), "has a visit that is not after every short-term visit"


def _kinds(study: Study, estimand: Estimand) -> Iterator[Problem]:
    recorded = [] if study.events is None else sorted(set(study.events.kinds.values()))
    for kind in estimand.events:
        if kind not in recorded:
            known = f"the kinds recorded are {recorded}" if recorded else "it records no events"
            yield (
                ("events", kind),
                f"has a strategy, and the study never records such an event ({known}); map it "
                "under events.kinds, or leave it out here",
            )


def _on_treatment(study: Study, estimand: Estimand) -> Iterator[Problem]:
    kinds = [k for k, one in estimand.events.items() if one.strategy == "while_on_treatment"]
    since = {visit.name: visit.weeks_since_end for visit in study.followup}
    for horizon in ("short", "long"):
        for visit in visits_of(study, estimand, horizon):
            weeks = since.get(visit)
            if kinds and weeks is not None and weeks > 0:
                yield (
                    ("events", kinds[0]),
                    f"is while_on_treatment, and the {horizon}-term visit {visit} is {weeks:g} weeks "
                    f"after treatment ended, when nobody is on treatment; give visits during "
                    f"treatment as '{horizon}' ([] for none), or choose another strategy",
                )


def _handling(
    study: Study, estimand: Estimand, kind: EventKind, handling: Handling
) -> Iterator[Problem]:
    if handling.strategy == "principal_stratum":
        yield ("strategy",), PRINCIPAL_STRATUM
    if handling.strategy == "composite":
        yield from _failure(study, estimand, handling)
    elif handling.value is not None:
        yield ("value",), f"is for composite; the strategy here is {handling.strategy!r}"
    if handling.strategy == "reference_based":
        yield from _reference(study, estimand, handling)
    elif handling.assumption is not None:
        yield ("assumption",), f"is for reference_based; the strategy here is {handling.strategy!r}"
    given = handling.k0 is not None, handling.k1 is not None
    if handling.assumption == "causal" and not all(given):
        yield ("assumption",), "is 'causal' and lacks k0 or k1; give both (1 and 0 lose all benefit)"
    elif handling.assumption != "causal" and any(given):
        yield ("k0" if given[0] else "k1",), "is for the assumption 'causal'; leave it out"


def _failure(study: Study, estimand: Estimand, handling: Handling) -> Iterator[Problem]:
    value, key = handling.value, ("value",)
    if value is None:
        yield (
            key,
            "is missing; composite needs the value that counts as failure: a score, baseline, "
            "worst, or non_response",
        )
    elif value == "non_response" and estimand.summary != "difference_in_responders":
        yield key, "is 'non_response', which has no mean; give a score, baseline or worst"
    elif value == "baseline" and study.baseline_visit is None:
        yield key, "is 'baseline', and the study has no baseline visit; give a score or worst"
    elif isinstance(value, float):
        measure = measure_of(study, estimand)
        # A measure or instrument that is not known is told by its own rule.
        if measure is None or measure.instrument not in {*INSTRUMENTS, *_own(study)}:
            return
        scale = find_instrument(measure.instrument, study.instruments)
        if not scale.low <= value <= scale.high:
            yield key, f"is {value:g}; {scale.name} goes from {scale.low:g} to {scale.high:g}"


def _reference(study: Study, estimand: Estimand, handling: Handling) -> Iterator[Problem]:
    if handling.assumption is None:
        yield (
            ("assumption",),
            "is missing; reference_based needs what is supposed of values nobody saw: JR, CR, CIR, "
            "LMCF or causal",
        )
    if not comparator_of(study, estimand):
        yield (
            ("strategy",),
            "is 'reference_based', and there is no comparator to refer to; name therapy.comparator, "
            "or choose hypothetical",
        )
    if study.design != "randomised":
        yield (
            ("strategy",),
            "is 'reference_based', and the study is not randomised: patients of the comparator do "
            "not show what others would have had without the therapy; choose hypothetical",
        )


def _own(study: Study) -> set[str]:
    return {instrument.key for instrument in study.instruments}


def measure_of(study: Study, estimand: Estimand) -> Measure | None:
    """The measure of the estimand's variable; None where it names one that the study lacks."""
    if estimand.measure is None:
        return next((measure for measure in study.measures if measure.primary), None)
    return next((one for one in study.measures if one.name == estimand.measure), None)


def comparator_of(study: Study, estimand: Estimand) -> str:
    """The label that therapies are compared with, empty where there is none."""
    if estimand.treatments is not None and len(estimand.treatments) < 2:
        return ""
    return estimand.comparator or study.comparator


def visits_of(study: Study, estimand: Estimand, horizon: str) -> tuple[str, ...]:
    """Names of the visits of the variable at a horizon ("short" or "long")."""
    own = estimand.short if horizon == "short" else estimand.long
    if own is not None:
        return own
    return tuple(visit.name for visit in study.followup if visit.horizon == horizon)
