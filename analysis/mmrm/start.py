"""Where the search begins: residual moments of the data, polished by EM."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.mmrm.likelihood import em_step, evaluate
from analysis.mmrm.statistics import SufficientStatistics

Array = NDArray[np.float64]

EM_POLISH = 2
# Moments of incomplete pairs need not be positive definite: correlations shrink by this factor
# until the smallest eigenvalue passes this bound.
SHRINK = 0.9
EIGEN_SHARE = 1e-4
SMALLEST_SPREAD = 1e-8


def moment_covariance(statistics: SufficientStatistics) -> Array:
    """Covariance of least-squares residuals, by pairs of visits patients have; shape (m, m)."""
    m, p = statistics.n_visits, len(statistics.columns)
    total = np.zeros((m, m))
    for pattern in statistics.patterns:
        # The working outcome is already a least-squares residual (analysis.mmrm.basis).
        residual = pattern.root[..., p]
        total[np.ix_(pattern.visits, pattern.visits)] += residual.T @ residual
    moments = total / np.maximum(statistics.pair_counts().sum(axis=0), 1)
    spread = np.sqrt(np.diag(moments))
    # A visit fitted without residual would start at a singular matrix.
    spread = np.maximum(spread, SMALLEST_SPREAD * spread.max())
    correlation = moments / np.outer(spread, spread)
    np.fill_diagonal(correlation, 0.0)
    while np.linalg.eigvalsh(correlation)[0] < EIGEN_SHARE - 1:
        correlation *= SHRINK
    return (correlation + np.eye(m)) * np.outer(spread, spread)


def starting_covariance(statistics: SufficientStatistics, reml: bool) -> Array:
    """Moments followed by EM steps, which cannot lower the likelihood; shape (m, m)."""
    sigma = moment_covariance(statistics)
    point = evaluate(statistics, sigma, reml)
    for _ in range(EM_POLISH):
        if point is None:
            break
        sigma = point.sigma
        point = evaluate(statistics, em_step(statistics, point), reml)
    return sigma if point is None else point.sigma
