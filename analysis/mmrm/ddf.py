"""Degrees of freedom that follow from counts alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.statistics import Block, SufficientStatistics

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Combinations of a joint test whose variance is below this share of the largest repeat the others.
RANK_SHARE = 1e-8
# Roots of cross-products carry rounding of about 1e-15 of a column; a column that differs between
# visits by more than this share varies within patients.
SAME = 1e-10
INTERCEPT = "Intercept"


@dataclass(frozen=True, slots=True)
class ColumnLevels:
    """Which design columns vary within patients.

    Attributes
    ----------
    n_obs, n_subjects : int
    constant : ndarray of bool, shape (p,)
        One value in all rows: the intercept.
    within : ndarray of bool, shape (p,)
        More than one value in at least one patient.
    """

    n_obs: int
    n_subjects: int
    constant: Flags
    within: Flags


def column_levels(blocks: Iterable[Block], kept: NDArray[np.int64]) -> ColumnLevels:
    """Tell the intercept, columns of patients and columns of visits apart; one pass.

    Parameters
    ----------
    blocks : iterable of Block
    kept : ndarray of int, shape (p,)
        Positions of the estimable columns.
    """
    values = subjects = 0
    first: Array | None = None
    constant = np.ones(len(kept), dtype=bool)
    within = np.zeros(len(kept), dtype=bool)
    for block in blocks:
        rows = block.rows[:, kept]
        first = rows[0] if first is None else first
        same = block.subject[1:] == block.subject[:-1]
        constant &= (rows == first).all(axis=0)
        within |= ((rows[1:] != rows[:-1]) & same[:, None]).any(axis=0)
        values, subjects = values + len(rows), subjects + 1 + int((~same).sum())
    return ColumnLevels(values, subjects, constant, within)


def column_levels_of_statistics(
    statistics: SufficientStatistics, kept: NDArray[np.int64]
) -> ColumnLevels:
    """Tell columns apart from statistics in columns of the formula, with no row at hand.

    A column is the same at two visits of all patients of a pattern if the difference of its parts
    in the root is 0. The intercept is known by its name.

    Raises
    ------
    ModelError
        Precision weights are inside the rows, which hide what is constant.
    """
    if statistics.log_weights != 0.0:
        raise ModelError(
            "Between-within degrees of freedom need the patients' rows where rows have weights. "
            "Fit the model with MMRM.from_formula on the data."
        )
    within = np.zeros(len(kept), dtype=bool)
    for pattern in statistics.patterns:
        root = pattern.root[..., kept]
        gap = np.abs(root - root[:, :1]).max(axis=(0, 1))
        within |= gap > SAME * np.abs(root).max(axis=(0, 1))
    constant = np.array([statistics.columns[k] == INTERCEPT for k in kept])
    return ColumnLevels(statistics.n_obs, statistics.n_subjects, constant, within)


def between_within(levels: ColumnLevels, contrasts: Array) -> Array:
    """Between-patient or within-patient degrees of freedom of each row of `contrasts`.

    A column that is the same in all rows of every patient has n − p_b degrees of freedom, p_b
    counting these columns and the intercept; any other, and the intercept, N − n − p_w. A contrast
    has the smallest of the columns it weighs. SAS gives the former to all under an unstructured
    covariance.

    Parameters
    ----------
    levels : ColumnLevels
    contrasts : ndarray, shape (k, p)
        In kept columns.

    Returns
    -------
    ndarray, shape (k,)
        NaN for a contrast that is all zero.

    References
    ----------
    Schluchter and Elashoff 1990; the intercept as in R's nlme (Pinheiro and Bates 2000, p. 91).
    """
    weights = np.atleast_2d(contrasts)
    between = levels.n_subjects - int((~levels.within).sum())
    inside = levels.n_obs - levels.n_subjects - int(levels.within.sum())
    degrees = np.where(levels.within | levels.constant, inside, between).astype(np.float64)
    smallest = np.where(weights != 0, degrees, np.inf).min(axis=1)
    return np.where(np.isfinite(smallest), smallest, np.nan)
