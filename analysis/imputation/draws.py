"""Draws of the imputation model's parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.estimates import Estimates

Array = NDArray[np.float64]
# Called with the number of draws done and the number wanted.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Draws:
    """Draws of the parameters, in units of the data.

    Attributes
    ----------
    beta : ndarray, shape (M, p)
    sigma : ndarray, shape (M, groups, m, m)
    counts : ndarray of int, shape (M, n), or None
        How often each patient is in the bootstrap of a draw.
    failed : int
        Bootstraps without a fit, that others replaced.
    notes : tuple of str
        What a reader has to know of the draws.
    estimates : Estimates
        Of all patients: the parameters that the draws are about.
    """

    beta: Array
    sigma: Array
    counts: NDArray[np.int64] | None
    failed: int
    notes: tuple[str, ...]
    estimates: Estimates = field(repr=False)

    def __len__(self) -> int:
        return len(self.beta)


def refuse_counts(**numbers: int) -> None:
    """Refuse numbers of draws and the like that are not whole and positive.

    Raises
    ------
    ModelError
        Names the number.
    """
    for name, number in numbers.items():
        if not isinstance(number, int | np.integer) or number < 1:
            raise ModelError(f"{name}={number!r} must be a whole number from 1.")


def seeds_of(seed: int, n: int) -> list[np.random.SeedSequence]:
    """A source of randomness for each of n parts, whatever the order they are made in.

    Raises
    ------
    ModelError
        The seed is no whole number from 0.
    """
    return _sequence(seed).spawn(n)


def generator(seed: int) -> np.random.Generator:
    """The same numbers on every machine (PCG64).

    Raises
    ------
    ModelError
        The seed is no whole number from 0.
    """
    return np.random.Generator(np.random.PCG64(_sequence(seed)))


def _sequence(seed: int) -> np.random.SeedSequence:
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ModelError(f"seed={seed!r} must be a whole number from 0.")
    return np.random.SeedSequence(int(seed))
