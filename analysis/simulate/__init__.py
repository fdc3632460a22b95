"""Trials with a known answer: data from clinical parameters, and the true value of every relief."""

from analysis.simulate.bundled import (
    BUNDLED_SEED,
    bundled_scenario,
    informative_loss_scenario,
    null_scenario,
)
from analysis.simulate.generate import simulate
from analysis.simulate.scenario import Scenario
from analysis.simulate.truth import truth
from analysis.simulate.write import write_trial

__all__ = [
    "BUNDLED_SEED",
    "Scenario",
    "bundled_scenario",
    "informative_loss_scenario",
    "null_scenario",
    "simulate",
    "truth",
    "write_trial",
]
