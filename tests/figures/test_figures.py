"""Figures show what their frames hold, whatever the study is like."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.display import figure_of
from analysis.figures import (
    plot_course,
    plot_covariance,
    plot_durability,
    plot_flow,
    plot_forest,
    plot_missingness,
    plot_residuals,
    save,
)  # fmt: skip
from analysis.figures.durability import joint_relief
from analysis.figures.limits import axis_limits
from analysis.figures.placing import place_names
from analysis.figures.style import look_of, say_simulated, wrapped

# Arithmetic on a few doubles.
EXACT = 1e-12
HOSTILE = ("$\\alpha_{x", "<script>alert(1)</script>", "x" * 300, "Ünï $5 & 50 %")
MANY = tuple(f"Therapy {k} with a rather long name" for k in range(20))
STUDIES = {
    "two therapies": (("Usual care", "Acupuncture"), None), "one group": (("All patients",), ""),
    "twenty": (MANY, None), "hostile": (HOSTILE, None), "no comparator": (("A", "B"), ""),
}  # fmt: skip


def drawn(made, name, therapies, comparator):
    labels = made["labels"](therapies, comparator)
    results = made["results"](therapies, comparator)
    return {
        "flow": lambda: plot_flow(made["flow"](therapies), labels),
        "missingness": lambda: plot_missingness(made["missing"](therapies), labels),
        "observed": lambda: plot_course(made["observed"](therapies), labels)[0],
        "modelled": lambda: plot_course(
            results[results["quantity"] == "mean"], labels, made["observed"](therapies)
        )[0],
        "forest": lambda: plot_forest(results, labels)[0],
        "durability": lambda: plot_durability(results, labels),
        "covariance": lambda: plot_covariance(made["covariance"](), labels)[0],
        "residuals": lambda: plot_residuals(made["residuals"](), labels),
    }[name]()


def texts(ax):
    found = ax.figure.findobj(Text)
    return [text.get_text() for text in found if text.get_text()]


FIGURES = ("flow", "missingness", "observed", "modelled", "forest", "durability", "covariance", "residuals")


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_renders_every_kind_of_study(made, name, study, tmp_path) -> None:
    ax = drawn(made, name, *STUDIES[study])
    svg, png = save(ax.figure, tmp_path / "figure")
    assert "Simulated data" in texts(ax)
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<script" not in svg.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_frame_gives_the_same_bytes(made, name, tmp_path) -> None:
    written = []
    for stem in ("one", "two"):
        ax = drawn(made, name, *STUDIES["two therapies"])
        written.append([path.read_bytes() for path in save(ax.figure, tmp_path / stem)])
    assert written[0] == written[1]


@pytest.mark.parametrize("layout", ["constrained", "tight", "none"])
def test_a_figure_may_be_drawn_into_a_part_of_another(made, layout, tmp_path) -> None:
    whole = Figure(figsize=(8, 4), layout=layout)
    left, right = whole.subfigures(1, 2)
    therapies = ("Care", "A")
    labels = made["labels"](therapies)
    course = plot_course(made["observed"](therapies), labels, axes=[left.subplots()])[0]
    missing = plot_missingness(made["missing"](therapies), labels, ax=right.subplots())
    assert figure_of(course) is figure_of(missing) is whole
    assert left.get_supxlabel() and left.get_supylabel()
    _, png = save(whole, tmp_path / "figure")
    assert png.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("layout", ["constrained", "tight"])
@pytest.mark.parametrize("top", [True, False])
def test_the_word_simulated_stands_clear_of_the_axes(made, layout, top) -> None:
    figure = Figure(figsize=(4, 3), layout=layout)
    ax = figure.subplots()
    say_simulated(ax, made["labels"](("Care", "A")), top)
    figure.draw_without_rendering()
    word, axes = figure.texts[0].get_window_extent(), ax.get_tightbbox()
    assert word.y0 >= axes.y1 if top else word.y1 <= axes.y0
    # The other side keeps its room.
    free = axes.y0 if top else figure.bbox.y1 - axes.y1
    assert free < 0.06 * figure.bbox.height


def test_axes_without_a_figure_are_refused_in_words(made) -> None:
    ax = Figure().subplots()
    ax.remove()
    with pytest.raises(ValueError, match="removed from their figure"):
        figure_of(ax)


def test_dollars_are_shown_as_they_are(made) -> None:
    ax = drawn(made, "forest", ("Care", "$5 and $6"), None)
    ax.figure.draw_without_rendering()
    assert "$5 and $6" in [label.get_text() for label in ax.get_yticklabels()]
    assert not any(label.get_parse_math() for label in ax.get_yticklabels())


def test_real_data_are_not_called_simulated(made) -> None:
    labels = made["labels"](("A", "B"))
    labels = type(labels)(**{n: getattr(labels, n) for n in labels.__slots__} | {"simulated": False})
    ax = plot_missingness(made["missing"](("A", "B")), labels)
    assert "Simulated data" not in texts(ax)


def test_forest_draws_intervals_and_says_them_in_words(made) -> None:
    therapies = ("Care", "A", "B")
    results = made["results"](therapies)
    short, long = plot_forest(results, made["labels"](therapies))
    row = results[(results["horizon"] == "short") & (results["therapy"] == "A")]
    row = row[row["comparator"] == "Care"].iloc[0]
    segment = short.collections[0].get_segments()[0]
    assert segment[:, 0] == pytest.approx([row["conf_low"], row["conf_high"]], abs=EXACT)
    words = f"{row['estimate']:.2f} ({row['conf_low']:.2f} to {row['conf_high']:.2f})"
    assert words.replace("-", "−") in texts(short)
    assert short.get_xlim() == long.get_xlim()
    assert "better" in short.get_xlabel() and "points" in short.get_xlabel()


def test_forest_says_what_cannot_be_estimated_and_cuts_wide_intervals(made) -> None:
    therapies = ("Care", "A", "B", "C", "D")
    results = made["results"](therapies)
    numbers = ["estimate", "std_error", "conf_low", "conf_high"]
    results.loc[results["therapy"] == "A", numbers] = np.nan
    wide = (results["therapy"] == "B") & (results["quantity"] == "relief")
    results.loc[wide, "conf_low"] = -1e6
    results.loc[wide, "conf_high"] = 1e6
    short, _ = plot_forest(results, made["labels"](therapies))
    assert "not estimable" in texts(short)
    assert short.get_xlim()[1] < 10
    assert {line.get_marker() for line in short.lines} >= {"<", ">"}


def test_important_change_is_marked_for_therapies_alone_only(made) -> None:
    results, labels = made["results"](), made["labels"]()
    for plot in (lambda c: plot_forest(results, labels, c)[0],
                 lambda c: plot_durability(results, labels, c)):  # fmt: skip
        assert any("important" in text for text in texts(plot("")))
        assert not any("important" in text for text in texts(plot("Usual care")))


def test_durability_gets_the_covariance_from_the_three_standard_errors(made) -> None:
    results = made["results"](("Care", "A"), error=0.5)
    row = joint_relief(results, "Care").iloc[0]
    # Short 0.5, long 0.6 and loss 0.5: (0.25 + 0.36 - 0.25) / 2.
    assert row["cov"] == pytest.approx(0.18, abs=EXACT)
    labels = made["labels"](("Care", "A"))
    ax = plot_durability(results, labels)
    ellipse = ax.patches[0]
    assert ellipse.center == pytest.approx((row["short"], row["long"]), abs=EXACT)
    area = np.pi * ellipse.width * ellipse.height / 4
    # pi 2 F(0.95; 2, 200) sqrt(det): F = 3.0411 in tables.
    expected = np.pi * 2 * 3.0411 * np.sqrt(0.25 * 0.36 - 0.18**2)
    assert area == pytest.approx(expected, rel=1e-4)
    assert ax.get_xlim() == ax.get_ylim()


def test_durability_without_a_long_term_says_so(made) -> None:
    results = made["results"](("Care", "A"))
    ax = plot_durability(results[results["horizon"] != "long"], made["labels"](("Care", "A")))
    assert "No therapy has relief at both horizons" in texts(ax)


def test_courses_hold_the_means_and_the_numbers_below(made) -> None:
    observed = made["observed"](("Care", "A", "B"))
    axes = plot_course(observed, made["labels"](("Care", "A", "B")))
    assert len(axes) == 2
    own = observed[observed["therapy"] == "B"]
    assert axes[1].lines[1].get_ydata() == pytest.approx(own["mean"].to_numpy(), abs=EXACT)
    counts = [text.get_text() for text in axes[1].texts]
    assert counts.count(str(own["n"].iloc[-1])) == 2


def test_courses_leave_out_means_that_are_not_there(made) -> None:
    observed = made["observed"](("Care", "A"))
    observed.loc[(observed["therapy"] == "A") & (observed["week"] > 4), "mean"] = np.nan
    ax = plot_course(observed, made["labels"](("Care", "A")))[0]
    assert len(ax.lines[1].get_xdata()) == 3


def test_missingness_shows_percent_and_a_dash_where_nobody_was_expected(made) -> None:
    frame = made["missing"](("Care", "A"))
    frame.loc[frame["therapy"] == "A", "percent"] = np.nan
    found = texts(plot_missingness(frame, made["labels"](("Care", "A"))))
    assert "58 %" in found and "–" in found


def test_flow_counts_add_up_in_the_words_of_the_boxes(made) -> None:
    found = texts(plot_flow(made["flow"](("Care", "A")), made["labels"](("Care", "A"))))
    assert "In the file: 192 patients" in found
    assert any(text.startswith("Set aside: 12\n8  not randomised") for text in found)


def test_flow_names_the_commonest_reasons_and_counts_the_rest(made) -> None:
    frame = made["flow"](("Care", "A"))
    reasons = [("set aside", f"reason {k}", np.nan, "", 10 - k) for k in range(9)]
    frame = pd.concat([frame[frame["stage"] != "set aside"],
                       pd.DataFrame(reasons, columns=frame.columns)])  # fmt: skip
    found = texts(plot_flow(frame, made["labels"](("Care", "A"))))
    assert any(text.endswith("20  for 5 more reasons") for text in found)


def test_twenty_therapies_look_different_and_the_comparator_is_grey(made) -> None:
    labels = made["labels"](MANY)
    looks = [look_of(name, labels) for name in MANY]
    assert len({(look["color"], look["marker"], str(look["linestyle"])) for look in looks}) == 20
    red, green, blue = (to_hex(looks[0]["color"])[k : k + 2] for k in (1, 3, 5))
    assert red == green == blue


def test_names_are_placed_without_covering_each_other() -> None:
    points = np.array([[100.0, 100.0], [104.0, 101.0], [99.0, 95.0], [300.0, 10.0]])
    sizes = np.full((4, 2), (60.0, 10.0))
    placed = place_names(points, sizes, (330.0, 330.0))
    for i in range(4):
        assert (placed[i] - sizes[i] / 2 >= 0).all() and (placed[i] + sizes[i] / 2 <= 330).all()
        for j in range(i):
            assert (np.abs(placed[i] - placed[j]) >= sizes[i]).any()


def test_limits_hold_every_estimate_and_zero() -> None:
    low, high = axis_limits([3.0, 5.0, np.nan], [2.5, 4.5, np.nan], [3.5, 5.5, np.nan])
    assert low < 0 and high > 5.5
    assert axis_limits([], [], [])[0] < 0 < axis_limits([], [], [])[1]


def test_long_names_are_cut_with_a_sign() -> None:
    assert wrapped("a b", 10) == "a b"
    lines = wrapped("word " * 40, 12, lines=2).split("\n")
    assert len(lines) == 2 and lines[1].endswith("…") and max(map(len, lines)) <= 12


def test_every_pair_of_visits_is_a_point_at_its_weeks_apart(made) -> None:
    frame = made["covariance"]()
    correlations, deviations = plot_covariance(frame, made["labels"]())
    pairs = frame[frame["weeks_apart"] > 0][["weeks_apart", "correlation"]].to_numpy()
    points = np.vstack([line.get_xydata() for line in correlations.lines[:5]])
    np.testing.assert_allclose(points[np.lexsort(points.T)], pairs[np.lexsort(pairs.T)], rtol=EXACT)
    assert len({(line.get_marker(), str(line.get_linestyle())) for line in correlations.lines[:5]}) == 5
    spread = frame.drop_duplicates("visit")
    np.testing.assert_allclose(deviations.lines[0].get_xydata(), spread[["week", "sd"]], rtol=EXACT)
    assert "points" in deviations.get_ylabel() and deviations.get_ylim()[0] == 0


def test_one_visit_has_a_deviation_and_no_correlation(made) -> None:
    correlations, deviations = plot_covariance(made["covariance"](1), made["labels"]())
    assert "One visit after baseline: no correlation" in texts(correlations)
    assert len(deviations.lines[0].get_xdata()) == 1


def test_strange_names_of_visits_are_shown_as_they_are(made) -> None:
    frame = made["covariance"](3)
    names = dict(zip(frame["visit"].unique(), ("_$a$", "<b>", "$"), strict=True))
    frame = frame.assign(visit=frame["visit"].map(names), other=frame["other"].map(names))
    ax = plot_covariance(frame, made["labels"]())[0]
    ax.figure.draw_without_rendering()
    shown = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert shown == ["_$a$", "<b>"]


def test_residuals_run_between_their_quantiles_on_lines_of_the_normal_ones(made) -> None:
    frame = made["residuals"]()
    ax = plot_residuals(frame, made["labels"]())
    thin = ax.collections[0].get_segments()
    np.testing.assert_allclose(thin[0][:, 1], frame.loc[0, ["q05", "q95"]].astype(float), rtol=EXACT)
    lines = [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == ":"]
    normal = frame.iloc[-1][["q05", "q10", "q25", "q50", "q75", "q90", "q95"]].astype(float)
    np.testing.assert_allclose(lines, normal, rtol=EXACT)
    assert [label.get_text() for label in ax.get_xticklabels()] == list(frame["visit"].iloc[:-2])
    assert "standard deviations" in ax.get_ylabel() and "above the model" in ax.get_ylabel()
