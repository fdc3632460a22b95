"""Structures of the covariance between visits, each in two sets of parameters.

The search moves in unconstrained coordinates; inference uses the natural parameters of SAS PROC
MIXED, because Kenward and Roger's adjustment depends on them (docs/methods.md section 4.1).
"""

from analysis.mmrm.covariance.model import CovarianceModel
from analysis.mmrm.covariance.structure import STRUCTURES, Structure, find_structure, structure_name

__all__ = ["STRUCTURES", "CovarianceModel", "Structure", "find_structure", "structure_name"]
