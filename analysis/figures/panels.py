"""A panel for each therapy, the comparator in every one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.courses import NAME_WIDTH, columns_of
from analysis.figures.style import Labels, look_of, wrapped


@dataclass(frozen=True, slots=True)
class Panel:
    """Axes, and the therapies drawn on them: the comparator first, where there is one."""

    ax: Axes
    therapies: tuple[str, ...]


def therapy_panels(
    therapies: Sequence[str], labels: Labels, axes: Sequence[Axes] | None = None
) -> list[Panel]:
    """Lay out a titled panel for each therapy that is not the comparator.

    Parameters
    ----------
    therapies : sequence of str
        Those that the frame holds.
    labels : Labels
    axes : sequence of matplotlib Axes, optional
        One for each panel.
    """
    shown = [name for name in labels.therapies if name in set(therapies)]
    named = [name for name in shown if name != labels.comparator] or shown
    columns = columns_of(max(len(named), 1))
    if axes is None:
        rows = -(-max(len(named), 1) // columns)
        size = ((125 if columns == 1 else 170) / 25.4, (24 + (72 if columns == 1 else 46) * rows) / 25.4)
        figure = Figure(figsize=size, layout="constrained", dpi=100)
        cells = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for ax in cells[max(len(named), 1) :]:
            ax.set_axis_off()
        axes = list(cells[: max(len(named), 1)])
    found = []
    for ax, name in zip(axes, named or [""], strict=True):
        pair = dict.fromkeys(part for part in (labels.comparator, name) if part in shown)
        if name:
            ax.set_title(wrapped(name, NAME_WIDTH[columns], lines=2), loc="left", fontsize=8.5,
                         fontweight="bold", color=str(look_of(name, labels)["color"]))  # fmt: skip
        ax.tick_params(labelbottom=True)
        found.append(Panel(ax, tuple(pair)))
    return found


def name_comparator(panels: Sequence[Panel], labels: Labels) -> None:
    """A key for the comparator's line, once for the figure."""
    if not panels or len(panels[0].therapies) < 2:
        return
    look = dict(look_of(labels.comparator, labels))
    line = panels[0].ax.plot([], [], **look, markersize=4)[0]
    text = wrapped(labels.comparator, 40, lines=1) + (" (in every panel)" if len(panels) > 1 else "")
    panels[0].ax.figure.legend([line], [text], loc="outside upper right", fontsize=8)
