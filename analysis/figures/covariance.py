"""The covariance between visits: correlations by weeks apart, standard deviations by week."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.column import are_stacked, fit_column
from analysis.figures.style import COLOURS, LINES, MARKERS, Labels, new_figure, say_simulated, styled, wrapped

SOFT = "#555555"
# Letters of a visit's name beyond which fewer names fit side by side above the panels.
SHORT_NAME = 8


def plot_covariance(
    frame: pd.DataFrame, labels: Labels, axes: Sequence[Axes] | None = None
) -> list[Axes]:
    """Correlation of each pair of visits by weeks apart, and standard deviation by week.

    Parameters
    ----------
    frame : pandas.DataFrame
        Frame of `analysis.relief.covariance`: `visit`, `other`, `week`, `weeks_apart`, `sd`,
        `correlation`.
    labels : Labels
    axes : two matplotlib Axes, optional

    Returns
    -------
    list of Axes
        Correlations, a line for each earlier visit; standard deviations.
    """
    if axes is None:
        axes = new_figure(width_mm=170, height_mm=90, columns=2)[1]
    pairs = frame[frame["visit"] != frame["other"]]
    with styled():
        grid = axes[0].figure.axes[0].get_gridspec()
        if grid is not None and not are_stacked(axes):
            grid.set_width_ratios([2, 1])
        _correlations(axes[0], pairs)
        _deviations(axes[1], frame.drop_duplicates("visit"), labels)
        say_simulated(axes[0], labels)
        fit_column(axes[0])
    return list(axes)


def _correlations(ax: Axes, pairs: pd.DataFrame) -> None:
    """A line joins the pairs that share their earlier visit; marker and dashes carry into grey."""
    for place, (_, part) in enumerate(pairs.groupby("other", sort=False)):
        part = part.sort_values("weeks_apart")
        ax.plot(
            part["weeks_apart"], part["correlation"], color=COLOURS[place % len(COLOURS)],
            marker=MARKERS[place % len(MARKERS)], linestyle=LINES[place % len(LINES)], linewidth=1.0,
            markersize=5,
        )  # fmt: skip
    ax.axhline(0, color="#999999", linewidth=0.8, zorder=0)
    ax.set_ylim(min(0.0, pairs["correlation"].min() if len(pairs) else 0.0) - 0.02, 1.02)
    ax.set_xlim(left=0)
    ax.set_xlabel("Weeks between the two visits")
    ax.set_ylabel("Correlation of a patient's two scores\n(up: they go together)")
    if pairs.empty:
        ax.annotate("One visit after baseline: no correlation", (0.5, 0.5), ha="center",
                    xycoords="axes fraction", color=SOFT)  # fmt: skip
    else:
        names = [wrapped(str(name), 18, lines=1) for name in pairs["other"].unique()]
        ax.figure.legend(ax.lines[: len(names)], names, loc="outside upper left", fontsize=7.5,
                         title="Each later visit with", title_fontsize=7.5, alignment="left",
                         ncols=_columns(names))  # fmt: skip


def _columns(names: Sequence[str]) -> int:
    return min(len(names), 6 if max(map(len, names)) <= SHORT_NAME else 4)


def _deviations(ax: Axes, visits: pd.DataFrame, labels: Labels) -> None:
    ax.plot(visits["week"], visits["sd"], color="black", marker="o", markersize=4.5, linewidth=1.0)
    ax.set_ylim(0, 1.15 * visits["sd"].max())
    ax.set_xlim(left=0)
    ax.set_xlabel("Weeks since randomisation")
    ax.set_ylabel(f"Standard deviation\n({labels.unit}; up: more spread)")
