"""Relief under every assumption about those not seen, beside the main analysis."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.column import are_stacked, fit_column
from analysis.figures.lanes import draw_lanes, lane_key
from analysis.figures.limits import axis_limits
from analysis.figures.style import Labels, new_figure, say_simulated, styled, wrapped

MAIN = "main"
MARKERS = {
    "main analysis": ("o", True), "missing at random": ("o", False),
    "last mean carried forward": ("D", False), "copy increments in reference": ("^", False),
    "copy reference": ("v", False), "jump to reference": ("s", True),
}  # fmt: skip


def plot_strategies(
    relief: pd.DataFrame, frame: pd.DataFrame, labels: Labels, axes: Sequence[Axes] | None = None
) -> list[Axes]:
    """Short-term and long-term relief of every therapy, a line for each assumption.

    Parameters
    ----------
    relief : pandas.DataFrame
        Result frame of the main analysis.
    frame : pandas.DataFrame
        Result frame of `analysis.sensitivity.compare_strategies`; intervals over repeated trials
        are drawn.
    labels : Labels
    axes : two matplotlib Axes, optional
    """
    main = relief[relief["analysis"] == MAIN].assign(analysis="main analysis")
    both = pd.concat([main, frame[frame["analysis"].isin(list(MARKERS))]], ignore_index=True)
    rows = both[(both["quantity"] == "relief") & (both["comparator"] == labels.comparator)]
    rows = rows[rows["horizon"] != ""]
    therapies = [name for name in labels.therapies if (rows["therapy"] == name).any()]
    known = {name: look for name, look in MARKERS.items() if (rows["analysis"] == name).any()}
    if axes is None:
        lines = max(len(therapies), 1)
        axes = new_figure(170, 40 + 3.4 * max(len(known), 1) * lines, columns=2)[1]
    against = f"against {wrapped(labels.comparator, 24, lines=2)}" if labels.comparator else "since baseline"
    with styled():
        for position, (ax, horizon) in enumerate(zip(axes, ("short", "long"), strict=True)):
            part = rows[rows["horizon"] == horizon]
            ax.set_xlim(*axis_limits(rows["estimate"], rows["conf_low"], rows["conf_high"]))
            ax.axvline(0, color="#999999", linewidth=0.8, zorder=0)
            draw_lanes(ax, part, therapies, labels, known, named=position == 0 or are_stacked(axes))
            ax.set_title(f"{horizon.capitalize()} term", loc="left", fontsize=8.5, fontweight="bold")
            ax.set_xlabel(f"Relief {against}\n({labels.unit}; → better)")
        level = f"{100 * labels.level:g} % confidence intervals"
        lane_key(axes[0], known, f"What is assumed of patients who were gone; bars: {level}", 3)
        say_simulated(axes[0], labels)
        fit_column(axes[0])
    return list(axes)
