"""How certain a pooled number is, by declared rules that anyone can follow and change.

A small part of GRADE (Guyatt et al. 2008, BMJ 336:924): randomised trials start at high and lose a
step for each reason. Risk of bias within trials and small-study effects are not judged here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVELS = ("high", "moderate", "low", "very low")
# I² from which trials are said to differ.
DIFFERENT = 0.5
# Patients below which chance alone moves a mean much, the usual number for continuous outcomes.
FEW = 400
# Widths of an interval, in points of 100: one that holds nothing and much relief, and one that says
# next to nothing and costs two steps.
WIDE, VERY_WIDE = 20.0, 50.0
# Reasons, with the letters that stand for them where room is short.
REASONS = {
    "people knew what they got": "k", "one trial": "o", "no trial compares the two directly": "i",
    "trials differ": "d", "wide interval": "w", "very wide interval": "W", "few patients": "f",
    "patients not known": "f",
}  # fmt: skip
LEGEND = (
    "k: people knew what they got; o: one trial; i: no trial compares the two directly; d: trials "
    "differ; w, W: wide or very wide interval; f: few patients, or nobody says how many"
)


@dataclass(frozen=True, slots=True)
class Certainty:
    """A level and why it is not higher.

    Attributes
    ----------
    level : str
        One of `LEVELS`; "" where there is nothing to be certain of.
    reasons : tuple of str
    """

    level: str
    reasons: tuple[str, ...]

    @property
    def words(self) -> str:
        """As "low (people knew what they got; one trial)"; "none" where there is no number."""
        if not self.level:
            return "none"
        return f"{self.level} ({'; '.join(self.reasons)})" if self.reasons else self.level

    @property
    def short(self) -> str:
        """As `words`, with a letter for each reason (`REASONS`)."""
        letters = "".join(REASONS[reason] for reason in self.reasons)
        return f"{self.level} {letters}".strip() if self.level else "none"


def certainty_of(
    trials: int, patients: float, i2: float, width: float, *, blinded: bool
) -> Certainty:
    """Certainty of one pooled number.

    Parameters
    ----------
    trials : int
        That compared the two directly; 0 for indirect evidence only.
    patients : float
        In them; NaN where nobody says.
    i2 : float
        Share of the variance that is between trials, 0 to 1; NaN where it cannot be told.
    width : float
        Of the interval, in points of 100; NaN where there is no number.
    blinded : bool
        Whether the comparator was a sham.
    """
    if np.isnan(width):
        return Certainty("", ())
    reasons = [] if blinded else ["people knew what they got"]
    if trials < 2:
        reasons.append("one trial" if trials else "no trial compares the two directly")
    if i2 > DIFFERENT:
        reasons.append("trials differ")
    steps = int(width > VERY_WIDE)
    if width > WIDE:
        reasons.append("very wide interval" if steps else "wide interval")
    elif trials and not patients >= FEW:
        reasons.append("patients not known" if np.isnan(patients) else "few patients")
    place = min(len(reasons) + steps, len(LEVELS) - 1)
    return Certainty(LEVELS[place], tuple(reasons))
