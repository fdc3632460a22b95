"""Comparisons of counted responders: proportions, differences and ratios with their intervals."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.proportions import DifferenceMethod, difference_interval, wilson_interval

Array = NDArray[np.float64]
Numbers = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class Counts:
    """Responders among patients, of K therapies.

    Attributes
    ----------
    responders, n : ndarray of int, shape (K,)
    """

    responders: NDArray[np.int64]
    n: NDArray[np.int64]


def count(response: Array, therapy: NDArray[np.object_], therapies: tuple[str, ...]) -> Counts:
    """Count responders; a response of NaN is no patient.

    Parameters
    ----------
    response : ndarray, shape (..., n)
        1, 0 or NaN.
    therapy : ndarray of str, shape (n,)
    therapies : tuple of str, length K

    Returns
    -------
    Counts
        With arrays of shape (..., K).
    """
    member = (therapy[:, None] == np.array(therapies, dtype=object)).astype(np.int64)
    known = ~np.isnan(response)
    found = np.where(known, response, 0.0).astype(np.int64) @ member
    return Counts(found, known.astype(np.int64) @ member)


def proportion(responders: int, n: int, alpha: float) -> Numbers:
    """Share of responders with Wilson's interval; columns of a result frame."""
    if n == 0:
        return {"note": "not estimable: no patient can be judged"}
    low, high = wilson_interval(responders, n, 1 - alpha)
    return {"estimate": responders / n, "conf_low": low, "conf_high": high}


def difference(
    x1: int, n1: int, x0: int, n0: int, method: DifferenceMethod, alpha: float
) -> Numbers:
    """Difference of shares; columns of a result frame."""
    if note := _lost(n1, n0):
        return {"note": note}
    low, high = difference_interval(x1, n1, x0, n0, method, 1 - alpha)
    return {"estimate": x1 / n1 - x0 / n0, "conf_low": low, "conf_high": high}


def ratio(
    x1: int, n1: int, x0: int, n0: int, alpha: float, names: tuple[str, str], odds: bool = False
) -> Numbers:
    """Ratio of shares (interval of Katz) or of odds (Woolf); columns of a result frame.

    Parameters
    ----------
    names : tuple of str
        Therapy and comparator, for the note where a cell is empty: the ratio is then 0, or has no
        denominator, and no interval on the log scale.
    """
    if note := _lost(n1, n0):
        return {"note": note}
    what = "odds ratio" if odds else "ratio"
    denominator = (x0 == 0) or (odds and x1 == n1)
    if denominator:
        who, how = (names[1], "nobody") if x0 == 0 else (names[0], "everybody")
        return {"note": f"not estimable: {how} with {who} responded, so the {what} has no "
                        "denominator; see the difference"}  # fmt: skip
    if x1 == 0 or (odds and x0 == n0):
        who, how = (names[0], "nobody") if x1 == 0 else (names[1], "everybody")
        return {"estimate": 0.0, "note": f"{how} with {who} responded: the {what} is 0 and has no "
                                         "interval; see the difference"}  # fmt: skip
    one, other = x1 / n1, x0 / n0
    estimate = one / (1 - one) / (other / (1 - other)) if odds else one / other
    # Imported here: a session that counts nobody should not wait a second for it.
    from statsmodels.stats.proportion import confint_proportions_2indep

    with warnings.catch_warnings():
        # It computes every measure on the way; the odds of a full group are not used.
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = confint_proportions_2indep(
            x1, n1, x0, n0, compare="odds-ratio" if odds else "ratio",
            method="logit" if odds else "log", alpha=alpha,
        )  # fmt: skip
    return {"estimate": estimate, "conf_low": float(low), "conf_high": float(high)}


def _lost(n1: int, n0: int) -> str:
    return "not estimable: no patient of one group can be judged" if 0 in (n1, n0) else ""
