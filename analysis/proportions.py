"""Intervals of proportions and rates that mean something in small groups and at no event at all."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Literal, get_args

from scipy import optimize, special

from analysis.distributions import chi2_critical, chi2_quantile, normal_critical
from analysis.errors import ModelError

Interval = tuple[float, float]
DifferenceMethod = Literal["newcombe", "miettinen_nurminen"]
METHOD_WORDS = {"newcombe": "Newcombe", "miettinen_nurminen": "Miettinen-Nurminen"}

# Score intervals are searched from just beside the estimate, where the statistic may be 0 / 0 ...
BESIDE = 1e-9
# ... and ratios within these powers of e; no trial of people reaches them.
FURTHEST = 40.0


def wilson_interval(patients: int, of: int, level: float = 0.95) -> Interval:
    """Bound a proportion by inverting its score test (Wilson 1927, J Am Stat Assoc 22:209)."""
    _require(patients, of)
    # Imported here and in _newcombe: a session that bounds nothing should not wait a second for them.
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(patients, of, alpha=1 - level, method="wilson")
    return float(low), float(high)


def risk_interval(patients: int, of: int, level: float = 0.95) -> Interval:
    """Bound a proportion exactly (Clopper and Pearson 1934, Biometrika 26:404).

    Parameters
    ----------
    patients, of : int
        Patients with an event, of how many.
    level : float
        Two-sided confidence level.

    Returns
    -------
    tuple of float
        Limits of the risk, 0 to 1. At no event the lower one is 0 and the upper one is
        1 − (α/2)^(1/n).

    Raises
    ------
    ModelError
        More patients with an event than patients, or no patients at all.
    """
    _require(patients, of)
    tail = (1 - level) / 2
    # Quantiles of beta distributions, which scipy.stats searches for a hundred times as long.
    low = special.betaincinv(patients, of - patients + 1, tail) if patients else 0.0
    high = special.betainccinv(patients + 1, of - patients, tail) if patients < of else 1.0
    return float(low), float(high)


def rate_interval(events: int, time: float, level: float = 0.95) -> Interval:
    """Bound a rate exactly (Garwood 1936, Biometrika 28:437): events are Poisson over the time.

    Parameters
    ----------
    events : int
    time : float
        Time under observation, more than 0; the rate is per unit of it.
    level : float

    Returns
    -------
    tuple of float
        χ²(2k; α/2) / 2t and χ²(2k + 2; 1 − α/2) / 2t.

    Raises
    ------
    ModelError
        Fewer than 0 events, or no time.
    """
    if events < 0 or not time > 0:
        raise ModelError(
            f"A rate needs time under observation: {events} events in {time:g} were given. Leave "
            "out groups that nobody followed."
        )
    tail = (1 - level) / 2
    low = chi2_quantile(tail, 2 * events) / 2 if events else 0.0
    high = chi2_critical(tail, 2 * events + 2) / 2
    return low / time, high / time


def difference_interval(
    patients: int, of: int, others: int, of_others: int,
    method: DifferenceMethod = "newcombe", level: float = 0.95,
) -> Interval:  # fmt: skip
    """Bound a difference of two proportions.

    Newcombe's interval joins Wilson's intervals of both groups. That of Miettinen and Nurminen
    holds every difference whose score statistic, with the variance under that difference, stays
    below the normal quantile. Both keep close to their level in small groups and have a width
    where nobody had an event, which a Wald interval has not.

    Parameters
    ----------
    patients, of : int
        Patients with an event under the therapy, of how many.
    others, of_others : int
        The same under the comparator.
    method : {"newcombe", "miettinen_nurminen"}
    level : float
        Two-sided confidence level.

    Returns
    -------
    tuple of float
        Limits of therapy - comparator, -1 to 1.

    Raises
    ------
    ModelError
        An unknown method, or counts that cannot be.

    References
    ----------
    Newcombe 1998, Stat Med 17:873, methods 10 and 6; Miettinen, Nurminen 1985, Stat Med 4:213,
    equations 8 and 9 and appendix 1.
    """
    if method not in get_args(DifferenceMethod):
        known = ", ".join(get_args(DifferenceMethod))
        raise ModelError(f"method={method!r} is not known; allowed: {known}.")
    _require(patients, of)
    _require(others, of_others)
    if method == "newcombe":
        return _newcombe(patients, of, others, of_others, level)
    z, here = _quantile(level), patients / of - others / of_others

    # Those of statsmodels 0.15 miss this interval by up to 0.05 and stop at empty cells.
    def beyond(difference: float) -> float:
        rest = _rest_at_difference(patients, of, others, of_others, difference)
        variance = _variance(rest + difference, of, rest, of_others)
        return abs(here - difference) - z * math.sqrt(variance)

    return _root(beyond, -1.0, here - BESIDE, -1.0), _root(beyond, here + BESIDE, 1.0, 1.0)


def ratio_interval(
    patients: int, of: int, others: int, of_others: int, level: float = 0.95
) -> Interval:
    """Bound a risk ratio by the score interval of Miettinen and Nurminen (1985, equation 10).

    Returns
    -------
    tuple of float
        Limits of therapy / comparator; the lower one is 0 where nobody had an event with the
        therapy, the upper one infinite where nobody had one with the comparator.
    """
    _require(patients, of)
    _require(others, of_others)
    z, one, two = _quantile(level), patients / of, others / of_others

    def beyond(log_ratio: float) -> float:
        ratio = math.exp(log_ratio)
        rest = _rest_at_ratio(patients, of, others, of_others, ratio)
        variance = _variance(ratio * rest, of, rest, of_others, ratio)
        return abs(one - ratio * two) - z * math.sqrt(variance)

    centre = math.log(one / two) if patients and others else -FURTHEST if others else FURTHEST
    low = _root(beyond, -FURTHEST, centre - BESIDE, -math.inf) if patients else -math.inf
    high = _root(beyond, centre + BESIDE, FURTHEST, math.inf) if others else math.inf
    return math.exp(low), math.exp(high)


def _newcombe(patients: int, of: int, others: int, of_others: int, level: float) -> Interval:
    from statsmodels.stats.proportion import confint_proportions_2indep

    with warnings.catch_warnings():
        # It computes ratios on the way, which are not used.
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = confint_proportions_2indep(
            patients, of, others, of_others, method="newcomb", compare="diff", alpha=1 - level
        )
    return float(low), float(high)


def _require(patients: int, of: int) -> None:
    if not 0 <= patients <= of or of == 0:
        raise ModelError(
            f"A risk needs patients: {patients} of {of} were given. Leave out groups without "
            "patients, and count each patient once."
        )


def _quantile(level: float) -> float:
    return normal_critical((1 - level) / 2)


def _root(function: Callable[[float], float], low: float, high: float, otherwise: float) -> float:
    """Where the statistic crosses its limit, or the end of the scale where it does not."""
    if low >= high or function(low) * function(high) > 0:
        return otherwise
    return float(optimize.brentq(function, low, high, xtol=1e-13))


def _variance(one: float, of: int, rest: float, of_others: int, ratio: float = 1.0) -> float:
    one, rest = (min(max(share, 0.0), 1.0) for share in (one, rest))
    total = of + of_others
    variance = one * (1 - one) / of + ratio**2 * rest * (1 - rest) / of_others
    return variance * total / (total - 1)


def _rest_at_difference(
    patients: int, of: int, others: int, of_others: int, difference: float
) -> float:
    """Most likely risk of the comparator where the difference is given: root of a cubic."""
    total, cases = of + of_others, patients + others
    square = (of + 2 * of_others) * difference - total - cases
    linear = (of_others * difference - total - 2 * others) * difference + cases
    constant = others * difference * (1 - difference)
    third = square / (3 * total)
    q = third**3 - square * linear / (6 * total**2) + constant / (2 * total)
    p = math.copysign(math.sqrt(max(third**2 - linear / (3 * total), 0.0)), q)
    if p == 0:
        return -third
    angle = (math.pi + math.acos(min(max(q / p**3, -1.0), 1.0))) / 3
    return min(max(2 * p * math.cos(angle) - third, 0.0, -difference), 1.0, 1.0 - difference)


def _rest_at_ratio(patients: int, of: int, others: int, of_others: int, ratio: float) -> float:
    """Most likely risk of the comparator where the ratio is given: root of a quadratic."""
    square = (of + of_others) * ratio
    linear = of * ratio + patients + of_others + others * ratio
    constant = patients + others
    root = math.sqrt(max(linear**2 - 4 * square * constant, 0.0))
    # The smaller root, without taking nearly equal numbers from each other.
    return min(2 * constant / (linear + root), 1.0, 1.0 / ratio)
