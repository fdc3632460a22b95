"""The figures of a report as files: drawn once, by the notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from analysis.display import figure_of
from analysis.figures import labels_of, plot_durability, rendered
from analysis.report.analysed import Analysed
from analysis.report.blocks import Block, data_address, figures_in
from analysis.report.captions import FIGURES, caption
from analysis.studies.records import Study

FIGURES_NAME = "figures"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure for print, and in words what it shows."""

    svg: bytes
    png: bytes
    caption: str

    @property
    def block(self) -> Block:
        """The figure as a piece of a page."""
        return Block("figure", data_address(self.svg), self.caption)


def figures_of(analysed: Analysed, notebooks: Sequence[NotebookNode]) -> dict[str, Figure]:
    """Every figure of a report, by the name of its files.

    Parameters
    ----------
    analysed : Analysed
    notebooks : sequence of NotebookNode
        Executed with figures for print (`analysis.display.show`).
    """
    study = analysed.trial.study
    names = {caption(name, study): name for name in FIGURES}
    drawn = {
        names[words]: Figure(svg, png, words)
        for notebook in notebooks
        for words, svg, png in figures_in(notebook)
        if words in names
    }
    if not (study.horizon("short") and study.horizon("long")):
        # Without both horizons there is nothing to set against each other.
        return {name: figure for name, figure in drawn.items() if name != "durability"}
    return drawn | _alone(analysed, study)


def _alone(analysed: Analysed, study: Study) -> dict[str, Figure]:
    """Change of each therapy alone, which no notebook shows where there is a comparator.

    Only change within a person may be held against the minimal important change.
    """
    if not study.comparator:
        return {}
    axes = plot_durability(analysed.relief.frame, labels_of(study), "")
    svg, png = rendered(figure_of(axes))
    return {"durability_alone": Figure(svg, png, caption("durability_alone", study))}


def write_figures(figures: dict[str, Figure], folder: Path) -> None:
    """Write figures as SVG and PNG into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        (folder / f"{name}.svg").write_bytes(figure.svg)
        (folder / f"{name}.png").write_bytes(figure.png)
