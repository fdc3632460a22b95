"""Who attends which visit: loss to follow-up, visits missed in between, and blanks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.simulate.course import Floats
from analysis.simulate.scenario import Scenario
from analysis.simulate.streams import stream


@dataclass(frozen=True, slots=True)
class Attendance:
    """Visits attended and when people were lost.

    Attributes
    ----------
    seen : array (n, K + 1)
        Whether the visit was attended; everybody attends the first.
    lost : array (n,)
        Week of loss for good, between the last visit in the study and the next; else infinite.
    """

    seen: NDArray[np.bool_]
    lost: Floats


def attend(
    scenario: Scenario, pain: Floats, age: Floats, log_odds: Floats, seed: int
) -> Attendance:
    """Decide who attends.

    Parameters
    ----------
    scenario : Scenario
    pain : array (n, K + 1)
        Scores in points, also those that nobody will see.
    age : array (n,)
        Years.
    log_odds : array (n,)
        Added by the therapy to the log odds of loss.
    seed : int

    Returns
    -------
    Attendance
        Loss depends on the last pain seen (missing at random), and on the unseen change only if
        `Loss.unseen_pain` says so.
    """
    loss, weeks = scenario.loss, scenario.weeks
    size = len(pain)
    leave = stream(seed, "loss").random((size, len(weeks) - 1))
    skip = stream(seed, "gaps").random((size, len(weeks) - 1))
    when = stream(seed, "week of loss").random(size)
    seen = np.ones((size, len(weeks)), dtype=bool)
    lost, last = np.full(size, np.inf), pain[:, 0].copy()
    gone = 0.0
    for visit in range(1, len(weeks)):
        missing = _missing(scenario, weeks[visit])
        share = loss.for_good * missing
        risk = loss.last_pain * last + loss.age * age + log_odds
        risk = risk + loss.unseen_pain * (pain[:, visit] - last)
        leaves = leave[:, visit - 1] < _odds(_hazard(gone, share), risk)
        leaves &= np.isinf(lost)
        span = weeks[visit] - weeks[visit - 1]
        lost = np.where(leaves, weeks[visit - 1] + span * when, lost)
        gap = (missing - share) / (1.0 - share)
        seen[:, visit] = np.isinf(lost) & (skip[:, visit - 1] >= gap)
        last = np.where(seen[:, visit], pain[:, visit], last)
        gone = share
    return Attendance(seen, lost)


def _missing(scenario: Scenario, week: float) -> float:
    """Share that does not attend in this week, linear between the weeks given and from week 0."""
    given = ((0.0, 0.0), *scenario.loss.missing)
    return float(np.interp(week, [w for w, _ in given], [share for _, share in given]))


def _hazard(before: float, after: float) -> float:
    """Share of those still there who leave, when the share gone rises from before to after."""
    return max(after - before, 0.0) / (1.0 - before)


def _odds(hazard: float, risk: Floats) -> Floats:
    """Probability of leaving: `hazard` on average, more where the risk (log odds) is higher.

    Risks are centred on the log of their mean odds, so that the average stays near `hazard`.
    """
    if hazard == 0.0:
        return np.zeros_like(risk)
    centre = math.log(float(np.mean(np.exp(risk))))
    return 1.0 / (1.0 + np.exp(-(math.log(hazard / (1.0 - hazard)) + risk - centre)))
