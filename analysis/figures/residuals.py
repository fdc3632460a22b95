"""Residuals by visit: their quantiles beside those of a normal distribution."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.column import fit_column
from analysis.figures.style import Labels, new_figure, say_simulated, styled, wrapped

SOFT = "#555555"
# From which quantile to which a bar runs, and how wide it is in points.
BARS = (("q05", "q95", 1.2), ("q10", "q90", 3.2), ("q25", "q75", 7.0))
COLOUR = "#0072B2"
NAMED = {
    "q05": "5 %", "q10": "10 %", "q25": "25 %", "q50": "median", "q75": "75 %", "q90": "90 %",
    "q95": "95 %",
}  # fmt: skip
# More visits than these have their names turned.
UPRIGHT = 9


def plot_residuals(frame: pd.DataFrame, labels: Labels, ax: Axes | None = None) -> Axes:
    """Bars between quantiles of normalised residuals, visit by visit, on lines of the normal ones.

    Parameters
    ----------
    frame : pandas.DataFrame
        Frame of `analysis.relief.diagnostics`: `visit`, `week`, `q05` to `q95`; the row "normal
        distribution" gives the lines.
    labels : Labels
    ax : matplotlib Axes, optional
    """
    if ax is None:
        ax = new_figure(width_mm=165, height_mm=85)[1][0]
    visits = frame[frame["week"].notna()]
    normal = frame[frame["visit"] == "normal distribution"].iloc[0]
    places = np.arange(len(visits))
    with styled():
        for name, words in NAMED.items():
            ax.axhline(normal[name], color="#999999", linewidth=0.8, linestyle=":", zorder=0)
            ax.annotate(f"normal {words}", (1, normal[name]), xycoords=("axes fraction", "data"),
                        xytext=(3, 0), textcoords="offset points", fontsize=6.5, color=SOFT,
                        va="center", annotation_clip=False)  # fmt: skip
        for low, high, width in BARS:
            ax.vlines(places, visits[low], visits[high], color=COLOUR, linewidth=width)
        ax.plot(places, visits["q50"], linestyle="none", marker="o", markersize=4.5, color="black",
                markerfacecolor="white")  # fmt: skip
        names = [wrapped(str(name), 12) for name in visits["visit"]]
        ax.set_xticks(places, names, rotation=90 if len(places) > UPRIGHT else 0)
        ax.set_xlim(-0.6, len(places) - 0.4)
        ax.set_xlabel("Bars: from 5 to 95, 10 to 90 and 25 to 75 %; circle: median")
        above = f"{wrapped(labels.measure, 24, lines=1)} above the model"
        ax.set_ylabel(f"Residual (standard deviations;\nup: {above})")
        say_simulated(ax, labels)
        fit_column(ax)
    return ax
