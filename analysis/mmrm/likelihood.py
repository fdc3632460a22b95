"""The restricted likelihood of an unstructured covariance, with its derivatives.

Everything is a contraction of the patterns' roots with small matrices, so the cost of one
evaluation follows patterns and not patients. Equations: docs/methods.md section 3. The parameters
are the elements of the covariance matrix on and below its diagonal (`pairs`), the natural ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from analysis.mmrm.statistics import SufficientStatistics

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """The likelihood at one covariance matrix.

    Attributes
    ----------
    sigma, lower : ndarray, shape (m, m)
        The covariance and its Cholesky factor.
    value : float
        −2 log-likelihood (restricted if `reml`).
    beta : ndarray, shape (p,)
        Generalised least squares at `sigma`.
    root : ndarray, shape (p, p)
        Upper triangular, root root' = (X'Ω⁻¹X)⁻¹.
    inverses : tuple of ndarray
        Inverse of the covariance at each pattern's visits.
    reml : bool
    """

    sigma: Array
    lower: Array
    value: float
    beta: Array
    root: Array
    inverses: tuple[Array, ...]
    reml: bool

    @property
    def cov(self) -> Array:
        """Covariance of `beta`, (X'Ω⁻¹X)⁻¹; shape (p, p)."""
        return self.root @ self.root.T


@dataclass(frozen=True, slots=True)
class Curvature:
    """Derivatives of −2 log-likelihood in the elements of the covariance matrix.

    Attributes
    ----------
    score : ndarray, shape (m, m)
        Symmetric G with df = tr(dΣ G).
    gradient : ndarray, shape (k,)
    hessian, average : ndarray, shape (k, k)
        Observed second derivatives, and the average of observed and expected ones
        (Gilmour, Thompson and Cullis 1995), which are never negative definite.
    slopes : ndarray, shape (k, p, p)
        P_h, the derivatives of X'Ω⁻¹X.
    """

    score: Array
    gradient: Array
    hessian: Array
    average: Array
    slopes: Array


def pairs(m: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the covariance parameters: the lower triangle by rows."""
    rows, columns = np.tril_indices(m)
    return rows.astype(np.int64), columns.astype(np.int64)


def evaluate(statistics: SufficientStatistics, sigma: Array, reml: bool = True) -> Point | None:
    """Likelihood at `sigma`, or None where it or the information is not positive definite."""
    p = len(statistics.columns)
    total = np.zeros((p + 1, p + 1))
    log_determinant, inverses = 0.0, []
    try:
        whole = np.linalg.cholesky(sigma)
    except np.linalg.LinAlgError:
        return None
    for pattern in statistics.patterns:
        visits = list(pattern.visits)
        try:
            lower = np.linalg.cholesky(sigma[np.ix_(visits, visits)])
        except np.linalg.LinAlgError:
            return None
        log_determinant += 2 * pattern.weight * float(np.log(np.diag(lower)).sum())
        inverse_lower = np.linalg.inv(lower)
        inverses.append(inverse_lower.T @ inverse_lower)
        white = (inverse_lower @ pattern.root).reshape(-1, p + 1)
        total += white.T @ white
    try:
        factor = np.linalg.cholesky(total[:p, :p])
    except np.linalg.LinAlgError:
        return None
    root = solve_triangular(factor, np.eye(p), lower=True).T
    beta = root @ (root.T @ total[:p, p])
    quadratic = float(total[p, p] - total[:p, p] @ beta)
    degrees = statistics.n_obs - (p if reml else 0)
    value = degrees * np.log(2 * np.pi) + log_determinant + quadratic
    if reml:
        value += 2 * float(np.log(np.diag(factor)).sum())
    if not np.isfinite(value):
        return None
    return Point(sigma, whole, float(value), beta, root, tuple(inverses), reml)


def _moments(statistics: SufficientStatistics, point: Point) -> list[tuple[Array, Array]]:
    """Per pattern: R_g, residual cross-products, and M_g, the part that estimating β took away."""
    p = len(statistics.columns)
    moments = []
    for pattern in statistics.patterns:
        design, outcome = pattern.root[..., :p], pattern.root[..., p]
        residual = outcome - design @ point.beta
        lost = np.zeros((len(pattern.visits),) * 2)
        if point.reml:
            spread = np.moveaxis(design @ point.root, 1, 0).reshape(len(pattern.visits), -1)
            lost = spread @ spread.T
        moments.append((residual.T @ residual, lost))
    return moments


def score(statistics: SufficientStatistics, point: Point) -> Array:
    """Gradient of −2 log-likelihood as the symmetric matrix G, df = tr(dΣ G); shape (m, m)."""
    return _score(statistics, point, _moments(statistics, point))


def _score(
    statistics: SufficientStatistics, point: Point, moments: list[tuple[Array, Array]]
) -> Array:
    total = np.zeros_like(point.sigma)
    for pattern, inverse, (residual, lost) in zip(
        statistics.patterns, point.inverses, moments, strict=True
    ):
        index = np.ix_(pattern.visits, pattern.visits)
        total[index] += pattern.weight * inverse - inverse @ (residual + lost) @ inverse
    return total


def em_step(statistics: SufficientStatistics, point: Point) -> Array:
    """One EM step: a positive definite matrix with a likelihood at least as high; shape (m, m)."""
    gradient = score(statistics, point)
    sigma = point.sigma - point.sigma @ gradient @ point.sigma / statistics.n_subjects
    return (sigma + sigma.T) / 2


def curvature(statistics: SufficientStatistics, point: Point) -> Curvature:
    """Gradient, observed and average second derivatives, and the slopes of the information."""
    m, p = point.sigma.shape[0], len(statistics.columns)
    rows, columns = pairs(m)
    half = np.where(rows == columns, 0.5, 1.0)
    moments = _moments(statistics, point)
    gradient = _score(statistics, point, moments)
    bilinear, mean_bilinear = np.zeros((m, m, m, m)), np.zeros((m, m, m, m))
    turned = []
    for pattern, inverse, (residual, lost) in zip(
        statistics.patterns, point.inverses, moments, strict=True
    ):
        visits = np.array(pattern.visits)
        # Visits not attended stay zero, so that one product over all patterns sums the blocks.
        wide = np.zeros((len(pattern.root), m, p + 1))
        wide[:, visits] = inverse @ pattern.root
        turned.append(wide)
        observed = 2 * inverse @ (residual + lost) @ inverse - pattern.weight * inverse
        index = np.ix_(visits, visits, visits, visits)
        bilinear[index] += np.multiply.outer(inverse, observed)
        mean_bilinear[index] += np.multiply.outer(inverse, inverse @ residual @ inverse)
    cross, tilt = _products(np.concatenate(turned), point.beta)
    slopes = -half[:, None, None] * (
        cross[rows, :, columns, :] + cross[columns, :, rows, :]
    )
    shifts = -half[:, None] * (tilt[rows, :, columns] + tilt[columns, :, rows])
    root = point.root
    bent = (shifts @ root) @ (shifts @ root).T
    hessian = _fold(bilinear, rows, columns, half) - 2 * bent
    if point.reml:
        inner = (root.T @ slopes @ root).reshape(len(rows), -1)
        hessian -= inner @ inner.T
    average = _fold(mean_bilinear, rows, columns, half) - bent
    slope = 2 * half * gradient[rows, columns]
    return Curvature(gradient, slope, (hessian + hessian.T) / 2, (average + average.T) / 2, slopes)


def _products(turned: Array, beta: Array) -> tuple[Array, Array]:
    """Σ x̃_a x̃_b' by visits, (m, p, m, p), and Σ x̃_a r̃_b, (m, p, m), of rows E_g (x, y)."""
    count, m, width = turned.shape
    p = width - 1
    design = np.ascontiguousarray(turned[..., :p])
    errors = turned[..., p] - design @ beta
    flat = design.reshape(count, m * p)
    return (flat.T @ flat).reshape(m, p, m, p), (flat.T @ errors).reshape(m, p, m)


def _fold(product: Array, rows: Array, columns: Array, half: Array) -> Array:
    """Σ_g of E_ac W_bd summed over the ways two parameters (a, b) and (c, d) can meet; (k, k)."""
    a, b = rows[:, None], columns[:, None]
    c, d = rows[None, :], columns[None, :]
    total = (
        product[a, c, b, d] + product[b, d, a, c] + product[a, d, b, c] + product[b, c, a, d]
    )
    return half[:, None] * half[None, :] * total
