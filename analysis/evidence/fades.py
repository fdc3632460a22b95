"""Courses of relief after its peak, each linear in all but one or two numbers.

With s = weeks since the peak and g = 2^(−s / h), h the half-time of what fades:

    constant              P
    fade                  P g
    fade to plateau       P (κ + (1 − κ) g)        κ, the share kept, is one for all therapies
    fade to own plateau   A + (P − A) g            A for each therapy
    log-linear            P − B log(1 + s)

P is the relief at the peak. Before the peak all rise as (1 − 2^(−t/u)) / (1 − 2^(−peak/u)), u a
declared number of weeks, so that relief is 0 at randomisation (docs/methods.md section 17.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.errors import ModelError

Array = NDArray[np.float64]
Family = Literal[
    "constant", "fade", "fade to plateau", "fade to own plateau", "log-linear"
]  # fmt: skip

# Half-times searched: from the time between the peak and the first visit after it, because a faster
# fade would show at no visit and only push the peak up, to this many times the whole time seen.
SLOWEST = 50.0


@dataclass(frozen=True, slots=True)
class Course:
    """A family with its declared numbers.

    Attributes
    ----------
    family : str
    peak_week : float
        Week from which relief fades.
    rise_half_time : float
        u, in weeks.
    """

    family: Family
    peak_week: float
    rise_half_time: float

    @property
    def fades(self) -> bool:
        """Whether a half-time is part of the family."""
        return self.family.startswith("fade")

    @property
    def own(self) -> bool:
        """Whether each therapy has two numbers of its own."""
        return self.family in ("fade to own plateau", "log-linear")

    def kept_at(self) -> tuple[float, float] | None:
        """Ends of the share kept, the same number twice where it is fixed; None where own."""
        if self.own:
            return None
        ends = {"constant": (1.0, 1.0), "fade": (0.0, 0.0), "fade to plateau": (0.0, 1.0)}
        return ends[self.family]

    def functions(self, weeks: ArrayLike, half_time: ArrayLike) -> tuple[Array, Array]:
        """What multiplies P, and what multiplies A (κ P; or B), at weeks.

        Parameters
        ----------
        weeks : array_like, shape (n,)
        half_time : array_like, shape (g,)

        Returns
        -------
        two ndarrays, shape (g, n)
        """
        t, h = np.asarray(weeks, dtype=np.float64), np.atleast_1d(np.asarray(half_time, float))
        since = np.maximum(t - self.peak_week, 0.0)
        rise = np.ones_like(t)
        early = t < self.peak_week
        u = self.rise_half_time
        rise[early] = np.expm1(-np.log(2) * t[early] / u) / np.expm1(
            -np.log(2) * self.peak_week / u
        )
        if self.family == "log-linear":
            shape = (len(h), len(t))
            return np.broadcast_to(rise, shape), np.broadcast_to(-rise * np.log1p(since), shape)
        gone = -np.expm1(-np.log(2) * since / h[:, None])
        return rise * (1 - gone), rise * gone

    def slope(self, weeks: ArrayLike, half_time: float) -> Array:
        """Derivative of g with respect to log h, shape (n,)."""
        since = np.maximum(np.asarray(weeks, dtype=np.float64) - self.peak_week, 0.0)
        power = np.log(2) * since / half_time
        return power * np.exp(-power)


def course_of(
    family: Family, weeks: Array, peak_week: float | None, rise_half_time: float
) -> Course:
    """A family that these weeks can tell.

    Raises
    ------
    ModelError
        A family or number that is not possible, or too few different weeks.
    """
    if family not in get_args(Family):
        raise ModelError(f"family={family!r} is not known; allowed: {', '.join(get_args(Family))}.")
    peak = float(weeks.min()) if peak_week is None else float(peak_week)
    if not 0 <= peak <= weeks.max():
        raise ModelError(
            f"peak_week = {peak:g} lies outside the weeks seen, up to {weeks.max():g}."
        )
    if not rise_half_time > 0:
        raise ModelError(f"rise_half_time = {rise_half_time:g}; it must be above 0 weeks.")
    need = {"constant": 1, "fade": 2, "log-linear": 2}.get(family, 3)
    seen = len({max(week, peak) for week in weeks})
    if seen < need:
        raise ModelError(
            f"{family!r} needs contrasts at {need} different weeks from the peak on; there are "
            f"{seen}. Use 'constant', or pool one visit."
        )
    return Course(family, peak, float(rise_half_time))


def half_times(course: Course, weeks: Array, size: int) -> Array:
    """Half-times to search, evenly by ratio; one dummy where the family has none."""
    if not course.fades:
        return np.ones(1)
    first, last = span_of(course, weeks)
    return np.geomspace(first, SLOWEST * last, size)


def span_of(course: Course, weeks: Array) -> tuple[float, float]:
    """Weeks from the peak to the first visit after it, and to the last."""
    since = weeks[weeks > course.peak_week] - course.peak_week
    return float(since.min()), float(since.max())
