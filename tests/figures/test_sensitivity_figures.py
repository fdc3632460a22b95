"""Figures of assumptions and shifts show what their frames hold, whatever the study is like."""

from __future__ import annotations

import pandas as pd
import pytest
from made_frames import made_curves, made_strategies, made_surfaces
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.figures import plot_strategies, plot_tipping, plot_tipping_surface, save
from analysis.figures.lanes import draw_lanes
from analysis.figures.strategies import MARKERS

MANY = tuple(f"Therapy {k} with a rather long name" for k in range(20))
HOSTILE = ("$\\alpha_{x", "<script>alert(1)</script>", "x" * 300, "Ünï $5 & 50 %")
STUDIES = {
    "two therapies": (("Usual care", "Acupuncture"), None), "one group": (("All patients",), ""),
    "twenty": (MANY, None), "hostile": (HOSTILE, None), "no comparator": (("A", "B"), ""),
}  # fmt: skip
NAMES = ("strategies", "curve", "surface")
# A crossing between two points of a straight line.
EXACT = 1e-9


def drawn(made, name, therapies, comparator):
    labels = made["labels"](therapies, comparator)
    pair = therapies, labels.comparator
    if name == "strategies":
        return plot_strategies(*made_strategies(*pair), labels)
    if name == "curve":
        return plot_tipping(made_curves(*pair), labels)
    return plot_tipping_surface(made_surfaces(*pair), labels)


def texts(part: Figure | Axes) -> list[str]:
    return [text.get_text() for text in part.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("name", NAMES)
def test_every_figure_of_assumptions_renders_every_kind_of_study(made, name, study, tmp_path):
    figure = drawn(made, name, *STUDIES[study])[0].figure
    svg, png = save(figure, tmp_path / "figure")
    assert "Simulated data" in texts(figure)
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<script" not in svg.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["curve", "surface"])
def test_where_nothing_can_be_shifted_the_figure_says_so(made, name):
    labels = made["labels"](("Usual care", "A"), None)
    plot, frame = {"curve": (plot_tipping, made_curves(("Usual care",), "Usual care")),
                   "surface": (plot_tipping_surface, made_surfaces(("A",), "").iloc[:0])}[name]  # fmt: skip
    axes = plot(frame, labels)
    assert len(axes) == 1
    assert "nothing is missing\nor nothing can be estimated" in texts(axes[0])


def test_a_marker_of_each_assumption_stands_at_its_estimate(made):
    main, frame = made_strategies(("Usual care", "A"), "Usual care")
    short, long = plot_strategies(main, frame, made["labels"](("Usual care", "A"), None))
    for ax in (short, long):
        places = {float(line.get_xdata()[0]) for line in ax.lines if len(line.get_xdata()) == 1}
        expected = pd.concat([main, frame])["estimate"]
        assert {round(x, 9) for x in places} >= {round(x, 9) for x in expected}
    key = [text.get_text() for text in short.figure.legends[0].get_texts()]
    assert sorted(key) == sorted(MARKERS)


def test_what_is_refused_is_said_in_its_lane(made):
    main, frame = made_strategies(("Usual care", "A", "B"), "Usual care", refused=("B",))
    axes = plot_strategies(main, frame, made["labels"](("Usual care", "A", "B"), None))
    assert texts(axes[0]).count("not est.") == len(MARKERS)


def test_lanes_carry_markers_in_their_order_from_the_top(made):
    labels = made["labels"](("Usual care", "A"), None)
    main, frame = made_strategies(("Usual care", "A"), "Usual care")
    ax = Figure().subplots()
    rows = pd.concat([main.assign(analysis="main analysis"), frame])
    draw_lanes(ax, rows[rows["horizon"] == "long"], ["A"], labels, MARKERS, counts=False)
    heights = [float(line.get_ydata()[0]) for line in ax.lines]
    assert heights == sorted(heights, reverse=True) and len(heights) == len(MARKERS)


def test_diamonds_stand_where_a_limit_reaches_zero(made):
    labels = made["labels"](("Usual care", "A"), None)
    # Limits 0.5 - x/4 and 1.5 - x/4 cross 0 at 2 and at 6; 2 is a point of the curve itself.
    ax = plot_tipping(made_curves(("A",), "Usual care"), labels)[0]
    diamonds = sorted(float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "D")
    assert diamonds == pytest.approx([2.0, 6.0], abs=EXACT)
    assert {"2.00", "6.00"} <= set(texts(ax))


def test_a_curve_that_stays_away_from_zero_has_no_diamond(made):
    labels = made["labels"](("Usual care", "A"), None)
    ax = plot_tipping(made_curves(("A",), "Usual care", slope=0.0), labels)[0]
    assert not [line for line in ax.lines if line.get_marker() == "D"]


@pytest.mark.parametrize(("height", "regions"), [(9.0, 1), (-9.0, 1), (0.0, 2)])
def test_regions_of_a_surface_are_those_where_the_interval_leaves_out_zero(made, height, regions):
    labels = made["labels"](("Usual care", "A"), None)
    ax = plot_tipping_surface(made_surfaces(("A",), "Usual care", height), labels)[0]
    # And the lines of equal relief.
    assert len(ax.collections) == regions + 1


def test_axes_say_what_is_compared_and_which_way_is_better(made):
    labels = made["labels"](("Usual care", "A"), None)
    figure = plot_tipping(made_curves(("A",), "Usual care"), labels)[0].figure
    assert figure.get_supylabel() == "Long-term relief against Usual care (points; → better)"
    assert figure.get_supxlabel() == "Missing values worse by (points)"
