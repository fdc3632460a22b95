"""The set of ratios that the data do not reject (Fieller 1954; docs/methods.md section 7.1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from scipy import optimize

from analysis.distributions import t_quantile

Kind = Literal["interval", "complement", "whole line"]

# Of an angle in radians: limits are then exact to rounding, whatever their size.
ANGLE_TOLERANCE = 1e-14


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

    def __contains__(self, ratio: float) -> bool:
        if self.kind == "whole line":
            return True
        if self.kind == "interval":
            return self.low <= ratio <= self.high
        return ratio <= self.high or ratio >= self.low


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
    A ratio ρ = tan φ is kept where (a cos φ − b sin φ)² is at most t² times its variance, t taken
    at that ratio's own degrees of freedom. On the half circle of φ an infinite ratio is a point
    like any other, the estimate is kept for certain, and the ratio most against the data is known
    in closed form (it is orthogonal to V⁻¹(a, b)). Each limit lies between these two, so that a
    bracketing search cannot miss it or take one limit for the other.

    References
    ----------
    Fieller 1954, J R Stat Soc B 16:175.
    """

    def excess(angle: float) -> float:
        """Positive where the ratio is rejected."""
        one, other = math.cos(angle), math.sin(angle)
        variance = one * one * var_a - 2 * one * other * cov + other * other * var_b
        t = t_quantile(1 - alpha / 2, df(_ratio(angle)))
        return float((one * a - other * b) ** 2 - t * t * max(variance, 0.0))

    estimate = math.atan2(a, b)
    worst = _most_rejected(a, b, var_a, var_b, cov, estimate)
    if excess(worst) <= 0:
        return FiellerSet("whole line", math.nan, math.nan)
    low = float(optimize.brentq(excess, worst - math.pi, estimate, xtol=ANGLE_TOLERANCE))
    high = float(optimize.brentq(excess, estimate, worst, xtol=ANGLE_TOLERANCE))
    crosses = math.floor(low / math.pi - 0.5) != math.floor(high / math.pi - 0.5)
    return FiellerSet("complement" if crosses else "interval", math.tan(low), math.tan(high))


def in_words(found: FiellerSet) -> str:
    """What a set that is no interval says; empty for an interval."""
    if found.kind == "interval":
        return ""
    if found.kind == "whole line":
        return "every ratio fits the data"
    below, above = (f"{round(end, 9):.2f}" for end in (found.high, found.low))
    return f"every ratio up to {below} and from {above} on fits the data, none between them"


def _most_rejected(
    a: float, b: float, var_a: float, var_b: float, cov: float, estimate: float
) -> float:
    """Angle of the ratio with the largest statistic, within half a turn above the estimate."""
    one, other = var_b * a - cov * b, var_a * b - cov * a
    if one == 0 and other == 0:
        return estimate + math.pi / 2
    # Weights (cos φ, −sin φ) are proportional to V⁻¹(a, b), here with the adjugate for the inverse.
    angle = math.atan2(-other, one)
    return estimate + (angle - estimate) % math.pi


def _ratio(angle: float) -> float:
    return math.inf if abs(math.cos(angle)) < ANGLE_TOLERANCE else math.tan(angle)
