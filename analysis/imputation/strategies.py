"""What a patient's values are expected to be from an event on: one small function a strategy.

A strategy is a function of the distribution in the patient's own arm and in the reference. It is
given the means of patients whose event falls on the same visit, and returns the distribution to
impute from: ``strategy(mean_own, mean_ref, sigma_own, sigma_ref, event, weeks) -> (mean, sigma)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError

Array = NDArray[np.float64]
Strategy = Callable[[Array, Array, Array, Array, int, Array], tuple[Array, Array]]
"""A function that gives the mean and the covariance of a patient's visits once an event has happened.

It takes the means of all visits under the patient's own therapy and under the reference, shape (m,),
both covariances, shape (m, m), the first visit after the event, and the weeks of the visits, shape (m,).
"""

# Of the largest entry: covariances that a user's function returns must be symmetric to this share.
SYMMETRIC = 1e-8


def missing_at_random(
    mean_own: Array, mean_ref: Array, sigma_own: Array, sigma_ref: Array, event: int, weeks: Array
) -> tuple[Array, Array]:
    """Continue as patients of the own arm without the event.

    Parameters
    ----------
    mean_own, mean_ref : ndarray, shape (..., patients, m)
        Means of the patients under their own arm and under the reference.
    sigma_own, sigma_ref : ndarray, shape (..., m, m)
        Covariance between visits in the own arm and in the reference.
    event : int
        Position of the first visit affected.
    weeks : ndarray, shape (m,)
        When the visits are.

    Returns
    -------
    mean : ndarray, shape of `mean_own`
    sigma : ndarray, shape of `sigma_own`
    """
    return mean_own, sigma_own


def jump_to_reference(
    mean_own: Array, mean_ref: Array, sigma_own: Array, sigma_ref: Array, event: int, weeks: Array
) -> tuple[Array, Array]:
    """Lose all benefit at the event: the reference arm's mean from there on.

    Parameters and results as in `missing_at_random`.

    References
    ----------
    Carpenter, Roger and Kenward 2013, J Biopharm Stat 23:1352.
    """
    mean = np.concatenate([mean_own[..., :event], mean_ref[..., event:]], axis=-1)
    return mean, _joined(sigma_own, sigma_ref, event)


def copy_reference(
    mean_own: Array, mean_ref: Array, sigma_own: Array, sigma_ref: Array, event: int, weeks: Array
) -> tuple[Array, Array]:
    """Be a patient of the reference arm throughout, before the event as well.

    Parameters and results as in `missing_at_random`.

    References
    ----------
    Carpenter, Roger and Kenward 2013, J Biopharm Stat 23:1352.
    """
    return mean_ref, sigma_ref


def copy_increments(
    mean_own: Array, mean_ref: Array, sigma_own: Array, sigma_ref: Array, event: int, weeks: Array
) -> tuple[Array, Array]:
    """Keep the benefit reached before the event and change as the reference arm does.

    Parameters and results as in `missing_at_random`. An event at the first visit leaves nothing
    to keep: the reference arm's distribution.

    References
    ----------
    Carpenter, Roger and Kenward 2013, J Biopharm Stat 23:1352.
    """
    return _kept_benefit(mean_own, mean_ref, event, 1.0), _joined(sigma_own, sigma_ref, event)


def last_mean_carried_forward(
    mean_own: Array, mean_ref: Array, sigma_own: Array, sigma_ref: Array, event: int, weeks: Array
) -> tuple[Array, Array]:
    """Stay at the own arm's mean of the last visit before the event.

    Parameters and results as in `missing_at_random`.

    Raises
    ------
    ModelError
        The event is at the first visit, so there is no mean to carry.

    References
    ----------
    Carpenter, Roger and Kenward 2013, J Biopharm Stat 23:1352.
    """
    if event == 0:
        raise ModelError(
            "LMCF carries the mean of the visit before the event forward, and an event at the "
            "first visit has none before it. Choose another strategy there."
        )
    mean = np.array(mean_own)
    mean[..., event:] = mean_own[..., event - 1, None]
    return mean, sigma_own


def last_mean(
    mean_own: Array, mean_ref: Array, sigma_own: Array, sigma_ref: Array, event: int, weeks: Array
) -> tuple[Array, Array]:
    """Last mean carried forward; who has no visit after baseline stays at the mean of the first."""
    return last_mean_carried_forward(
        mean_own, mean_ref, sigma_own, sigma_ref, max(event, 1), weeks
    )


@dataclass(frozen=True, slots=True)
class Causal:
    """Keep a share of the benefit reached before the event: k0 at once, decaying by k1 a week.

    From the event on the mean is the reference's plus k0 k1^t times the difference between the arms
    at the last visit before it, t weeks after that visit. (1, 0) is jump to reference and (1, 1)
    copy increments in reference.

    Attributes
    ----------
    k0 : float
        Share kept.
    k1 : float
        Share left after each further week; at least 0.

    References
    ----------
    White, Joseph and Best 2020, J Biopharm Stat 30:334.
    """

    k0: float
    k1: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.k0) and np.isfinite(self.k1) and self.k1 >= 0):
            raise ModelError(
                f"The causal model has k0={self.k0} and k1={self.k1}; both must be finite and k1 "
                "at least 0 (1 keeps the benefit, 0 loses it)."
            )

    def __call__(
        self, mean_own: Array, mean_ref: Array, sigma_own: Array, sigma_ref: Array, event: int,
        weeks: Array,
    ) -> tuple[Array, Array]:  # fmt: skip
        """Parameters and results as in `missing_at_random`."""
        since = weeks[event:] - weeks[max(event - 1, 0)]
        mean = _kept_benefit(mean_own, mean_ref, event, self.k0 * self.k1**since)
        return mean, _joined(sigma_own, sigma_ref, event)

    def __str__(self) -> str:
        return f"causal({self.k0:g}, {self.k1:g})"


def causal(k0: float, k1: float) -> Causal:
    """Make the strategy of the causal model; see `Causal`."""
    return Causal(float(k0), float(k1))


STRATEGIES: dict[str, Strategy] = {
    "MAR": missing_at_random,
    "JR": jump_to_reference,
    "CR": copy_reference,
    "CIR": copy_increments,
    "LMCF": last_mean_carried_forward,
}


# Strategies whose mean is linear in the means they are given, besides those of `Causal`.
LINEAR: tuple[Strategy, ...] = (*STRATEGIES.values(), last_mean)


def find_strategy(named: str | Strategy) -> Strategy:
    """The function of a strategy given by name, or the function itself.

    Raises
    ------
    ModelError
        No strategy has this name.
    """
    if callable(named):
        return named
    if not isinstance(named, str) or named not in STRATEGIES:
        raise ModelError(
            f"The strategy {named!r} is not known; use one of {', '.join(STRATEGIES)}, causal(k0, "
            "k1), or a function with their signature."
        )
    return STRATEGIES[named]


def is_linear(named: str | Strategy) -> bool:
    """Whether the mean is known to be linear in the means given, which a user's need not be."""
    strategy = find_strategy(named)
    return isinstance(strategy, Causal) or any(strategy is known for known in LINEAR)


def strategy_name(named: str | Strategy) -> str:
    """What a strategy is called in tables and messages."""
    if isinstance(named, str | Causal):
        return str(named)
    for name, function in STRATEGIES.items():
        if function is named:
            return name
    return getattr(named, "__name__", type(named).__name__)


def applied(
    named: str | Strategy, mean_own: Array, mean_ref: Array, sigma_own: Array, sigma_ref: Array,
    event: int, weeks: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Distribution to impute from under a strategy, checked where the function is the user's.

    Parameters as in `missing_at_random`. A user's function is called for one set of parameters at a
    time, with means (patients, m) and covariances (m, m), however many are stacked.

    Raises
    ------
    ModelError
        The name is unknown, or the function returns something that is no distribution.
    """
    strategy = find_strategy(named)
    if is_linear(strategy):
        return strategy(mean_own, mean_ref, sigma_own, sigma_ref, event, weeks)
    if mean_own.ndim == 2:
        return _checked(strategy, mean_own, mean_ref, sigma_own, sigma_ref, event, weeks)
    found = [
        _checked(strategy, *arrays, event, weeks)
        for arrays in zip(mean_own, mean_ref, sigma_own, sigma_ref, strict=True)
    ]
    return np.stack([mean for mean, _ in found]), np.stack([sigma for _, sigma in found])


def _checked(
    strategy: Strategy, mean_own: Array, mean_ref: Array, sigma_own: Array, sigma_ref: Array,
    event: int, weeks: Array,
) -> tuple[Array, Array]:  # fmt: skip
    name = strategy_name(strategy)
    try:
        # Copies: a strategy may write into what it is given.
        found = strategy(
            np.array(mean_own), np.array(mean_ref), np.array(sigma_own), np.array(sigma_ref),
            event, np.array(weeks),
        )  # fmt: skip
        mean, sigma = (np.asarray(part, dtype=np.float64) for part in found)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"The strategy {name} failed for an event at visit {event + 1}: {error}. It must take "
            "(mean_own, mean_ref, sigma_own, sigma_ref, event, weeks) and return (mean, sigma)."
        ) from error
    if mean.shape != mean_own.shape or sigma.shape != sigma_own.shape:
        raise ModelError(
            f"The strategy {name} returns a mean of shape {mean.shape} and a covariance of shape "
            f"{sigma.shape}; they must be {mean_own.shape} and {sigma_own.shape}."
        )
    if not np.isfinite(sigma).all() or not np.isfinite(mean[np.isfinite(mean_own)]).all():
        raise ModelError(
            f"The strategy {name} returns a mean or covariance that is not finite for an event at "
            f"visit {event + 1}. Look for a division by 0 in it."
        )
    if np.abs(sigma - sigma.T).max() > SYMMETRIC * np.abs(sigma).max():
        raise ModelError(
            f"The strategy {name} returns a covariance that is not symmetric for an event at visit "
            f"{event + 1}."
        )
    return mean, sigma


def _kept_benefit(mean_own: Array, mean_ref: Array, event: int, share: Array | float) -> Array:
    """The own mean, and from the event on the reference's plus a share of the last difference."""
    mean = np.array(mean_own)
    mean[..., event:] = mean_ref[..., event:]
    if event:
        mean[..., event:] += share * (mean_own - mean_ref)[..., event - 1, None]
    return mean


def _joined(sigma_own: Array, sigma_ref: Array, event: int) -> Array:
    """Own covariance before the event, the reference's regression on it from then on.

    Where the arms share a covariance it is that.
    """
    if event == 0 or sigma_own is sigma_ref:
        return sigma_ref
    before, cross = sigma_ref[..., :event, :event], sigma_ref[..., :event, event:]
    slope = np.linalg.solve(before, cross)
    across = np.swapaxes(slope, -1, -2)
    joined = np.array(sigma_ref)
    own = sigma_own[..., :event, :event]
    joined[..., :event, :event] = own
    joined[..., event:, :event] = across @ own
    joined[..., :event, event:] = own @ slope
    joined[..., event:, event:] -= across @ (before - own) @ slope
    return joined
