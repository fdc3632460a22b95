"""Relief and harm on one plane, and harms by kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.column import fit_column, height_of, width_mm
from analysis.figures.limits import axis_limits
from analysis.figures.placing import place_names
from analysis.figures.style import Labels, look_of, new_figure, say_simulated, styled, wrapped

SOFT = "#555555"
WIDTH_MM, HEIGHT_MM = 145.0, 120.0
# Kinds that a dot plot shows; the table has all of them.
KINDS = 5
# More therapies than these have smaller names.
FEW = 10
TOTALS = {
    "adverse_event": "Any adverse event", "adverse_event, serious": "Serious",
    "adverse_event, related": "Related",
}  # fmt: skip


def plot_relief_harm(points: pd.DataFrame, labels: Labels, ax: Axes | None = None) -> Axes:
    """Long-term relief across and harm up, each with its interval, a point a therapy.

    Parameters
    ----------
    points : pandas.DataFrame
        Frame of `analysis.harms.relief_and_harm`. A therapy whose number with an event is not shown has
        its intervals and no marker; one without either number is left out and named below.
    labels : Labels
    ax : matplotlib Axes, optional
    """
    comparator = str(points["comparator"].iloc[0]) if len(points) else labels.comparator
    numbers = ["relief_low", "relief_high", "harm_low", "harm_high"]
    shown = points[points[numbers].notna().all(axis=1)].reset_index(drop=True)
    if ax is None:
        ax = new_figure(WIDTH_MM, HEIGHT_MM)[1][0]
    with styled():
        harm = shown[["harm_low", "harm_high"]].to_numpy() * 100
        middle = shown["harm"].to_numpy() * 100
        middle = np.where(np.isnan(middle), harm.mean(axis=1), middle)
        x = axis_limits(shown["relief"], shown["relief_low"], shown["relief_high"])
        y = axis_limits(middle, harm[:, 0], harm[:, 1])
        # Risks cannot be below none.
        ax.set(xlim=x, ylim=y if comparator else (min(y[0], -0.03 * y[1]), y[1]))
        ax.axhline(0, color="#BBBBBB", linewidth=0.7, zorder=0)
        ax.axvline(0, color="#BBBBBB", linewidth=0.7, zorder=0)
        for k, row in shown.iterrows():
            _cross(ax, row, 100 * row["harm"], harm[k], look_of(str(row["therapy"]), labels))
        _names(ax, shown, middle, labels)
        _say(ax, points, shown, comparator, labels)
        say_simulated(ax, labels)
        fit_column(ax)
    return ax


def _cross(
    ax: Axes, row: pd.Series, harm: float, ends: np.ndarray, look: dict[str, object]
) -> None:
    middle = ends.mean() if np.isnan(harm) else harm
    style = ":" if np.isnan(harm) else look["linestyle"]
    line: dict[str, Any] = {"color": look["color"], "linestyle": style, "linewidth": 1.0, "alpha": 0.75}
    ax.plot([row["relief_low"], row["relief_high"]], [middle, middle], **line)
    ax.plot([row["relief"], row["relief"]], ends, **line)
    if not np.isnan(harm):
        face = look.get("markerfacecolor", look["color"])
        ax.plot(row["relief"], harm, marker=look["marker"], color=look["color"], linestyle="none",
                markersize=6, markerfacecolor=face, zorder=3)  # fmt: skip


def _names(ax: Axes, shown: pd.DataFrame, middle: np.ndarray, labels: Labels) -> None:
    """Each therapy named beside its point, with the patients behind relief and behind harm."""
    if shown.empty:
        return
    height = height_of(ax.figure) * 25.4
    box = np.array([min(width_mm(ax), WIDTH_MM) - 25, min(height, HEIGHT_MM) - 30]) / 25.4 * 72
    start = np.array([ax.get_xlim()[0], ax.get_ylim()[0]])
    scale = box / (np.array([ax.get_xlim()[1], ax.get_ylim()[1]]) - start)
    size = 7.5 if len(shown) <= FEW else 6.0
    texts = [
        f"{wrapped(str(row['therapy']), 20, 2)}\n{_n(row['n_relief'])}; {_n(row['n_harm'])}"
        for _, row in shown.iterrows()
    ]
    sizes = np.array([
        [0.6 * size * max(map(len, text.split("\n"))), 1.3 * size * (text.count("\n") + 1)]
        for text in texts
    ])  # fmt: skip
    centres = np.column_stack([shown["relief"].to_numpy(dtype=float), middle])
    placed = place_names((centres - start) * scale, sizes, tuple(box)) / scale + start
    for text, name, centre, where in zip(texts, shown["therapy"], centres, placed, strict=True):
        colour = str(look_of(str(name), labels)["color"])
        ax.plot(*zip(centre, where, strict=True), color=colour, linewidth=0.5, zorder=1.5)
        box_look = {"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.7}
        ax.text(where[0], where[1], text, ha="center", va="center", fontsize=size, color=colour,
                linespacing=1.0, zorder=4, bbox=box_look)  # fmt: skip


def _n(count: Any) -> str:
    return "–" if pd.isna(count) else f"{int(count):,}"


def _say(
    ax: Axes, points: pd.DataFrame, shown: pd.DataFrame, comparator: str, labels: Labels
) -> None:
    """Directions on the axes, what the lines are, and who is not here."""
    against = f"against {wrapped(comparator, 40, 1)}" if comparator else "since baseline"
    ax.set_xlabel(f"Long-term relief {against} ({labels.unit}; → better)")
    more = f"against {wrapped(comparator, 30, 1)} (percentage points" if comparator else "(% of patients"
    measure = str(points["measure"].iloc[0]) if len(points) else "adverse_event"
    ax.set_ylabel(f"Patients with {_noun(measure)}\n{more}; → more harm)")
    lines = [
        f"Lines: {100 * labels.level:g} % confidence intervals, each by itself. "
        "Numbers: patients behind relief; harm."
    ]
    if shown["harm"].isna().any():
        lines.append("Dotted, without a marker: the number of patients is not shown.")
    absent = [str(name) for name in points["therapy"] if name not in set(shown["therapy"])]
    if absent:
        lines.append(wrapped(f"Not estimable: {', '.join(absent)}", 95, 2))
    ax.set_title("\n".join(lines), loc="left", fontsize=7, color=SOFT)
    if shown.empty:
        # A scale without a number on it would be made up.
        ax.set(xticks=[], yticks=[])
        ax.annotate("No therapy has both relief and harm", (0.5, 0.6), ha="center",
                    xycoords="axes fraction", color=SOFT)  # fmt: skip


def _noun(measure: str) -> str:
    if measure in TOTALS:
        return f"a {TOTALS[measure].lower()} adverse event" if "," in measure else "any adverse event"
    return wrapped(measure.removeprefix("adverse_event: "), 40, 1)


def plot_harm_kinds(frame: pd.DataFrame, labels: Labels, ax: Axes | None = None) -> Axes:
    """Patients with each kind of adverse event, a dot and an interval a therapy.

    Parameters
    ----------
    frame : pandas.DataFrame
        Result frame of `analysis.harms`: its risks. Kinds beyond the `KINDS` most frequent are left to
        the table, and said so.
    labels : Labels
    ax : matplotlib Axes, optional
    """
    risks = frame[(frame["analysis"] == "risk") & frame["measure"].str.startswith("adverse_event")]
    measures = list(risks["measure"].unique())
    measures = [name for name in measures if risks.loc[risks["measure"] == name, "conf_low"].notna().any()]
    kept = measures[: len([m for m in measures if m in TOTALS]) + KINDS]
    therapies = [name for name in labels.therapies if (risks["therapy"] == name).any()]
    if ax is None:
        height = 34 + max(len(kept), 2) * (5 + 2.6 * len(therapies))
        ax = new_figure(165, min(height, 270))[1][0]
    with styled():
        for place, measure in enumerate(kept):
            part = risks[risks["measure"] == measure].set_index("therapy")
            for k, therapy in enumerate(therapies):
                shift = 0.76 * (k / max(len(therapies) - 1, 1) - 0.5) if len(therapies) > 1 else 0
                _dot(ax, part.loc[therapy], place + shift, look_of(therapy, labels))
            if place:
                ax.axhline(place - 0.5, color="#DDDDDD", linewidth=0.6, zorder=0)
        _key(ax, risks, therapies, labels)
        names = [wrapped(TOTALS.get(m, m.removeprefix("adverse_event: ")), 26, 3) for m in kept]
        ax.set_yticks(range(len(kept)), names)
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(max(len(kept), 1) - 0.5, -0.5)
        ax.set_xlim(left=0)
        ax.set_xlabel(f"Patients with at least one (%; exact {100 * labels.level:g} % interval; → more harm)")
        _foot(ax, risks, kept, len(measures) - len(kept))
        say_simulated(ax, labels)
        fit_column(ax)
    return ax


def _dot(ax: Axes, row: pd.Series, place: float, look: dict[str, Any]) -> None:
    if pd.isna(row["conf_low"]):
        return
    known = pd.notna(row["estimate"])
    ax.plot([100 * row["conf_low"], 100 * row["conf_high"]], [place, place], color=look["color"],
            linewidth=1.3 if known else 0.9, linestyle="-" if known else ":")  # fmt: skip
    if known:
        face = look.get("markerfacecolor", look["color"])
        ax.plot(100 * row["estimate"], place, marker=look["marker"], color=look["color"], markersize=4,
                markerfacecolor=face, clip_on=False, zorder=3)  # fmt: skip


def _key(ax: Axes, risks: pd.DataFrame, therapies: list[str], labels: Labels) -> None:
    """Who is who, in the order of the dots, with the patients of each."""
    people = risks.drop_duplicates("therapy").set_index("therapy")["n_therapy"]
    for therapy in therapies:
        look = look_of(therapy, labels) | {"linestyle": "-"}
        ax.plot([], [], **look, markersize=4, linewidth=1.3,
                label=f"{wrapped(therapy, 26, 2)} (n = {_n(people[therapy])})")  # fmt: skip
    if therapies:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)


def _foot(ax: Axes, risks: pd.DataFrame, kept: list[str], left: int) -> None:
    shown = risks[risks["measure"].isin(kept)]
    lines = ["In each kind the therapies stand in the order of the key."] if kept else []
    if (shown["estimate"].isna() & shown["conf_low"].notna()).any():
        lines.append("Dotted, without a marker: the number of patients is not shown.")
    if left:
        lines.append(f"{left} rarer kinds are in the table.")
    if not kept:
        ax.set_xticks([])
        lines.append("Adverse events were not recorded.")
    ax.set_title("\n".join(lines), loc="left", fontsize=7, color=SOFT)
