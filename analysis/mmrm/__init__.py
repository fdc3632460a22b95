"""The repeated-measures engine: arrays and sufficient statistics in, estimates out.

It knows patients, visits and columns, never therapies' names.
"""

from analysis.mmrm.contrasts import Contrasts, WaldTest
from analysis.mmrm.lsmeans import LSMeans
from analysis.mmrm.model import MMRM
from analysis.mmrm.results import MMRMResults
from analysis.mmrm.statistics import SufficientStatistics

__all__ = ["MMRM", "Contrasts", "LSMeans", "MMRMResults", "SufficientStatistics", "WaldTest"]
