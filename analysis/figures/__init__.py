"""Figures: result frames in, matplotlib Axes out. They never see a model."""

from analysis.figures.agreement import plot_agreement
from analysis.figures.courses import plot_course
from analysis.figures.covariance import plot_covariance
from analysis.figures.durability import plot_durability
from analysis.figures.fading import plot_time_course
from analysis.figures.flow import plot_flow
from analysis.figures.forest import plot_forest
from analysis.figures.funnel import plot_funnel
from analysis.figures.harms import plot_harm_kinds, plot_relief_harm
from analysis.figures.kept_response import plot_kept_response
from analysis.figures.missingness import plot_missingness
from analysis.figures.network import plot_network
from analysis.figures.network_forest import plot_network_forest
from analysis.figures.pooled import plot_pooled_forest
from analysis.figures.residuals import plot_residuals
from analysis.figures.responder_curves import plot_responder_curve
from analysis.figures.responders import plot_responders
from analysis.figures.strategies import plot_strategies
from analysis.figures.style import Labels, labels_of, labels_of_evidence, new_figure, rendered, save
from analysis.figures.tipping import plot_tipping, plot_tipping_surface

__all__ = [
    "Labels", "labels_of", "labels_of_evidence", "new_figure", "plot_agreement", "plot_course",
    "plot_covariance", "plot_durability", "plot_flow", "plot_forest", "plot_funnel",
    "plot_harm_kinds", "plot_kept_response", "plot_missingness", "plot_network",
    "plot_network_forest", "plot_pooled_forest", "plot_relief_harm", "plot_residuals",
    "plot_responder_curve", "plot_responders", "plot_strategies", "plot_time_course",
    "plot_tipping", "plot_tipping_surface", "rendered", "save",
]  # fmt: skip
