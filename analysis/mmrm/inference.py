"""From a point estimate to standard errors and degrees of freedom: which covariance, which method.

Contrasts come in coordinates of β that make its model-based covariance the identity ("standard
rows"), so that a method only has to say how its own covariance differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.errors import ModelError
from analysis.mmrm.contrasts import WaldTest
from analysis.mmrm.ddf import ColumnLevels, between_within
from analysis.mmrm.information import Information
from analysis.mmrm.kenward_roger import f_correction
from analysis.mmrm.sandwich import Sandwich
from analysis.mmrm.satterthwaite import degrees_of_freedom, joint_degrees_of_freedom

Array = NDArray[np.float64]
DegreesOfFreedom = Literal["satterthwaite", "kenward-roger", "between-within", "residual"]
Degrees = Callable[[Array, Array], Array]
Covariance = Literal["model", "kenward-roger", "kenward-roger-linear", "CR0", "CR2", "CR3"]
SANDWICHES: Final = ("CR0", "CR2", "CR3")

# Combinations of a joint test whose variance is below this share of the largest repeat the others.
RANK_SHARE = 1e-8

NAMES = {
    "satterthwaite": "Satterthwaite",
    "kenward-roger": "Kenward-Roger",
    "between-within": "between-within",
    "residual": "residual",
    "model": "model-based",
    "kenward-roger-linear": "Kenward-Roger without second derivatives",
    "CR0": "sandwich CR0",
    "CR2": "sandwich CR2, bias-reduced",
    "CR3": "sandwich CR3, jackknife-like",
}


@dataclass(frozen=True, slots=True)
class Inference:
    """How standard errors and degrees of freedom are made.

    Attributes
    ----------
    df, vcov : str
        The methods, as in `MMRM.fit`.
    cov : ndarray, shape (p, p)
        Covariance of the coefficients in standard rows; the identity where it is model-based.
    degrees : callable
        From standard rows (k, p), and the same contrasts of the kept coefficients (k, p), to
        degrees of freedom (k,).
    known : Information
        What is known of Σ.
    note : str
        What had to be done otherwise than asked, and why.
    """

    df: DegreesOfFreedom
    vcov: Covariance
    cov: Array
    degrees: Degrees
    known: Information
    note: str = ""

    @property
    def df_label(self) -> str:
        """Degrees of freedom in words: Satterthwaite's of a sandwich have a name of their own."""
        of_sandwich = self.df == "satterthwaite" and self.vcov in SANDWICHES
        return "Bell-McCaffrey" if of_sandwich else NAMES[self.df]

    @property
    def vcov_label(self) -> str:
        """Covariance of the coefficients in words."""
        return NAMES[self.vcov]

    def joint(self, rows: Array, inner: Array, estimate: Array) -> WaldTest:
        """F test that all rows are 0; rows that repeat each other count once.

        Parameters
        ----------
        rows, inner : ndarray, shape (k, p)
            Standard rows, and the same contrasts of the kept coefficients.
        estimate : ndarray, shape (k,)
        """
        spread, turn = np.linalg.eigh(rows @ self.cov @ rows.T)
        kept = spread > RANK_SHARE * spread[-1]
        turn = turn[:, kept].T
        value = float(((turn @ estimate) ** 2 / spread[kept]).mean())
        size = len(turn)
        if self.df == "kenward-roger":
            factor, denominator = f_correction(np.linalg.qr((turn @ rows).T)[0].T, self.known)
            return f_test(factor * value, size, denominator)
        if self.df == "satterthwaite":
            single = self.degrees(turn @ rows, turn @ inner)
            return f_test(value, size, joint_degrees_of_freedom(single))
        return f_test(value, size, float(np.nanmin(self.degrees(rows, inner))))


def settle(
    df: str, vcov: str | None, reml: bool
) -> tuple[DegreesOfFreedom, Covariance]:
    """The methods asked for, where they go together.

    Raises
    ------
    ModelError
        An unknown method, or two that do not go together.
    """
    chosen = vcov if vcov is not None else ("kenward-roger" if df == "kenward-roger" else "model")
    for name, value, kind in (("df", df, DegreesOfFreedom), ("vcov", chosen, Covariance)):
        if value not in get_args(kind):
            raise ModelError(
                f"{name}={value!r} is not known; allowed: {', '.join(get_args(kind))}."
            )
    if df == "kenward-roger" and chosen not in ("kenward-roger", "kenward-roger-linear"):
        raise ModelError(
            f"df='kenward-roger' does not go with vcov={chosen!r}: its degrees of freedom belong "
            "to its own covariance. Use df='satterthwaite'."
        )
    if chosen.startswith("kenward-roger") and not reml:
        raise ModelError("Kenward-Roger needs the restricted likelihood: fit with reml=True.")
    return df, chosen  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Satterthwaite:
    """Satterthwaite's degrees of freedom.

    Attributes
    ----------
    known : Information
    """

    known: Information

    def __call__(self, rows: Array, inner: Array) -> Array:
        return degrees_of_freedom(rows, self.known.natural_slopes, self.known.cov)


@dataclass(frozen=True, slots=True)
class Residual:
    """Values less coefficients, N − p.

    Attributes
    ----------
    value : float
    """

    value: float

    def __call__(self, rows: Array, inner: Array) -> Array:
        return np.where((inner != 0).any(axis=1), self.value, np.nan)


@dataclass(frozen=True, slots=True)
class BetweenWithin:
    """Degrees of freedom of the columns that a contrast weighs, the smallest of them.

    Attributes
    ----------
    levels : ColumnLevels
    """

    levels: ColumnLevels

    def __call__(self, rows: Array, inner: Array) -> Array:
        return between_within(self.levels, inner)


@dataclass(frozen=True, slots=True)
class BellMcCaffrey:
    """Degrees of freedom of a sandwich.

    Attributes
    ----------
    sandwich : Sandwich
    """

    sandwich: Sandwich

    def __call__(self, rows: Array, inner: Array) -> Array:
        return self.sandwich.standard_degrees_of_freedom(rows)


def f_test(statistic: float, num_df: int, denom_df: float) -> WaldTest:
    """The F test with its p-value; NaN where no degrees of freedom are left."""
    if not denom_df:
        return WaldTest(statistic, num_df, denom_df, np.nan)
    if np.isinf(denom_df):
        p_value = float(special.chdtrc(num_df, num_df * statistic))
    else:
        p_value = float(special.fdtrc(num_df, denom_df, statistic))
    return WaldTest(statistic, num_df, denom_df, p_value)
