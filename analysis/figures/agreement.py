"""Digits to which two programs agree, beside the digits that are promised."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.column import fit_column, is_narrow
from analysis.figures.style import COLOURS, MARKERS, new_figure, styled, wrapped

# Room between two data sets of one quantity, and the height of the mark of a promise.
STEP, HALF_MARK = 0.15, 0.06


def plot_agreement(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Digits of agreement by quantity: a point for what was found, a mark for what is promised.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns `quantity`, `data`, `digits`, `promised`; one row a point.
    ax : matplotlib Axes, optional
    """
    quantities, sources = (list(dict.fromkeys(frame[name])) for name in ("quantity", "data"))
    if ax is None:
        ax = new_figure(height_mm=30 + 11 * len(quantities))[1][0]
    with styled():
        for k, source in enumerate(sources):
            rows = frame[frame["data"] == source]
            place = rows["quantity"].map(quantities.index) + STEP * (k - (len(sources) - 1) / 2)
            colour = COLOURS[k % len(COLOURS)]
            ax.hlines(place, rows["promised"], rows["digits"], linewidth=0.8, color=colour)
            ax.vlines(rows["promised"], place - HALF_MARK, place + HALF_MARK, linewidth=2, color=colour)
            ax.plot(rows["digits"], place, linestyle="none", marker=MARKERS[k % len(MARKERS)],
                    markersize=4.5, label=source, color=colour)  # fmt: skip
        letters = 18 if is_narrow(ax) else 40
        ax.set_yticks(range(len(quantities)), [wrapped(name, letters) for name in quantities])
        ax.set_ylim(len(quantities) - 0.5, -0.5)
        ax.set_xlim(left=0)
        between = [k + 0.5 for k in range(len(quantities) - 1)]
        ax.hlines(between, 0, 1, color="#dddddd", linewidth=0.5, transform=ax.get_yaxis_transform())
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("Digits of agreement: point, found at worst; bar, promised")
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        fit_column(ax)
    return ax
