"""Responders: who got better by how much, for how long, and against whom."""

from analysis.responders.curve import area_between, responder_curve
from analysis.responders.definition import Threshold
from analysis.responders.estimate import Responders, estimate_responders
from analysis.responders.handling import HANDLINGS, MULTIPLE, NON_RESPONSE
from analysis.responders.loss import LOSS_RULE, loss_of_response
from analysis.responders.words import responder_sentences

__all__ = [
    "HANDLINGS", "LOSS_RULE", "MULTIPLE", "NON_RESPONSE", "Responders", "Threshold",
    "area_between", "estimate_responders", "loss_of_response", "responder_curve",
    "responder_sentences",
]  # fmt: skip
