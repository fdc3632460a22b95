"""Tables of pooled trials show every cell, empty ones too, and what stands behind each number."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.evidence import (
    answers,
    compare_courses,
    fit_time_course,
    follow,
    node_split,
    published_visits,
    read_published,
    relief_by_correlation,
    side_by_side,
    synthesise,
    weeks_until,
)
from analysis.evidence.questions import FOLLOWED
from analysis.evidence.words import course_sentences
from analysis.tables import (
    answers_table,
    correlation_table,
    definitions_table,
    edges_table,
    families_table,
    halves_table,
    kept_table,
    network_table,
    split_table,
    spread_table,
)


@pytest.fixture(scope="module")
def synthesis():
    return synthesise(read_published())


@pytest.fixture(scope="module")
def visits(synthesis):
    return follow(
        published_visits(synthesis.published, "pain", therapies=FOLLOWED), reference="usual_care"
    )


def cells(table, name: str) -> tuple[str, ...]:
    return next(row for row in table.rows if row[0] == name)


def test_pooled_relief_has_trials_patients_heterogeneity_and_certainty(synthesis):
    table = network_table(synthesis.effects(), synthesis.unit)
    acupuncture = cells(table, "acupuncture")
    assert acupuncture[4].startswith("6.2 (")
    assert acupuncture[5:] == ("2 trials (717)", "moderate k")
    assert cells(table, "dry cupping")[4:] == ("no trial joins", "", "")
    assert "long term τ 0.2, I² 0 %" in table.note
    assert "k: people knew what they got" in table.note


def test_definitions_stand_in_columns(synthesis):
    table = definitions_table(side_by_side(synthesis), synthesis.unit)
    assert table.columns == ("therapy", "short, since randomisation", "long, since randomisation")
    assert cells(table, "qigong")[1:] == ("no trial joins", "no trial joins")


def test_what_is_kept_has_the_kind_of_its_fieller_set(synthesis):
    table = kept_table(synthesis.tidy(), synthesis.unit, "here")
    assert "or" in cells(table, "spinal manipulation with exercise")[4]
    assert all(row[0] != "massage" for row in table.rows)
    assert "other therapies are known at one horizon or none" in table.note


def test_a_correlation_between_horizons_is_shown_with_what_it_does(synthesis):
    frame = relief_by_correlation(*synthesis.contrasts, "usual_care", rhos=(0.1, 0.9))
    table = correlation_table(frame, synthesis.unit)
    assert table.columns[1:3] == ("lost, ρ = 0.1", "lost, ρ = 0.9")
    row = cells(table, "acupuncture")
    assert row[1] != row[2]


def test_an_unasked_question_is_a_row_and_one_trial_says_so(synthesis):
    table = answers_table(answers(synthesis), synthesis.unit)
    rows = {(row[0], row[1]): row for row in table.rows}
    assert rows[("wet cupping against sham cupping", "long")][2:] == (
        "no trial", "", "", "0 trials", "none",
    )  # fmt: skip
    assert rows[("massage against sham massage", "short")][5].startswith("1 trial, 52 patients")


def test_direct_comparisons_of_both_horizons_share_a_row(synthesis):
    table = edges_table(synthesis.edges())
    assert cells(table, "acupuncture against sham acupuncture")[1:] == (
        "2 (at least 477)", "2 (687)",
    )  # fmt: skip
    assert cells(table, "exercise against qigong")[1:] == ("no trial", "1 (127)")


def test_spread_and_splits_say_where_there_is_nothing_to_compare(synthesis):
    rows = spread_table(synthesis.spread()).rows
    assert rows[1][6] == "nothing to compare"
    split = node_split(synthesis.alone[0], "refit")
    table = split_table(split)
    assert len(table.rows) == split["difference"].notna().sum()
    assert f"{split['difference'].isna().sum()} of {len(split)}" in table.note


def test_weeks_until_half_is_gone_say_never_and_share_a_row(visits):
    fit = fit_time_course(visits, "fade to plateau", peak_week=8)
    table = halves_table((fit.course.family, weeks_until(fit)))
    ((therapy, course, weeks, _, most, said),) = table.rows
    assert (therapy, course, weeks, most) == ("every therapy", "fade to plateau", "never", "never")
    assert "to never" in said
    assert course_sentences(fit)[0].startswith("The course")


def test_a_course_that_cannot_be_fitted_is_a_row_with_a_note(visits):
    table = families_table(compare_courses(visits, ("constant", "log-linear"), peak_week=8))
    assert cells(table, "constant")[3] == "0.0"
    assert "seen at one week only" in cells(table, "log-linear")[5]


def test_never_and_at_once_have_words():
    halves = pd.DataFrame({
        "therapy": ["a", "b"], "peak_week": 6.0, "estimate": [4.0, np.inf],
        "conf_low": [0.0, 3.0], "conf_high": [9.0, np.inf], "words": ["one", "other"],
    })  # fmt: skip
    rows = halves_table(("fade", halves)).rows
    assert rows[0][:5] == ("a", "fade", "4", "at once", "9")
    assert rows[1][:5] == ("b", "fade", "never", "3", "never")
