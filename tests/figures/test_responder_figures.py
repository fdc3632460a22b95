"""Figures of responders show what their frames hold, whatever the study is like."""

from __future__ import annotations

import numpy as np
import pytest
from made_frames import made_curve, made_kept, made_responders
from matplotlib.colors import to_hex
from matplotlib.text import Text

from analysis.figures import plot_kept_response, plot_responder_curve, plot_responders, save
from analysis.figures.responders import MARKERS
from analysis.figures.style import look_of
from analysis.schema import result_frame

MANY = tuple(f"Therapy {k} with a rather long name" for k in range(20))
HOSTILE = ("$\\alpha_{x", "<script>alert(1)</script>", "x" * 300, "Ünï $5 & 50 %")
STUDIES = {
    "two therapies": (("Usual care", "Acupuncture"), None), "one group": (("All patients",), ""),
    "twenty": (MANY, None), "hostile": (HOSTILE, None), "no comparator": (("A", "B"), ""),
}  # fmt: skip


def drawn(made, name, therapies, comparator, without=()):
    labels = made["labels"](therapies, comparator)
    frames = {
        "responders": lambda: plot_responders(
            made_responders(therapies, labels.comparator, without), labels
        ),
        "curve": lambda: plot_responder_curve(made_curve(therapies, without), labels),
        "kept": lambda: plot_kept_response(made_kept(therapies, without), labels),
    }
    return frames[name](), labels


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("name", ["responders", "curve", "kept"])
def test_every_figure_of_responders_renders_every_kind_of_study(made, name, study, tmp_path):
    axes, _ = drawn(made, name, *STUDIES[study])
    svg, png = save(axes[0].figure, tmp_path / "figure")
    assert "Simulated data" in texts(axes[0].figure)
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<script" not in svg.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["responders", "curve", "kept"])
def test_a_therapy_that_cannot_be_shown_is_named_and_says_so(made, name):
    axes, _ = drawn(made, name, ("Usual care", "Acupuncture"), None, ("Acupuncture",))
    words = " ".join(texts(axes[0].figure))
    assert "Acupuncture" in words
    assert {"responders": "not shown", "curve": "nobody can be", "kept": "nobody responded"}[name] in words


def test_each_handling_has_its_marker_each_therapy_its_colour_and_each_line_its_n(made):
    axes, labels = drawn(made, "responders", ("Usual care", "Acupuncture"), None)
    points = [line for line in axes[0].lines if len(line.get_xdata())]
    assert {line.get_marker() for line in points} == {marker for marker, _ in MARKERS.values()}
    colours = {to_hex(line.get_color()) for line in points}
    assert colours == {to_hex(look_of(name, labels)["color"]) for name in labels.therapies}
    shown = texts(axes[0].figure)
    assert shown.count("40") >= len(MARKERS) and shown.count("41 / 40") == len(MARKERS)
    assert sorted(line.get_xdata()[0] for line in points) == pytest.approx(
        [30, 31, 32, 33, 34, 35, 36, 37]
    )


def test_a_curve_goes_through_its_points_and_has_two_bands(made):
    axes, labels = drawn(made, "curve", ("Usual care", "Acupuncture"), None)
    steps = [line for line in axes[0].lines if line.get_drawstyle() == "steps-pre"]
    curve = made_curve(labels.therapies)
    mine = curve[curve["therapy"] == "Acupuncture"]
    np.testing.assert_allclose(steps[1].get_ydata(), 100 * mine["proportion"])
    assert len(axes[0].collections) == 4
    assert "n = 50" in texts(axes[0].figure)


def test_the_patients_at_risk_stand_below_the_course_of_response(made):
    axes, _ = drawn(made, "kept", ("Usual care", "Acupuncture"), None)
    assert {"30", "29", "28", "27"} <= set(texts(axes[0].figure))
    assert axes[0].get_ylim()[0] == 0


@pytest.mark.parametrize("name", ["responders", "curve", "kept"])
def test_a_frame_without_rows_draws_empty_axes(made, name):
    labels = made["labels"](("Usual care", "Acupuncture"))
    draw = {"responders": lambda: plot_responders(result_frame([]), labels),
            "curve": lambda: plot_responder_curve(made_curve(("A",)).iloc[:0], labels),
            "kept": lambda: plot_kept_response(made_kept(("A",)).iloc[:0], labels)}[name]  # fmt: skip
    assert not [line for line in draw()[0].lines if len(line.get_xdata()) > 2]
