"""Figures and tables of pooled trials show what their frames hold, empty cells included."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from analysis.figures import plot_network, plot_network_forest, save
from analysis.figures.durability import joint_relief, plot_durability
from analysis.figures.style import Labels
from analysis.schema import result_frame
from analysis.tables import league_table

NODES = pd.DataFrame({
    "therapy": ["acupuncture", "dry_cupping", "usual_care", "heat", "moxa"],
    "trials": [3, 1, 4, 1, 1], "patients": [400.0, np.nan, 500.0, 20.0, 25.0],
    "piece": [1, 1, 1, 2, 2],
})  # fmt: skip
EDGES = pd.DataFrame({
    "therapy": ["acupuncture", "dry_cupping", "heat"],
    "comparator": ["usual_care", "usual_care", "moxa"], "trials": [3, 1, 1],
})  # fmt: skip
MANY = pd.DataFrame({
    "therapy": [f"Therapy {n} with a rather long name" for n in range(26)],
    "trials": 1, "patients": 30.0, "piece": 1,
})  # fmt: skip
FOREST = pd.DataFrame({
    "horizon": ["short", "long"] * 3,
    "therapy": ["acupuncture"] * 2 + ["dry_cupping"] * 2 + ["massage"] * 2, "comparator": "usual_care",
    "estimate": [9.0, 6.0, 5.0, np.nan, 7.0, 3.0], "conf_low": [5.0, 2.0, -2.0, np.nan, 1.0, -400.0],
    "conf_high": [13.0, 10.0, 12.0, np.nan, 13.0, 406.0], "trials": [3, 2, 1, 0, 0, 1],
    "patients": [400.0, 300.0, np.nan, 0.0, 0.0, 60.0],
})  # fmt: skip


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.figure.findobj(Text) if text.get_text()]


def test_every_therapy_of_the_network_is_named_with_its_trials_and_patients():
    ax = plot_network(NODES, EDGES)
    shown = texts(ax)
    assert "acupuncture\n3 trials, n = 400" in shown
    assert "dry cupping\n1 trial, n not reported" in shown
    assert "3" in shown
    assert "1" not in shown


def test_patients_of_trials_that_do_not_say_make_the_number_a_least():
    shown = texts(plot_network(NODES.assign(unsized=[1, 1, 0, 0, 0]), EDGES))
    assert "acupuncture\n3 trials, n ≥ 400" in shown
    assert "usual care\n4 trials, n = 500" in shown


def test_therapies_known_at_neither_horizon_are_left_to_the_table():
    nothing = FOREST.iloc[:2].assign(therapy="yoga", estimate=np.nan)
    short, _ = plot_network_forest(pd.concat([FOREST, nothing]))
    names = [label.get_text() for label in short.get_yticklabels()]
    assert "yoga" not in names
    assert "dry cupping" in names


def test_a_therapy_that_nothing_joins_is_a_hollow_square():
    ax = plot_network(NODES, EDGES)
    marks = [line for line in ax.lines if line.get_marker() in "os"]
    assert [line.get_marker() for line in marks] == ["o", "o", "o", "s", "s"]
    assert {to_hex(line.get_markerfacecolor()) for line in marks[3:]} == {"#ffffff"}
    assert "□ no trial joins it to the largest group" in texts(ax)
    assert "□ no trial joins it to the largest group" not in texts(plot_network(NODES[:3], EDGES[:2]))


def test_area_stands_for_patients_and_width_for_trials():
    ax = plot_network(NODES, EDGES)
    size = {mark: line.get_markersize() for mark, line in
            zip(NODES["therapy"], [x for x in ax.lines if x.get_marker() in "os"], strict=True)}  # fmt: skip
    assert (size["acupuncture"] / size["usual_care"]) ** 2 == pytest.approx(400 / 500)
    widths = [line.get_linewidth() for line in ax.lines if line.get_color() == "#8C8C8C"]
    assert widths[0] > widths[1] == widths[2]


def test_names_of_a_large_network_do_not_cover_each_other(tmp_path):
    ax = plot_network(MANY, pd.DataFrame(columns=["therapy", "comparator", "trials"]))
    save(ax.figure, tmp_path / "network")
    boxes = [text.get_window_extent() for text in ax.texts if "trial" in text.get_text()]
    assert len(boxes) == 26
    for place, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[place + 1 :])


def test_the_network_is_drawn_the_same_every_time(tmp_path):
    files = [save(plot_network(NODES, EDGES).figure, tmp_path / name)[1] for name in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_an_empty_cell_of_the_forest_says_so_and_an_indirect_one_is_hollow():
    short, long = plot_network_forest(FOREST, "points of 100")
    shown = texts(short)
    assert shown.count("no trial joins") == 1
    assert shown.count("indirect") == 1
    assert "3 (400)" in shown
    assert "1 (?)" in shown
    assert "9.0 (5.0 to 13.0)" in shown
    marks = [line for line in short.lines if line.get_marker() == "s"]
    assert to_hex(marks[-1].get_markerfacecolor()) == "#ffffff"
    arrows = [line.get_marker() for line in long.lines if line.get_marker() in "<>"]
    assert sorted(arrows) == ["<", ">"]
    assert "Relief against usual care\n(points of 100; → better)" in shown


def test_a_durability_plane_has_ellipses_where_intervals_are_normal():
    base = {"analysis": "main", "therapy": "A", "comparator": "B", "df": np.inf}
    frame = result_frame([
        {**base, "quantity": "relief", "horizon": "short", "estimate": 9, "std_error": 2},
        {**base, "quantity": "relief", "horizon": "long", "estimate": 5, "std_error": 2},
        {**base, "quantity": "loss", "estimate": 4, "std_error": 2.5},
    ])  # fmt: skip
    assert len(joint_relief(frame, "B")) == 1
    labels = Labels("Pain", "points", 0, 100, True, ("B", "A"), "B", None, False)
    ax = plot_durability(frame, labels)
    assert all(np.isfinite(patch.get_width()) for patch in ax.patches)
    assert ax.get_xlim()[1] > 9 + 2 * 2.4


def pair(one, other, value, trials, **more):
    return {"therapy": one, "comparator": other, "estimate": value, "conf_low": value - 1,
            "conf_high": value + 1, "trials": trials, **more}  # fmt: skip


def test_a_league_table_shows_every_pair_with_its_trials():
    frame = pd.DataFrame([pair("a", "b", 2.0, 1), pair("b", "a", -2.0, 1), pair("a", "c", np.nan, 0)])
    table = league_table(frame, ["a", "b", "c"], unit="points of 100")
    assert table.columns == ("therapy", "a", "b", "c")
    assert table.rows[0] == ("a", "", "2.0 (1.0 to 3.0); 1 trial", "no trial joins")
    assert table.rows[1][1] == "−2.0 (−3.0 to −1.0); 1 trial"
    assert "points of 100" in table.note


def test_a_league_of_both_horizons_has_short_below_and_long_above_the_diagonal():
    frame = pd.DataFrame([
        pair(one, other, sign * value, count, horizon=horizon)
        for horizon, value, count in (("short", 4.0, 3), ("long", 1.5, 0))
        for one, other, sign in (("a", "b", 1), ("b", "a", -1))
    ])  # fmt: skip
    table = league_table(frame)
    assert table.rows[1][1] == "−4.0 (−5.0 to −3.0); 3 trials"
    assert table.rows[0][2] == "−1.5 (−2.5 to −0.5); indirect"
    assert "Above it, long term" in table.note
