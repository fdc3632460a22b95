"""Risks standardised to the same patients: g-computation from a logistic model."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
from formulaic import model_matrix
from formulaic.errors import FormulaicError
from numpy.typing import NDArray
from scipy import special

from analysis.errors import ModelError
from analysis.mmrm.formula import parse
from analysis.responders.risks import Risks

Array = NDArray[np.float64]
CovType = Literal["model", "HC0", "HC3"]

# Change of the deviance at which the logistic fit stops: what follows has 8 digits or more.
FIT_TOLERANCE = 1e-14
# A log-odds beyond this (1 in 3 million) is a fit that runs away, not a risk.
RUNAWAY = 15.0


def g_computation(
    frame: pd.DataFrame,
    formula: str,
    therapy: str = "therapy",
    levels: Sequence[str] | None = None,
    cov_type: CovType = "HC3",
) -> Risks:
    """Risk of each therapy had all patients of the frame had it.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a patient, nothing missing in the columns of the formula; the response is 0 or 1.
    formula : str
        For example "response ~ therapy + baseline".
    therapy : str
        Column of the therapy.
    levels : sequence of str, optional
        Therapies, the comparator first; those in the frame, sorted, when left out.
    cov_type : {"model", "HC0", "HC3"}
        Covariance of the coefficients. Patients' covariates are taken as given.

    Returns
    -------
    Risks
        By the delta method. Where the logistic model has no finite fit, every therapy has a note.

    Raises
    ------
    ModelError
        An unknown covariance, or a formula that the frame cannot carry.

    References
    ----------
    Freedman 2008, Stat Sci 23:237; Ge 2011, Drug Inf J 45:481 (delta method); Long and
    Ervin 2000, Am Stat 54:217 (HC3).
    """
    if cov_type not in get_args(CovType):
        known = ", ".join(get_args(CovType))
        raise ModelError(f"cov_type={cov_type!r} is not known; allowed: {known}.")
    labels = sorted(frame[therapy].astype(str).unique()) if levels is None else list(levels)
    n = np.array([(frame[therapy].astype(str) == label).sum() for label in labels])
    frame = frame.assign(**{therapy: pd.Categorical(frame[therapy].astype(str), labels)})
    # Refuses a formula that could run something; nothing but the frame's columns is in reach.
    parse(formula)
    method = f"g-computation, logistic model, delta method with {cov_type} covariance"
    try:
        both = model_matrix(formula, frame, context={})
        # All patients under each therapy, one frame after the other: a call takes as long for all.
        everyone = frame.iloc[np.tile(np.arange(len(frame)), len(labels))].assign(
            **{therapy: pd.Categorical(np.repeat(labels, len(frame)), labels)}
        )
        settings = both.rhs.model_spec.get_model_matrix(everyone)
    except FormulaicError as error:
        raise ModelError(
            f"The formula {formula!r} cannot be read from these columns: {error}"
        ) from error
    response = np.asarray(both.lhs, dtype=np.float64)[:, 0]
    design = np.asarray(both.rhs, dtype=np.float64)
    fitted, note = _logistic(response, design)
    if fitted is None:
        return unknown_risks(n, method, note)
    beta, cov = fitted, _covariance(response, design, fitted, cov_type)
    moved = np.asarray(settings, dtype=np.float64).reshape(len(labels), len(frame), -1)
    each = special.expit(moved @ beta)
    slopes = np.einsum("kn,knp->kp", each * (1 - each), moved) / len(frame)
    spread = slopes @ cov @ slopes.T
    return Risks(each.mean(axis=1)[None], spread[None], np.inf, n, method, ("",) * len(labels))


def unknown_risks(n: NDArray[np.int64], method: str, note: str) -> Risks:
    """Risks that cannot be estimated, and why."""
    k = len(n)
    risk, cov = np.full((1, k), np.nan), np.full((1, k, k), np.nan)
    return Risks(risk, cov, np.inf, n, method, (note,) * k)


def _logistic(response: Array, design: Array) -> tuple[Array | None, str]:
    """Coefficients, or None and why there are none."""
    n, p = design.shape
    if n <= p or np.linalg.matrix_rank(design) < p:
        return None, f"not estimable: {n} patients do not determine {p} coefficients"
    if response.min() == response.max():
        who = "everybody" if response[0] else "nobody"
        return None, f"not estimable: {who} responded"
    # Imported here: a session without a logistic model should not wait a second for it.
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM
    from statsmodels.tools.sm_exceptions import PerfectSeparationError

    runs_away = "not estimable: some patients' responses can be told without error (separation)"
    with warnings.catch_warnings():
        # What the warnings say is checked on the fit itself, below.
        warnings.simplefilter("ignore")
        try:
            fit = GLM(response, design, family=Binomial()).fit(tol=FIT_TOLERANCE, maxiter=100)
        except (PerfectSeparationError, np.linalg.LinAlgError, ValueError):
            return None, runs_away
    beta = np.asarray(fit.params)
    if not np.isfinite(beta).all() or np.abs(design @ beta).max() > RUNAWAY:
        return None, runs_away
    return beta, ""


def _covariance(response: Array, design: Array, beta: Array, cov_type: CovType) -> Array:
    """Inverse information, or a sandwich with (HC3) residuals over 1 − leverage."""
    p = special.expit(design @ beta)
    weight = p * (1 - p)
    information = design.T @ (weight[:, None] * design)
    if cov_type == "model":
        return np.linalg.solve(information, np.eye(len(beta)))
    solved = np.linalg.solve(information, design.T)
    residual = response - p
    if cov_type == "HC3":
        leverage = weight * np.einsum("np,pn->n", design, solved)
        residual = residual / np.maximum(1 - leverage, FIT_TOLERANCE)
    half = solved * residual
    return half @ half.T
