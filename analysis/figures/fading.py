"""Relief of published therapies over weeks: course, band, trials, and when half of it is gone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from analysis.figures.column import fit_column, height_of
from analysis.figures.courses import columns_of
from analysis.figures.limits import axis_limits
from analysis.figures.style import COLOURS, MARKERS, styled, wrapped

SOFT = "#555555"
# Area of a trial's mark in square points: the least, and that of the heaviest on top.
SMALLEST, HEAVIEST = 6.0, 40.0
# Distance of two trials seen at one week, as a share of the whole time.
STEP = 0.012
# Multiples of the last week beyond which no number of weeks is printed.
FAR = 4
# Height of a panel and of what stands around them, in mm.
PANEL_MM, AROUND_MM = 58, 22


def plot_time_course(
    band: pd.DataFrame, points: pd.DataFrame, halves: pd.DataFrame | None = None, *, axis: str,
    comparator: str, clock: str = "since randomisation", level: float = 0.95,
    axes: Sequence[Axes] | None = None,
) -> list[Axes]:  # fmt: skip
    """Course of relief with its band: a panel for each therapy.

    Parameters
    ----------
    band : pandas.DataFrame
        `therapy`, `week`, `estimate`, `conf_low`, `conf_high`, `seen`; of
        `analysis.evidence.course_frame.band_frame`. Dashed where no trial looked.
    points : pandas.DataFrame
        `study`, `therapy`, `week`, `estimate`, `conf_low`, `conf_high`, `weight`, and counts; of
        `points_frame`.
    halves : pandas.DataFrame, optional
        `therapy`, `peak_week`, `share`, `estimate`, `conf_low`, `conf_high`; of `weeks_until`. A
        diamond where the share is gone, a bar for its interval, an arrow where that goes on.
    axis : str
        What relief is, with its unit; positive is better.
    comparator : str
    clock : str
        What weeks are counted from.
    level : float
    axes : sequence of matplotlib Axes, optional
        One for each therapy.
    """
    therapies = list(dict.fromkeys(band["therapy"]))
    last = float(band["week"].max())
    limit = axis_limits(
        points["estimate"], points["conf_low"], points["conf_high"],
        (0.0, float(band["conf_low"].min()), float(band["conf_high"].max())),
    )  # fmt: skip
    with styled():
        axes = _grid(len(therapies)) if axes is None else list(axes)
        for place, (ax, therapy) in enumerate(zip(axes, therapies, strict=True)):
            colour = COLOURS[place % len(COLOURS)]
            ax.axhline(0, color="#999999", linewidth=0.8, zorder=0)
            _band(ax, band[band["therapy"] == therapy], colour)
            own = points[points["therapy"] == therapy]
            _trials(ax, _apart(own, last), points["weight"].max(), colour,
                    MARKERS[place % len(MARKERS)], limit)  # fmt: skip
            ax.set_xlim(-0.02 * last, 1.04 * last)
            ax.set_ylim(limit[0] - 0.16 * (limit[1] - limit[0]), limit[1])
            if halves is not None:
                _half(ax, halves[halves["therapy"] == therapy].iloc[0], last)
            ax.set_title(wrapped(therapy, 26, lines=2), loc="left", fontsize=8.5, color=colour,
                         fontweight="bold")  # fmt: skip
            ax.annotate(_counted(own), (0.99, 0.98), xycoords="axes fraction", ha="right", va="top",
                        fontsize=7, color=SOFT)  # fmt: skip
        _words(axes[0].figure, axis, comparator, clock, level, halves is not None)
        fit_column(axes[0])
    return axes


def _grid(panels: int) -> list[Axes]:
    columns = columns_of(panels)
    rows = -(-panels // columns)
    width = 120 if columns == 1 else 170
    size = (width / 25.4, (AROUND_MM + PANEL_MM * rows) / 25.4)
    figure = Figure(figsize=size, layout="constrained", dpi=100)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for ax in axes[panels:]:
        ax.set_axis_off()
    for ax in axes[max(panels - columns, 0) : panels]:
        ax.tick_params(labelbottom=True)
    return list(axes[:panels])


def _band(ax: Axes, band: pd.DataFrame, colour: str) -> None:
    """Solid between the first and the last visit of the therapy, dashed beyond."""
    ax.fill_between(band["week"], band["conf_low"], band["conf_high"], color=colour, alpha=0.15,
                    linewidth=0, zorder=1)  # fmt: skip
    ax.plot(band["week"], band["estimate"], color=colour, linewidth=0.9, linestyle="--", zorder=2)
    seen = band[band["seen"]]
    ax.plot(seen["week"], seen["estimate"], color=colour, linewidth=1.7, zorder=2)


def _apart(own: pd.DataFrame, last: float) -> pd.DataFrame:
    """Trials seen at one week stand beside each other, in the order of their names."""
    order = own.groupby("week")["study"].rank(method="first")
    size = own.groupby("week")["study"].transform("size")
    return own.assign(week=own["week"] + STEP * last * (order - (size + 1) / 2))


def _trials(
    ax: Axes, own: pd.DataFrame, heaviest: float, colour: str, marker: str, limit: tuple[float, float]
) -> None:
    """Every contrast with its interval; visits of one trial joined by a thin line."""
    for _, trial in own.groupby("study", sort=False):
        trial = trial.sort_values("week")
        ax.plot(trial["week"], trial["estimate"], color="#888888", linewidth=0.5, zorder=2.2)
    ax.vlines(own["week"], own["conf_low"].clip(lower=limit[0]), own["conf_high"].clip(upper=limit[1]),
              color=colour, linewidth=0.7, alpha=0.6, zorder=2.4)  # fmt: skip
    ax.scatter(own["week"], own["estimate"], s=SMALLEST + HEAVIEST * own["weight"] / heaviest,
               marker=marker, facecolor="white", edgecolor=colour, linewidths=0.9, zorder=3)  # fmt: skip


def _half(ax: Axes, row: pd.Series, last: float) -> None:
    """When the share is gone, on a line at the foot of the panel."""
    foot, edge = 0.06, 1.03 * last
    transform = ax.get_xaxis_transform()
    start, middle, end = (
        row["peak_week"] + row[name] for name in ("conf_low", "estimate", "conf_high")
    )
    if start < edge:
        ax.plot([start, min(end, edge)], [foot, foot], transform=transform, color="#222222",
                linewidth=1.4, zorder=4)  # fmt: skip
    if end > edge or start >= edge:
        ax.plot(edge, foot, transform=transform, marker=">", color="#222222", markersize=5, zorder=4,
                clip_on=False)  # fmt: skip
    if middle <= edge:
        ax.plot(middle, foot, transform=transform, marker="D", color="#222222", markersize=4.5, zorder=5)
    share = "half" if row["share"] == 0.5 else f"{100 * row['share']:.0f} %"
    ax.annotate(f"{share} gone: {_weeks(row, last)}", (0.99, foot), xycoords="axes fraction", xytext=(0, 5),
                textcoords="offset points", ha="right", fontsize=6.5, color="#222222")  # fmt: skip


def _weeks(row: pd.Series, last: float) -> str:
    """Week of the clock, with its interval, rounded to weeks."""

    def told(weeks: float) -> str:
        if np.isinf(weeks):
            return "never"
        if weeks == 0:
            return "at once"
        week = row["peak_week"] + weeks
        return f"{week:.0f}" if week <= FAR * last else f"beyond {FAR * last:.0f}"

    low, middle, high = (told(row[name]) for name in ("conf_low", "estimate", "conf_high"))
    where = middle if middle == "never" else f"week {middle}"
    return where if low == "never" else f"{where} ({low} to {high})"


def _counted(own: pd.DataFrame) -> str:
    trials = own["study"].nunique()
    text = f"{trials} trial{'s' * (trials != 1)}"
    if {"n_therapy", "n_comparator"} <= set(own.columns) and own["n_therapy"].notna().all() and len(own):
        most = own.groupby("study")[["n_therapy", "n_comparator"]].max().sum().sum()
        text += f", n = {int(most):,}"
    return text


def _words(
    figure: Figure | SubFigure, axis: str, comparator: str, clock: str, level: float, halves: bool
) -> None:
    interval = f"{100 * level:g} % intervals"
    diamond = "\nDiamond and bar at the foot: when it is gone, and its interval" if halves else ""
    figure.supxlabel(
        f"Weeks {clock}; band and bars: {interval}; dashed: no visit so late or early{diamond}",
        fontsize=8,
    )
    name = wrapped(f"{axis} against {comparator} (up is better)", int(14 * height_of(figure)))
    figure.supylabel(name, fontsize=8)
