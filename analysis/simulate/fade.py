"""Rise of an effect during a course and its fade afterwards."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Nine tenths of the effect by the last session, before scaling to the whole of it (C4).
_ONSET = math.log(10.0)
_BISECTIONS = 80


@dataclass(frozen=True, slots=True)
class Fade:
    """Share of an effect left t weeks after the last session: p + (1 - p) exp(-t / tau).

    Attributes
    ----------
    plateau : float
        Share p that stays for good.
    tau : float
        Weeks in which the rest falls to 37 %; infinite when nothing fades.
    """

    plateau: float
    tau: float

    @classmethod
    def through(cls, weeks: tuple[float, float], kept: tuple[float, float]) -> Fade:
        """Find the curve that passes through two shares.

        Parameters
        ----------
        weeks : tuple of two floats
            Weeks since the last session, rising and above 0.
        kept : tuple of two floats
            Shares left then; both 1, or falling within (0, 1).

        Raises
        ------
        ValueError
            If no such curve with a plateau from 0 to 1 exists.
        """
        if kept == (1.0, 1.0):
            return cls(1.0, math.inf)
        (first, second), (early, late) = weeks, kept
        if not (0 < first < second and 0 < late < early < 1):
            raise ValueError(f"kept {kept} at {weeks} weeks since the end is not a fade")
        wanted = second / first
        if math.log(late) / math.log(early) > wanted:
            raise ValueError(f"kept {kept} at {weeks} weeks since the end falls ever faster")
        low, high = 0.0, late
        for _ in range(_BISECTIONS):
            plateau = 0.5 * (low + high)
            rest = math.log((early - plateau) / (1 - plateau))
            if late <= plateau or math.log((late - plateau) / (1 - plateau)) / rest > wanted:
                high = plateau
            else:
                low = plateau
        return cls(low, -first / math.log((early - low) / (1 - low)))

    def left(self, weeks: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share left at these weeks since the last session (1 at or before it)."""
        since = np.maximum(weeks, 0.0)
        return self.plateau + (1.0 - self.plateau) * np.exp(-since / self.tau)


def rise(weeks: NDArray[np.float64], course_weeks: float) -> NDArray[np.float64]:
    """Share of the full effect reached during a course: 0 at its start, 1 at its end.

    Parameters
    ----------
    weeks : array
        Weeks since the start.
    course_weeks : float
        Length of the course, above 0.
    """
    part = np.clip(weeks / course_weeks, 0.0, 1.0)
    return (1.0 - np.exp(-_ONSET * part)) / (1.0 - math.exp(-_ONSET))
