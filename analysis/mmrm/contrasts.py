"""Linear combinations of coefficients with their joint covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]

NOT_ESTIMABLE = "not estimable: the data do not determine this combination"


@dataclass(frozen=True, slots=True)
class Contrasts:
    """Estimates of linear combinations L β.

    Attributes
    ----------
    frame : pandas.DataFrame
        `contrast` (or the columns that name the rows), `estimate`, `std_error`, `df`, `statistic`,
        `p_value` (two-sided), `conf_low`, `conf_high`, `note`. Not estimable: NaN and a note.
    matrix : ndarray, shape (k, p)
        L, in columns of the formula.
    cov : ndarray, shape (k, k)
        Joint covariance; NaN for combinations that are not estimable.
    """

    frame: pd.DataFrame
    matrix: Array
    cov: Array

    @property
    def estimate(self) -> Array:
        """Estimates, shape (k,)."""
        return self.frame["estimate"].to_numpy()

    @property
    def std_error(self) -> Array:
        """Standard errors, shape (k,)."""
        return self.frame["std_error"].to_numpy()

    @property
    def df(self) -> Array:
        """Degrees of freedom, shape (k,)."""
        return self.frame["df"].to_numpy()

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        return self.frame.to_string(index=False, float_format=lambda v: f"{v:.4g}")


def t_inference(
    estimate: Array, std_error: Array, df: Array, alpha: float = 0.05, null: float = 0.0
) -> dict[str, Array]:
    """Statistic, two-sided p-value and interval from Student's t; columns of a contrasts frame."""
    statistic = (estimate - null) / std_error
    margin = stats.t.ppf(1 - alpha / 2, df) * std_error
    return {
        "estimate": estimate,
        "std_error": std_error,
        "df": df,
        "statistic": statistic,
        "p_value": 2 * stats.t.sf(np.abs(statistic), df),
        "conf_low": estimate - margin,
        "conf_high": estimate + margin,
    }


@dataclass(frozen=True, slots=True)
class WaldTest:
    """Joint test that several linear combinations of coefficients are zero.

    Attributes
    ----------
    statistic : float
        F, the mean of the squared t statistics of the uncorrelated combinations.
    num_df : int
        Number of independent combinations tested.
    denom_df : float
        Satterthwaite's degrees of freedom.
    p_value : float
    """

    statistic: float
    num_df: int
    denom_df: float
    p_value: float
