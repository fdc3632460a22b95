"""Effects of trials against their standard errors: an even funnel, or small trials on one side."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.distributions import normal_critical
from analysis.figures.column import fit_column
from analysis.figures.style import new_figure, styled

SOFT = "#555555"
TRIAL = "#0072B2"


def plot_funnel(
    frame: pd.DataFrame, axis: str, *, filled: pd.DataFrame | None = None, level: float = 0.95,
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Funnel of trials about the pooled effect.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of `MetaAnalysis.forest_frame`.
    axis : str
        What the effect is, with its unit and direction.
    filled : pandas.DataFrame, optional
        `estimate` and `std_error` of trials that trim and fill adds, drawn hollow.
    level : float
        Share of trials between the lines if only chance set them apart.
    ax : matplotlib Axes, optional
    """
    trials = frame[frame["row"] == "trial"]
    centre = float(frame.loc[frame["row"] == "pooled", "estimate"].iloc[0])
    if ax is None:
        ax = new_figure(width_mm=120, height_mm=90)[1][0]
    errors = trials["std_error"] if filled is None else pd.concat([trials, filled])["std_error"]
    deepest = 1.08 * float(errors.max())
    reach = normal_critical((1 - level) / 2) * deepest
    with styled():
        ax.fill_between([centre - reach, centre, centre + reach], [deepest, 0, deepest], deepest,
                        color="#E8E8E8", linewidth=0, zorder=0)  # fmt: skip
        ax.axvline(0, color="#999999", linewidth=0.8, zorder=0.5)
        ax.plot([centre - reach, centre, centre + reach], [deepest, 0, deepest], color=SOFT,
                linewidth=0.8, linestyle="--", zorder=1)  # fmt: skip
        ax.vlines(centre, 0, deepest, color=SOFT, linewidth=0.8, zorder=1)
        ax.plot(trials["estimate"], trials["std_error"], marker="o", linestyle="none", color=TRIAL,
                markersize=4.5, zorder=3)  # fmt: skip
        if filled is not None:
            ax.plot(filled["estimate"], filled["std_error"], marker="o", linestyle="none",
                    color=TRIAL, markerfacecolor="white", markersize=4.5, zorder=3)  # fmt: skip
        ax.set_ylim(deepest, 0)
        _centred(ax, centre, reach, trials["estimate"])
        ax.set_ylabel("Standard error (small trials below)")
        hollow = "" if filled is None else f"; hollow: {len(filled)} filled in"
        what = "1 trial" if len(trials) == 1 else f"{len(trials)} trials"
        ax.set_xlabel(f"{axis}\n{what}{hollow}; between the lines: {100 * level:g} % by chance alone")
        fit_column(ax)
    return ax


def _centred(ax: Axes, centre: float, reach: float, estimates: pd.Series) -> None:
    """Both sides get the same room, so that the eye can compare them."""
    far = 1.08 * max(reach, float(np.abs(estimates - centre).max()))
    ax.set_xlim(centre - far, centre + far)
