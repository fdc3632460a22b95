"""Residual sum of squares of a course over its half-time and share kept, everything else solved.

Given half-time h and share kept κ the mean is linear, so each place is one solution of normal
equations, and those are quadratic in κ: no search can end in a side valley.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from analysis.errors import ModelError
from analysis.evidence.fades import Course, half_times
from analysis.evidence.followups import Followups

Array = NDArray[np.float64]

# Places of half-time and share kept at which a search starts.
SIZES = (60, 21)
# A column whose weighted sum of squares is below this share of the largest (a fade so fast that nothing
# is left at any visit) is not told: it gets a variance of that size and an estimate of 0.
UNTOLD = 1e-18
# Precision of log half-time and share kept in the last step of the search.
FINE = 1e-9


@dataclass(frozen=True, slots=True)
class Moments:
    """Whitened cross-products at half-times.

    Attributes
    ----------
    blocks : tuple of ndarray, shape (g, K, K)
        Of the columns of P with themselves, of P with A, of A with themselves.
    right : tuple of ndarray, shape (g, K)
        Of both with the effects.
    total : float
        Weighted sum of squares of the effects.
    """

    blocks: tuple[Array, Array, Array]
    right: tuple[Array, Array]
    total: float


@dataclass(frozen=True, slots=True)
class Nodes:
    """Solutions at places (h, κ).

    Attributes
    ----------
    half_time, kept : ndarray, shape (g,)
        `kept` is NaN where therapies have their own.
    rss : ndarray, shape (g,)
    params : ndarray, shape (g, p)
    cov : ndarray, shape (g, p, p)
    """

    half_time: Array
    kept: Array
    rss: Array
    params: Array
    cov: Array


def whitener(followups: Followups, tau2: float) -> Array:
    """L⁻¹ of the covariance L L'.

    Raises
    ------
    ModelError
        The covariance is not one.
    """
    total = followups.sampling + tau2 * followups.between
    try:
        root = np.linalg.cholesky(total)
    except np.linalg.LinAlgError:
        raise ModelError(
            "The contrasts of some trial would determine each other exactly. See whether a visit "
            "was entered twice, or take rho and shared smaller."
        ) from None
    return linalg.solve_triangular(root, np.eye(len(root)), lower=True)


def moments_at(followups: Followups, course: Course, white: Array, half_time: Array) -> Moments:
    """Cross-products at half-times, shape (g,)."""
    first, second = course.functions(followups.week, half_time)
    x, z = (
        np.einsum("ij,gj,jk->gik", white, part, followups.design, optimize=True)
        for part in (first, second)
    )
    y = white @ followups.effect
    blocks = tuple(np.swapaxes(a, 1, 2) @ b for a, b in ((x, x), (x, z), (z, z)))
    return Moments(blocks, tuple(np.einsum("gik,i->gk", a, y) for a in (x, z)), float(y @ y))


def solve(moments: Moments, half_time: Array, kept: Array | None) -> Nodes:
    """Least squares at each half-time, with a share kept for each, or therapies' own.

    Parameters
    ----------
    moments : Moments
    half_time : ndarray, shape (g,)
    kept : ndarray, shape (g,), or None
        None: P and A (or B) are both free.
    """
    (a, b, c), (u, v) = moments.blocks, moments.right
    if kept is None:
        left = np.concatenate([
            np.concatenate([a, b], 2), np.concatenate([np.swapaxes(b, 1, 2), c], 2)
        ], 1)  # fmt: skip
        right = np.concatenate([u, v], 1)
        kept = np.full(len(half_time), np.nan)
    else:
        k = kept[:, None, None]
        left = a + k * (b + np.swapaxes(b, 1, 2)) + k**2 * c
        right = u + kept[:, None] * v
    size = np.einsum("gii->gi", left)
    floor = UNTOLD * size.max(axis=1, keepdims=True)
    left = left + np.where(size < floor, floor, 0.0)[:, :, None] * np.eye(left.shape[1])
    cov = np.linalg.inv(left)
    params = np.einsum("gij,gj->gi", cov, right)
    rss = np.maximum(moments.total - np.einsum("gi,gi->g", params, right), 0.0)
    return Nodes(half_time, kept, rss, params, cov)


def grid(followups: Followups, course: Course, white: Array, sizes: tuple[int, int]) -> Nodes:
    """Solutions at a grid of half-times and, where one is shared, shares kept."""
    h = half_times(course, followups.week, sizes[0])
    moments = moments_at(followups, course, white, h)
    ends = course.kept_at()
    if ends is None:
        return solve(moments, h, None)
    shares = np.linspace(*ends, sizes[1] if ends[0] < ends[1] else 1)
    a, b, c, u, v = (
        np.repeat(one, len(shares), 0) for one in (*moments.blocks, *moments.right)
    )  # fmt: skip
    repeated = Moments((a, b, c), (u, v), moments.total)
    return solve(repeated, np.repeat(h, len(shares)), np.tile(shares, len(h)))


def node_at(
    followups: Followups, course: Course, white: Array, half_time: float, kept: float | None
) -> Nodes:
    """The solution at one place; the best share kept when `kept` is None and one is shared."""
    h = np.array([half_time])
    moments = moments_at(followups, course, white, h)
    ends = course.kept_at()
    if ends is None:
        return solve(moments, h, None)
    if kept is not None or ends[0] == ends[1]:
        return solve(moments, h, np.array([ends[0] if kept is None else kept]))
    inner = optimize.minimize_scalar(
        lambda share: solve(moments, h, np.array([share])).rss[0], bounds=ends, method="bounded",
        options={"xatol": FINE},
    ).x  # fmt: skip
    found = [solve(moments, h, np.array([share])) for share in (*ends, inner)]
    return min(found, key=lambda one: one.rss[0])


def best(followups: Followups, course: Course, white: Array) -> Nodes:
    """The solution with the least residual sum of squares."""
    nodes = grid(followups, course, white, SIZES)
    if not course.fades:
        return nodes
    h = np.unique(nodes.half_time)
    place = int(np.searchsorted(h, nodes.half_time[np.argmin(nodes.rss)]))
    ends = np.log([h[max(place - 1, 0)], h[min(place + 1, len(h) - 1)]])
    outer = optimize.minimize_scalar(
        lambda log_h: node_at(followups, course, white, np.exp(log_h), None).rss[0], bounds=ends,
        method="bounded", options={"xatol": FINE},
    ).x  # fmt: skip
    found = [node_at(followups, course, white, one, None) for one in (h[place], np.exp(outer))]
    return min(found, key=lambda one: one.rss[0])
