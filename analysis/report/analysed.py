"""Everything that is estimated for a report, once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import pandas as pd

from analysis.errors import ConvergenceWarning
from analysis.harms import Harms, estimate_harms
from analysis.imputation import Answers, relief_by_estimand
from analysis.relief import Relief, estimate_relief
from analysis.responders import Responders, estimate_responders
from analysis.sensitivity import Sensitivity, compare_strategies
from analysis.trial.records import Trial


@dataclass(frozen=True)
class Analysed:
    """A trial and its estimates.

    Attributes
    ----------
    trial : Trial
    relief : Relief
    answers : Answers
        Relief under every estimand of the study.
    sensitivity : Sensitivity
    responders : Responders
    harms : Harms
    complaints : tuple of str
        What the fits complained about.
    """

    trial: Trial
    relief: Relief
    answers: Answers
    sensitivity: Sensitivity
    responders: Responders
    harms: Harms
    complaints: tuple[str, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """Every estimate, in one shape."""
        others = self.answers.frame
        # The primary estimand is the main analysis, which is there with its adjustments.
        others = others[others["estimand"] != self.trial.study.estimand.name]
        parts = (
            self.relief.frame, others, self.sensitivity.frame, self.responders.frame, self.harms.frame,
        )  # fmt: skip
        return pd.concat([part for part in parts if len(part)], ignore_index=True)


def analyse(trial: Trial) -> Analysed:
    """Estimate all that a report says of a trial.

    Raises
    ------
    ReliefError
        The data or the model of relief cannot be used.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        relief = estimate_relief(trial)
        answers = relief_by_estimand(trial)
        sensitivity = compare_strategies(trial)
        responders = estimate_responders(relief.data.trial, relief.model, setting=sensitivity.setting)
        harms = estimate_harms(trial)
    complaints = [w for w in caught if issubclass(w.category, ConvergenceWarning)]
    told = tuple(dict.fromkeys(str(warning.message) for warning in complaints))
    return Analysed(trial, relief, answers, sensitivity, responders, harms, told)
