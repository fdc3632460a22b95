"""The (restricted) likelihood at a covariance, and its derivatives in the covariance's elements.

Everything is a contraction of the patterns' roots with small matrices, so the cost of one
evaluation follows patterns and not patients. Equations: docs/methods.md section 3. Parameters here
are the elements of Σ on and below its diagonal (`pairs`), group after group.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from analysis.mmrm.covariance.unstructured import pairs
from analysis.mmrm.stack import Stack

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """The likelihood at one covariance matrix.

    Attributes
    ----------
    sigma : ndarray, shape (groups, m, m)
    value : float
        −2 log-likelihood (restricted if `reml`).
    beta : ndarray, shape (p,)
        Generalised least squares at `sigma`.
    root : ndarray, shape (p, p)
        Upper triangular, root root' = (X'Ω⁻¹X)⁻¹.
    inverses : ndarray, shape (P, m, m)
        Inverse of the covariance at each pattern's visits, 0 at the others.
    turned : ndarray, shape (F, m, p + 1)
        The stack's rows multiplied by these inverses.
    reml : bool
    """

    sigma: Array
    value: float
    beta: Array
    root: Array
    inverses: Array
    turned: Array
    reml: bool

    @property
    def cov(self) -> Array:
        """Covariance of `beta`, (X'Ω⁻¹X)⁻¹; shape (p, p)."""
        return self.root @ self.root.T


@dataclass(frozen=True, slots=True)
class Curvature:
    """Derivatives of −2 log-likelihood in the elements of the covariance.

    Attributes
    ----------
    score : ndarray, shape (groups, m, m)
        Symmetric G with df = Σ_groups tr(dΣ G).
    gradient : ndarray, shape (groups k,)
    hessian : ndarray, shape (groups k, groups k)
        Observed second derivatives.
    coupling : ndarray, shape (groups k, groups k)
        The part of them that comes from estimating β for the restricted likelihood,
        tr(K P_h K P_j); 0 for the full one.
    """

    score: Array
    gradient: Array
    hessian: Array
    coupling: Array


def evaluate(stack: Stack, sigma: Array, reml: bool = True) -> Point | None:
    """Likelihood at `sigma` (groups, m, m); None where it or the information is not definite."""
    p, m = stack.n_columns, stack.n_visits
    both = stack.seen[:, :, None] & stack.seen[:, None, :]
    padded = np.where(both, sigma[stack.group], np.eye(m))
    try:
        np.linalg.cholesky(sigma)
        lower = np.linalg.cholesky(padded)
        inverse_lower = np.linalg.inv(lower)
        inverses = np.where(both, inverse_lower.transpose(0, 2, 1) @ inverse_lower, 0.0)
        turned = inverses[stack.owner] @ stack.rows
        total = stack.signed(stack.rows).reshape(-1, p + 1).T @ turned.reshape(-1, p + 1)
        factor = np.linalg.cholesky(total[:p, :p])
    except np.linalg.LinAlgError:
        return None
    logs = 2 * np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
    root = solve_triangular(factor, np.eye(p), lower=True).T
    beta = root @ (root.T @ total[:p, p])
    value = (stack.n_obs - (p if reml else 0)) * np.log(2 * np.pi) - stack.log_weights
    value += float(stack.weight @ logs) + float(total[p, p] - total[:p, p] @ beta)
    if reml:
        value += 2 * float(np.log(np.diag(factor)).sum())
    if not np.isfinite(value):
        return None
    return Point(sigma, float(value), beta, root, inverses, turned, reml)


def score(stack: Stack, point: Point) -> Array:
    """Gradient of −2 log-likelihood, the symmetric G with df = tr(dΣ G); shape (groups, m, m)."""
    return _score(stack, point, _spread(stack, point, _errors(point)))


def gradient(stack: Stack, point: Point) -> Array:
    """Gradient of −2 log-likelihood in the elements of the covariance; shape (groups k,)."""
    return by_parameter(2 * score(stack, point))


def em_step(stack: Stack, point: Point) -> Array:
    """One EM step: positive definite matrices with a likelihood at least as high."""
    slope = score(stack, point)
    weights = stack.group_weights()[:, None, None]
    sigma = point.sigma - point.sigma @ slope @ point.sigma / weights
    return (sigma + sigma.transpose(0, 2, 1)) / 2


def curvature(stack: Stack, point: Point, coupling: Array | None = None) -> Curvature:
    """Gradient and observed second derivatives of −2 log-likelihood.

    Parameters
    ----------
    stack : Stack
    point : Point
    coupling : ndarray, optional
        `Curvature.coupling` of a point nearby. It is the dear part and changes little, so a search
        may keep it; whatever is inferred at the end needs its own.
    """
    errors = _errors(point)
    spread = _spread(stack, point, errors)
    first = _score(stack, point, spread)
    observed = 2 * spread - stack.weight[:, None, None] * point.inverses
    shifts = by_parameter(_tilt(stack, point, errors))
    bent = shifts @ point.root
    hessian = _blocks(stack, point.inverses, observed) - 2 * bent @ bent.T
    if not point.reml:
        coupling = np.zeros_like(hessian)
    elif coupling is None:
        inner = (point.root.T @ slopes(stack, point) @ point.root).reshape(len(hessian), -1)
        coupling = inner @ inner.T
    hessian = hessian - coupling
    return Curvature(
        first, by_parameter(2 * first), (hessian + hessian.T) / 2, coupling
    )


def average_information(stack: Stack, point: Point) -> Array:
    """Average of observed and expected second derivatives of −2 log-likelihood; never negative.

    References
    ----------
    Gilmour, Thompson and Cullis 1995.
    """
    errors = _errors(point)
    residual = stack.by_pattern(errors[:, :, None] * errors[:, None, :])
    bent = by_parameter(_tilt(stack, point, errors)) @ point.root
    average = _blocks(stack, point.inverses, residual) - bent @ bent.T
    return (average + average.T) / 2


def minimum_norm_equations(stack: Stack, point: Point) -> tuple[Array, Array]:
    """Matrix and right side of MIVQUE0's equations; `point` is at Ω = I.

    For the full likelihood, without what estimating β takes from the residuals.
    """
    errors = _errors(point)
    residual = stack.by_pattern(errors[:, :, None] * errors[:, None, :])
    right = by_parameter(2 * stack.by_group(residual))
    middle = stack.weight[:, None, None] * point.inverses
    if not point.reml:
        return _blocks(stack, point.inverses, middle), right
    middle = middle - 2 * (_spread(stack, point, errors) - residual)
    inner = (point.root.T @ slopes(stack, point) @ point.root)
    inner = inner.reshape(len(inner), -1)
    return _blocks(stack, point.inverses, middle) + inner @ inner.T, right


def residual_sum(stack: Stack, point: Point) -> float:
    """r'Ω⁻¹r, the residual sum of squares in the metric of the covariance."""
    residuals = stack.rows[..., -1] - stack.rows[..., :-1] @ point.beta
    return float(stack.signed(residuals * _errors(point)).sum())


def slopes(stack: Stack, point: Point) -> Array:
    """P_h, derivatives of X'Ω⁻¹X in the elements of Σ; shape (groups k, p, p)."""
    p, m = stack.n_columns, stack.n_visits
    found = []
    for group in range(stack.n_groups):
        members = stack.rows_of_group(group)
        design = point.turned[members, :, :p]
        flat = np.ascontiguousarray(design).reshape(len(design), m * p)
        signed = stack.signed(flat, members)
        found.append((signed.T @ flat).reshape(m, p, m, p).transpose(0, 2, 1, 3))
    cross = np.array(found)
    return by_parameter(-(cross + cross.transpose(0, 2, 1, 3, 4)))


def _errors(point: Point) -> Array:
    """Rows E_g r of the residuals; shape (F, m)."""
    return point.turned[..., -1] - point.turned[..., :-1] @ point.beta


def _spread(stack: Stack, point: Point, errors: Array) -> Array:
    """E (R + M) E: residual cross-products, and for REML what estimating β took away; (P, m, m)."""
    outer = errors[:, :, None] * errors[:, None, :]
    if point.reml:
        # Flat, so that one product serves all rows: a stack of small ones takes twice as long.
        design = point.turned[..., :-1].reshape(-1, len(point.beta))
        parts = (design @ point.root).reshape(*errors.shape, -1)
        outer += parts @ parts.transpose(0, 2, 1)
    return stack.by_pattern(outer)


def _score(stack: Stack, point: Point, spread: Array) -> Array:
    return stack.by_group(stack.weight[:, None, None] * point.inverses - spread)


def _tilt(stack: Stack, point: Point, errors: Array) -> Array:
    """−(Σ x̃_a r̃_b + Σ x̃_b r̃_a) by visits a, b; shape (groups, m, m, p)."""
    p, m = stack.n_columns, stack.n_visits
    found = []
    for group in range(stack.n_groups):
        members = stack.rows_of_group(group)
        design = point.turned[members, :, :p].reshape(-1, m * p)
        signed = stack.signed(errors[members], members)
        found.append((signed.T @ design).reshape(m, m, p))
    cross = np.array(found)
    return -(cross + cross.transpose(0, 2, 1, 3))


def by_parameter(symmetric: Array) -> Array:
    """From derivatives by visits (groups, m, m, …) to those in the elements (groups k, …).

    An element off the diagonal stands twice in Σ, which the symmetrised input has counted; one on
    the diagonal stands once.
    """
    rows, columns = pairs(symmetric.shape[1])
    half = np.where(rows == columns, 0.5, 1.0).reshape(-1, *[1] * (symmetric.ndim - 3))
    picked = symmetric[:, rows, columns] * half
    return picked.reshape(-1, *symmetric.shape[3:])


def _blocks(stack: Stack, inverses: Array, middle: Array) -> Array:
    """Σ_g tr(D_h E_g D_j W_g) for symmetric W_g, a block for each group; (groups k, groups k)."""
    m = stack.n_visits
    rows, columns = pairs(m)
    half = np.where(rows == columns, 0.5, 1.0)
    k = len(rows)
    result = np.zeros((stack.n_groups * k,) * 2)
    for group in range(stack.n_groups):
        own = stack.group == group
        left, right = (part[own].reshape(-1, m * m) for part in (inverses, middle))
        product = (left.T @ right).reshape(m, m, m, m)
        place = slice(group * k, (group + 1) * k)
        result[place, place] = np.outer(half, half) * _fold(product, rows, columns)
    return result


def _fold(product: Array, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Array:
    """Sum over the ways two parameters (a, b) and (c, d) can meet; shape (k, k)."""
    a, b = rows[:, None], columns[:, None]
    c, d = rows[None, :], columns[None, :]
    return (
        product[a, c, b, d] + product[b, d, a, c] + product[a, d, b, c] + product[b, c, a, d]
    )
