"""Where the search begins: residual moments of the data, polished by EM."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.mmrm.likelihood import em_step, evaluate
from analysis.mmrm.statistics import SufficientStatistics

Array = NDArray[np.float64]

EM_POLISH = 2
# Moments of incomplete pairs need not be positive definite: covariances shrink by this factor
# until the smallest eigenvalue passes this share of the smallest variance.
SHRINK = 0.9
EIGEN_SHARE = 1e-4


def moment_covariance(statistics: SufficientStatistics) -> Array:
    """Covariance of least-squares residuals over the pairs of visits patients have; shape (m, m)."""
    m, p = statistics.n_visits, len(statistics.columns)
    total = np.zeros((m, m))
    for pattern in statistics.patterns:
        # The working outcome is already a least-squares residual (analysis.mmrm.basis).
        residual = pattern.root[..., p]
        total[np.ix_(pattern.visits, pattern.visits)] += residual.T @ residual
    moments = total / np.maximum(statistics.pair_counts(), 1)
    variances = np.diag(moments).copy()
    # A visit fitted without residual would start at a singular matrix.
    variances = np.maximum(variances, 1e-6 * variances.max())
    covariances = moments - np.diag(np.diag(moments))
    while True:
        candidate = covariances + np.diag(variances)
        if np.linalg.eigvalsh(candidate)[0] > EIGEN_SHARE * variances.min():
            return candidate
        covariances *= SHRINK


def starting_covariance(statistics: SufficientStatistics, reml: bool) -> Array:
    """Moments followed by EM steps, which cannot lower the likelihood; shape (m, m)."""
    sigma = moment_covariance(statistics)
    for _ in range(EM_POLISH):
        point = evaluate(statistics, sigma, reml)
        if point is None:
            break
        candidate = em_step(statistics, point)
        if evaluate(statistics, candidate, reml) is None:
            break
        sigma = candidate
    return sigma
