"""Figures of published trials show what their frames hold: effects, intervals, direction, numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.evidence import (
    band_frame,
    enter,
    fit_time_course,
    follow,
    points_frame,
    pool,
    subgroups,
    trim_and_fill,
    weeks_until,
)
from analysis.figures import new_figure, plot_funnel, plot_pooled_forest, plot_time_course, save

NAMES = ("Ash 2001", "$\\alpha_{x", "Cedar 2011", "x" * 80, "Fir & Gum 2020")
Y, V = np.array([4.0, 9.0, 6.5, 12.0, 3.0]), np.array([4.0, 2.0, 9.0, 16.0, 1.0])


@pytest.fixture
def five():
    return pool(
        enter(Y, V, NAMES, n_therapy=[40, 80, 20, 14, 130], n_comparator=[41, 80, 21, 13, 128])
    )


@pytest.fixture(scope="module")
def course():
    weeks = np.array([6.0, 12.0, 26.0, 52.0])
    frames = [
        pd.DataFrame({
            "study": f"{therapy} {trial}", "therapy": therapy, "comparator": "usual care", "week": weeks,
            "effect": peak * 2 ** (-(weeks - 6) / 20) + 0.3 * trial, "se": 0.5,
            "n_therapy": 40, "n_comparator": 41,
        }) for therapy, peak in (("massage", 6.0), ("cupping", 4.0)) for trial in (0, 1, 2)
    ]  # fmt: skip
    return fit_time_course(follow(pd.concat(frames)), "fade to plateau")


def words(ax):
    return [text.get_text() for text in ax.figure.findobj(Text) if text.get_text()]


def test_a_forest_shows_every_trial_the_pooled_effect_and_a_new_trial(five):
    ax = plot_pooled_forest(
        five.forest_frame(),
        "Pain relief (points of 100)",
        favours=("usual care", "massage"),
        digits=1,
    )
    shown = words(ax)
    for row in five.forest_frame().to_dict("records")[:6]:
        assert any(text.startswith(f"{row['estimate']:.1f} (") for text in shown)
    assert "40 / 41" in shown and "284 / 283" in shown
    assert any("massage better →" in text and "5 trials, 567 patients" in text for text in shown)
    low, high = five.prediction_interval()
    assert any(f"{low:.1f}".replace("-", "−") in text and f"{high:.1f}" in text for text in shown)
    diamond = ax.patches[0].get_xy()
    assert sorted({round(x, 6) for x in diamond[:, 0]}) == pytest.approx(
        [*five.conf_int()[0][:1], five.params[0], *five.conf_int()[0][1:]], abs=1e-5
    )


def test_heavier_trials_have_larger_squares(five):
    ax = plot_pooled_forest(five.forest_frame(), "Relief")
    squares = [marks for marks in ax.collections if isinstance(marks, PathCollection)]
    sizes = [float(marks.get_sizes()[0]) for marks in squares]
    trials = five.forest_frame().query("row == 'trial'")
    assert list(np.argsort(sizes)) == list(np.argsort(trials["weight"].to_numpy()))


def test_a_forest_of_one_trial_says_so():
    one = pool(enter([4.0], [1.0], ["Ash"], n_therapy=[20], n_comparator=[21]))
    shown = words(plot_pooled_forest(one.forest_frame(), "Relief"))
    assert "cannot be told" in shown
    assert any("1 trial, 41 patients; heterogeneity cannot be told" in text for text in shown)


def test_groups_stand_below_each_other_with_their_own_heterogeneity():
    entries = enter(Y, V, NAMES, n_therapy=[40] * 5, n_comparator=[41] * 5)
    found = subgroups(entries, ["short"] * 4 + ["long"])
    ax = plot_pooled_forest(found.forest_frame(), "Relief")
    shown = words(ax)
    assert {"short", "long"} <= set(shown)
    assert any(text.startswith("4 trials, 324 patients; I²") for text in shown)
    assert "1 trial, 81 patients; heterogeneity cannot be told" in shown
    places = ax.get_yticks()
    assert len(places) == 9 and list(places) == sorted(places, reverse=True)


def test_a_group_of_one_trial_stands_without_a_diamond():
    entries = enter(Y, V, NAMES, n_therapy=[40] * 5, n_comparator=[41] * 5)
    frame = subgroups(entries, ["short"] * 4 + ["long"]).forest_frame()
    alone = (frame["group"] == "long") & (frame["row"] != "trial")
    shown = frame[~alone].assign(note=frame["note"].where(frame["note"] != "", "1 trial alone"))
    ax = plot_pooled_forest(shown, "Relief")
    assert len(ax.patches) == 1
    assert "1 trial alone" in words(ax)


def test_a_pooled_interval_beyond_the_panel_ends_in_arrows():
    with pytest.warns(UserWarning, match="one degree of freedom"):
        wide = pool(enter([0.2, 0.8], [0.05, 0.01]))
    ax = plot_pooled_forest(wide.forest_frame(), "Relief")
    assert {line.get_marker() for line in ax.lines} >= {"<", ">"}


def test_a_funnel_holds_every_trial_and_has_the_pooled_effect_in_its_middle(five):
    filled = trim_and_fill(enter(Y, V, NAMES), side="left")
    added = pd.DataFrame({
        "estimate": filled.added.effect, "std_error": np.sqrt(filled.added.variance)
    })  # fmt: skip
    ax = plot_funnel(five.forest_frame(), "Relief (→ better)", filled=added)
    low, high = ax.get_xlim()
    assert (low + high) / 2 == pytest.approx(five.params[0])
    assert low < min(Y.min(), added["estimate"].min()) and high > Y.max()
    assert ax.get_ylim()[0] > ax.get_ylim()[1] == 0
    assert f"5 trials; hollow: {filled.missing} filled in" in ax.get_xlabel()


def test_a_time_course_has_a_panel_a_therapy_with_trials_patients_and_the_half_gone(course):
    halves = weeks_until(course)
    axes = plot_time_course(
        band_frame(course), points_frame(course), halves, axis="Pain relief (points)",
        comparator="usual care",
    )  # fmt: skip
    assert [ax.get_title(loc="left") for ax in axes] == ["massage", "cupping"]
    assert "3 trials, n = 243" in [text.get_text() for text in axes[0].texts]
    shown = words(axes[0])
    week = 6 + halves["estimate"][0]
    assert any(text.startswith(f"half gone: week {week:.0f} (") for text in shown)
    assert any("usual care (up is better)" in " ".join(text.split()) for text in shown)
    assert any("Weeks since randomisation" in text for text in shown)


def test_a_time_course_may_be_drawn_into_a_part_of_a_figure(course):
    part = Figure(figsize=(9, 5), layout="constrained").subfigures(1, 2)[0]
    plot_time_course(
        band_frame(course), points_frame(course), axis="Relief", comparator="usual care",
        axes=part.subplots(1, 2),
    )  # fmt: skip
    assert "usual care" in part.get_supylabel()


def test_relief_that_never_halves_is_an_arrow_and_the_word_never(course):
    halves = weeks_until(course).assign(estimate=np.inf, conf_high=np.inf)
    ax = plot_time_course(
        band_frame(course), points_frame(course), halves, axis="Relief", comparator="usual care"
    )[0]
    assert any(line.get_marker() == ">" for line in ax.lines)
    assert not any(line.get_marker() == "D" for line in ax.lines)
    assert any(text.startswith("half gone: never (") for text in words(ax))


def test_weeks_that_no_trial_could_see_are_words(course):
    halves = weeks_until(course).assign(estimate=900.0, conf_low=0.0, conf_high=5000.0)
    ax = plot_time_course(
        band_frame(course), points_frame(course), halves, axis="Relief", comparator="usual care"
    )[0]
    assert "half gone: week beyond 208 (at once to beyond 208)" in words(ax)


def test_figures_of_evidence_take_axes_and_are_the_same_twice(five, tmp_path):
    ax = new_figure()[1][0]
    assert plot_pooled_forest(five.forest_frame(), "Relief", ax=ax) is ax
    pictures = []
    for name in ("one", "two"):
        axes = plot_funnel(five.forest_frame(), "Relief")
        pictures.append([path.read_bytes() for path in save(axes.figure, tmp_path / name)])
    assert pictures[0] == pictures[1]
