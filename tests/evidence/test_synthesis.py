"""All published trials pooled at once: what is joined, side by side, asked, and how certain."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.errors import ModelError
from analysis.evidence import (
    SINCE_TREATMENT,
    answers,
    answers_forest,
    combinations,
    fit_components,
    published_visits,
    read_published,
    side_by_side,
    synthesise,
)
from analysis.evidence.certainty import LEVELS, REASONS, certainty_of
from analysis.evidence.questions import FOLLOWED, QUESTIONS, SHAMS, Question
from analysis.evidence.words import (
    additivity_sentence,
    missing_sentences,
    scope_sentences,
    sham_sentences,
    spread_sentences,
)

# Sums of the same numbers in another order.
ROUNDING = 1e-9


@pytest.fixture(scope="module")
def published():
    return read_published()


@pytest.fixture(scope="module")
def randomised(published):
    return synthesise(published)


@pytest.fixture(scope="module")
def treated(published):
    return synthesise(published, windows=SINCE_TREATMENT)


def test_every_therapy_of_either_horizon_has_both_cells(randomised):
    effects = randomised.effects()
    counted = effects.groupby("therapy")["horizon"].agg(list)
    assert all(horizons == ["short", "long"] for horizons in counted)
    empty = effects[effects["estimate"].isna()]
    assert len(empty)
    assert (empty["certainty"] == "none").all()
    assert (empty["trials"] == 0).all()


def test_names_are_those_that_people_write(randomised):
    effects = randomised.effects()
    assert (effects["comparator"] == "usual care").all()
    assert "acupuncture with dry cupping" in set(effects["therapy"])
    assert not effects["therapy"].str.contains("[_+]").any()


def test_definitions_stand_beside_each_other_with_their_own_numbers(randomised, treated):
    both = side_by_side(randomised, treated).set_index(["definition", "horizon", "therapy"])
    names = (randomised.windows.name, treated.windows.name)
    one, other = (both.loc[(name, "long", "acupuncture"), "estimate"] for name in names)
    assert one != other
    assert np.isnan(both.loc[(names[1], "short", "acupuncture"), "estimate"])


def test_q_splits_into_its_parts_at_each_horizon(randomised):
    spread = randomised.spread().set_index("horizon")
    for horizon, network in zip(("short", "long"), randomised.alone, strict=True):
        row, whole = spread.loc[horizon], network.heterogeneity
        assert row["q_within"] + row["q_between"] == pytest.approx(whole.q, rel=ROUNDING)
        assert row["df_within"] + row["df_between"] == whole.df
        assert row["trials"] == len(network.contrasts.studies)


def test_a_question_is_the_pooled_pair_and_an_empty_one_is_a_row(randomised):
    table = answers(randomised).set_index(["therapy", "comparator", "horizon"])
    assert len(table) == 2 * len(QUESTIONS)
    row = table.loc[("dry cupping", "sham cupping", "short")]
    assert row["trials"] == 3
    assert row["conf_low"] < row["common"] < row["conf_high"]
    empty = table.loc[("wet cupping", "sham cupping", "short")]
    assert empty["trials"] == 0
    assert np.isnan(empty["estimate"])
    assert empty["certainty"] == "none"
    single = table.loc[("massage", "usual care or nothing", "short")]
    assert single["trials"] == 1
    assert "1 trial" in single["heterogeneity"]
    assert "one trial" in single["certainty"]


def test_a_forest_of_questions_that_no_trial_asked_is_refused_in_words(randomised):
    with pytest.raises(ModelError, match="No trial asked any of these questions at the horizon 'later'"):
        answers_forest(randomised, "later")
    nobody = Question("moxibustion", ("sham_massage",), "sham massage")
    with pytest.raises(ModelError, match="show the table of answers"):
        answers_forest(randomised, "long", [nobody])


def test_a_forest_of_questions_pools_nothing_where_there_is_one_trial(randomised):
    frame = answers_forest(randomised, "short")
    for _, part in frame.groupby("group"):
        trials, kinds = (part["row"] == "trial").sum(), set(part["row"])
        assert (kinds == {"trial"}) == (trials == 1)
        assert ("prediction" in kinds) == (trials > 2)


def test_visits_of_a_trial_keep_to_one_scale_and_comparator(published):
    visits = published_visits(published, "pain", therapies=FOLLOWED)
    assert (visits.groupby("study")["comparator"].nunique() == 1).all()
    assert not visits.duplicated(["study", "therapy", "week"]).any()
    assert set(visits["therapy"]) | set(visits["comparator"]) <= set(FOLLOWED)
    thomas = visits[visits["study"] == "thomas2006"]
    assert thomas["week"].is_monotonic_increasing
    assert len(thomas) > 2


def test_combinations_stand_beside_the_sums_of_their_parts(randomised):
    network = randomised.alone[0]
    components = fit_components(network.contrasts, "usual_care")
    table = combinations(components, network).set_index("therapy")
    row = table.loc["acupuncture+dry_cupping"]
    parts = components.effects().set_index("component")["estimate"]
    assert row["sum"] == pytest.approx(parts["acupuncture"] + parts["dry_cupping"], rel=ROUNDING)
    whole = network.effects().set_index("therapy").loc["acupuncture+dry_cupping", "estimate"]
    assert row["whole"] == pytest.approx(whole, rel=ROUNDING)
    said = additivity_sentence(components)
    assert "τ² = 0 " in said
    assert f"{network.tau2:.3g}" in said


def test_certainty_loses_a_step_for_each_reason():
    best = certainty_of(5, 2000, 0.1, 8.0, blinded=True)
    assert (best.level, best.reasons) == ("high", ())
    cases = (
        ({"blinded": False}, "people knew what they got"), ({"trials": 1}, "one trial"),
        ({"trials": 0, "patients": 0.0}, "no trial compares the two directly"),
        ({"i2": 0.8}, "trials differ"), ({"width": 30.0}, "wide interval"),
        ({"patients": 90.0}, "few patients"), ({"patients": np.nan}, "patients not known"),
    )  # fmt: skip
    given = {"trials": 5, "patients": 2000.0, "i2": 0.1, "width": 8.0, "blinded": True}
    for change, reason in cases:
        found = certainty_of(**(given | change))
        assert (found.level, found.reasons) == ("moderate", (reason,))
        assert found.short == f"moderate {REASONS[reason]}"
    assert certainty_of(**(given | {"width": 60.0})).level == "low"
    assert certainty_of(1, 40, 0.9, 60, blinded=False).level == LEVELS[-1]
    assert certainty_of(0, 0, np.nan, np.nan, blinded=True).words == "none"


def test_what_nobody_looked_at_is_said(published):
    said = missing_sentences(published, ["dry_cupping", "wet_cupping", "acupuncture", "leeches"])
    assert said[0].startswith("Dry cupping: no visit after week 12")
    assert "none after half a year" in said[1]
    assert said[2] == "Leeches: no trial."
    shams = sham_sentences(published, SHAMS)
    assert any(text.startswith("Wet cupping: no trial compares it with a sham") for text in shams)
    assert not any(text.startswith("Acupuncture:") for text in shams)


def test_sentences_name_the_pieces_and_the_heterogeneity(randomised, treated):
    said = scope_sentences(randomised)
    assert said[0].startswith(f"Short term, {randomised.windows.name}: 27 trials with at least")
    assert "multidisciplinary rehabilitation" in said[1]
    spread = spread_sentences(treated)
    assert any("too few trials to tell how much they differ" in text for text in spread)
    assert any("ρ_τ is taken as 0.5" in text for text in spread)


def test_patients_of_trials_that_say_are_counted_as_the_least(randomised):
    table = answers(randomised).set_index(["therapy", "comparator", "horizon"])
    text = table.loc[("acupuncture", "sham acupuncture", "short"), "heterogeneity"]
    assert "at least 477 patients" in text
