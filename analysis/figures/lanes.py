"""Lanes: several estimates of each therapy under each other, a marker for each kind of estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.column import is_narrow
from analysis.figures.style import Labels, look_of, wrapped

# Marker and whether it is filled: both carry the kinds into grey.
Markers = Mapping[str, tuple[str, bool]]
SOFT = "#555555"


def draw_lanes(
    ax: Axes, rows: pd.DataFrame, therapies: Sequence[str], labels: Labels, markers: Markers, *,
    scale: float = 1.0, named: bool = True, counts: bool = True,
) -> None:  # fmt: skip
    """Draw a lane for each therapy, in it a line for each kind of estimate.

    Parameters
    ----------
    ax : Axes
    rows : pandas.DataFrame
        Result frame; `analysis` is the kind, one row a therapy and kind.
    therapies : sequence of str
        From the top.
    labels : Labels
    markers : mapping of str to (str, bool)
        Of each kind, in the order they are drawn.
    scale : float
        Estimates are multiplied by it.
    named : bool
        Whether the lanes carry the therapies' names.
    counts : bool
        Whether the patients stand beside the lines.
    """
    step = 1.0 / (len(markers) + 1.2)
    for place, therapy in enumerate(therapies[::-1]):
        mine = rows[rows["therapy"] == therapy].drop_duplicates("analysis").set_index("analysis")
        for k, (kind, (marker, filled)) in enumerate(markers.items()):
            if kind in mine.index:
                height = place + ((len(markers) - 1) / 2 - k) * step
                colour = look_of(therapy, labels)["color"]
                _line(ax, height, mine.loc[kind], marker, filled, colour, scale, counts)
    letters, size = (16, 7) if is_narrow(ax) else (22, 8)
    names = [wrapped(name, letters, lines=2) for name in therapies[::-1]] if named else []
    ax.set_yticks(range(len(therapies)) if named else [], names)
    ax.tick_params(axis="y", length=0, labelsize=size)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(-0.6, max(len(therapies), 1) - 0.4)
    ax.hlines(np.arange(0.5, len(therapies) - 1), 0, 1, transform=ax.get_yaxis_transform(),
              color="#DDDDDD", linewidth=0.6, zorder=0)  # fmt: skip
    if counts:
        ax.annotate("n", (1, 1), xycoords="axes fraction", xytext=(26, 2),
                    textcoords="offset points", ha="right", va="bottom", fontsize=7,
                    color=SOFT)  # fmt: skip


def lane_key(ax: Axes, markers: Markers, title: str, columns: int = 4) -> None:
    """The markers, once for the figure."""
    lines = [
        ax.plot([], [], marker=marker, color="#444444", linestyle="none", markersize=4.5,
                markerfacecolor="#444444" if filled else "white")[0]
        for marker, filled in markers.values()
    ]  # fmt: skip
    ax.figure.legend(lines, list(markers), loc="outside upper center", ncols=columns, fontsize=7.5,
                     title=title, title_fontsize=7.5)  # fmt: skip


def _line(
    ax: Axes, height: float, row: pd.Series, marker: str, filled: bool, colour: object,
    scale: float, counts: bool,
) -> None:  # fmt: skip
    people = " / ".join(f"{int(n)}" for n in row[["n_therapy", "n_comparator"]] if not pd.isna(n))
    words = people if counts else ""
    if pd.isna(row["estimate"]):
        words = "not shown" if "not shown" in row["note"] else "not est."
    else:
        if not pd.isna(row["conf_low"]):
            ax.hlines(height, scale * row["conf_low"], scale * row["conf_high"], color=colour,
                      linewidth=1.3)  # fmt: skip
        ax.plot(scale * row["estimate"], height, marker=marker, color=colour, markersize=4.5,
                markerfacecolor=colour if filled else "white", linestyle="none",
                clip_on=False)  # fmt: skip
    ax.annotate(words, (1, height), xycoords=("axes fraction", "data"), xytext=(30, 0),
                textcoords="offset points", ha="right", va="center", fontsize=6,
                color=SOFT, annotation_clip=False)  # fmt: skip
