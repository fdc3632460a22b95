"""Cumulative responder curves: a panel for each therapy, the comparator in every one."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.column import fit_column
from analysis.figures.panels import Panel, name_comparator, therapy_panels
from analysis.figures.style import Labels, look_of, say_simulated, styled


def plot_responder_curve(
    frame: pd.DataFrame, labels: Labels, horizon: str = "long", axes: Sequence[Axes] | None = None
) -> list[Axes]:
    """Percent of patients who improved by at least c, with pointwise and simultaneous bands.

    Parameters
    ----------
    frame : pandas.DataFrame
        Frame of `analysis.responders.responder_curve`.
    labels : Labels
    horizon : {"short", "long"}
    axes : sequence of matplotlib Axes, optional
        One for each therapy that is not the comparator (one at least).
    """
    rows = frame[frame["horizon"] == horizon]
    with styled():
        panels = therapy_panels(list(rows["therapy"].unique()), labels, axes)
        for panel in panels:
            _curves(panel, rows, labels)
        figure = panels[0].ax.figure
        dotted = "" if labels.important is None else "; dotted: important change"
        figure.supxlabel(
            f"Improvement of at least … ({labels.unit}, positive is better){dotted}\n"
            f"dark band: {100 * labels.level:g} % at each point; pale band: for the whole curve",
            fontsize=8,
        )
        figure.supylabel("Percent of patients", fontsize=8)
        name_comparator(panels, labels)
        say_simulated(panels[0].ax, labels, top=True)
        fit_column(panels[0].ax)
    return [panel.ax for panel in panels]


def _curves(panel: Panel, rows: pd.DataFrame, labels: Labels) -> None:
    ax, counted = panel.ax, []
    ax.axvline(0, color="#999999", linewidth=0.7, zorder=0)
    if labels.important is not None:
        ax.axvline(labels.important, color="#999999", linewidth=0.8, linestyle=":", zorder=0)
    for name in panel.therapies:
        mine = rows[rows["therapy"] == name]
        part, look = mine.dropna(subset=["proportion"]), look_of(name, labels)
        if part.empty:
            notes = [note for note in mine["note"] if note]
            counted.append((look["color"], f"not shown: {notes[0]}" if notes else "nobody"))
            continue
        counted.append((look["color"], f"n = {int(part['n'].iloc[0])}"))
        x = part["change"]
        for low, high, alpha in (("band_low", "band_high", 0.10), ("conf_low", "conf_high", 0.22)):
            ax.fill_between(x, 100 * part[low], 100 * part[high], step="pre", alpha=alpha,
                            color=look["color"], linewidth=0)  # fmt: skip
        ax.step(x, 100 * part["proportion"], where="pre", color=look["color"],
                linestyle=look["linestyle"], linewidth=1.4)  # fmt: skip
        # Sparse markers tell two lines apart in grey.
        every = max(len(part) // 8, 1)
        ax.plot(x[::every], 100 * part["proportion"][::every], markersize=3.5,
                **(look | {"linestyle": "none"}))  # fmt: skip
    ax.set_ylim(0, 102)
    for k, (colour, words) in enumerate(counted):
        ax.annotate(words[:44], (1, 1), xycoords="axes fraction", xytext=(-2, -4 - 9 * k),
                    textcoords="offset points", ha="right", va="top", fontsize=6.5,
                    color=str(colour))  # fmt: skip
