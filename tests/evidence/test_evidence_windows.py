"""Two clocks, and which visit stands for which horizon."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.errors import ModelError
from analysis.evidence.published import read_published
from analysis.evidence.windows import (
    DEFINITIONS,
    SINCE_RANDOMISATION,
    SINCE_TREATMENT,
    Window,
    Windows,
    coverage,
    nearest_visits,
)


@pytest.fixture(scope="module")
def published():
    return read_published()


def visits(*weeks: float, course: float = 6) -> pd.DataFrame:
    return pd.DataFrame({"week": weeks, "weeks_after": [week - course for week in weeks]})


@pytest.mark.parametrize(
    ("week", "horizon"),
    [
        (0, ""), (0.1, "short"), (14, "short"), (15, "intermediate"), (51, "intermediate"),
        (52, "long"), (325, "long"), (np.nan, ""),
    ],
)  # fmt: skip
def test_windows_since_randomisation(week, horizon):
    assert SINCE_RANDOMISATION.horizon_of(pd.Series([week])).tolist() == [horizon]


@pytest.mark.parametrize(
    ("weeks", "horizon"),
    [(-2, ""), (0, ""), (3.9, ""), (4, "short"), (25.9, "short"), (26, "intermediate"), (52, "long")],
)
def test_windows_since_the_end_of_treatment(weeks, horizon):
    assert SINCE_TREATMENT.horizon_of(pd.Series([weeks])).tolist() == [horizon]


def test_the_two_clocks_disagree_about_the_last_session():
    # Week 12 of a course of 12 weeks is short term on one clock and nothing on the other.
    table = visits(12, course=12)
    assert len(nearest_visits(table, SINCE_RANDOMISATION, "short")) == 1
    assert nearest_visits(table, SINCE_TREATMENT, "short").empty


def test_the_visit_nearest_to_the_target_comes_first():
    assert nearest_visits(visits(4, 8, 13), SINCE_RANDOMISATION, "short")["week"].tolist() == [13, 8, 4]


def test_of_two_visits_equally_near_the_later_one_counts():
    assert nearest_visits(visits(10, 14), SINCE_RANDOMISATION, "short")["week"].tolist() == [14, 10]


def test_a_visit_without_a_second_clock_is_in_no_window_of_it():
    table = visits(52).assign(weeks_after=np.nan)
    assert nearest_visits(table, SINCE_TREATMENT, "long").empty


def test_windows_that_overlap_or_miss_their_target_are_refused():
    with pytest.raises(ModelError, match="short and long windows of mine overlap at week 10"):
        Windows("mine", "randomisation", (Window("short", 0, 12, 6), Window("long", 10, 99, 52)))
    with pytest.raises(ModelError, match="target at week 60"):
        Windows("mine", "randomisation", (Window("short", 0, 12, 60),))
    with pytest.raises(ModelError, match="no window 'late'"):
        SINCE_RANDOMISATION.window("late")


def test_nobody_looked_at_cupping_after_half_a_year(published):
    table = coverage(published).set_index(["therapy", "definition", "horizon"]).sort_index()
    for windows in DEFINITIONS:
        for therapy in ("dry_cupping", "wet_cupping", "acupuncture+dry_cupping"):
            assert table.loc[(therapy, windows.name, "long"), "trials"] == 0
    latest = table.loc["dry_cupping"]["latest_week"].max()
    assert latest == 12
    assert table.loc["wet_cupping"]["latest_week"].max() == 26


def test_coverage_has_a_row_for_every_therapy_and_window(published):
    table = coverage(published)
    assert len(table) == table["therapy"].nunique() * sum(len(d.windows) for d in DEFINITIONS)
    assert (table["trials"] == 0).any()


def test_definitions_place_the_same_trials_differently(published):
    table = coverage(published, by="node").set_index(["definition", "horizon", "therapy"]).sort_index()
    shorts = [table["trials"][windows.name, "short"] for windows in DEFINITIONS]
    assert (shorts[0] != shorts[1]).any()
