"""Sensitivity: relief under every assumption about those not seen, and what would change it."""

from analysis.sensitivity.conclusion import conclusions
from analysis.sensitivity.setting import Setting, set_up
from analysis.sensitivity.shifts import tipping_curves, tipping_surfaces
from analysis.sensitivity.strategies import ANCHORED, RANDOM, STRATEGIES, Sensitivity, compare_strategies
from analysis.sensitivity.tipping_points import shift, tipping_points
from analysis.sensitivity.words import survival_sentences, what_would_change

__all__ = [
    "ANCHORED", "RANDOM", "STRATEGIES", "Sensitivity", "Setting", "compare_strategies", "conclusions",
    "set_up", "shift", "survival_sentences", "tipping_curves", "tipping_points", "tipping_surfaces",
    "what_would_change",
]  # fmt: skip
