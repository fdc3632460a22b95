"""Fitted means of any rows, and what a patient's own values say about the patient's other visits.

With ! the visits of a patient that have a value and ? the others, the conditional prediction is
μ_? + B (y_! − μ_!) with B = Σ_?! Σ_!!⁻¹. It is linear in the coefficients, with rows X_? − B X_!, so
its standard error for known Σ is that of a contrast; the spread of a new value adds
Σ_?? − B Σ_!?.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.distributions import normal_critical, t_critical
from analysis.errors import ModelError
from analysis.mmrm.cohorts import cohorts, laws
from analysis.mmrm.design import Design
from analysis.mmrm.estimates import Estimates
from analysis.mmrm.rows import Purpose, Rows, read_rows

Array = NDArray[np.float64]
Interval = Literal["confidence", "prediction"]


def predict(
    design: Design,
    estimates: Estimates,
    data: pd.DataFrame,
    *,
    conditional: bool = False,
    interval: Interval | None = None,
    alpha: float = 0.05,
    degrees_of_freedom: Callable[[Array], Array] | None = None,
) -> pd.DataFrame:
    """Predict the outcome of rows, from the formula alone or also from the patient's own values.

    Parameters
    ----------
    design : Design
    estimates : Estimates
    data : pandas.DataFrame
        Rows with the columns of the formula; patients need not be those of the fit. For
        conditional predictions one row per patient and visit, with the outcome where it is known.
    conditional : bool
        Given the patient's other values in `data`. A row with an outcome is its own prediction,
        with standard error 0.
    interval : {"confidence", "prediction"}, optional
        Of the mean, or of a value.
    alpha : float
        One minus the level of the interval.
    degrees_of_freedom : callable, optional
        Of contrasts of the kept coefficients, (k, p) to (k,), for quantiles of Student's t.
        Normal quantiles, as R's mmrm has them, if left out.

    Returns
    -------
    pandas.DataFrame
        With the index of `data`: `predicted`, `std_error` (of the coefficients; Σ taken as known),
        `std_error_prediction` (of a value) for prediction intervals, `conf_low`, `conf_high`, and
        `note`. NaN and a note where a row lacks a value or its mean is not estimable.

    Raises
    ------
    ModelError
        Rows that the model cannot read (`read_rows`), an unknown interval, an alpha outside (0, 1).
    """
    if interval is not None and interval not in get_args(Interval):
        raise ModelError(
            f"interval={interval!r} is not known; allowed: {', '.join(get_args(Interval))} or None."
        )
    if not 0 < alpha < 1:
        raise ModelError(f"alpha={alpha!r} is one minus a confidence level; give 0 < alpha < 1.")
    spread = interval == "prediction"
    purpose: Purpose = "patient" if conditional else "spread" if spread else "mean"
    rows = read_rows(design, estimates, data, purpose, needs_outcome=conditional)
    if conditional:
        contrasts, shift, variance = conditional_rows(rows, estimates)
    else:
        contrasts, shift = rows.design, np.zeros(len(rows.usable))
        variance = estimates.sigma[rows.group, rows.visit, rows.visit] / rows.precision
    mean = contrasts @ estimates.beta + shift
    own = ((contrasts @ estimates.root) ** 2).sum(axis=1)
    frame = pd.DataFrame({"predicted": mean, "std_error": np.sqrt(own)}, index=data.index)
    if spread:
        frame["std_error_prediction"] = np.sqrt(own + variance)
    if interval is not None:
        quantile = np.full(len(mean), normal_critical(alpha / 2))
        if degrees_of_freedom is not None:
            known = rows.usable & (own > 0)
            quantile[known] = t_critical(alpha / 2, degrees_of_freedom(contrasts[known]))
        margin = quantile * frame["std_error_prediction" if spread else "std_error"].to_numpy()
        frame["conf_low"], frame["conf_high"] = mean - margin, mean + margin
    frame.loc[~rows.usable, :] = np.nan
    frame["note"] = rows.note.astype(str)
    return frame


def conditional_rows(rows: Rows, estimates: Estimates) -> tuple[Array, Array, Array]:
    """Predictions given a patient's own values, as contrasts of the coefficients and a shift.

    Parameters
    ----------
    rows : Rows
    estimates : Estimates

    Returns
    -------
    contrasts : ndarray, shape (N, p)
        X_? − B X_!, 0 at rows with an outcome.
    shift : ndarray, shape (N,)
        B y_!, and the outcome itself where there is one.
    variance : ndarray, shape (N,)
        Diagonal of Σ_?? − B Σ_!?, 0 at rows with an outcome.
    """
    order = rows.order
    known = ~np.isnan(rows.outcome[order])
    scale = np.sqrt(rows.precision[order])
    value = np.where(known, rows.outcome[order], 0.0)
    contrasts = np.zeros_like(rows.design)
    shift, variance = np.zeros(len(rows.usable)), np.zeros(len(rows.usable))
    codes = (rows.subject[order], rows.visit[order], rows.group[order])
    for cohort in cohorts(*codes, known):
        law, place, width = laws(cohort, estimates.sigma), order[cohort.rows], scale[cohort.rows]
        # Rows times √w have the covariance Σ; what is predicted is divided by it again.
        slope = law.slope[cohort.pattern] * (width[:, None, :] / width[:, :, None])
        seen = cohort.observed[cohort.pattern]
        design = rows.design[place]
        contrasts[place] = np.where(seen[..., None], 0.0, design - slope @ design)
        guess = (slope @ value[cohort.rows][..., None])[..., 0]
        shift[place] = np.where(seen, value[cohort.rows], guess)
        own = np.diagonal(law.cov, axis1=1, axis2=2)[cohort.pattern]
        variance[place] = np.where(seen, 0.0, np.maximum(own, 0.0) / width**2)
    return contrasts, shift, variance
