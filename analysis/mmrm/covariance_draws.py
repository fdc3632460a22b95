"""Covariances drawn from the normal approximation to the sampling distribution of a fit.

The approximation is made in the search coordinates θ of the structure: logarithms of standard
deviations, correlations mapped to the whole line, for an unstructured matrix the elements of its
Cholesky factor with logarithms on the diagonal. With η(θ) the natural parameters, W their
covariance and D = ∂η/∂θ, θ is drawn from N(θ̂, D⁻¹ W D⁻ᵀ).

References
----------
Pinheiro and Bates 1996 for the coordinates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.covariance import CovarianceModel
from analysis.mmrm.draw import Seed, generator_of, lower_root

Array = NDArray[np.float64]

# θ is found from η by Newton steps; from a start near it they need three or four.
STEPS = 50
SAME = 1e-12
# Correlations of a Toeplitz matrix, each in its own range, need not be a correlation matrix together:
# such draws are made again, so many times.
ROUNDS = 100


def draw_covariances(
    model: CovarianceModel, sigma: Array, natural: Array, cov: Array, n_draws: int, seed: Seed
) -> Array:
    """Draw covariances of a structure about its estimate.

    Parameters
    ----------
    model : CovarianceModel
    sigma : ndarray, shape (groups, m, m)
        Estimate.
    natural : ndarray, shape (k,)
        Natural parameters of the estimate, groups one after the other.
    cov : ndarray, shape (k, k)
        Their covariance, the inverse of their observed information.
    n_draws : int
    seed : int or numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_draws, groups, m, m)
        Of the structure, and positive definite; draws that are not are made again.

    Raises
    ------
    ModelError
        `cov` is not a covariance, or hardly any draw is positive definite.
    """
    if not isinstance(n_draws, int | np.integer) or n_draws < 1:
        raise ModelError(f"n_draws={n_draws!r} must be a whole number from 1.")
    theta, slope = _coordinates(model, sigma, natural)
    try:
        half = np.linalg.cholesky(cov)
    except np.linalg.LinAlgError as error:
        raise ModelError(
            "The covariance of the covariance parameters is not positive definite, so nothing can "
            "be drawn from it. Draw with the covariance at the estimate."
        ) from error
    root = lower_root(np.linalg.solve(slope, half))
    source = generator_of(seed)
    drawn, missing = np.empty((n_draws, *sigma.shape)), np.arange(n_draws)
    for _ in range(ROUNDS):
        steps = source.standard_normal((len(missing), len(theta))) @ root.T
        made = np.array([model.sigma(theta + step) for step in steps])
        good = _positive_definite(made)
        drawn[missing[good]] = made[good]
        missing = missing[~good]
        if not len(missing):
            return drawn
    raise ModelError(
        f"{len(missing)} of {n_draws} covariances drawn were not positive definite {ROUNDS} times: "
        "the estimate is almost singular. Draw with the covariance at the estimate."
    )


def _coordinates(model: CovarianceModel, sigma: Array, natural: Array) -> tuple[Array, Array]:
    """θ of the natural parameters, and D = ∂η/∂θ there."""
    theta = model.start(sigma)
    for _ in range(STEPS):
        slope = _slope(model, theta)
        away = model.natural_values(theta) - natural
        if np.abs(away).max() <= SAME * np.abs(natural).max():
            return theta, slope
        theta = theta - np.linalg.solve(slope, away)
    raise ModelError(
        "The covariance is at the edge of what its structure allows, so nothing can be drawn about "
        "it. Draw with the covariance at the estimate."
    )


def _slope(model: CovarianceModel, theta: Array) -> Array:
    # Both are derivatives of the elements of Σ, of which the natural parameters are a function.
    elements = model.jacobian(model.natural_values(theta), "natural")
    solved = np.linalg.lstsq(elements, model.jacobian(theta), rcond=None)[0]
    return np.asarray(solved, dtype=np.float64)


def _positive_definite(sigma: Array) -> NDArray[np.bool_]:
    finite = np.asarray(np.isfinite(sigma).all(axis=(1, 2, 3)))
    safe = np.where(finite[:, None, None, None], sigma, np.eye(sigma.shape[-1]))
    return finite & (np.linalg.eigvalsh(safe)[..., 0] > 0).all(axis=1)
