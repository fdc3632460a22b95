"""The estimated covariance between visits, as a frame of standard deviations and correlations."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.errors import ModelError
from analysis.mmrm import MMRMResults
from analysis.studies.records import Study


def visit_covariance(fit: MMRMResults, study: Study) -> pd.DataFrame:
    """What the model estimates of scores around their means, for each pair of visits.

    Parameters
    ----------
    fit : MMRMResults
        Of a model with one covariance for all patients.
    study : Study
        Says when visits are scheduled.

    Returns
    -------
    pandas.DataFrame
        `visit`, `other` (the same or an earlier visit), `week`, `other_week`, `weeks_apart`, `sd`
        (of the visit, in units of the outcome), `correlation` (1 of a visit with itself).

    Raises
    ------
    ModelError
        The model has a covariance for each group.
    """
    matrix = fit.covariance
    if isinstance(matrix, dict):
        raise ModelError(
            f"The model has {len(matrix)} covariances, one for each group. Fit it with one for all "
            "patients."
        )
    weeks = {visit.name: visit.week for visit in study.followup}
    visits = [str(visit) for visit in fit.design.visits]
    sigma = matrix.to_numpy()
    sd = np.sqrt(np.diag(sigma))
    correlation = sigma / np.outer(sd, sd)
    late, early = np.tril_indices(len(visits))
    week = np.array([weeks[visit] for visit in visits], dtype=np.float64)
    return pd.DataFrame(
        {
            "visit": np.array(visits, dtype=object)[late],
            "other": np.array(visits, dtype=object)[early],
            "week": week[late],
            "other_week": week[early],
            "weeks_apart": week[late] - week[early],
            "sd": sd[late],
            "correlation": correlation[late, early],
        }
    )
