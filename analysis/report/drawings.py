"""The figures of a report as files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from analysis.describe import flow, missingness, observed_course
from analysis.display import figure_of
from analysis.figures import (
    labels_of,
    plot_course,
    plot_covariance,
    plot_durability,
    plot_flow,
    plot_forest,
    plot_missingness,
    plot_residuals,
    save,
)
from analysis.relief import Relief
from analysis.relief.covariance import visit_covariance
from analysis.relief.diagnostics import residual_summary
from analysis.report.captions import caption
from analysis.report.site import Figure
from analysis.trial.records import Trial


def draw_all(trial: Trial, relief: Relief, folder: Path) -> dict[str, Figure]:
    """Draw every figure that the study allows, as SVG and PNG.

    Parameters
    ----------
    trial : Trial
    relief : Relief
    folder : Path
        Made if it is not there.

    Returns
    -------
    dict of str to Figure
        By the name of its files, `<name>.svg` and `<name>.png`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for name, picture in _pictures(trial, relief).items():
        svg, _ = save(picture, folder / name)
        drawn[name] = Figure(svg.read_bytes(), caption(name, trial.study))
    return drawn


def _pictures(trial: Trial, relief: Relief) -> dict[str, Picture]:
    labels, frame = labels_of(trial.study), relief.frame
    axes: dict[str, Axes | list[Axes]] = {
        "forest": plot_forest(frame, labels),
        "modelled": plot_course(relief.rows("mean"), labels),
        "covariance": plot_covariance(visit_covariance(relief.fit, trial.study), labels),
        "residuals": plot_residuals(residual_summary(relief.fit, trial.study), labels),
        "observed": plot_course(observed_course(trial), labels),
        "missingness": plot_missingness(missingness(trial), labels),
        "flow": plot_flow(flow(trial), labels),
    }
    if trial.study.horizon("short") and trial.study.horizon("long"):
        axes["durability"] = plot_durability(frame, labels)
        if trial.study.comparator:
            # Only change within a person may be held against the minimal important change.
            axes["durability_alone"] = plot_durability(frame, labels, "")
    return {name: figure_of(drawn) for name, drawn in axes.items()}
