"""One visual language: a colour, marker and line per therapy, the comparator grey, no picture titles."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine, TightLayoutEngine
from matplotlib.typing import RcKeyType

from analysis.figures.column import is_narrow, whole_figure, width_mm
from analysis.instruments import find_instrument
from analysis.studies.records import Study

# Okabe and Ito's palette, which colour-blind readers can tell apart; markers and lines carry it into grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#7A5195", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)), (0, (4, 1, 1, 1, 1, 1)))
COMPARATOR_COLOUR = "#6E6E6E"
# A seventh more room than PNG takes by custom, in two thirds of the time of a drawing.
QUICKLY = {"compress_level": 1}
SETTINGS: dict[RcKeyType, Any] = {
    "font.size": 8.5, "font.family": "DejaVu Sans", "axes.spines.top": False, "axes.spines.right": False,
    "axes.linewidth": 0.7, "axes.labelsize": 8.5, "xtick.labelsize": 8, "ytick.labelsize": 8,
    "legend.fontsize": 8, "legend.frameon": False, "svg.hashsalt": "lasting-relief", "svg.fonttype": "path",
    "text.parse_math": False, "figure.facecolor": "white", "axes.facecolor": "white",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Labels:
    """The words a figure needs about a study.

    Attributes
    ----------
    measure, unit : str
    low, high : float
        Range of the instrument.
    lower_is_better : bool
    therapies : tuple of str
        Comparator first, where there is one.
    comparator : str
        Empty for a study of one group.
    important : float or None
        Minimal important change within a person.
    simulated : bool
    level : float
        Confidence level of the intervals.
    """

    measure: str
    unit: str
    low: float
    high: float
    lower_is_better: bool
    therapies: tuple[str, ...]
    comparator: str
    important: float | None
    simulated: bool
    level: float = 0.95

    @property
    def score(self) -> str:
        """Axis label of a raw score, with range and direction."""
        better = "lower" if self.lower_is_better else "higher"
        return f"{self.measure} ({self.unit}, {self.low:g} to {self.high:g}; {better} is better)"

    @property
    def relief(self) -> str:
        """Axis label of a relief."""
        return f"{self.unit}, positive is better"


def labels_of(study: Study, measure: str | None = None) -> Labels:
    """Words for the figures of a study; the primary measure when none is named."""
    chosen = study.primary if measure is None else next(m for m in study.measures if m.name == measure)
    instrument = find_instrument(chosen.instrument, study.instruments)
    return Labels(
        chosen.label, instrument.unit, instrument.low, instrument.high,
        instrument.direction == "lower_is_better", study.therapies, study.comparator,
        instrument.minimal_important_change, study.simulated, study.model.confidence,
    )  # fmt: skip


def labels_of_evidence(frame: pd.DataFrame, unit: str) -> Labels:
    """Words for the figures of published trials, from a result frame against one comparator.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns `therapy`, `comparator`.
    unit : str
        Of relief, a share of a scale of 0 to 100.
    """
    comparator = str(frame["comparator"].iloc[0])
    therapies = (comparator, *dict.fromkeys(frame["therapy"]))
    return Labels("Pain", unit, 0, 100, True, therapies, comparator, None, False)


@contextmanager
def styled() -> Iterator[None]:
    """The house's settings, for the time of one drawing."""
    with mpl.rc_context(SETTINGS):
        yield


def new_figure(
    width_mm: float = 165, height_mm: float = 95, columns: int = 1, rows: int = 1
) -> tuple[Figure, list[Axes]]:
    """A figure of that size with its axes row by row, outside any global state."""
    with styled():
        figure = Figure(figsize=(width_mm / 25.4, height_mm / 25.4), layout="constrained", dpi=100)
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.ravel())


def look_of(therapy: str, labels: Labels) -> dict[str, Any]:
    """Colour, marker and line of a therapy; the same in every figure."""
    if therapy == labels.comparator:
        return {"color": COMPARATOR_COLOUR, "marker": "o", "linestyle": "-", "markerfacecolor": "white"}
    others = [name for name in labels.therapies if name != labels.comparator]
    place = others.index(therapy)
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[(place + place // len(COLOURS)) % len(MARKERS)],
        "linestyle": LINES[(place + place // len(COLOURS)) % len(LINES)],
    }


def wrapped(text: str, width: int = 24, lines: int = 3) -> str:
    """A label in lines of at most `width` characters; what does not fit in `lines` ends in …"""
    width = max(width, 4)
    found = textwrap.wrap(" ".join(text.split()), width, break_long_words=True) or [""]
    if len(found) > lines:
        found = [*found[: lines - 1], f"{found[lines - 1][: width - 1]}…"]
    return "\n".join(found)


def say_simulated(axes: Axes, labels: Labels, top: bool = False) -> None:
    """Simulated data are called simulated inside every figure, at the foot or at the top."""
    if not labels.simulated:
        return
    figure = whole_figure(axes)
    height = figure.get_figheight() * 25.4
    # 4 mm for the line of text; columns can be tall, and a share of the height be far from the edge.
    room, margin = min(4 / height, 0.2), 0.5 / height if is_narrow(axes) else 0.005
    # Left, foot, right and top of what remains for the axes.
    x, y, side, edge, turned, rest = 0.995, margin, "right", "bottom", 0, (0.0, room, 1.0, 1.0)
    if top:
        x, y, side, edge, rest = 0.005, 1 - margin, "left", "top", (0.0, 0.0, 1.0, 1 - room)
    elif is_narrow(axes) and figure.get_supxlabel():
        # The foot of a column is taken by the name of the axes.
        y, edge, turned, rest = 0.5, "center", 90, (0.0, 0.0, 1 - 4 / width_mm(axes), 1.0)
    figure.text(x, y, "Simulated data", ha=side, va=edge, rotation=turned, fontsize=7, color="#555555")
    layout = figure.get_layout_engine()
    if isinstance(layout, ConstrainedLayoutEngine):
        # Its rectangle has a width and a height; the other one's ends at the right and the top.
        layout.set(rect=(rest[0], rest[1], rest[2] - rest[0], rest[3] - rest[1]))
    elif isinstance(layout, TightLayoutEngine):
        layout.set(rect=rest)


def rendered(figure: Figure) -> tuple[bytes, bytes]:
    """The figure as SVG and as PNG for print, the same bytes every time."""
    svg, png = io.BytesIO(), io.BytesIO()
    layout = figure.get_layout_engine()
    with styled():
        figure.savefig(png, format="png", dpi=200, metadata={"Software": None}, pil_kwargs=QUICKLY)
        # Laid out once: that takes a third of the time, and both look the same.
        figure.set_layout_engine("none")
        try:
            figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        finally:
            figure.set_layout_engine(layout)
    return svg.getvalue(), png.getvalue()


def save(figure: Figure, stem: Path) -> tuple[Path, Path]:
    """Write `stem`.svg and `stem`.png, the same bytes every time."""
    svg, png = stem.with_suffix(".svg"), stem.with_suffix(".png")
    for path, content in zip((svg, png), rendered(figure), strict=True):
        path.write_bytes(content)
    return svg, png
