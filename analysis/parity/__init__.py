"""The engine beside R's mmrm and SAS PROC MIXED, number by number.

Reference numbers are read from a folder that the caller names; nothing here holds any of them.
"""

from analysis.parity.agreement import (
    agreed_digits,
    agreement_by_method,
    agreement_by_quantity,
    agreement_by_sas_method,
    agreement_with_r,
    agreement_with_sas,
    parity_sentence,
)
from analysis.parity.folders import real_data, reference_beside
from analysis.parity.studies import BCVA, FEV, PAIN

__all__ = [
    "BCVA", "FEV", "PAIN",
    "agreed_digits", "agreement_by_method", "agreement_by_quantity", "agreement_by_sas_method",
    "agreement_with_r", "agreement_with_sas", "parity_sentence", "real_data", "reference_beside",
]  # fmt: skip
