"""The figures of a report as files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from analysis.describe import flow, missingness, observed_course
from analysis.display import figure_of
from analysis.figures import (
    Labels,
    labels_of,
    plot_course,
    plot_covariance,
    plot_durability,
    plot_flow,
    plot_forest,
    plot_harm_kinds,
    plot_kept_response,
    plot_missingness,
    plot_relief_harm,
    plot_residuals,
    plot_responder_curve,
    plot_responders,
    plot_strategies,
    plot_tipping,
    plot_tipping_surface,
    save,
)
from analysis.harms import relief_and_harm
from analysis.relief.covariance import visit_covariance
from analysis.relief.diagnostics import residual_summary
from analysis.report.analysed import Analysed
from analysis.report.captions import caption
from analysis.report.site import Figure
from analysis.responders import loss_of_response, responder_curve
from analysis.sensitivity import tipping_curves, tipping_surfaces


def draw_all(analysed: Analysed, folder: Path) -> dict[str, Figure]:
    """Draw every figure that the study allows, as SVG and PNG.

    Parameters
    ----------
    analysed : Analysed
    folder : Path
        Made if it is not there.

    Returns
    -------
    dict of str to Figure
        By the name of its files, `<name>.svg` and `<name>.png`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for name, picture in _pictures(analysed).items():
        svg, _ = save(picture, folder / name)
        drawn[name] = Figure(svg.read_bytes(), caption(name, analysed.trial.study))
    return drawn


def _pictures(analysed: Analysed) -> dict[str, Picture]:
    trial, relief = analysed.trial, analysed.relief
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
    axes |= _of_patients(analysed, labels) | _of_assumptions(analysed, labels)
    return {name: figure_of(drawn) for name, drawn in axes.items()}


def _of_assumptions(analysed: Analysed, labels: Labels) -> dict[str, Axes | list[Axes]]:
    """How the answer hangs on patients not seen, where the trial could be laid out for that."""
    found = analysed.sensitivity
    if found.setting is None:
        return {}
    drawn: dict[str, Axes | list[Axes]] = {
        "strategies": plot_strategies(analysed.relief.frame, found.frame, labels),
        "tipping": plot_tipping(tipping_curves(found.setting), labels),
    }
    if found.setting.comparator:
        drawn["tipping_surface"] = plot_tipping_surface(tipping_surfaces(found.setting), labels)
    return drawn


def _of_patients(analysed: Analysed, labels: Labels) -> dict[str, Axes | list[Axes]]:
    """Responders and harms."""
    trial, harms = analysed.trial, analysed.harms
    plane = relief_and_harm(analysed.relief.frame, harms, trial.study.comparator)
    return {
        "responders": plot_responders(analysed.responders.frame, labels, "long"),
        "responder_curve": plot_responder_curve(responder_curve(trial), labels),
        "kept_response": plot_kept_response(loss_of_response(trial), labels),
        "harm_kinds": plot_harm_kinds(harms.frame, labels),
        "relief_harm": plot_relief_harm(plane, labels),
    }
