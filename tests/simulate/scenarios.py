"""Scenarios and views that the tests of the simulator share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.simulate.bundled import null_scenario
from analysis.simulate.scenario import Events, Loss, People, Places, Scenario, Treatment
from analysis.trial.records import Trial

# Five standard errors: a sound simulator fails such a check about once in two million.
ERRORS = 5.0


def screened_only() -> Scenario:
    """Usual care alone: nothing happens to anybody after screening."""
    return replace(
        null_scenario(),
        treatments=(Treatment("Usual care", other_therapy=0.0),),
        people=People(duration_on_pain=0.0),
        events=Events(rescue_in_year=0.0),
        places=Places(site_sd=0.0, therapist_sd=0.0),
    )


def nobody_lost() -> Loss:
    """Everybody attends every visit and fills in everything."""
    return Loss(missing=((52.0, 0.0),), item_missing=0.0)


def by_visit(trial: Trial, measure: str = "pain") -> pd.DataFrame:
    """Values, one row a patient in the order of patients and one column a visit."""
    values = trial.outcomes[trial.outcomes["measure"] == measure]
    wide = values.pivot(index="patient", columns="visit", values="value")
    return wide.reindex(trial.patients["patient"])


def arm(trial: Trial, label: str) -> np.ndarray:
    """Which patients have that therapy."""
    return (trial.patients["therapy"] == label).to_numpy()
