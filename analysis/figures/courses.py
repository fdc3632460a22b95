"""The course of a score over weeks, observed or modelled, with the number of patients below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from analysis.figures.column import fit_column, height_of
from analysis.figures.style import Labels, look_of, say_simulated, styled, wrapped

# Where visits stand closer than this share of the whole time, early weeks get more room.
CROWDED = 1 / 15
# Share of the width of a panel that a number below it needs, by panels in a row.
ROOM = {1: 0.035, 2: 0.045, 3: 0.07, 4: 0.1}
# Characters of a name that fit above a panel, by panels in a row.
NAME_WIDTH = {1: 58, 2: 42, 3: 27, 4: 17}


def plot_course(
    frame: pd.DataFrame, labels: Labels, observed: pd.DataFrame | None = None,
    axes: Sequence[Axes] | None = None,
) -> list[Axes]:  # fmt: skip
    """Mean score by week with intervals: a panel for each therapy, the comparator in every one.

    Parameters
    ----------
    frame : pandas.DataFrame
        `therapy`, `week`, `mean` (or `estimate`), `conf_low`, `conf_high`, `n` (or `n_therapy`): the
        frame of `analysis.describe.observed_course`, or the "mean" rows of a result frame.
    labels : Labels
    observed : pandas.DataFrame, optional
        Observed means to show as crosses beside modelled ones.
    axes : sequence of matplotlib Axes, optional
        One for each therapy that is not the comparator (one at least).
    """
    frame = frame.rename(columns={"estimate": "mean", "n_therapy": "n"})
    therapies = [name for name in labels.therapies if (frame["therapy"] == name).any()]
    panels = [name for name in therapies if name != labels.comparator] or therapies
    # What was observed at baseline has no modelled mean; it has its place and its number too.
    known = frame if observed is None else pd.concat([frame, observed], ignore_index=True)
    scale = _Scale(known["week"])
    with styled():
        if axes is None:
            axes = _grid(len(panels))
        else:
            axes = list(axes)
        for ax, therapy in zip(axes, panels, strict=True):
            shown = [name for name in (labels.comparator, therapy) if name in therapies]
            shown = list(dict.fromkeys(shown))
            for k, name in enumerate(shown):
                _course(ax, frame, observed, labels, name, scale, k - (len(shown) - 1) / 2)
            _axis(ax, known, labels, shown, scale, len(panels))
            name = wrapped(therapy, NAME_WIDTH[columns_of(len(panels))], lines=2)
            ax.set_title(name, loc="left", fontsize=8.5, fontweight="bold",
                         color=str(look_of(therapy, labels)["color"]))  # fmt: skip
        _words(axes[0].figure, labels, panels, therapies, scale, observed is not None)
        say_simulated(axes[0], labels, top=True)
        fit_column(axes[0])
    return list(axes)


class _Scale:
    """Weeks to places on the axis: as they are, or by their square root where early ones crowd."""

    def __init__(self, weeks: pd.Series) -> None:
        self.weeks = np.sort(weeks.dropna().unique().astype(float))
        gaps = np.diff(self.weeks)
        span = float(self.weeks[-1]) if len(self.weeks) else 0.0
        self.rooted = bool(len(gaps) and self.weeks[0] >= 0 and gaps.min() < CROWDED * span)

    def __call__(self, weeks: pd.Series | NDArray[np.float64]) -> NDArray[np.float64]:
        values = np.asarray(weeks, dtype=float)
        return np.sqrt(values) if self.rooted else values

    @property
    def span(self) -> float:
        places = self(self.weeks)
        return float(places[-1] - places[0]) or 1.0


def columns_of(panels: int) -> int:
    """Panels in a row."""
    return 1 if panels == 1 else 2 if panels <= 4 else 3 if panels <= 9 else 4


def _grid(panels: int) -> list[Axes]:
    columns = columns_of(panels)
    rows = -(-panels // columns)
    width, height = (120 if columns == 1 else 170), 22 + (70 if columns == 1 else 48) * rows
    figure = Figure(figsize=(width / 25.4, height / 25.4), layout="constrained", dpi=100)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for ax in axes[panels:]:
        ax.set_axis_off()
    return list(axes[:panels])


def _course(
    ax: Axes, frame: pd.DataFrame, observed: pd.DataFrame | None, labels: Labels, name: str,
    scale: _Scale, side: float,
) -> None:  # fmt: skip
    part = frame[(frame["therapy"] == name) & frame["mean"].notna()].sort_values("week")
    look = look_of(name, labels)
    # Two intervals at one week stand side by side, so that none hides the other.
    places = scale(part["week"]) + side * 0.02 * scale.span
    ax.plot(places, part["mean"], markersize=4, linewidth=1.3, **look)
    ax.vlines(places, part["conf_low"], part["conf_high"], color=look["color"], linewidth=1.0)
    if observed is not None:
        seen = observed[(observed["therapy"] == name) & observed["mean"].notna()]
        ax.plot(scale(seen["week"]) + side * 0.02 * scale.span, seen["mean"], linestyle="none",
                marker="x", markersize=4.5, markeredgewidth=0.9, color=look["color"])  # fmt: skip


def _axis(
    ax: Axes, frame: pd.DataFrame, labels: Labels, shown: list[str], scale: _Scale, panels: int
) -> None:
    """Weeks that have room, and below each the patients with a value, a line per therapy."""
    columns = columns_of(panels)
    kept: list[float] = []
    for week in scale.weeks[::-1]:
        place = float(scale(np.array([week]))[0])
        last = float(scale(np.array([kept[-1]]))[0]) if kept else np.inf
        if last - place >= ROOM[columns] * scale.span:
            kept.append(float(week))
    places = scale(np.array(kept))
    ax.set_xticks(places, [f"{week:g}" for week in kept])
    ax.set_xticks(scale(scale.weeks), minor=True)
    ax.tick_params(axis="x", labelsize=7.5)
    ax.margins(x=0.06)
    for row, name in enumerate(shown):
        counts = frame[frame["therapy"] == name].drop_duplicates("week").set_index("week")["n"]
        for week, place in zip(kept, places, strict=True):
            n = counts.get(week)
            ax.annotate("" if n is None or pd.isna(n) else f"{int(n)}", (place, 0),
                        xycoords=("data", "axes fraction"), xytext=(0, -20 - 8.5 * row),
                        textcoords="offset points", ha="center", va="top", fontsize=6.5,
                        color=str(look_of(name, labels)["color"]))  # fmt: skip
    ax.annotate("n", (0, 0), xycoords="axes fraction", xytext=(-6, -20), textcoords="offset points",
                ha="right", va="top", fontsize=6.5, color="#555555")  # fmt: skip


def _words(
    figure: Figure | SubFigure, labels: Labels, panels: list[str], therapies: list[str], scale: _Scale,
    crosses: bool,
) -> None:  # fmt: skip
    rooted = " (square-root scale)" if scale.rooted else ""
    gap = "\n" if len(panels) == 1 else " "
    figure.supxlabel(
        f"Weeks since randomisation{rooted}; n: patients with a value;{gap}"
        f"bars: {100 * labels.level:g} % confidence intervals",
        fontsize=8,
    )
    figure.supylabel(wrapped(labels.score, int(14 * height_of(figure))), fontsize=8)
    if labels.comparator in therapies and labels.comparator not in panels:
        line = figure.axes[0].lines[0]
        text = wrapped(labels.comparator, 40, lines=1)
        text += " (in every panel)" if len(panels) > 1 else ""
        text += "; crosses: means observed" if crosses else ""
        figure.legend([line], [text], loc="outside upper right", fontsize=8)
