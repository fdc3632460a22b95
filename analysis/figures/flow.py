"""Flow of patients: from the file to the analysis, a line per therapy."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Rectangle

from analysis.figures.column import is_narrow
from analysis.figures.style import Labels, look_of, new_figure, say_simulated, styled, wrapped
from analysis.tables.numerals import count

# Millimetres of the page.
ROW = 8.0
INK, SOFT = "#222222", "#666666"
REASONS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Sizes in millimetres, and how many letters fit where."""

    width: float
    names: float
    heads: float
    name_letters: int
    reason_letters: int
    # Left edge and top of the box of those set aside.
    aside: tuple[float, float]
    type: float


PAGE = _Sheet(165, 52, 14, 22, 72, (58, 1), 8)
# In a column that box stands below the first, and headings stand upright.
COLUMN = _Sheet(85, 33, 27, 16, 50, (10, 12), 6.5)


def plot_flow(frame: pd.DataFrame, labels: Labels, ax: Axes | None = None) -> Axes:
    """Patients in the file, those set aside and why, and how many of each therapy were left when.

    Therapies are lines and stages are columns, so that two and twenty therapies both fit a page;
    the bar behind a number is its share of those allocated.

    Parameters
    ----------
    frame : pandas.DataFrame
        Frame of `analysis.describe.flow`.
    labels : Labels
    ax : matplotlib Axes, optional
    """
    therapies = [name for name in labels.therapies if (frame["therapy"] == name).any()]
    stages = _stages(frame)
    sheet = COLUMN if ax is not None and is_narrow(ax) else PAGE
    aside = _aside(frame, sheet)
    top = max(11.0, sheet.aside[1] + 4.0 * len(aside) + 2 if aside else 0) + sheet.heads
    height = top + ROW * len(therapies) + 2
    if ax is None:
        ax = new_figure(width_mm=sheet.width, height_mm=height + 8)[1][0]
    with styled():
        ax.set_axis_off()
        ax.set_xlim(0, sheet.width)
        ax.set_ylim(height, 0)
        _trunk(ax, frame, aside, top + ROW * (len(therapies) - 0.5), sheet)
        step = (sheet.width - sheet.names) / len(stages)
        size = sheet.type if step >= 11 else 6.5
        for column, (heading, _) in enumerate(stages):
            words, turned = (heading, 90) if sheet is COLUMN else (_heading(heading, step), 0)
            ax.text(sheet.names + (column + 0.5) * step, top - 2, wrapped(words, 18) if turned else words,
                    ha="center", va="bottom", fontsize=max(size - 1, 6), color=SOFT, linespacing=1.05,
                    rotation=turned)  # fmt: skip
        for row, therapy in enumerate(therapies):
            _line(ax, top + ROW * row, therapy, stages, labels, size, sheet)
        say_simulated(ax, labels)
    return ax


def _stages(frame: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    """Heading and counts by therapy of each column; horizons are said beside their visits."""
    horizons = {
        name: horizon
        for horizon in ("short term", "long term")
        for detail in frame.loc[frame["stage"] == horizon, "detail"].unique()
        for name in str(detail).split(", ")
    }
    found: list[tuple[str, pd.Series]] = []
    for (stage, detail), part in frame[frame["therapy"] != ""].groupby(["stage", "detail"], sort=False):
        if stage in ("short term", "long term"):
            continue
        counts = part.set_index("therapy")["n"]
        if found and found[-1][0] == "Randomised" and counts.equals(found[-1][1]):
            found.pop()
        heading = str(detail) if stage == "seen" else str(stage).capitalize()
        if stage == "seen" and detail in horizons:
            heading = f"{heading} {horizons[detail]}"
        found.append((heading, counts))
    return found


def _heading(text: str, step: float) -> str:
    """A heading in lines; a word of up to eleven letters stays whole."""
    longest = max(map(len, text.split()), default=1)
    return wrapped(text, max(int(step * 0.75), min(longest, 11)))


def _aside(frame: pd.DataFrame, sheet: _Sheet) -> list[str]:
    """Lines that say who was set aside and why, the commonest reasons first."""
    aside = frame[frame["stage"] == "set aside"].sort_values("n", ascending=False, kind="stable")
    if aside.empty:
        return []
    reasons, rest = aside[:REASONS_SHOWN], aside[REASONS_SHOWN:]
    shown = zip(reasons["n"], reasons["detail"], strict=True)
    lines = [_short(f"{count(n)}  {why}", sheet.reason_letters) for n, why in shown]
    if len(rest):
        lines.append(f"{count(rest['n'].sum(skipna=False))}  for {len(rest)} more reasons")
    return [f"Set aside: {count(aside['n'].sum(skipna=False))}", *lines]


def _trunk(ax: Axes, frame: pd.DataFrame, aside: list[str], last: float, sheet: _Sheet) -> None:
    """Boxes above: all patients of the file, and those set aside with the reasons."""
    total = frame.loc[frame["stage"] == "in file", "n"].sum(skipna=False)
    ax.plot([6, 6], [10, last], color=SOFT, linewidth=0.8, zorder=0)
    people = f"In the file: {count(total)}" + (" patients" if pd.notna(total) else "")
    _box(ax, 0, 1, 46, 9, [people], sheet.type)
    if aside:
        left, top = sheet.aside
        begin, middle = (46, 5.5) if sheet is PAGE else (6, top + 4)
        ax.plot([begin, left], [middle, middle], color=SOFT, linewidth=0.8, zorder=0)
        _box(ax, left, top, sheet.width - left, 4.0 * len(aside) + 2, aside, sheet.type)


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 2]}…"


def _box(
    ax: Axes, x: float, y: float, width: float, height: float, lines: list[str], size: float
) -> None:
    shape = "round,pad=0,rounding_size=1"
    ax.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=shape, facecolor="white",
                                edgecolor=SOFT, linewidth=0.8))  # fmt: skip
    ax.text(x + 2, y + height / 2, "\n".join(lines), ha="left", va="center", fontsize=size, color=INK)


def _line(
    ax: Axes, top: float, therapy: str, stages: list[tuple[str, pd.Series]], labels: Labels, size: float,
    sheet: _Sheet,
) -> None:  # fmt: skip
    middle = top + ROW / 2
    colour = str(look_of(therapy, labels)["color"])
    ax.plot([6, 9], [middle, middle], color=SOFT, linewidth=0.8, zorder=0)
    ax.text(10, middle, wrapped(therapy, sheet.name_letters, lines=2), ha="left", va="center",
            fontsize=sheet.type, color=INK,
            linespacing=1.0)  # fmt: skip
    step = (sheet.width - sheet.names) / len(stages)
    counts = [column.get(therapy, 0) for _, column in stages]
    most = max((n for n in counts if not pd.isna(n)), default=0)
    for column, n in enumerate(counts):
        left, width = sheet.names + column * step + 0.6, step - 1.2
        share = n / most if most and not pd.isna(n) else 0.0
        ax.add_patch(Rectangle((left, top + 0.8), width, ROW - 1.6, facecolor="#F1F1EE", linewidth=0))
        filled = (ROW - 1.6) * share
        ax.add_patch(Rectangle((left, top + ROW - 0.8 - filled), width, filled, facecolor=colour,
                               alpha=0.25, linewidth=0))  # fmt: skip
        ax.text(left + width / 2, middle, count(n), ha="center", va="center", fontsize=size, color=INK)
