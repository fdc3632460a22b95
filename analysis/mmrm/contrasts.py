"""Linear combinations of coefficients with their joint covariance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from analysis.errors import ModelError

if TYPE_CHECKING:
    from analysis.mmrm.results import MMRMResults

Array = NDArray[np.float64]
Alternative = Literal["two-sided", "greater", "less", "equivalence"]

NOT_ESTIMABLE = "not estimable: the data do not determine this combination"
ALWAYS_ZERO = "0 in this model, whatever the data: nothing is estimated"


@dataclass(frozen=True, eq=False)
class Contrasts:
    """Estimates of linear combinations L β.

    Attributes
    ----------
    table : mapping of str to array, or pandas.DataFrame
        The columns of `frame`.
    matrix : ndarray, shape (k, p)
        L, in columns of the formula.
    cov : ndarray, shape (k, k)
        Joint covariance; NaN for combinations that are not estimable.
    fit : MMRMResults, optional
        Where the combinations come from; needed to combine them further.
    by : tuple of str
        Columns of the frame that name the stratum of a row.
    notes : tuple of str
        What holds for the whole table.
    """

    table: Mapping[str, Any]
    matrix: Array
    cov: Array
    fit: MMRMResults | None = None
    by: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a combination.

        Strata, `contrast`, `estimate`, `std_error`, `df`, `statistic`, `p_value` (of this row
        alone), `conf_low`, `conf_high`, `p_adjusted` where asked for, `note`. Not estimable: NaN
        and a note. A combination that is 0 whatever the coefficients: 0, no standard error, a note.
        """
        return self.table if isinstance(self.table, pd.DataFrame) else pd.DataFrame(self.table)

    def to_frame(self) -> pd.DataFrame:
        """A copy of `frame`."""
        return self.frame.copy()

    @property
    def estimate(self) -> Array:
        """Estimates, shape (k,)."""
        return np.asarray(self.table["estimate"])

    @property
    def std_error(self) -> Array:
        """Standard errors, shape (k,)."""
        return np.asarray(self.table["std_error"])

    @property
    def df(self) -> Array:
        """Degrees of freedom, shape (k,)."""
        return np.asarray(self.table["df"])

    def contrast(
        self, weights: Mapping[str, Sequence[float] | Mapping[object, float]], alpha: float = 0.05
    ) -> Contrasts:
        """Combine the rows again, as in the difference between two of the differences.

        Parameters
        ----------
        weights : mapping
            Name of the new combination to its weights: one number for each row, or a mapping from
            rows to numbers. A row is called by its `contrast` or, where strata (`by`) repeat
            those, by the tuple of its strata and its `contrast`.
        alpha : float
            One minus the confidence level.

        Raises
        ------
        ModelError
            An unknown or ambiguous row, a wrong number of weights, or no fit behind the table.
        """
        if self.fit is None:
            raise ModelError("This table has no fit behind it; combine rows with fit.contrast.")
        names = list(self.table["contrast"])
        strata = list(zip(*(self.table[name] for name in self.by), names, strict=True))
        called: dict[object, int] = {key: row for row, key in enumerate(strata)}
        called |= {name: row for row, name in enumerate(names) if names.count(name) == 1}
        mixing = np.array([weigh_rows(name, parts, called, len(names))
                           for name, parts in weights.items()])  # fmt: skip
        if not len(mixing):
            raise ModelError("No combination is named: give a name and weights of rows.")
        result = self.fit.contrast(mixing @ self.matrix, names=list(weights), alpha=alpha)
        return Contrasts(result.table, result.matrix, result.cov, self.fit)

    def __len__(self) -> int:
        return len(self.table["estimate"])

    def __repr__(self) -> str:
        shown = self.frame.to_string(index=False, float_format=lambda v: f"{v:.4g}")
        return "\n".join([shown, *self.notes])

    def _repr_html_(self) -> str:
        return table_html(self.frame, self.notes)


def table_html(frame: pd.DataFrame, notes: Sequence[str]) -> str:
    """The frame and its notes as HTML; names from the data are escaped."""
    shown = frame.to_html(index=False, border=0, escape=True, float_format=lambda v: f"{v:.4g}")
    return shown + "".join(f"<p>{escape(note)}</p>" for note in notes)


def weigh_rows(
    name: str, parts: Sequence[float] | Mapping[object, float], called: Mapping[object, int],
    size: int,
) -> Array:  # fmt: skip
    """Weights of one combination over `size` rows.

    Parameters
    ----------
    name : str
        Of the combination, for messages.
    parts : sequence or mapping
        A weight for each row, or weights by the row's name.
    called : mapping
        Names of rows to their positions.
    size : int
        Number of rows.

    Raises
    ------
    ModelError
        Unknown rows, a wrong number of weights, weights that are not finite numbers or all 0.
    """
    row = np.zeros(size)
    try:
        if isinstance(parts, Mapping):
            unknown = [key for key in parts if key not in called]
            if unknown:
                raise ModelError(
                    f"Combination {name!r} weighs {unknown}; the rows are {list(called)}."
                )
            for key, weight in parts.items():
                row[called[key]] = float(weight)
        else:
            row = np.asarray(parts, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ModelError(f"The weights of {name!r} are not numbers: {parts!r}.") from error
    if row.shape != (size,) or not np.isfinite(row).all() or not row.any():
        raise ModelError(
            f"Combination {name!r} needs {size} finite weights, one for each row, not all 0; "
            f"there are {row.tolist()}."
        )
    return row


def t_inference(
    estimate: Array, std_error: Array, df: Array, alpha: float = 0.05, null: float = 0.0,
    alternative: Literal["two-sided", "greater", "less"] = "two-sided",
) -> dict[str, Array]:  # fmt: skip
    """Statistic, p-value and interval from Student's t; columns of a contrasts frame.

    Parameters
    ----------
    estimate, std_error, df : ndarray, shape (k,)
    alpha : float
        One minus the confidence level. A one-sided interval spends it on its one finite bound.
    null : float
        Value under the null hypothesis.
    alternative : {"two-sided", "greater", "less"}
        Side on which the alternative hypothesis lies.
    """
    statistic = (estimate - null) / std_error
    if alternative == "two-sided":
        p_value = 2 * special.stdtr(df, -np.abs(statistic))
        margin = -special.stdtrit(df, alpha / 2) * std_error
    else:
        p_value = special.stdtr(df, -statistic if alternative == "greater" else statistic)
        margin = -special.stdtrit(df, alpha) * std_error
    low, high = interval(estimate, margin, alternative)
    return {
        "estimate": estimate, "std_error": std_error, "df": df, "statistic": statistic,
        "p_value": p_value, "conf_low": low, "conf_high": high,
    }  # fmt: skip


def interval(estimate: Array, margin: Array, alternative: Alternative) -> tuple[Array, Array]:
    """Bounds at `margin` from the estimate, on the sides that the alternative leaves finite."""
    open_end = np.where(np.isnan(margin), np.nan, np.inf)
    low = -open_end if alternative == "less" else estimate - margin
    high = open_end if alternative == "greater" else estimate + margin
    return low, high


def equivalence(
    estimate: Array, std_error: Array, df: Array, bound: float, alpha: float = 0.05
) -> dict[str, Array]:
    """Two one-sided tests that the combination lies within ± `bound`.

    The statistic and the p-value are those of the side that is harder to reject; the interval has
    level 1 − 2 alpha and lies within the bounds exactly when the p-value is below alpha.

    References
    ----------
    Schuirmann 1987, J Pharmacokinet Biopharm 15:657.
    """
    below = t_inference(estimate, std_error, df, 2 * alpha, -bound)
    side = np.where(estimate > 0, bound, -bound)
    statistic = (estimate - side) / std_error
    p_value = special.stdtr(df, np.where(estimate > 0, statistic, -statistic))
    return below | {"statistic": statistic, "p_value": p_value}


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
