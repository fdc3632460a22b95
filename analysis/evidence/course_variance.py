"""Between-trial variance of a time course, found in turn with the course itself."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.evidence.fades import Course
from analysis.evidence.followups import Followups
from analysis.evidence.surface import Nodes, best, whitener

Array = NDArray[np.float64]
Criterion = Literal["REML", "ML"]
End = Literal["settled", "untold", "moving"]

# Rounds of tau² and course in turn.
ROUNDS = 200
# Change of tau², relative, at which both have settled. A half-time is where a sum of squares is flat,
# so it is known to the root of rounding, about 1e-8, and tau² no better.
SETTLED, SETTLED_LINEAR = 1e-7, 1e-11
# Information on tau² below this share of the information with a known mean is rounding.
UNTOLD = 1e-10
# A column whose length is below this share of the largest, after the others are taken off, adds none.
SINGULAR = 1e-9


def settle(
    followups: Followups, course: Course, criterion: Criterion
) -> tuple[float, Nodes, Array, End]:
    """Course given tau², scoring step of tau² given the course, until neither moves."""
    scale = float(np.mean(np.diag(followups.sampling)))
    tau2 = scale
    enough = SETTLED if course.fades else SETTLED_LINEAR
    for _ in range(ROUNDS):
        white = whitener(followups, tau2)
        found = best(followups, course, white)
        step = _scoring(followups, course, found, white, criterion)
        if np.isnan(step):
            white = whitener(followups, 0.0)
            return 0.0, best(followups, course, white), white, "untold"
        moved = max(tau2 + step, 0.0)
        if abs(moved - tau2) <= enough * max(tau2, scale):
            return tau2, found, white, "settled"
        tau2 = moved
    return tau2, found, white, "moving"


def _scoring(
    followups: Followups, course: Course, found: Nodes, white: Array, criterion: Criterion
) -> float:
    """Step of tau²: score over expected information; NaN where the trials cannot tell it."""
    y = white @ (followups.effect - mean_of(followups, course, found))
    pattern = white @ followups.between @ white.T
    rest = np.eye(len(y))
    if criterion == "REML":
        q = span(white @ derivatives(followups, course, found))
        rest -= q @ q.T
    turned = rest @ pattern
    score = float(y @ pattern @ y) - float(np.trace(turned))
    information = float(np.sum(turned * turned.T))
    if information <= UNTOLD * float(np.sum(pattern**2)):
        return np.nan
    return score / information


def mean_of(followups: Followups, course: Course, found: Nodes) -> Array:
    """Fitted contrasts, shape (n,)."""
    first, second = course.functions(followups.week, found.half_time)
    k = len(followups.therapies)
    p = found.params[0, :k]
    a = found.params[0, k:] if course.own else p * found.kept[0]
    return first[0] * (followups.design @ p) + second[0] * (followups.design @ a)


def derivatives(followups: Followups, course: Course, found: Nodes) -> Array:
    """Of the mean: linear numbers, log half-time and share kept.

    The share kept counts at the ends of its range too: if it came and went, tau² would jump.
    """
    first, second = course.functions(followups.week, found.half_time)
    d, k = followups.design, len(followups.therapies)
    p = found.params[0, :k]
    if course.own:
        columns = [first[0][:, None] * d, second[0][:, None] * d]
        a = found.params[0, k:]
    else:
        columns = [(first[0] + found.kept[0] * second[0])[:, None] * d]
        a = p * found.kept[0]
    if course.fades:
        columns.append((course.slope(followups.week, found.half_time[0]) * (d @ (p - a)))[:, None])
    ends = course.kept_at()
    if ends is not None and ends[0] < ends[1]:
        columns.append((second[0] * (d @ p))[:, None])
    return np.concatenate(columns, axis=1)


def span(x: Array) -> Array:
    """Orthonormal columns with the same span."""
    norms = np.linalg.norm(x, axis=0)
    left, size, _ = np.linalg.svd(x / np.where(norms > 0, norms, 1.0), full_matrices=False)
    return left[:, size > SINGULAR * size[0]]
