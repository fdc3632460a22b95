"""Short and long term side by side: relief of every therapy with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.column import are_stacked, fit_column, is_narrow
from analysis.figures.limits import axis_limits
from analysis.figures.style import Labels, look_of, new_figure, say_simulated, styled, wrapped
from analysis.tables import digits_for, with_interval

SOFT = "#555555"
# Points of type from the edge of a panel to the right end of its two columns of text, by decimals.
TEXT_ENDS = {1: (79.0, 98.0), 2: (96.0, 115.0)}


def plot_forest(
    frame: pd.DataFrame, labels: Labels, comparator: str | None = None,
    axes: Sequence[Axes] | None = None,
) -> list[Axes]:  # fmt: skip
    """Forest of short-term and long-term relief on one scale.

    Parameters
    ----------
    frame : pandas.DataFrame
        Result frame.
    labels : Labels
    comparator : str, optional
        Empty text for relief alone (change from baseline); the study's comparator when left out.
    axes : two matplotlib Axes, optional

    Returns
    -------
    list of Axes
        Short term, long term. An interval cut at the edge of the panel ends in an arrow.
    """
    comparator = labels.comparator if comparator is None else comparator
    rows = frame[(frame["analysis"] == "main") & (frame["quantity"] == "relief")]
    rows = rows[(rows["horizon"] != "") & (rows["comparator"] == comparator)]
    therapies = [name for name in labels.therapies if (rows["therapy"] == name).any()]
    if axes is None:
        axes = new_figure(width_mm=170, height_mm=32 + 7.5 * max(len(therapies), 1), columns=2)[1]
    important = None if comparator else labels.important
    with styled():
        digits = digits_for(rows)
        marks = (0.0,) if important is None else (0.0, important)
        limit = axis_limits(rows["estimate"], rows["conf_low"], rows["conf_high"], marks)
        for position, (ax, horizon) in enumerate(zip(axes, ("short", "long"), strict=True)):
            part = rows[rows["horizon"] == horizon].set_index("therapy").reindex(therapies)
            _panel(ax, limit, important)
            for place, (therapy, row) in zip(range(len(part))[::-1], part.iterrows(), strict=True):
                _line(ax, place, row, limit, look_of(str(therapy), labels), digits)
            _name(ax, part, labels, horizon, digits, named=position == 0 or are_stacked(axes))
            against = f"against {wrapped(comparator, 24, lines=2)}" if comparator else "since baseline"
            ax.set_xlabel(f"Relief {against}\n({labels.unit}; → better)")
        say_simulated(axes[0], labels)
        fit_column(axes[0])
    return list(axes)


def _panel(ax: Axes, limit: tuple[float, float], important: float | None) -> None:
    ax.axvline(0, color="#999999", linewidth=0.8, zorder=0)
    ax.set_xlim(*limit)
    ax.locator_params(axis="x", nbins=5)
    if important is not None:
        ax.axvline(important, color="#999999", linewidth=0.8, linestyle=":", zorder=0)
        ax.annotate("important\nchange", (important, 0.0), xycoords=("data", "axes fraction"),
                    xytext=(2, 2), textcoords="offset points", fontsize=6.5, color=SOFT,
                    va="bottom", linespacing=0.9)  # fmt: skip


def _line(
    ax: Axes, place: int, row: pd.Series, limit: tuple[float, float], look: dict[str, object],
    digits: int,
) -> None:  # fmt: skip
    """One therapy: interval, estimate, and both as text beside the panel."""
    if pd.isna(row["estimate"]):
        _text(ax, place, "not estimable", "", digits)
        return
    low, high = float(row["conf_low"]), float(row["conf_high"])
    if np.isfinite(low) and np.isfinite(high):
        ax.hlines(place, max(low, limit[0]), min(high, limit[1]), color=look["color"], linewidth=1.6)
        for end, cut, sign in ((limit[0], low < limit[0], "<"), (limit[1], high > limit[1], ">")):
            if cut:
                ax.plot(end, place, marker=sign, color=look["color"], markersize=5, clip_on=False)
    ax.plot(row["estimate"], place, marker=look["marker"], color=look["color"], markersize=5.5,
            markerfacecolor=look.get("markerfacecolor", look["color"]))  # fmt: skip
    people = "" if pd.isna(row["n_therapy"]) else f"{int(row['n_therapy']):,}"
    _text(ax, place, with_interval(row, digits), people, digits)


def _text(
    ax: Axes, place: float, estimate: str, people: str, digits: int, colour: str = "#222222"
) -> None:
    for end, words in zip(TEXT_ENDS[digits], (estimate, people), strict=True):
        if words:
            ax.annotate(words, (1, place), xycoords=("axes fraction", "data"), xytext=(end, 0),
                        textcoords="offset points", ha="right", va="center", fontsize=7.5,
                        color=colour, annotation_clip=False)  # fmt: skip


def _name(
    ax: Axes, part: pd.DataFrame, labels: Labels, horizon: str, digits: int, named: bool
) -> None:
    letters, size = (16, 7) if is_narrow(ax) else (24, 8)
    names = [wrapped(str(name), letters, lines=2) for name in part.index] if named else []
    ax.set_yticks(range(len(part))[::-1] if named else [], names)
    ax.tick_params(axis="y", length=0, labelsize=size)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(-0.95, max(len(part), 1) - 0.3)
    visits = [visit for visit in part["visit"].dropna().unique() if visit]
    when = f": {wrapped(visits[0], 22, lines=1)}" if visits else ""
    ax.set_title(f"{horizon.capitalize()} term{when}", fontsize=8.5, loc="left", fontweight="bold")
    _text(ax, max(len(part), 1) - 0.3, f"relief ({100 * labels.level:g} % CI)", "n", digits, SOFT)
