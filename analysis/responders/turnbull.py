"""The share not yet lost, from times known only to lie between two visits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# Change of a probability at which the self-consistent steps stop.
SETTLED = 1e-12
STEPS = 20_000
# Probability below which a cell holds nobody.
EMPTY = 1e-8


def turnbull(after: Integers, by: Integers, visits: int) -> tuple[Array, Array]:
    """Share that kept what may be lost, at each visit, with its standard error.

    Parameters
    ----------
    after : ndarray of int, shape (n,)
        Position of the last visit at which it was kept; −1 is the start.
    by : ndarray of int, shape (n,)
        Position of the visit by which it was lost; −1 where that was not seen.
    visits : int

    Returns
    -------
    kept, std_error : ndarray, shape (visits,)
        Nonparametric maximum likelihood, and the inverse of its observed information over the
        cells that hold anybody (Greenwood's formula where every visit was attended).

    References
    ----------
    Turnbull 1976, J R Stat Soc B 38:290, the self-consistent estimator.
    """
    cell = np.arange(visits + 1)
    last = np.where(by < 0, visits, by)
    possible = ((cell > after[:, None]) & (cell <= last[:, None])).astype(np.float64)
    patterns, counts = np.unique(possible, axis=0, return_counts=True)
    p = np.full(visits + 1, 1 / (visits + 1))
    for _ in range(STEPS):
        share = patterns * p / (patterns @ p)[:, None]
        step = counts @ share / counts.sum()
        change = np.abs(step - p).max()
        p = step
        if change < SETTLED:
            break
    kept = 1 - np.cumsum(p)[:visits]
    return np.clip(kept, 0.0, 1.0), _errors(patterns, counts, p)


def _errors(patterns: Array, counts: Integers, p: Array) -> Array:
    """Standard errors of the shares kept; the last cell that holds anybody makes up the sum."""
    visits = len(p) - 1
    held = np.flatnonzero(p > EMPTY)
    free, rest = held[:-1], held[-1]
    if not len(free):
        return np.zeros(visits)
    slope = (patterns[:, free] - patterns[:, [rest]]) / (patterns @ p)[:, None]
    information = slope.T @ (counts[:, None] * slope)
    cov = np.linalg.pinv(information, hermitian=True)
    below = np.arange(visits)[:, None]
    weight = (free > below).astype(np.float64) - (rest > below)
    return np.sqrt(np.maximum(np.einsum("jk,kl,jl->j", weight, cov, weight), 0.0))
