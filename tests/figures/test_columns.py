"""At the width of a journal's column every figure keeps its words inside, apart and large enough to read."""

from __future__ import annotations

from itertools import combinations

import matplotlib.text
import numpy as np
import pandas as pd
import pytest
from made_frames import (
    made_curve,
    made_curves,
    made_kept,
    made_responders,
    made_strategies,
    made_surfaces,
)
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import figures
from analysis.evidence import (
    band_frame,
    enter,
    fit_time_course,
    follow,
    points_frame,
    pool,
    weeks_until,
)
from analysis.figures.column import PRINT_DPI, fit_column
from analysis.figures.style import styled

COLUMN_MM = 85
SMALLEST_POINTS = 6
# Pixels: a box of letters has empty room of its own above, below and beside.
TOUCH = (2.0, 3.0)
FEW = ("Usual care", "Acupuncture with dry cupping", "Wet cupping (hijama)")
MANY = tuple(f"Therapy {k} with a rather long name" for k in range(20))
STUDIES = {
    "one group": (("All patients",), ""), "two": (FEW[:2], None), "three": (FEW, None),
    "twenty": (MANY, None),
}  # fmt: skip


def column(height_mm: float, panels: int = 1) -> list[Axes]:
    with styled():
        figure = Figure(figsize=(COLUMN_MM / 25.4, height_mm / 25.4), layout="constrained")
        return list(figure.subplots(panels, 1, squeeze=False).ravel())


def of_a_study(made, name, therapies, comparator):
    labels = made["labels"](therapies, comparator)
    known, n = labels.comparator, len(therapies)
    panels = max(len([name for name in therapies if name != known]), 1)
    results = made["results"](therapies, comparator)
    return {
        "plot_flow": lambda: figures.plot_flow(made["flow"](therapies), labels, column(70 + 9 * n)[0]),
        "plot_missingness": lambda: figures.plot_missingness(
            made["missing"](therapies), labels, column(40 + 8 * n)[0]
        ),
        "plot_course": lambda: figures.plot_course(
            made["observed"](therapies), labels, axes=column(24 + 48 * panels, panels)
        ),
        "plot_forest": lambda: figures.plot_forest(results, labels, axes=column(60 + 16 * n, 2)),
        "plot_durability": lambda: figures.plot_durability(results, labels, ax=column(85)[0]),
        "plot_covariance": lambda: figures.plot_covariance(made["covariance"](), labels, column(150, 2)),
        "plot_residuals": lambda: figures.plot_residuals(made["residuals"](), labels, column(70)[0]),
        "plot_responders": lambda: figures.plot_responders(
            made_responders(therapies, known), labels, axes=column(80 + 28 * n, 2 if known else 1)
        ),
        "plot_responder_curve": lambda: figures.plot_responder_curve(
            made_curve(therapies), labels, axes=column(24 + 48 * panels, panels)
        ),
        "plot_kept_response": lambda: figures.plot_kept_response(
            made_kept(therapies), labels, column(24 + 48 * panels, panels)
        ),
        "plot_strategies": lambda: figures.plot_strategies(
            *made_strategies(therapies, known), labels, column(80 + 40 * n, 2)
        ),
        "plot_tipping": lambda: figures.plot_tipping(
            made_curves(therapies, known), labels, column(24 + 48 * panels, panels)
        ),
        "plot_tipping_surface": lambda: figures.plot_tipping_surface(
            made_surfaces(therapies, known), labels, column(30 + 60 * panels, panels)
        ),
        "plot_relief_harm": lambda: figures.plot_relief_harm(
            made_harm(therapies, known), labels, column(90)[0]
        ),
        "plot_harm_kinds": lambda: figures.plot_harm_kinds(made_kinds(therapies), labels, column(110)[0]),
    }[name]()  # fmt: skip


OF_A_STUDY = (
    "plot_flow", "plot_missingness", "plot_course", "plot_forest", "plot_durability", "plot_covariance",
    "plot_residuals", "plot_responders", "plot_responder_curve", "plot_kept_response", "plot_strategies",
    "plot_tipping", "plot_tipping_surface", "plot_relief_harm", "plot_harm_kinds",
)  # fmt: skip
# Those with a line a therapy; panels for twenty therapies are no figure for a column.
OF_MANY = ("plot_flow", "plot_missingness", "plot_forest")


def made_harm(therapies, comparator):
    rows = [
        (name, comparator, "adverse_event", 1 + k / 4, k / 4, 2 + k / 4, 0.2 + k / 40, 0.1,
         0.4 + k / 40, 84, 84)
        for k, name in enumerate(therapies) if name != comparator
    ]  # fmt: skip
    names = ["therapy", "comparator", "measure", "relief", "relief_low", "relief_high", "harm", "harm_low",
             "harm_high", "n_relief", "n_harm"]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def made_kinds(therapies):
    kinds = ("", ", serious", ": dizziness after treatment", ": bruising", ": needle site pain")
    rows = [
        ("risk", f"adverse_event{kind}", therapy, 0.1 + k / 50, 0.05, 0.2 + k / 50, 84)
        for kind in kinds for k, therapy in enumerate(therapies)
    ]  # fmt: skip
    names = ["analysis", "measure", "therapy", "estimate", "conf_low", "conf_high", "n_therapy"]
    return pd.DataFrame(rows, columns=names)


def of_evidence(name):
    y, v = np.array([4.0, 9.0, 6.5, 12.0, 3.0]), np.array([4.0, 2.0, 9.0, 16.0, 1.0])
    trials = ("Ash 2001", "Birch and others 2010", "Cedar 2011", "x" * 80, "Fir & Gum 2020")
    counts = {"n_therapy": [40, 80, 20, 14, 130], "n_comparator": [41, 80, 21, 13, 128]}
    five = pool(enter(y, v, trials, **counts)).forest_frame()
    axis = "Pain relief (points of 100; → better)"
    return {
        "plot_pooled_forest": lambda: figures.plot_pooled_forest(
            five, axis, favours=("usual care", "massage"), digits=1, ax=column(80)[0]
        ),
        "plot_funnel": lambda: figures.plot_funnel(five, axis, ax=column(80)[0]),
        "plot_time_course": course_of_two,
        "plot_network": lambda: figures.plot_network(*made_network(5), column(85)[0]),
        "plot_network, many": lambda: figures.plot_network(*made_network(20), column(85)[0]),
        "plot_network_forest": lambda: figures.plot_network_forest(
            made_pooled(), "points of 100", column(110, 2)
        ),
        "plot_agreement": lambda: figures.plot_agreement(made_digits(), column(70)[0]),
    }[name]()


OF_EVIDENCE = (
    "plot_pooled_forest", "plot_funnel", "plot_time_course", "plot_network", "plot_network, many",
    "plot_network_forest", "plot_agreement",
)  # fmt: skip


def course_of_two():
    weeks = np.array([6.0, 12.0, 26.0, 52.0])
    parts = [
        pd.DataFrame({
            "study": f"{therapy} {trial}", "therapy": therapy, "comparator": "usual care", "week": weeks,
            "effect": peak * 2 ** (-(weeks - 6) / 20) + 0.3 * trial, "se": 0.5, "n_therapy": 40,
            "n_comparator": 41,
        }) for therapy, peak in (("massage", 6.0), ("cupping", 4.0)) for trial in (0, 1, 2)
    ]  # fmt: skip
    fit = fit_time_course(follow(pd.concat(parts)), "fade to plateau")
    return figures.plot_time_course(
        band_frame(fit), points_frame(fit), weeks_until(fit), axis="Pain relief (points of 100)",
        comparator="usual care", axes=column(150, 2),
    )  # fmt: skip


def made_network(therapies):
    nodes = pd.DataFrame({
        "therapy": [f"therapy_{n}_with_a_long_name" for n in range(therapies)],
        "trials": np.arange(therapies) % 4 + 1, "patients": 30.0 + 40 * np.arange(therapies), "piece": 1,
    })  # fmt: skip
    edges = pd.DataFrame({
        "therapy": nodes["therapy"][1:], "comparator": nodes["therapy"][0], "trials": nodes["trials"][1:]
    })
    return nodes, edges


def made_pooled():
    return pd.DataFrame({
        "horizon": ["short", "long"] * 3,
        "therapy": ["acupuncture with dry cupping"] * 2 + ["dry_cupping"] * 2 + ["massage"] * 2,
        "comparator": "usual_care", "estimate": [9.0, 6.0, 5.0, np.nan, 7.0, 3.0],
        "conf_low": [5.0, 2.0, -2.0, np.nan, 1.0, -400.0],
        "conf_high": [13.0, 10.0, 12.0, np.nan, 13.0, 406.0], "trials": [3, 2, 1, 0, 0, 1],
        "patients": [400.0, 300.0, np.nan, 0.0, 0.0, 60.0],
    })  # fmt: skip


def made_digits():
    quantities = ["Estimates", "Standard errors", "Degrees of freedom (Kenward-Roger)"]
    return pd.DataFrame({
        "quantity": quantities * 2, "data": ["FEV"] * 3 + ["BCVA trial"] * 3,
        "digits": [11, 10, 9, 12, 9, 8], "promised": [8, 8, 6, 8, 8, 6],
    })  # fmt: skip


def faults(figure: Figure, monkeypatch) -> list[str]:
    """Words that leave the figure, cover others or are too small to read in print."""
    figure.dpi = PRINT_DPI
    figure.draw_without_rendering()
    drawn: list[matplotlib.text.Text] = []
    draw = matplotlib.text.Text.draw
    with monkeypatch.context() as patch:
        # Labels of ticks beyond the view exist and are not drawn.
        patch.setattr(matplotlib.text.Text, "draw", lambda text, by: (drawn.append(text), draw(text, by)))
        figure.draw_without_rendering()
    words = [(text, text.get_window_extent()) for text in dict.fromkeys(drawn) if text.get_text().strip()]
    found = [
        f"outside: {text.get_text()!r}" for text, box in words
        if min(box.x0, box.y0) < -1 or box.x1 > figure.bbox.width + 1 or box.y1 > figure.bbox.height + 1
    ]  # fmt: skip
    found += [f"small: {text.get_text()!r}" for text, _ in words if text.get_fontsize() < SMALLEST_POINTS]
    for (one, box), (other, second) in combinations(words, 2):
        across = min(box.x1, second.x1) - max(box.x0, second.x0)
        up = min(box.y1, second.y1) - max(box.y0, second.y0)
        if across > TOUCH[0] and up > TOUCH[1]:
            found.append(f"{one.get_text()!r} covers {other.get_text()!r}")
    return found


def figure_of(drawn: Axes | list[Axes]) -> Figure:
    return (drawn if isinstance(drawn, Axes) else drawn[0]).figure


@pytest.mark.parametrize(
    ("name", "study"),
    [(name, "three") for name in OF_A_STUDY]
    + [(name, "one group") for name in ("plot_flow", "plot_forest", "plot_durability", "plot_responders")]
    + [(name, "twenty") for name in OF_MANY]
    # One low panel: the name at its side is as long as the figure is high.
    + [("plot_course", "two")],
)
def test_a_study_s_figures_fit_a_column(made, monkeypatch, name, study):
    assert faults(figure_of(of_a_study(made, name, *STUDIES[study])), monkeypatch) == []


@pytest.mark.parametrize("name", OF_EVIDENCE)
def test_figures_of_published_trials_fit_a_column(monkeypatch, name):
    assert faults(figure_of(of_evidence(name)), monkeypatch) == []


def test_every_public_figure_is_tried_in_a_column():
    tried = {name.partition(",")[0] for name in (*OF_A_STUDY, *OF_EVIDENCE)}
    assert tried == {name for name in figures.__all__ if name.startswith("plot_")}


def test_words_outside_on_each_other_and_too_small_are_found(monkeypatch):
    ax = column(60)[0]
    ax.text(0.5, 0.5, "one", fontsize=8)
    ax.text(0.5, 0.5, "two", fontsize=5)
    ax.figure.text(0.9, 0.9, "a long text that leaves the figure", fontsize=8)
    found = faults(ax.figure, monkeypatch)
    assert [one.partition(":")[0] for one in found] == ["outside", "small", "'one' covers 'two'"]


def test_a_figure_of_a_page_is_left_as_it_was():
    ax = figures.new_figure(width_mm=165)[1][0]
    ax.set_xlabel("words " * 60)
    fit_column(ax)
    assert ax.get_xlabel() == "words " * 60
