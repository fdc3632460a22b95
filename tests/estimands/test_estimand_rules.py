"""Estimands that a study cannot have are refused with the reason, the place and what to do."""

from __future__ import annotations

import re

import pytest
import yaml
from hand_made import OTHER, RESCUE, STOPPED, estimand, study, trial
from small_study import content

from analysis.errors import ModelError, StudyError
from analysis.estimands import apply_estimand
from analysis.studies.estimand_rules import estimand_problems
from analysis.studies.load import read_study
from analysis.studies.records import Study

JR = {"strategy": "reference_based", "assumption": "JR"}
FAILURE = {"strategy": "composite", "value": "baseline"}


def _problems(made=None, **content):
    made = study() if made is None else made
    return [f"{'.'.join(key)} {why}" for key, why in estimand_problems(made, estimand(**content))]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"events": {"adverse_event": "hypothetical"}},
         r"events\.adverse_event has a strategy, and the study never records .*map it under"),
        ({"events": {STOPPED: "principal_stratum"}}, "not available: who would have had the event"),
        ({"events": {STOPPED: "composite"}}, r"value is missing; composite needs"),
        ({"events": {STOPPED: FAILURE | {"value": 11}}}, r"value is 11; .* goes from 0 to 10"),
        ({"events": {STOPPED: FAILURE | {"value": "non_response"}}}, "which has no mean"),
        ({"events": {STOPPED: {"strategy": "hypothetical", "value": 3}}}, "value is for composite"),
        ({"events": {STOPPED: "reference_based"}}, r"assumption is missing; .* JR, CR, CIR"),
        ({"events": {STOPPED: FAILURE | {"assumption": "JR"}}}, "assumption is for reference_based"),
        ({"events": {STOPPED: JR | {"k0": 1}}}, r"k0 is for the assumption 'causal'"),
        ({"events": {STOPPED: JR | {"assumption": "causal", "k0": 1}}}, "lacks k0 or k1"),
        ({"events": {STOPPED: "while_on_treatment"}},
         r"the long-term visit week 26 is 14 weeks after treatment ended.*\[\] for none"),
        ({"treatments": ["Usual care", "Yoga"]}, "'Yoga'; it must be one of the therapies"),
        ({"treatments": ["Massage"], "comparator": "Usual care"}, r"comparator is 'Usual care'"),
        ({"treatments": []}, "is empty; leave it out"),
        ({"treatments": ["Usual care", "Massage", "Massage"]}, "'Massage' 2 times"),
        ({"measure": "mood"}, r"measure is 'mood'; measures are \['pain', 'function'\]"),
        ({"short": ["start"]}, "short is 'start'; visits after baseline are"),
        ({"short": ["week 26"]}, "long has a visit that is not after every short-term visit"),
        ({"who": "height > 2"}, "who names 'height'"),
        ({"treatments": ["Massage"], "events": {STOPPED: JR}}, "no comparator to refer to"),
    ],
)  # fmt: skip
def test_an_impossible_estimand_is_named(content, why):
    found = _problems(**content)
    assert len(found) == 1 and re.search(why, found[0]), found
    with pytest.raises(ModelError, match="The estimand 'What if' cannot be estimated: "):
        apply_estimand(trial(), estimand(**content))


def test_every_problem_is_told_at_once():
    found = _problems(treatments=["Massage", "Yoga"], measure="mood")
    assert [one.split()[0] for one in found] == ["treatments", "treatments", "measure"]
    assert "lacks the comparator 'Usual care'" in found[1]


def test_reference_based_needs_a_randomised_study():
    found = _problems(study(design="observational"), events={STOPPED: JR})
    assert len(found) == 1 and "the study is not randomised" in found[0]


def test_reference_based_needs_a_comparator_and_a_failure_at_baseline_needs_a_baseline():
    alone = {"column": "therapy", "arms": [{"label": "Massage"}]}
    found = _problems(study(therapy=alone), events={STOPPED: JR})
    assert len(found) == 1 and "name therapy.comparator" in found[0]
    visits = {"column": "visit", "schedule": [{"name": "week 4", "week": 4}]}
    found = _problems(study(visits=visits), events={STOPPED: FAILURE})
    assert len(found) == 1 and "no baseline visit" in found[0]


def test_a_study_that_records_no_events_has_nothing_to_handle():
    found = _problems(study(events=None), events={RESCUE: "hypothetical"})
    assert len(found) == 1 and "it records no events" in found[0]


def test_what_is_possible_is_not_refused():
    content = {"events": {STOPPED: JR, RESCUE: "hypothetical", OTHER: FAILURE}}
    assert _problems(**content) == []
    assert _problems(events={STOPPED: JR | {"assumption": "causal", "k0": 1, "k1": 0.9}}) == []
    assert _problems(events={STOPPED: "while_on_treatment"}, long=[]) == []


def _file(tmp_path, estimands, **more):
    study = content() | {"estimands": estimands} | more
    path = tmp_path / "study.yml"
    path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return path


EVENTS = {"file": "outcomes", "kind": "k", "kinds": {"stopped": STOPPED}, "week": "w"}


@pytest.mark.parametrize(
    ("estimands", "why"),
    [
        ([{"name": "A", "primary": True}, {"name": "B", "primary": True}], "marks 2 as primary"),
        ([{"name": "A"}, {"name": "A"}], "the name 'A' 2 times"),
        ([{"population": "All"}], r"line \d+: estimands\[0\]\.name is missing"),
        ([{"name": "A", "events": {STOPPED: "ignored"}}],
         r"events\.stopped_therapy\.strategy is 'ignored'; allowed: 'treatment_policy'"),
        ([{"name": "A", "events": {STOPPED: {"strategy": "composite", "valu": 3}}}],
         r"valu is not a key of a study file; did you mean 'value'"),
        ([{"name": "A", "events": {STOPPED: {"strategy": "composite", "value": "bad"}}}],
         r"value is 'bad'; allowed: 'baseline', 'worst' or 'non_response'"),
        ([{"name": "A", "events": {STOPPED: {"strategy": "composite", "value": True}}}],
         "value is True"),
        ([{"name": "A", "events": {"holiday": "hypothetical"}}], "allowed: 'stopped_therapy'"),
        ([{"name": "A", "events": {"lost": "hypothetical"}}],
         r"line \d+: estimands\[0\]\.events\.lost has a strategy, and the study never records"),
        ([{"name": "A", "summary": "ratio"}], "allowed: 'difference_in_means' or"),
        ([], r"estimands is \[\]; .*at least 1"),
    ],
)  # fmt: skip
def test_a_study_file_says_what_is_wrong_with_its_estimands(tmp_path, estimands, why):
    with pytest.raises(StudyError) as refused:
        read_study(_file(tmp_path, estimands, events=EVENTS))
    assert re.search(why, str(refused.value)), str(refused.value)


def test_the_old_key_is_refused_with_the_new_one(tmp_path):
    with pytest.raises(StudyError, match=r"estimand is not a key.*did you mean 'estimands'"):
        read_study(_file(tmp_path, [{"name": "A"}], estimand={"name": "A"}))


def test_the_primary_estimand_is_the_marked_one_or_else_the_first(tmp_path):
    unmarked = read_study(_file(tmp_path, [{"name": "A"}, {"name": "B"}]))
    assert (unmarked.estimand.name, unmarked.supplementary[0].name) == ("A", "B")
    marked = read_study(_file(tmp_path, [{"name": "A"}, {"name": "B", "primary": True}]))
    assert (marked.estimand.name, marked.supplementary[0].name) == ("B", "A")
    absent = Study.model_validate(content())
    assert absent.estimand.name == "Treatment policy" and absent.supplementary == ()


def test_a_strategy_that_needs_nothing_else_is_its_name():
    one = estimand(events={STOPPED: "hypothetical", RESCUE: FAILURE})
    written = one.model_dump(exclude_defaults=True)["events"]
    assert written == {STOPPED: "hypothetical", RESCUE: FAILURE}
    assert type(one).model_validate({"name": "What if", "events": written}) == one
