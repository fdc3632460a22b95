"""The set of ratios that the data do not reject (Fieller 1954; docs/methods.md section 7.1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from scipy import stats

Kind = Literal["interval", "complement", "whole line"]

ROUNDS = 5  # limits move by less than rounding after three: degrees of freedom change slowly in ρ


@dataclass(frozen=True, slots=True)
class FiellerSet:
    """Ratios not rejected at level `alpha`.

    Attributes
    ----------
    kind : {"interval", "complement", "whole line"}
        interval: low to high. complement: everything up to `high` and everything from `low` on
        (low > high, the gap lies between). whole line: every ratio; low and high are NaN.
    low, high : float
    """

    kind: Kind
    low: float
    high: float


def fieller_set(
    a: float, b: float, var_a: float, var_b: float, cov: float,
    df: Callable[[float], float], alpha: float = 0.05,
) -> FiellerSet:  # fmt: skip
    """Fieller set of the ratio a / b.

    Parameters
    ----------
    a, b : float
        Estimates of numerator and denominator.
    var_a, var_b, cov : float
        Their variances and covariance.
    df : callable
        Degrees of freedom of a − ρ b as a function of ρ; called with infinity for b itself.
    alpha : float
        One minus the confidence level.

    Notes
    -----
    Limits solve (b² − t² v_b) ρ² − 2 (ab − t² v_ab) ρ + (a² − t² v_a) = 0, t taken at each limit's own
    degrees of freedom.
    """

    def quantile(ratio: float) -> float:
        return float(stats.t.ppf(1 - alpha / 2, df(ratio)))

    def roots(t: float) -> tuple[float, float, float] | None:
        lead = b * b - t * t * var_b
        half = a * b - t * t * cov
        rest = a * a - t * t * var_a
        discriminant = half * half - lead * rest
        if discriminant < 0 or lead == 0:
            return None
        # The larger root first, the other from the product of roots: no digits cancel.
        pivot = half + math.copysign(math.sqrt(discriminant), half)
        one = pivot / lead
        other = rest / pivot if pivot else one
        return lead, min(one, other), max(one, other)

    first = roots(quantile(math.inf))
    if first is None:
        return FiellerSet("whole line", math.nan, math.nan)
    lead, small, large = first
    for _ in range(ROUNDS):
        again_small, again_large = roots(quantile(small)), roots(quantile(large))
        if again_small is None or again_large is None:
            return FiellerSet("whole line", math.nan, math.nan)
        small, large = again_small[1], again_large[2]
    if lead > 0:
        return FiellerSet("interval", small, large)
    return FiellerSet("complement", large, small)
