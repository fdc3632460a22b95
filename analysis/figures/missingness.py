"""Values missing by therapy and visit, as a grid that reads in grey too."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.column import fit_column, is_narrow
from analysis.figures.style import Labels, new_figure, say_simulated, styled, wrapped


def plot_missingness(frame: pd.DataFrame, labels: Labels, ax: Axes | None = None) -> Axes:
    """Percent of values missing; the darker, the more.

    Parameters
    ----------
    frame : pandas.DataFrame
        Frame of `analysis.describe.missingness`.
    labels : Labels
    ax : matplotlib Axes, optional
    """
    therapies = [name for name in labels.therapies if (frame["therapy"] == name).any()]
    visits = list(frame["visit"].unique())
    wide = frame.pivot(index="therapy", columns="visit", values="percent").reindex(therapies)[visits]
    sizes = frame.groupby("therapy")["expected"].max()
    if ax is None:
        ax = new_figure(height_mm=32 + 8 * len(therapies))[1][0]
    with styled():
        grid = wide.to_numpy(dtype=float)
        ax.imshow(grid, cmap="Blues", vmin=0, vmax=100, aspect="auto")
        ax.hlines(np.arange(0.5, grid.shape[0] - 1), -0.5, grid.shape[1] - 0.5, color="white")
        # The label below says that numbers are percent; a column has no room to say it in each cell.
        sign, size, room = ("", 6.5, (16, 2)) if is_narrow(ax) else (" %", 8, (30, 3))
        for i in range(grid.shape[0]):
            for j in range(grid.shape[1]):
                shown = "–" if pd.isna(grid[i, j]) else f"{grid[i, j]:.0f}{sign}"
                ax.text(j, i, shown, ha="center", va="center", fontsize=size,
                        color="white" if grid[i, j] > 65 else "black")  # fmt: skip
        ax.set_xticks(range(len(visits)), [wrapped(str(visit), 12) for visit in visits])
        names = [f"{wrapped(name, *room)} (n = {int(sizes[name])})" for name in therapies]
        ax.set_yticks(range(len(therapies)), names)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_xlabel(f"{labels.measure}: values missing, percent of patients")
        say_simulated(ax, labels)
        fit_column(ax)
    return ax
