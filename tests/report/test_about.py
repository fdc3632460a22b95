"""Sentences about a study say what its study file says, and no more."""

from __future__ import annotations

import pytest

from analysis.report.about import SIMULATED, about_study, limits_of
from analysis.studies.records import Study


def study(**changes) -> Study:
    arms = [{"label": "Usual care"}, {"label": "5,000 U"}]
    return Study.model_validate({
        "title": "A trial", "design": "randomised", "data": {"outcomes": "a.csv"}, "layout": "long",
        "patient": "patient", "therapy": {"column": "t", "arms": arms, "comparator": "Usual care"},
        "visits": {"column": "visit", "schedule": [
            {"name": "start", "week": 0, "baseline": True},
            {"name": "early", "week": 8, "horizon": "short", "weeks_since_end": 0},
            {"name": "late", "week": 52, "horizon": "long", "weeks_since_end": 44},
        ]},
        "measures": [
            {"name": "pain", "label": "Pain", "instrument": "NRS", "column": "p", "primary": True}
        ],
        **changes,
    })  # fmt: skip


def test_both_horizons_are_given_on_both_clocks():
    text = " ".join(about_study(study()))
    assert "early (8 weeks after the start, at the end of treatment)" in text
    assert "late (52 weeks after the start, 44 weeks after the end of treatment)" in text


def test_only_a_randomised_study_speaks_of_effects():
    assert "can be read as effects" in " ".join(about_study(study()))
    observed = " ".join(about_study(study(design="observational")))
    assert "are not effects" in observed
    assert "can be read as effects" not in observed


def test_a_study_of_one_group_compares_nothing():
    text = " ".join(about_study(study(therapy=None)))
    assert "has one group" in text
    assert "comparator is" not in text


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_is_said_first_and_only_of_simulated_data(simulated):
    sentences = about_study(study(simulated=simulated))
    assert (sentences[0] == SIMULATED) is simulated
    assert (SIMULATED in limits_of(study(simulated=simulated))) is simulated


def test_a_missing_horizon_is_named_among_the_limits():
    visits = {"column": "visit", "schedule": [{"name": "early", "week": 8, "horizon": "short"}]}
    limits = " ".join(limits_of(study(visits=visits)))
    assert "no long-term visit" in limits
    assert "no short-term visit" not in limits
    assert "no baseline" in limits


def test_the_direction_of_the_score_is_said():
    assert "lower is better" in " ".join(about_study(study()))
