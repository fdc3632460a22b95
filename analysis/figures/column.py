"""A figure as wide as a column of a journal: its words get lines and places that fit into it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure, SubFigure
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator

# Figures are laid out for a page; narrower ones than this are a column's.
PAGE_MM = 110.0
# New lines move the panels, and moved panels make new room: laid out again this often at most.
ROUNDS = 5
# Words are measured as they are printed; on a screen letters are fitted to its pixels, which the room
# at the edges allows for.
PRINT_DPI = 200
# Pixels left free between two numbers of an axis, and at the edges of the figure.
BETWEEN, EDGE = 6.0, 16.0
# Share of the height, or of the width, that a name may take.
CLEAR = 0.75
# Pixels between a key's title and the ends of the key.
PADDING = 40.0
# Columns of a key, tried one after the other.
MOST_COLUMNS = (3, 2, 1)
# Letters that a line keeps, however little room there is.
SHORTEST = 12


def whole_figure(axes: Axes) -> Figure:
    """The figure that axes stand in, also where they are drawn in a part of it."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("These axes were removed from their figure: draw into axes that are in one.")
    return figure


def height_of(figure: Figure | SubFigure) -> float:
    """Height of a figure, or of a part of one, in inches."""
    if isinstance(figure, Figure):
        return figure.get_figheight()
    return float(figure.bbox.height / figure.dpi)


def width_mm(ax: Axes) -> float:
    """Width of the figure that an axes stands in, in mm."""
    return float(whole_figure(ax).get_figwidth()) * 25.4


def is_narrow(ax: Axes) -> bool:
    """Whether an axes stands in a figure of a column's width, and not in a part of another."""
    return ax.figure is whole_figure(ax) and width_mm(ax) < PAGE_MM


def are_stacked(axes: Sequence[Axes]) -> bool:
    """Whether the axes stand below each other, so that each needs names of its own."""
    specs = [ax.get_subplotspec() for ax in axes]
    return len({spec.rowspan.start for spec in specs if spec is not None}) > 1


def fit_column(ax: Axes) -> None:
    """Lay out the words of a column's figure anew: keys in fewer columns, labels in more lines.

    Wider figures are left as they are.
    """
    figure = whole_figure(ax)
    if not is_narrow(ax):
        return
    for each in figure.axes:
        _key_below(each)
    written: dict[Text, str] = {}
    dpi, figure.dpi = figure.dpi, PRINT_DPI
    try:
        _fit(figure, written)
    finally:
        figure.dpi = dpi


def _fit(figure: Figure, written: dict[Text, str]) -> None:
    for _ in range(ROUNDS):
        figure.draw_without_rendering()
        moved = [_narrow_key(legend, figure) for legend in figure.legends]
        for each in figure.axes:
            moved += [_thin(axis) for axis in (each.xaxis,) if each.axison]
            moved += [_rewrap(text, figure, written, each) for text in _labels(each)]
        moved += [_rewrap(text, figure, written) for text in figure.texts if text.get_text() != ""]
        if not any(moved):
            return


def _labels(ax: Axes) -> list[Text]:
    """Names of the axes and titles that are not empty."""
    parts = [part for part in ax.get_children() if isinstance(part, Text)]
    titles = {ax.get_title(where) for where in ("left", "center", "right")} - {""}
    found = [part for part in parts if part.get_text() in titles]
    return [*found, *(axis.label for axis in (ax.xaxis, ax.yaxis) if axis.label.get_text())]


def _rewrap(text: Text, figure: Figure, written: dict[Text, str], ax: Axes | None = None) -> bool:
    """Break a text, as it was written, into lines that end inside the figure; whether that changed it."""
    box = text.get_window_extent()
    upright = text.get_rotation() == 90
    low, high, end = (box.y0, box.y1, figure.bbox.height) if upright else (box.x0, box.x1, figure.bbox.width)
    middle = (low + high) / 2
    side = text.get_verticalalignment() if upright else text.get_horizontalalignment()
    free = 2 * min(middle, end - middle)
    if upright and ax is None:
        # A name of the whole figure's side keeps clear of the words at its foot.
        free = min(CLEAR * end, 2 * (middle - _foot(figure, middle)))
    room = {"left": end - low, "bottom": end - low, "right": high, "top": high}.get(side, free) - EDGE
    if high - low <= room:
        return False
    if side == "center" and not upright and ax is not None and ax.bbox.x1 - EDGE > room:
        # Beside a wide column of names the middle of the panel is far from that of the figure.
        text.set(horizontalalignment="right", x=1.0)
        room = ax.bbox.x1 - EDGE
    longest = max(map(len, text.get_text().split("\n")))
    letters = max(int(longest * room / (high - low)), SHORTEST)
    # An arrow stays with its word.
    whole = written.setdefault(text, text.get_text()).replace("→ ", "→\N{NO-BREAK SPACE}")
    # At a side lines were broken for want of height alone.
    parts = [whole.replace("\n", " ")] if upright else whole.split("\n")
    lines = "\n".join(textwrap.fill(part, letters) for part in parts)
    changed = lines != text.get_text()
    text.set_text(lines)
    return changed


def _foot(figure: Figure, middle: float) -> float:
    """Where the words at the foot of a figure, below its middle, end."""
    boxes = [text.get_window_extent() for text in figure.texts if text.get_text()]
    return max((box.y1 for box in boxes if box.y1 < middle), default=0.0)


def _thin(axis: Axis) -> bool:
    """Fewer numbers, or names turned upright, where they touch each other; whether any did."""
    low, high = sorted(axis.get_view_interval())
    shown = [label for label in axis.get_ticklabels() if low <= label.get_position()[0] <= high]
    boxes = sorted((label.get_window_extent() for label in shown if label.get_text()), key=lambda box: box.x0)
    if all(one.x1 + BETWEEN <= other.x0 for one, other in pairwise(boxes)):
        return False
    if not isinstance(axis.get_major_locator(), FixedLocator):
        axis.axes.locator_params(axis="x", nbins=max(len(boxes) - 2, 2))
        return len(boxes) > 2
    turned = all(label.get_rotation() == 90 for label in shown)
    axis.set_tick_params(labelrotation=90)
    return not turned


def _narrow_key(legend: Legend, figure: Figure) -> bool:
    """A key above the panels, in as many columns as fit; whether it had to be made anew."""
    room = figure.bbox.width - 2 * EDGE
    if legend.get_window_extent().width <= room:
        return False
    handles, texts, title = legend.legend_handles, legend.get_texts(), legend.get_title()
    names, size = [text.get_text() for text in texts], texts[0].get_fontsize()
    words, width = " ".join(title.get_text().split()), title.get_window_extent().width
    if words and width > room - PADDING:
        words = textwrap.fill(words, max(int(len(words) * room / width), SHORTEST))
    drawn = [handle for handle in handles if handle is not None]
    for columns in MOST_COLUMNS:
        legend.remove()
        legend = figure.legend(drawn, names, loc="outside upper left", ncols=columns, fontsize=size,
                               title=words, title_fontsize=size, alignment="left")  # fmt: skip
        figure.draw_without_rendering()
        if legend.get_window_extent().width <= room:
            break
    return True


def _key_below(ax: Axes) -> None:
    """A key that stands beside its panel is moved below it."""
    legend = ax.get_legend()
    if legend is None:
        return
    size = legend.get_texts()[0].get_fontsize() if legend.get_texts() else 7
    handles, names = ax.get_legend_handles_labels()
    legend.remove()
    whole_figure(ax).legend(handles, names, loc="outside lower left", fontsize=size, ncols=3)
