"""Everything that is estimated for a report, once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.errors import ConvergenceWarning
from analysis.harms import Harms, estimate_harms
from analysis.intake import read_trial
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
    sensitivity : Sensitivity
    responders : Responders
    harms : Harms
    complaints : tuple of str
        What the fits complained about.
    """

    trial: Trial
    relief: Relief
    sensitivity: Sensitivity
    responders: Responders
    harms: Harms
    complaints: tuple[str, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """Every estimate, in one shape."""
        parts = (self.relief.frame, self.sensitivity.frame, self.responders.frame, self.harms.frame)
        return pd.concat([part for part in parts if len(part)], ignore_index=True)


def analyse(study_file: Path, download: bool = False) -> Analysed:
    """Read a study and estimate all that a report says.

    Raises
    ------
    ReliefError
        The study file, the data or the model of relief cannot be used.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        trial = read_trial(study_file, download=download)
        relief = estimate_relief(trial)
        sensitivity = compare_strategies(trial)
        responders = estimate_responders(relief.data.trial, relief.model, setting=sensitivity.setting)
        harms = estimate_harms(trial)
    complaints = [w for w in caught if issubclass(w.category, ConvergenceWarning)]
    told = tuple(dict.fromkeys(str(warning.message) for warning in complaints))
    return Analysed(trial, relief, sensitivity, responders, harms, told)
