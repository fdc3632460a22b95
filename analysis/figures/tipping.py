"""How relief changes as those not seen are taken to be worse, and where a conclusion tips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.figures.column import fit_column
from analysis.figures.panels import Panel, therapy_panels
from analysis.figures.style import Labels, look_of, say_simulated, styled, wrapped
from analysis.tables import number

SOFT = "#555555"
HOLDS = "#D9D9D9"


def plot_tipping(
    curves: pd.DataFrame, labels: Labels, axes: Sequence[Axes] | None = None
) -> list[Axes]:
    """Long-term relief along a shift of each therapy's missing values, a panel a therapy.

    Parameters
    ----------
    curves : pandas.DataFrame
        `therapy`, `shift`, `estimate`, `conf_low`, `conf_high`, as of
        `analysis.sensitivity.tipping_curves`; positive shifts are worse.
    labels : Labels
    axes : sequence of matplotlib Axes, optional
        One a therapy.
    """
    with styled():
        panels = therapy_panels(list(curves["therapy"].unique()), labels, axes)
        for panel in panels:
            _curve(panel, curves, labels)
        _name_axes(panels, f"Missing values worse by ({labels.unit})", _relief(labels))
        say_simulated(panels[0].ax, labels)
        fit_column(panels[0].ax)
    return [panel.ax for panel in panels]


def plot_tipping_surface(
    surfaces: pd.DataFrame, labels: Labels, axes: Sequence[Axes] | None = None
) -> list[Axes]:
    """Where a conclusion holds when missing values of therapy and comparator are both shifted.

    Parameters
    ----------
    surfaces : pandas.DataFrame
        `therapy`, `shift`, `comparator_shift`, `estimate`, `conf_low`, `conf_high`, as of
        `analysis.sensitivity.tipping_surfaces`: a full grid for each therapy.
    labels : Labels
    axes : sequence of matplotlib Axes, optional
        One a therapy.
    """
    with styled():
        panels = therapy_panels(list(surfaces["therapy"].unique()), labels, axes)
        for panel in panels:
            _surface(panel, surfaces, labels)
        _name_axes(
            panels, f"Comparator's missing values worse by ({labels.unit})",
            f"Therapy's missing values worse by ({labels.unit})",
        )  # fmt: skip
        _key(panels[0].ax)
        say_simulated(panels[0].ax, labels)
        fit_column(panels[0].ax)
    return [panel.ax for panel in panels]


def _key(ax: Axes) -> None:
    """What the regions and lines of a surface are, once for the figure."""
    marks = [
        Patch(facecolor=HOLDS), Patch(facecolor="none", edgecolor="black", hatch="////"),
        Line2D([], [], color=SOFT, linewidth=0.6),
        Line2D([], [], color="black", marker="+", markersize=8, linestyle="none"),
    ]  # fmt: skip
    words = ["clearly more relief", "clearly less relief", "relief", "missing at random"]
    ax.figure.legend(marks, words, loc="outside upper center", ncols=4, fontsize=7.5)


def _relief(labels: Labels) -> str:
    against = f" against {wrapped(labels.comparator, 24, lines=1)}" if labels.comparator else ""
    return f"Long-term relief{against} ({labels.unit}; → better)"


def _curve(panel: Panel, curves: pd.DataFrame, labels: Labels) -> None:
    ax, therapy = panel.ax, panel.therapies[-1] if panel.therapies else ""
    part = curves[curves["therapy"] == therapy].sort_values("shift")
    ax.axhline(0, color="#999999", linewidth=0.8, zorder=0)
    ax.axvline(0, color="#999999", linewidth=0.8, linestyle=":", zorder=0)
    if part.empty:
        _nothing(ax)
        return
    colour = look_of(therapy, labels)["color"]
    ax.fill_between(part["shift"], part["conf_low"], part["conf_high"], color=colour, alpha=0.2,
                    linewidth=0)  # fmt: skip
    ax.plot(part["shift"], part["estimate"], color=colour, linewidth=1.5)
    for end in ("conf_low", "conf_high"):
        ax.plot(part["shift"], part[end], color=colour, linewidth=0.7)
        for place in _crossings(part["shift"].to_numpy(), part[end].to_numpy()):
            ax.plot(place, 0, marker="D", color="black", markersize=4, linestyle="none")
            ax.annotate(number(place, 2), (place, 0), xytext=(3, 3), fontsize=7,
                        textcoords="offset points", color="black")  # fmt: skip


def _surface(panel: Panel, surfaces: pd.DataFrame, labels: Labels) -> None:
    ax, therapy = panel.ax, panel.therapies[-1] if panel.therapies else ""
    part = surfaces[surfaces["therapy"] == therapy]
    if part.empty:
        _nothing(ax)
        return
    low, high, middle = (
        # Rounding alone would move the labels of the lines from machine to machine.
        part.pivot(index="shift", columns="comparator_shift", values=name).round(9)
        for name in ("conf_low", "conf_high", "estimate")
    )
    across, up = middle.columns.to_numpy(), middle.index.to_numpy()
    # Better clear, worse clear; between them no clear difference.
    if (low.to_numpy() > 0).any():
        ax.contourf(across, up, low.to_numpy(), levels=[0, np.inf], colors=[HOLDS])
    if (high.to_numpy() < 0).any():
        ax.contourf(across, up, high.to_numpy(), levels=[-np.inf, 0], colors=["none"],
                    hatches=["////"])  # fmt: skip
    lines = ax.contour(across, up, middle.to_numpy(), levels=6, colors=[SOFT], linewidths=0.6)
    ax.clabel(lines, fontsize=6, fmt=lambda value: f"{value:g}".replace("-", "−"))
    ax.plot(0, 0, marker="+", color="black", markersize=9, markeredgewidth=1.5)


def _crossings(x: np.ndarray, y: np.ndarray) -> list[float]:
    """Where a curve drawn through points crosses 0."""
    below = y < 0
    places = np.flatnonzero(below[:-1] != below[1:])
    return [float(x[k] - y[k] * (x[k + 1] - x[k]) / (y[k + 1] - y[k])) for k in places]


def _nothing(ax: Axes) -> None:
    ax.text(0.5, 0.5, "nothing is missing\nor nothing can be estimated", transform=ax.transAxes,
            ha="center", va="center", fontsize=7.5, color=SOFT)  # fmt: skip


def _name_axes(panels: Sequence[Panel], across: str, up: str) -> None:
    """Long names once for the figure."""
    figure = panels[0].ax.figure
    figure.supxlabel(across, fontsize=8.5)
    figure.supylabel(up, fontsize=8.5)
