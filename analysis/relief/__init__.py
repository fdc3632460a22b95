"""The heart: short-term relief, long-term relief, loss, retention and area under relief."""

from analysis.relief.estimate import Relief, estimate_relief

__all__ = ["Relief", "estimate_relief"]
