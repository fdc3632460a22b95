"""Responders under each handling of those not seen: shares, and differences from the comparator."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.column import are_stacked, fit_column
from analysis.figures.lanes import draw_lanes, lane_key
from analysis.figures.limits import axis_limits
from analysis.figures.style import Labels, new_figure, say_simulated, styled, wrapped

# A marker for each handling; filled and open ones carry it into grey.
MARKERS = {
    "observed cases": ("o", False), "non-responder imputation": ("v", True),
    "multiple imputation": ("D", False), "model-based": ("s", True),
}  # fmt: skip
HORIZON_WORDS = {"short": "Short term", "long": "Long term", "sustained": "Short and long term"}


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
        draw_lanes(axes[0], shares, therapies, labels, MARKERS, scale=100)
        axes[0].set_xlabel(f"{_words(definition)}, percent of patients")
        axes[0].set_xlim(0, 100)
        axes[0].set_title(_title(horizon, shares), loc="left", fontsize=8.5, fontweight="bold")
        if compared:
            gaps = rows[rows["quantity"] == "risk_difference"]
            ends = (100 * gaps[name] for name in ("estimate", "conf_low", "conf_high"))
            axes[1].set_xlim(*axis_limits(*ends))
            draw_lanes(axes[1], gaps, therapies, labels, MARKERS, scale=100, named=are_stacked(axes))
            against = wrapped(labels.comparator, 24, lines=2)
            axes[1].set_xlabel(f"Difference from {against},\npercentage points (→ better)")
            axes[1].axvline(0, color="#999999", linewidth=0.8, zorder=0)
        level = f"{100 * labels.level:g} % confidence intervals"
        lane_key(axes[0], MARKERS, f"How those not seen are counted; bars: {level}")
        say_simulated(axes[0], labels)
        fit_column(axes[0])
    return list(axes)


def _words(definition: str) -> str:
    return definition[:1].upper() + definition[1:]


def _title(horizon: str, rows: pd.DataFrame) -> str:
    visits = [visit for visit in rows["visit"].unique() if visit]
    when = f": {wrapped(visits[0], 30, lines=1)}" if visits else ""
    return f"{HORIZON_WORDS.get(horizon, horizon)}{when}"
