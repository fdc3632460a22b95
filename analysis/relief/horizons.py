"""Weights over visits that turn a course of relief into one number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mean_weights(weeks: Sequence[float], chosen: Sequence[float]) -> Array:
    """Equal weights on the chosen weeks, 0 elsewhere; shape (len(weeks),)."""
    return np.array([float(week in chosen) / len(chosen) for week in weeks])


def area_weights(weeks: Sequence[float], start: float, end: float) -> Array:
    """Trapezoid weights of the visits for the area from `start`, where relief is 0, to week `end`.

    Parameters
    ----------
    weeks : sequence of float
        Scheduled weeks after `start`, rising.
    start, end : float
        Week at which relief begins at 0; last week that counts, one of `weeks`.

    Returns
    -------
    ndarray, shape (len(weeks),)
        In weeks.
    """
    weights = np.zeros(len(weeks))
    previous = start
    for position, week in enumerate(weeks):
        if week > end:
            break
        weights[position] += (week - previous) / 2
        if position:
            weights[position - 1] += (week - previous) / 2
        previous = week
    return weights
