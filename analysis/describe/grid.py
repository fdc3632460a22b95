"""Which patient has a value at which visit."""

from __future__ import annotations

import pandas as pd

from analysis.trial.records import Trial


def values_grid(trial: Trial, measure: str | None = None) -> pd.DataFrame:
    """Values of a measure, patients down and visits across.

    Parameters
    ----------
    trial : Trial
    measure : str, optional
        Name of the measure; the primary one when left out.

    Returns
    -------
    pandas.DataFrame
        Index `patient` (every patient of the trial), columns the scheduled visits in order;
        raw scores, NaN where there is none.
    """
    name = trial.measure(measure).name
    rows = trial.outcomes[trial.outcomes["measure"] == name]
    visits = [visit.name for visit in trial.study.visits.schedule]
    keyed = pd.Series(
        rows["value"].to_numpy(dtype=float),
        index=pd.MultiIndex.from_arrays([rows["patient"], rows["visit"].astype(str)]),
    )
    return keyed.unstack().reindex(index=trial.patients["patient"], columns=visits).astype(float)


def therapy_of(trial: Trial) -> pd.Series:
    """Label of the therapy by patient (index `patient`)."""
    return trial.patients.set_index("patient")["therapy"].astype(str)
