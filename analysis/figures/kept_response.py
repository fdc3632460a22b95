"""How many of those who responded still do: by visit, with the patients at risk below."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.column import fit_column
from analysis.figures.panels import Panel, name_comparator, therapy_panels
from analysis.figures.style import Labels, look_of, say_simulated, styled

SOFT = "#555555"


def plot_kept_response(
    frame: pd.DataFrame, labels: Labels, axes: Sequence[Axes] | None = None
) -> list[Axes]:
    """Percent of short-term responders who keep their response, with intervals.

    Points are visits. The lines between them only lead the eye: when between two visits response
    was lost is not known.

    Parameters
    ----------
    frame : pandas.DataFrame
        Frame of `analysis.responders.loss_of_response`.
    labels : Labels
    axes : sequence of matplotlib Axes, optional
        One for each therapy that is not the comparator (one at least).
    """
    with styled():
        panels = therapy_panels(list(frame["therapy"].unique()), labels, axes)
        for panel in panels:
            for k, name in enumerate(panel.therapies):
                _course(panel, frame[frame["therapy"] == name], name, labels, k)
            panel.ax.set_ylim(0, 105)
            _numbers(panel, frame, labels)
        figure = panels[0].ax.figure
        first = frame["definition"].iloc[0] if len(frame) else ""
        figure.supxlabel(
            "Weeks since randomisation; n: responders at risk (–: too few to show)\n"
            f"bars: {100 * labels.level:g} % confidence intervals",
            fontsize=8,
        )
        figure.supylabel(f"Percent still {first}", fontsize=8)
        name_comparator(panels, labels)
        say_simulated(panels[0].ax, labels, top=True)
        fit_column(panels[0].ax)
    return [panel.ax for panel in panels]


def _course(panel: Panel, rows: pd.DataFrame, name: str, labels: Labels, k: int) -> None:
    part, look = rows.dropna(subset=["kept"]), look_of(name, labels)
    if part.empty:
        notes = [note for note in rows["note"] if note]
        panel.ax.annotate(notes[0][:52] if notes else "nobody", (0.02, 0.04 + 0.08 * k), fontsize=6.5,
                          xycoords="axes fraction", color=str(look["color"]))  # fmt: skip
        return
    span = float(rows["week"].max() - rows["week"].min()) or 1.0
    # Two intervals at one week stand side by side, so that none hides the other.
    weeks = part["week"] + (k - (len(panel.therapies) - 1) / 2) * 0.02 * span
    panel.ax.plot(weeks, 100 * part["kept"], markersize=4, linewidth=1.1, **look)
    panel.ax.vlines(weeks, 100 * part["conf_low"], 100 * part["conf_high"], color=look["color"],
                    linewidth=1.0)  # fmt: skip


def _numbers(panel: Panel, frame: pd.DataFrame, labels: Labels) -> None:
    """Weeks of the visits, and below each the responders at risk, a line per therapy."""
    mine = frame[frame["therapy"].isin(panel.therapies)].dropna(subset=["week"])
    weeks = sorted(mine["week"].unique())
    panel.ax.set_xticks(weeks, [f"{week:g}" for week in weeks])
    panel.ax.tick_params(axis="x", labelsize=7.5)
    if weeks:
        room = 0.08 * (weeks[-1] - weeks[0]) or 1.0
        panel.ax.set_xlim(weeks[0] - room, weeks[-1] + room)
    for row, name in enumerate(panel.therapies):
        counts = mine[mine["therapy"] == name].set_index("week")["at_risk"]
        for week in weeks:
            n = counts.get(week)
            panel.ax.annotate("–" if n is None or pd.isna(n) else f"{int(n)}", (week, 0),
                              xycoords=("data", "axes fraction"), xytext=(0, -17 - 8.5 * row),
                              textcoords="offset points", ha="center", va="top", fontsize=6.5,
                              color=str(look_of(name, labels)["color"]))  # fmt: skip
    panel.ax.annotate("n", (0, 0), xycoords="axes fraction", xytext=(-6, -17), ha="right", va="top",
                      textcoords="offset points", fontsize=6.5, color=SOFT)  # fmt: skip
