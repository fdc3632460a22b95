"""Estimands that do something: what a trial's data are once an estimand is applied to them."""

from analysis.estimands.analysis_data import EstimandData, apply_estimand
from analysis.estimands.attributes import attributes
from analysis.estimands.words import estimand_sentence

__all__ = ["EstimandData", "apply_estimand", "attributes", "estimand_sentence"]
