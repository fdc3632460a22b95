"""Responders under each handling of those not seen: shares, and differences from the comparator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.limits import axis_limits
from analysis.figures.style import Labels, look_of, new_figure, say_simulated, styled, wrapped

# A marker for each handling; filled and open ones carry it into grey.
MARKERS = {
    "observed cases": ("o", False), "non-responder imputation": ("v", True),
    "multiple imputation": ("D", False), "model-based": ("s", True),
}  # fmt: skip
HORIZON_WORDS = {"short": "Short term", "long": "Long term", "sustained": "Short and long term"}
SOFT = "#555555"


def plot_responders(
    frame: pd.DataFrame, labels: Labels, horizon: str = "long", definition: str | None = None,
    axes: Sequence[Axes] | None = None,
) -> list[Axes]:  # fmt: skip
    """Share of responders by therapy, and its difference from the comparator, by handling.

    Parameters
    ----------
    frame : pandas.DataFrame
        Result frame of `analysis.responders.estimate_responders`.
    labels : Labels
    horizon : {"short", "long", "sustained"}
    definition : str, optional
        As in `estimand`; the first of the frame when left out.
    axes : sequence of matplotlib Axes, optional
        One, and another for the differences where there is a comparator.
    """
    rows = frame[(frame["horizon"] == horizon) & frame["analysis"].isin(list(MARKERS))]
    known = list(rows["estimand"].unique())
    definition = definition if definition is not None else (known[0] if known else "")
    rows = rows[rows["estimand"] == definition]
    compared = (rows["quantity"] == "risk_difference").any()
    therapies = [name for name in labels.therapies if (rows["therapy"] == name).any()]
    if axes is None:
        lines = max(len(therapies), 1)
        axes = new_figure(170, 38 + 17 * lines, columns=2 if compared else 1)[1]
    with styled():
        shares = rows[rows["quantity"] == "responders"]
        _panel(axes[0], shares, therapies, labels, named=True)
        axes[0].set_xlabel(f"{_words(definition)}, percent of patients")
        axes[0].set_xlim(0, 100)
        axes[0].set_title(_title(horizon, shares), loc="left", fontsize=8.5, fontweight="bold")
        if compared:
            _panel(axes[1], rows[rows["quantity"] == "risk_difference"], therapies, labels, False)
            against = wrapped(labels.comparator, 24, lines=2)
            axes[1].set_xlabel(f"Difference from {against},\npercentage points (→ better)")
            axes[1].axvline(0, color="#999999", linewidth=0.8, zorder=0)
        _key(axes[0], labels)
        say_simulated(axes[0], labels)
    return list(axes)


def _words(definition: str) -> str:
    return definition[:1].upper() + definition[1:]


def _title(horizon: str, rows: pd.DataFrame) -> str:
    visits = [visit for visit in rows["visit"].unique() if visit]
    when = f": {wrapped(visits[0], 30, lines=1)}" if visits else ""
    return f"{HORIZON_WORDS.get(horizon, horizon)}{when}"


def _panel(
    ax: Axes, rows: pd.DataFrame, therapies: list[str], labels: Labels, named: bool
) -> None:
    """Lines of every therapy, one for each handling, with the patients behind it."""
    step = 1.0 / (len(MARKERS) + 1.2)
    low, high = 100 * rows["conf_low"], 100 * rows["conf_high"]
    if not named:
        ax.set_xlim(*axis_limits(100 * rows["estimate"], low, high))
    for place, therapy in enumerate(therapies[::-1]):
        mine = rows[rows["therapy"] == therapy].set_index("analysis")
        for k, (handling, (marker, filled)) in enumerate(MARKERS.items()):
            if handling not in mine.index:
                continue
            height = place + (1.5 - k) * step
            _line(ax, height, mine.loc[handling], marker, filled, look_of(therapy, labels)["color"])
    names = [wrapped(name, 22, lines=2) for name in therapies[::-1]] if named else []
    ax.set_yticks(range(len(therapies)) if named else [], names)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(-0.6, max(len(therapies), 1) - 0.4)
    ax.hlines(np.arange(0.5, len(therapies) - 1), 0, 1, transform=ax.get_yaxis_transform(),
              color="#DDDDDD", linewidth=0.6, zorder=0)  # fmt: skip
    ax.annotate("n", (1, 1), xycoords="axes fraction", xytext=(26, 2), textcoords="offset points",
                ha="right", va="bottom", fontsize=7, color=SOFT)  # fmt: skip


def _line(
    ax: Axes, height: float, row: pd.Series, marker: str, filled: bool, colour: object
) -> None:
    people = " / ".join(f"{int(n)}" for n in row[["n_therapy", "n_comparator"]] if not pd.isna(n))
    words = people
    if pd.isna(row["estimate"]):
        words = "not shown" if "not shown" in row["note"] else "not est."
    else:
        if not pd.isna(row["conf_low"]):
            ax.hlines(height, 100 * row["conf_low"], 100 * row["conf_high"], color=colour,
                      linewidth=1.3)  # fmt: skip
        ax.plot(100 * row["estimate"], height, marker=marker, color=colour, markersize=4.5,
                markerfacecolor=colour if filled else "white", linestyle="none",
                clip_on=False)  # fmt: skip
    ax.annotate(words, (1, height), xycoords=("axes fraction", "data"), xytext=(30, 0),
                textcoords="offset points", ha="right", va="center", fontsize=6,
                color=SOFT, annotation_clip=False)  # fmt: skip


def _key(ax: Axes, labels: Labels) -> None:
    """The markers, once for the figure."""
    lines = [
        ax.plot([], [], marker=marker, color="#444444", linestyle="none", markersize=4.5,
                markerfacecolor="#444444" if filled else "white")[0]
        for marker, filled in MARKERS.values()
    ]  # fmt: skip
    title = f"How those not seen are counted; bars: {100 * labels.level:g} % confidence intervals"
    ax.figure.legend(lines, list(MARKERS), loc="outside upper center", ncols=4, fontsize=7.5,
                     title=title, title_fontsize=7.5)  # fmt: skip
