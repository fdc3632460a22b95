"""Where the search begins: residual moments of the data, polished by EM."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.mmrm.likelihood import em_step, evaluate
from analysis.mmrm.stack import Stack

Array = NDArray[np.float64]

EM_POLISH = 2
# Moments of incomplete pairs need not be positive definite: correlations shrink by this factor
# until the smallest eigenvalue passes this bound.
SHRINK = 0.9
EIGEN_SHARE = 1e-4
SMALLEST_SPREAD = 1e-8


def moment_covariance(stack: Stack) -> Array:
    """Covariance of least-squares residuals, by pairs of visits patients have.

    Returns
    -------
    ndarray, shape (groups, m, m)
        Positive definite. A visit that nobody of a group has takes its spread from all groups.
    """
    # The working outcome is already a least-squares residual (analysis.mmrm.basis).
    residual = stack.rows[..., -1]
    totals = stack.by_group(stack.by_pattern(residual[:, :, None] * residual[:, None, :]))
    both = (stack.seen[:, :, None] & stack.seen[:, None, :]) * stack.weight[:, None, None]
    counts = stack.by_group(both)
    pooled = np.diag(totals.sum(axis=0)) / np.maximum(np.diag(counts.sum(axis=0)), 1e-300)
    moments = totals / np.where(counts > 0, counts, 1.0)
    for one, count in zip(moments, counts, strict=True):
        unseen = np.diag(count) == 0
        one[unseen, unseen] = pooled[unseen]
    return np.array([_positive_definite(one) for one in moments])


def _positive_definite(moments: Array) -> Array:
    spread = np.sqrt(np.diag(moments))
    # A visit fitted without residual would start at a singular matrix.
    spread = np.maximum(spread, SMALLEST_SPREAD * spread.max())
    correlation = moments / np.outer(spread, spread)
    np.fill_diagonal(correlation, 0.0)
    while np.linalg.eigvalsh(correlation)[0] < EIGEN_SHARE - 1:
        correlation *= SHRINK
    return (correlation + np.eye(len(spread))) * np.outer(spread, spread)


def starting_covariance(stack: Stack, reml: bool) -> Array:
    """Moments followed by EM steps, which cannot lower the likelihood; shape (groups, m, m)."""
    sigma = moment_covariance(stack)
    point = evaluate(stack, sigma, reml)
    for _ in range(EM_POLISH):
        if point is None:
            break
        sigma = point.sigma
        point = evaluate(stack, em_step(stack, point), reml)
    return sigma if point is None else point.sigma
