"""Pooled relief against one comparator, short and long term side by side, with its trials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.column import are_stacked, fit_column, is_narrow
from analysis.figures.limits import axis_limits
from analysis.figures.style import new_figure, styled, wrapped
from analysis.tables.numerals import number

INK, SOFT = "#222222", "#555555"
DIRECT = "#0072B2"
# Points of type from the edge of a panel to the right ends of its two columns of text.
ENDS = (82.0, 116.0)


def plot_network_forest(
    frame: pd.DataFrame, unit: str = "", axes: Sequence[Axes] | None = None, *,
    level: float = 0.95, digits: int = 1,
) -> list[Axes]:  # fmt: skip
    """Forest of pooled relief of every therapy at both horizons.

    Parameters
    ----------
    frame : pandas.DataFrame
        `horizon`, `therapy`, `comparator` (one), `estimate`, `conf_low`, `conf_high`, `trials`,
        `patients`, in the order in which therapies go down. A filled mark has direct evidence, a
        hollow one is indirect only; a cell that no trial joins says so. Therapies known at neither
        horizon are left to the table.
    unit : str
    axes : two matplotlib Axes, optional
    level : float
    digits : int

    Returns
    -------
    list of Axes
        Short term, long term. An interval cut at the edge of the panel ends in an arrow.
    """
    known = frame.groupby("therapy", sort=False)["estimate"].count()
    therapies = list(known.index[known > 0])
    if axes is None:
        axes = new_figure(width_mm=205, height_mm=28 + 5.6 * max(len(therapies), 1), columns=2)[1]
    comparator = str(frame["comparator"].iloc[0]).replace("_", " ")
    with styled():
        limit = axis_limits(frame["estimate"], frame["conf_low"], frame["conf_high"])
        for position, (ax, horizon) in enumerate(zip(axes, ("short", "long"), strict=True)):
            part = frame[frame["horizon"] == horizon].set_index("therapy").reindex(therapies)
            ax.axvline(0, color="#999999", linewidth=0.8, zorder=0)
            ax.set_xlim(*limit)
            ax.locator_params(axis="x", nbins=5)
            for place, (_, row) in zip(range(len(part))[::-1], part.iterrows(), strict=True):
                _line(ax, place, row, limit, digits)
            letters, lines = (16, 2) if is_narrow(ax) else (30, 1)
            names = [wrapped(str(name).replace("_", " "), letters, lines) for name in therapies]
            named = position == 0 or are_stacked(axes)
            ax.set_yticks(range(len(part))[::-1], names if named else [""] * len(part))
            ax.tick_params(axis="y", length=0)
            ax.spines["left"].set_visible(False)
            ax.set_ylim(-0.8, len(part) - 0.2)
            ax.set_title(f"{horizon.capitalize()} term", fontsize=8.5, loc="left", fontweight="bold")
            _texts(ax, len(part) - 0.3, f"relief ({100 * level:g} % CI)", "trials (n)", SOFT)
            scale = f"{unit}; → better" if unit else "→ better"
            ax.set_xlabel(f"Relief against {wrapped(comparator, 24, lines=2)}\n({scale})")
        fit_column(axes[0])
    return list(axes)


def _line(ax: Axes, place: int, row: pd.Series, limit: tuple[float, float], digits: int) -> None:
    if pd.isna(row["estimate"]):
        _texts(ax, place, "no trial joins", "", SOFT)
        return
    low, high = float(row["conf_low"]), float(row["conf_high"])
    colour = DIRECT if row["trials"] else SOFT
    ax.hlines(place, max(low, limit[0]), min(high, limit[1]), color=colour, linewidth=1.5)
    for end, cut, sign in ((limit[0], low < limit[0], "<"), (limit[1], high > limit[1], ">")):
        if cut:
            ax.plot(end, place, marker=sign, color=colour, markersize=5, clip_on=False)
    ax.plot(row["estimate"], place, marker="s", color=colour, markersize=5,
            markerfacecolor=colour if row["trials"] else "white")  # fmt: skip
    people = "?" if np.isnan(row["patients"]) else f"{row['patients']:,.0f}"
    behind = f"{int(row['trials'])} ({people})" if row["trials"] else "indirect"
    shown = f"{number(row['estimate'], digits)} ({number(low, digits)} to {number(high, digits)})"
    _texts(ax, place, shown, behind, INK)


def _texts(ax: Axes, place: float, estimate: str, behind: str, colour: str) -> None:
    for end, words in zip(ENDS, (estimate, behind), strict=True):
        if words:
            ax.annotate(words, (1, place), xycoords=("axes fraction", "data"), xytext=(end, 0),
                        textcoords="offset points", ha="right", va="center", fontsize=7,
                        color=colour, annotation_clip=False)  # fmt: skip
