"""Residuals of the rows used: raw, divided by their standard deviation, or decorrelated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.cohorts import cohorts
from analysis.mmrm.design import Design
from analysis.mmrm.estimates import Estimates
from analysis.mmrm.statistics import Block

Array = NDArray[np.float64]
Kind = Literal["response", "pearson", "normalized"]


@dataclass(frozen=True, slots=True)
class Residuals:
    """Residuals of N rows, in the order of the rows used.

    Attributes
    ----------
    observed, fitted, residual : ndarray, shape (N,)
    """

    observed: Array
    fitted: Array
    residual: Array


def residuals(blocks: Iterable[Block], estimates: Estimates, kind: Kind = "response") -> Residuals:
    """Residuals of the rows of a fit.

    Parameters
    ----------
    blocks : iterable of Block
        All rows used.
    estimates : Estimates
    kind : {"response", "pearson", "normalized"}
        y − Xβ in units of the outcome; divided by the standard deviation of the row; L_i⁻¹ times
        the patient's residuals, with L_i L_i' the patient's covariance, which are uncorrelated
        with variance 1 if the model holds (but for estimating β). Precision weights are part of
        the covariance.

    Raises
    ------
    ModelError
        An unknown kind.
    """
    if kind not in get_args(Kind):
        raise ModelError(f"type={kind!r} is not known; allowed: {', '.join(get_args(Kind))}.")
    index, observed, fitted, values = [], [], [], []
    for block in blocks:
        mean = block.rows[:, estimates.kept] @ estimates.beta
        index.append(block.index)
        observed.append(block.rows[:, -1])
        fitted.append(mean)
        values.append(_scaled(block, block.rows[:, -1] - mean, estimates.sigma, kind))
    order = np.argsort(np.concatenate(index), kind="stable")
    return Residuals(*(np.concatenate(part)[order] for part in (observed, fitted, values)))


def _scaled(block: Block, raw: Array, sigma: Array, kind: Kind) -> Array:
    if kind == "response":
        return raw
    weighted = raw if block.precision is None else raw * np.sqrt(block.precision)
    if kind == "pearson":
        return weighted / np.sqrt(sigma[block.group, block.visit, block.visit])
    values = np.empty(len(raw))
    for cohort in cohorts(block.subject, block.visit, block.group):
        whiteners = cohort.inverse_factors(sigma)[cohort.pattern]
        values[cohort.rows] = (whiteners @ weighted[cohort.rows][..., None])[..., 0]
    return values


def residual_frame(
    design: Design, estimates: Estimates, kind: Kind = "response"
) -> pd.DataFrame:
    """Residuals with the patients and visits they belong to.

    Parameters
    ----------
    design : Design
    estimates : Estimates
    kind : {"response", "pearson", "normalized"}
        As in `residuals`.

    Returns
    -------
    pandas.DataFrame
        With the index of the data fitted: the patient and visit columns, `observed`, `fitted` and
        `residual`.

    Raises
    ------
    ModelError
        An unknown kind, or the patients' rows are not at hand.
    """
    found = residuals(design.blocks(), estimates, kind)
    names = list(dict.fromkeys([design.roles.subject, design.roles.visit]))
    frame = design.rows_used().frame[names]
    return frame.assign(observed=found.observed, fitted=found.fitted, residual=found.residual)
