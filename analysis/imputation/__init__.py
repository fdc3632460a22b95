"""Missing values under stated assumptions: lay out, draw, impute, analyse, pool."""

from analysis.imputation.analyse import Ancova, Custom, ancova, completed_frame
from analysis.imputation.answers import Answers, relief_by_estimand
from analysis.imputation.courses import Course, relief_frame
from analysis.imputation.estimand import EstimandRelief, estimand_relief, lay_out_estimand
from analysis.imputation.jackknife import ConditionalMean, Refits, conditional_mean, refit
from analysis.imputation.layout import lay_out
from analysis.imputation.panel import Completed, Panel, Parameters, impute
from analysis.imputation.strategies import Strategy, causal
from analysis.imputation.tipping import Tipping, dose, jackknife_tipping, rubin_tipping

__all__ = [
    "Ancova", "Answers", "Completed", "ConditionalMean", "Course", "Custom", "EstimandRelief", "Panel",
    "Parameters", "Refits", "Strategy", "Tipping", "ancova", "causal", "completed_frame",
    "conditional_mean", "dose", "estimand_relief", "impute", "jackknife_tipping", "lay_out",
    "lay_out_estimand", "refit", "relief_by_estimand", "relief_frame", "rubin_tipping",
]  # fmt: skip
