"""The likelihood written plainly, patient by patient, to check the engine's with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

# The step of central differences of a smooth map of order one.
STEP = 1e-6
# Logarithms of standard deviations that a search may try.
WIDEST = (-80.0, 80.0)
# A standard deviation that no data have; a search that came here is on its way to zero.
SMALLEST = 1e-30
# What a search is told where the matrix is not positive definite.
NOWHERE = 1e10


@dataclass(frozen=True)
class Patients:
    """Outcome and design of each patient at each scheduled visit; rows not seen are zero.

    Attributes
    ----------
    y : ndarray, shape (n, m)
    x : ndarray, shape (n, m, p)
        Columns of full rank.
    seen : ndarray of bool, shape (n, m)
    """

    y: Array
    x: Array
    seen: NDArray[np.bool_]


def patients(data: pd.DataFrame, design: Array, outcome: str, subject: str, visit: str) -> Patients:
    """Lay out rows by patient and visit; `design` has a row for each row of `data`."""
    who, who_levels = pd.factorize(data[subject])
    when = pd.Categorical(data[visit], sorted(data[visit].unique())).codes
    n, m = len(who_levels), int(when.max()) + 1
    y, x = np.zeros((n, m)), np.zeros((n, m, design.shape[1]))
    seen = np.zeros((n, m), dtype=bool)
    y[who, when], x[who, when], seen[who, when] = data[outcome], design, True
    return Patients(y, x, seen)


def deviance(data: Patients, sigma: Array, reml: bool = True) -> tuple[float, Array | None]:
    """−2 log-likelihood and its derivative by the elements of Σ.

    A visit that was not seen gets variance 1, no correlation and zeros in outcome and design: it
    adds nothing to any sum. Visits are brought to unit variance first, so that scales cost no
    digits.
    """
    n, m, p = data.x.shape
    spread = np.sqrt(np.diag(sigma))
    if not np.all(np.isfinite(spread)) or spread.min() < SMALLEST:
        return NOWHERE, None
    seen = data.seen[:, :, None] & data.seen[:, None, :]
    each = np.where(seen, sigma / np.outer(spread, spread), np.eye(m))
    both = np.concatenate([data.x, data.y[:, :, None]], axis=2) / spread[:, None]
    try:
        lower = np.linalg.cholesky(each)
        inverse = np.linalg.inv(each)
        white = np.linalg.solve(lower, both)
        triangle = np.linalg.qr(white.reshape(n * m, p + 1), mode="r")
        upper = triangle[:p, :p]
        beta = np.linalg.solve(upper, triangle[:p, p])
        back = np.linalg.solve(lower.transpose(0, 2, 1), white)
        weighted = np.linalg.solve(upper.T, back[:, :, :p].reshape(n * m, p).T).reshape(p, n, m)
    except np.linalg.LinAlgError:
        return NOWHERE, None
    scaled = back[:, :, p] - back[:, :, :p] @ beta
    size = int(data.seen.sum())
    value = 2 * np.log(np.diagonal(lower, axis1=1, axis2=2)).sum()
    value += 2 * float(data.seen.sum(axis=0) @ np.log(spread)) + triangle[p, p] ** 2
    slope = np.where(seen, inverse, 0.0).sum(axis=0) - scaled.T @ scaled
    if reml:
        value += 2 * np.log(np.abs(np.diag(upper))).sum()
        size -= p
        flat = weighted.reshape(p * n, m)
        slope = slope - flat.T @ flat
    return float(value + size * np.log(2 * np.pi)), slope / np.outer(spread, spread)


Map = Callable[[Array], Array]


def _correlation(structure: str, rho: Array, m: int) -> Array:
    lags = np.abs(np.subtract.outer(np.arange(m), np.arange(m)))
    if structure == "cs":
        low = -1 / (m - 1)
        return np.where(lags == 0, 1.0, low + (1 - low) / (1 + np.exp(-rho[0])))
    if structure == "diag":
        return np.eye(m)
    if structure == "sp_exp":
        return (1 / (1 + np.exp(-rho[0]))) ** lags
    if structure == "sp_gau":
        return (1 / (1 + np.exp(-rho[0]))) ** (lags**2)
    step = np.tanh(rho)
    if structure == "ar1":
        return np.where(lags == 0, 1.0, step[0] ** lags)
    if structure == "toep":
        return np.concatenate([[1.0], step])[lags]
    found = np.eye(m)
    for j in range(m):
        for k in range(j):
            found[j, k] = found[k, j] = np.prod(step[k:j])
    return found


def _rho(structure: str, correlation: Array) -> Array:
    """Search parameters at which a structure has this correlation."""
    m = len(correlation)
    if structure == "diag":
        return np.empty(0)
    first = correlation[0, 1:] if structure == "toep" else np.diag(correlation, 1)
    if structure == "cs":
        low = -1 / (m - 1)
        share = (first[:1] - low) / (1 - low)
        return np.log(share / (1 - share))
    if structure in ("sp_exp", "sp_gau"):
        kept = np.clip(first[:1], 1e-12, 1 - 1e-12)
        return np.log(kept / (1 - kept))
    return np.arctanh(first[:1] if structure == "ar1" else first)


HETEROGENEOUS = {"csh": "cs", "ar1h": "ar1", "toeph": "toep", "adh": "ad", "diag": "diag"}


def structure_map(covariance: str, unit: Array) -> Map:
    """Σ by free parameters, all of order one if `unit` holds rough standard deviations.

    Unstructured: a Cholesky factor in these units. Else logarithms of standard deviations, then
    transformed correlations.
    """
    m = len(unit)
    if covariance == "us":
        rows, columns = np.tril_indices(m)

        def cholesky(theta: Array) -> Array:
            lower = np.zeros((m, m))
            lower[rows, columns] = theta * unit[rows]
            return lower @ lower.T

        return cholesky
    kind = HETEROGENEOUS.get(covariance, covariance)
    scales = m if covariance in HETEROGENEOUS else 1

    def structured(theta: Array) -> Array:
        spread = np.broadcast_to(np.exp(np.clip(theta[:scales], *WIDEST)), m)
        return np.outer(spread, spread) * _correlation(kind, theta[scales:], m)

    return structured


def parameters(covariance: str, sigma: Array, unit: Array) -> Array:
    """The free parameters of a matrix that has the structure."""
    if covariance == "us":
        return (np.linalg.cholesky(sigma) / unit[:, None])[np.tril_indices(len(sigma))]
    spread = np.sqrt(np.diag(sigma))
    kind = HETEROGENEOUS.get(covariance, covariance)
    scales = spread if covariance in HETEROGENEOUS else spread[:1]
    return np.concatenate([np.log(scales), _rho(kind, sigma / np.outer(spread, spread))])


def objective(data: Patients, to_sigma: Map, reml: bool = True) -> Callable[[Array], tuple]:
    """−2 log-likelihood and its gradient by the free parameters."""

    def value(theta: Array) -> tuple[float, Array]:
        found, slope = deviance(data, to_sigma(theta), reml)
        if slope is None or not np.isfinite(found):
            return NOWHERE, np.zeros_like(theta)
        size = STEP * np.maximum(1.0, np.abs(theta))
        gradient = [
            np.sum(slope * (to_sigma(theta + step) - to_sigma(theta - step))) / (2 * h)
            for step, h in zip(np.diag(size), size, strict=True)
        ]
        return found, np.array(gradient)

    return value
