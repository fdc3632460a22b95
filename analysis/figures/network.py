"""The network of trials: who was compared with whom, how often, and with how many patients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from analysis.figures.column import fit_column, is_narrow
from analysis.figures.style import new_figure, styled, wrapped

Array = NDArray[np.float64]

SIDE_MM = 130.0
INK = "#222222"
FILL = "#9FC5E8"
APART = "#FFFFFF"
# Points of type: radius of the largest node; width of an edge of one trial, what each more adds, and
# the most.
LARGEST, THIN, MORE, WIDE = 13.0, 1.0, 1.4, 9.0
# A node of unknown or few patients must still be seen.
SMALLEST = 4.0
# In a column nodes are this share as large, and beyond so many therapies each has one line of text.
SMALLER, CROWD = 0.6, 12
# In radii of the circle: how far out names stand, how far down the sides, and between two of them.
OUT, REACH = 1.24, 1.3


def plot_network(nodes: pd.DataFrame, edges: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Therapies on a circle, joined where trials compare them.

    Parameters
    ----------
    nodes : pandas.DataFrame
        `therapy`, `trials`, `patients`, `piece`, in the order in which they go round, from the top.
        Area stands for patients; with a column `unsized`, trials that do not say how many, n is
        shown as the least it can be. A therapy that nothing joins to the largest piece is a hollow
        square.
    edges : pandas.DataFrame
        `therapy`, `comparator`, `trials`. Width stands for trials; the number is written where it
        is more than one.
    ax : matplotlib Axes, optional
    """
    if ax is None:
        ax = new_figure(width_mm=SIDE_MM + 50, height_mm=SIDE_MM)[1][0]
    crowded = is_narrow(ax) and len(nodes) > CROWD
    places = _circle(nodes)
    at = dict(zip(nodes["therapy"], places, strict=True))
    with styled():
        for row in edges.itertuples(index=False):
            _edge(ax, at[row.therapy], at[row.comparator], row.trials)
        top = nodes["patients"].max()
        for row, place in zip(nodes.itertuples(index=False), places, strict=True):
            radius = SMALLEST
            if top > 0 and row.patients > 0:
                radius = max(SMALLEST, LARGEST * float(np.sqrt(row.patients / top)))
            radius *= SMALLER if is_narrow(ax) else 1
            joined = row.piece == 1
            ax.plot(*place, marker="o" if joined else "s", markersize=2 * radius, zorder=3,
                    color=FILL if joined else APART, markeredgecolor=INK,
                    markeredgewidth=0.9)  # fmt: skip
        for row, place, spot in zip(nodes.itertuples(index=False), places, _spots(places), strict=True):
            _name(ax, place, spot, row, crowded)
        ax.set_aspect("equal")
        ax.set_xlim(-2.1, 2.1)
        ax.set_ylim(-REACH - 0.12, REACH + 0.12)
        ax.set_axis_off()
        if crowded:
            ax.set_title("Numbers: trials; area: patients", loc="left", fontsize=7, color=INK)
        if (nodes["piece"] > 1).any():
            ax.set_ylim(-REACH - 0.35, REACH + 0.12)
            ax.annotate("□ no trial joins it to the largest group", (0.01, 0.01), fontsize=7.5,
                        xycoords="axes fraction", color=INK)  # fmt: skip
        fit_column(ax)
    return ax


def _circle(nodes: pd.DataFrame) -> Array:
    """Places on the unit circle, clockwise from the top, shape (T, 2)."""
    angle = np.pi / 2 - 2 * np.pi * np.arange(len(nodes)) / max(len(nodes), 1)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def _spots(places: Array) -> Array:
    """Where names go: on the side of their node, from top to bottom without touching, (T, 2)."""
    spots = places * OUT
    for side in (places[:, 0] >= 0, places[:, 0] < 0):
        members = np.flatnonzero(side)[np.argsort(-places[side, 1], kind="stable")]
        if len(members):
            gap = min(2 * REACH / max(len(members) - 1, 1), 0.24)
            height = np.minimum(spots[members, 1], REACH)
            for place in range(1, len(members)):
                height[place] = min(height[place], height[place - 1] - gap)
            for place in range(len(members) - 1, -1, -1):
                least = -REACH if place == len(members) - 1 else height[place + 1] + gap
                height[place] = max(height[place], least)
            spots[members, 1] = height
            across = np.sqrt(np.maximum(OUT**2 - np.minimum(np.abs(height), 1.0) ** 2, 0.3))
            spots[members, 0] = np.where(places[members, 0] >= 0, across, -across)
    return spots


def _edge(ax: Axes, one: Array, other: Array, trials: int) -> None:
    width = min(THIN + MORE * (trials - 1), WIDE)
    ax.plot(*np.transpose([one, other]), color="#8C8C8C", linewidth=width, zorder=1,
            solid_capstyle="butt")  # fmt: skip
    if trials > 1:
        # A third of the way, because many edges cross in the middle.
        x, y = one + (other - one) / 3
        ax.annotate(f"{trials}", (x, y), ha="center", va="center", fontsize=7,
                    color=INK, zorder=2, bbox={"boxstyle": "round,pad=0.15", "facecolor": "white",
                                               "edgecolor": "none"})  # fmt: skip


def _name(ax: Axes, place: Array, spot: Array, row: Any, crowded: bool) -> None:
    """Name and numbers outside the circle, with a thin line to the node."""
    sign = "≥" if getattr(row, "unsized", 0) else "="
    people = "n not reported" if pd.isna(row.patients) else f"n {sign} {row.patients:,.0f}"
    count = "1 trial" if row.trials == 1 else f"{row.trials} trials"
    letters, lines, size = (17, 1 if crowded else 2, 6.0) if is_narrow(ax) else (34, 1, 7.0)
    name = wrapped(str(row.therapy).replace("_", " "), letters, lines)
    text = f"{name} {row.trials}" if crowded else f"{name}\n{count}, {people}"
    ax.plot(*np.transpose([place, spot]), color="#BBBBBB", linewidth=0.5, zorder=0.5)
    ax.annotate(text, (spot[0], spot[1]), fontsize=size, color=INK, va="center",
                ha="left" if spot[0] >= 0 else "right", linespacing=1.05, annotation_clip=False,
                bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none"},
                zorder=2)  # fmt: skip
