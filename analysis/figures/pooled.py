"""Trials of one comparison one below the other, the pooled effect as a diamond, a new trial as a bar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.column import fit_column, is_narrow
from analysis.figures.limits import axis_limits
from analysis.figures.style import new_figure, styled, wrapped
from analysis.tables import number

SOFT = "#555555"
INK = "#1A1A1A"
TRIAL = "#0072B2"
# Points of type from the edge of the panel to the right ends of its columns, the last by its widest text.
ENDS = {"effect": 100.0, "weight": 134.0}
GAP, LETTER = 10.0, 4.9
# Share of those in a journal's column, which has no room for weights in numbers; the squares show them.
SMALLER = 0.85
# Area of the square of a trial in square points: the least, and what a weight of 100 % adds.
SMALLEST, LARGEST = 12.0, 260.0
# Place of the heads of the columns, in rows.
TOP = 1.0
# Half the height of the diamond, in rows.
DIAMOND = 0.32


def plot_pooled_forest(
    frame: pd.DataFrame, axis: str, *, favours: tuple[str, str] = ("", ""), level: float = 0.95,
    digits: int = 2, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Forest of trials with the pooled effect and its prediction interval.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of `MetaAnalysis.forest_frame`: `row` (trial, pooled, prediction), `study`, `estimate`,
        `conf_low`, `conf_high`, `weight`, `n_therapy`, `n_comparator`, `note`. With a column
        `group` (two horizons, sham or none) one block a group, and the note of its last row below
        it; a group of one trial may have that row only.
    axis : str
        What the effect is, with its unit.
    favours : (str, str)
        Whom values below and above 0 favour.
    level : float
        Of the intervals.
    digits : int
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        Squares have areas by weight. An interval cut at the edge ends in an arrow.
    """
    shown = _placed(frame)
    if ax is None:
        height = 30 + 5.5 * (1 - float(shown["place"].min()))
        ax = new_figure(width_mm=170, height_mm=height)[1][0]
    limit = axis_limits(shown["estimate"], shown["conf_low"], shown["conf_high"])
    patients = [_patients(row) for _, row in shown.iterrows()]
    columns = _columns(ax, patients)
    with styled():
        ax.axvline(0, color="#999999", linewidth=0.8, zorder=0)
        for people, (_, row) in zip(patients, shown.iterrows(), strict=True):
            _DRAWN[row["row"]](ax, row["place"], row, limit)
            _texts(ax, row["place"], row, digits, people, columns)
        for column, words in (
            ("effect", f"effect ({100 * level:g} % CI)"), ("weight", "weight"), ("n", "patients"),
        ):  # fmt: skip
            _text(ax, TOP, columns, column, words, False, SOFT)
        _blocks(ax, shown, grouped="group" in frame)
        _frame(ax, shown, limit)
        note = "" if "group" in frame else str(shown["note"].iloc[-1])
        below, above = favours
        sides = f"← {below} better    {above} better →" if below and above else ""
        ax.set_xlabel("\n".join(text for text in (axis, sides, note) if text))
        fit_column(ax)
    return ax


def _placed(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows with their places: group after group, the pooled effect set off below its trials."""
    grouped = "group" in frame
    parts, place = [], TOP
    for _, part in frame.groupby("group" if grouped else lambda _: 0, sort=False):
        trials, rest = part[part["row"] == "trial"], part[part["row"] != "trial"]
        # A heading above and a line on heterogeneity below belong to a group.
        first = place - 1 - float(grouped)
        places = [*(first - np.arange(len(trials))), *(first - 0.5 - len(trials) - np.arange(len(rest)))]
        parts.append(pd.concat([trials, rest]).assign(place=places))
        place = places[-1] - 1.6
    return pd.concat(parts, ignore_index=True)


def _columns(ax: Axes, patients: Sequence[str]) -> dict[str, float]:
    """Right ends of the columns of text, and the size of its type."""
    longest = max(map(len, [*patients, "patients"]))
    if is_narrow(ax):
        before = SMALLER * ENDS["effect"]
        return {"effect": before, "n": before + SMALLER * (GAP / 2 + LETTER * longest), "type": SMALLER * 7.5}
    return {**ENDS, "n": ENDS["weight"] + GAP + LETTER * longest, "type": 7.5}


def _trial(ax: Axes, place: float, row: pd.Series, limit: tuple[float, float]) -> None:
    _interval(ax, place, row, limit, TRIAL, 1.1)
    ax.scatter(row["estimate"], place, s=SMALLEST + LARGEST * row["weight"] / 100, marker="s",
               color=TRIAL, zorder=3, linewidths=0)  # fmt: skip


def _pooled(ax: Axes, place: float, row: pd.Series, limit: tuple[float, float]) -> None:
    low, high = np.clip([row["conf_low"], row["conf_high"]], *limit)
    ax.fill([low, row["estimate"], high, row["estimate"]],
            [place, place + DIAMOND, place, place - DIAMOND], color=INK, zorder=3, linewidth=0)  # fmt: skip
    _cut(ax, place, row, limit, INK)


def _prediction(ax: Axes, place: float, row: pd.Series, limit: tuple[float, float]) -> None:
    if np.isfinite(row["conf_low"]):
        _interval(ax, place, row, limit, SOFT, 3.0)


_DRAWN = {"trial": _trial, "pooled": _pooled, "prediction": _prediction}


def _interval(
    ax: Axes, place: float, row: pd.Series, limit: tuple[float, float], colour: str, width: float
) -> None:
    low, high = float(row["conf_low"]), float(row["conf_high"])
    ax.hlines(place, max(low, limit[0]), min(high, limit[1]), color=colour, linewidth=width, zorder=2)
    _cut(ax, place, row, limit, colour)


def _cut(ax: Axes, place: float, row: pd.Series, limit: tuple[float, float], colour: str) -> None:
    """An arrow where an interval goes on beyond the panel."""
    for end, cut, sign in (
        (limit[0], row["conf_low"] < limit[0], "<"), (limit[1], row["conf_high"] > limit[1], ">"),
    ):  # fmt: skip
        if cut:
            ax.plot(end, place, marker=sign, color=colour, markersize=5, clip_on=False)


def _patients(row: pd.Series) -> str:
    counts = (row["n_therapy"], row["n_comparator"])
    if row["row"] == "prediction" or any(pd.isna(count) for count in counts):
        return ""
    return " / ".join(f"{int(count):,}" for count in counts)


def _texts(
    ax: Axes, place: float, row: pd.Series, digits: int, patients: str, columns: dict[str, float]
) -> None:
    interval = f"({number(row['conf_low'], digits)} to {number(row['conf_high'], digits)})"
    bold = row["row"] == "pooled"
    if row["row"] == "prediction":
        text = interval if np.isfinite(row["conf_low"]) else "cannot be told"
        _text(ax, place, columns, "effect", text, bold)
        return
    _text(ax, place, columns, "effect", f"{number(row['estimate'], digits)} {interval}", bold)
    _text(ax, place, columns, "weight", f"{row['weight']:.0f} %", bold)
    _text(ax, place, columns, "n", patients, bold)


def _text(
    ax: Axes, place: float, columns: dict[str, float], column: str, words: str, bold: bool,
    colour: str = INK,
) -> None:  # fmt: skip
    if words and column in columns:
        ax.annotate(words, (1, place), xycoords=("axes fraction", "data"), xytext=(columns[column], 0),
                    textcoords="offset points", ha="right", va="center", fontsize=columns["type"],
                    color=colour, fontweight="bold" if bold else "normal", annotation_clip=False)  # fmt: skip


def _blocks(ax: Axes, shown: pd.DataFrame, grouped: bool) -> None:
    """A dotted line from each pooled effect up its trials; the group's name and heterogeneity."""
    for group, part in shown.groupby("group" if grouped else lambda _: 0, sort=False):
        pooled, top = part[part["row"] == "pooled"], float(part["place"].max())
        ax.vlines(pooled["estimate"], pooled["place"], top + 0.5, color=INK, linewidth=0.7,
                  linestyle=":", zorder=0)  # fmt: skip
        if grouped:
            for words, place, weight, size in (
                (wrapped(str(group), 60, lines=1), top + 1, "bold", 8.0),
                (str(part["note"].iloc[-1]), float(part["place"].min()) - 0.8, "normal", 6.5),
            ):  # fmt: skip
                ax.annotate(words, (0, place), xycoords=("axes fraction", "data"), va="center",
                            fontsize=size, fontweight=weight, color=INK)  # fmt: skip


def _frame(ax: Axes, shown: pd.DataFrame, limit: tuple[float, float]) -> None:
    ax.set_xlim(*limit)
    ax.set_ylim(shown["place"].min() - 1.3, TOP + 0.6)
    letters, size = (15, 7) if is_narrow(ax) else (34, 8)
    ax.set_yticks(shown["place"], [wrapped(str(name), letters, lines=1) for name in shown["study"]])
    ax.tick_params(axis="y", length=0, labelsize=size)
    ax.spines["left"].set_visible(False)
    ax.locator_params(axis="x", nbins=6)
