"""Between-trial variance of a time course, found in turn with the course itself."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.evidence.fades import Course, half_times
from analysis.evidence.followups import Followups
from analysis.evidence.surface import Nodes, best, node_at, whitener

Array = NDArray[np.float64]
Criterion = Literal["REML", "ML"]
End = Literal["settled", "untold", "moving"]

# Rounds of tau² and course in turn.
ROUNDS = 200
# Change of tau², relative, at which both have settled.
SETTLED = 1e-10
# A sum of squares is flat at its least, so a search by its values knows a half-time to the root of
# rounding only. Steps by derivatives that end below this, in log half-time and share kept, know it fully.
SHARP, STEPS = 1e-12, 60
# Relative rise of the sum of squares that is no rounding: such a step is not taken.
RISE = 1e-9
# Relative distance from the ends of the half-times at which a search has run into one.
EDGE = 1e-6
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
    for _ in range(ROUNDS):
        white = whitener(followups, tau2)
        found = sharpened(followups, course, best(followups, course, white), white)
        step = _scoring(followups, course, found, white, criterion)
        if np.isnan(step):
            white = whitener(followups, 0.0)
            found = sharpened(followups, course, best(followups, course, white), white)
            return 0.0, found, white, "untold"
        moved = max(tau2 + step, 0.0)
        if abs(moved - tau2) <= SETTLED * max(tau2, scale):
            return tau2, found, white, "settled"
        tau2 = moved
    return tau2, found, white, "moving"


def sharpened(followups: Followups, course: Course, found: Nodes, white: Array) -> Nodes:
    """The solution at the place where the derivatives of the sum of squares vanish.

    Gauss-Newton steps from the least that a search by values found; a half-time or share at an end of
    its range stays there.
    """
    h, ends = half_times(course, followups.week, 2), course.kept_at()
    if not course.fades or not h[0] * (1 + EDGE) < found.half_time[0] < h[-1] * (1 - EDGE):
        return found
    shared = ends is not None and ends[0] < ends[1]
    free = shared and ends is not None and ends[0] < found.kept[0] < ends[1]
    linear = found.params.shape[1]
    for _ in range(STEPS):
        columns = derivatives(followups, course, found)[:, : linear + 1 + free]
        left = followups.effect - mean_of(followups, course, found)
        step = np.linalg.lstsq(white @ columns, white @ left, rcond=None)[0][linear:]
        kept = None if ends is None else float(found.kept[0] + (step[1] if free else 0.0))
        if kept is not None and ends is not None:
            kept = min(max(kept, ends[0]), ends[1])
        moved = node_at(followups, course, white, float(found.half_time[0] * np.exp(step[0])), kept)
        if not moved.rss[0] <= found.rss[0] * (1 + RISE):
            return found
        found = moved
        if np.abs(step).max() < SHARP:
            return found
    return found


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
