"""Observed course of a score: what was seen, without a model."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.describe.grid import therapy_of, values_grid
from analysis.describe.masking import without_few
from analysis.distributions import t_quantile
from analysis.trial.records import Trial

COURSE_COLUMNS = (
    "therapy", "visit", "week", "n", "mean", "sd", "std_error", "conf_low", "conf_high", "note",
)  # fmt: skip


def observed_course(trial: Trial, measure: str | None = None) -> pd.DataFrame:
    """Mean of the raw score of those seen, per therapy and visit.

    Parameters
    ----------
    trial : Trial
    measure : str, optional
        Name of the measure; the primary one when left out.

    Returns
    -------
    pandas.DataFrame
        `therapy`, `visit`, `week`, `n`, `mean`, `sd`, `std_error` = sd / sqrt(n), and `conf_low`
        and `conf_high` by Student's t with n - 1 degrees of freedom at the study's confidence, in
        units of the score; `note` says why a mean is left out (fewer patients than
        `study.minimum_count`, since a mean of one patient is that patient's value). `n` is then
        missing too, and where it would tell such a number.
    """
    grid = values_grid(trial, measure)
    therapy = therapy_of(trial)
    rows = []
    for label in trial.study.therapies:
        for visit in trial.study.visits.schedule:
            values = grid.loc[therapy == label, visit.name].dropna().to_numpy()
            summary = _summary(values, trial.study.model.confidence, trial.study.minimum_count)
            rows.append((label, visit.name, visit.week, len(values), *summary))
    frame = pd.DataFrame(rows, columns=list(COURSE_COLUMNS))
    few = {"minimum": trial.study.minimum_count}
    return frame.assign(n=frame.groupby("visit", sort=False)["n"].transform(without_few, **few))


def _summary(
    values: np.ndarray, confidence: float, minimum: int
) -> tuple[float, float, float, float, float, str]:
    n = len(values)
    if n < minimum:
        note = "nobody was seen" if n == 0 else f"fewer than {minimum} patients"
        return (np.nan, np.nan, np.nan, np.nan, np.nan, note)
    mean = float(values.mean())
    if n == 1:
        return (mean, np.nan, np.nan, np.nan, np.nan, "one patient: no interval")
    sd = float(values.std(ddof=1))
    error = sd / np.sqrt(n)
    margin = float(t_quantile(0.5 + confidence / 2, n - 1)) * error
    return (mean, sd, error, mean - margin, mean + margin, "")
