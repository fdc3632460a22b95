"""Ends of an axis that show every estimate, and do not let one wide interval hide the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

# An interval may reach this many times the usual half-width from its estimate before it is cut.
REACH = 4.0


def axis_limits(
    estimates: ArrayLike, low: ArrayLike, high: ArrayLike, marks: tuple[float, ...] = (0.0,)
) -> tuple[float, float]:
    """Ends that hold all estimates and marks, and intervals up to 4 usual half-widths.

    Parameters
    ----------
    estimates, low, high : array_like, shape (n,)
        Same unit; NaN where there is none.
    marks : tuple of float
        Values that must be seen, such as no relief.
    """
    centre, low, high = (np.asarray(v, dtype=float).ravel() for v in (estimates, low, high))
    half = (high - low) / 2
    usual = float(np.median(half[np.isfinite(half)])) if np.isfinite(half).any() else 0.0
    reach = REACH * usual
    ends = np.concatenate([
        centre, np.maximum(low, centre - reach), np.minimum(high, centre + reach),
        np.asarray(marks, dtype=float),
    ])  # fmt: skip
    ends = ends[np.isfinite(ends)]
    first, last = float(ends.min()), float(ends.max())
    room = 0.06 * ((last - first) or 1.0)
    return first - room, last + room
