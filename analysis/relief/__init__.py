"""The heart: short-term relief, long-term relief, loss, retention and area under relief."""

from analysis.relief.covariance import visit_covariance
from analysis.relief.diagnostics import residual_summary
from analysis.relief.estimate import Relief, estimate_relief

__all__ = ["Relief", "estimate_relief", "residual_summary", "visit_covariance"]
