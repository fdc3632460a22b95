"""Harms: who had adverse events and who left, with intervals that mean something at none."""

from analysis.harms.estimate import Harms, estimate_harms
from analysis.harms.plane import relief_and_harm
from analysis.harms.withdrawals import withdrawals_beside_harms
from analysis.harms.words import harm_lines, harm_sentences

__all__ = [
    "Harms", "estimate_harms", "harm_lines", "harm_sentences", "relief_and_harm",
    "withdrawals_beside_harms",
]  # fmt: skip
