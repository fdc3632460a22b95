"""Draws of the parameters from their posterior, by Gibbs sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.imputation.diagnostics import Diagnostics, diagnose
from analysis.imputation.draws import Draws, Progress, refuse_counts, seeds_of
from analysis.imputation.working import Working
from analysis.mmrm.likelihood import Point, evaluate
from analysis.mmrm.stack import Stack

Array = NDArray[np.float64]

# Iterations between two calls of the progress callback.
SHOW_EVERY = 50
FEWEST_ITERATIONS = 4


@dataclass(frozen=True, slots=True)
class BayesDraws:
    """Draws from the posterior, and how well the chains mixed.

    Attributes
    ----------
    draws : Draws
        Their notes hold those of the diagnostics.
    diagnostics : Diagnostics
    """

    draws: Draws
    diagnostics: Diagnostics


@dataclass(frozen=True, slots=True)
class _Job:
    """What one step needs.

    Attributes
    ----------
    stack : Stack
        Statistics: all that coefficients depend on.
    rows : ndarray, shape (n, m, p + 1)
        Of patients with a value.
    pattern : ndarray of int, shape (n,)
        Their pattern in the stack.
    unseen : ndarray of bool, shape (patterns, m, m)
        Pairs of visits that a pattern lacks.
    freedom : ndarray of int, shape (groups,)
        ν0 + n_g.
    prior : ndarray, shape (groups, m, m)
        S.
    signs : ndarray, shape (p,)
        Directions of the working columns, so that the same normals say the same everywhere.
    """

    stack: Stack
    rows: Array
    pattern: NDArray[np.int64]
    unseen: NDArray[np.bool_]
    freedom: NDArray[np.int64]
    prior: Array
    signs: Array


def bayes_draws(
    working: Working, n_draws: int, *, seed: int, warmup: int = 200, thin: int = 5,
    chains: int = 2, progress: Progress | None = None,
) -> BayesDraws:  # fmt: skip
    """Draw parameters from their posterior under a flat β and an inverse Wishart Σ.

    Σ of each group has ν0 = m + 2 and scale the fitted Σ̂, which is then its mean. A step draws β
    given Σ and what was observed, what is missing given both, and Σ given all: β and what is
    missing are one block, which mixes faster than three. The covariance is unstructured, whatever
    structure was fitted.

    Parameters
    ----------
    working : Working
    n_draws : int
        Kept, over all chains.
    seed : int
    warmup : int
        Steps of each chain before any is kept; the chain starts at the fit.
    thin : int
        Steps from one kept draw to the next.
    chains : int
        Each with a source of randomness of its own.
    progress : callable, optional
        Called with steps done and wanted, over all chains.

    Returns
    -------
    BayesDraws
        Normals and chi-squares are numpy's PCG64, turned by Cholesky roots: the same seed gives the
        same numbers on every machine, up to rounding.

    Raises
    ------
    ModelError
        Numbers of steps that are not positive, or too few to judge the chains by.

    References
    ----------
    Schafer 1997, Analysis of Incomplete Multivariate Data; Carpenter, Roger and Kenward 2013,
    J Biopharm Stat 23:1352.
    """
    refuse_counts(n_draws=n_draws, warmup=warmup, thin=thin, chains=chains)
    each = -(-n_draws // chains)
    if each * thin < FEWEST_ITERATIONS:
        raise ModelError(
            f"{each * thin} steps a chain are too few to judge it by. Draw more, or take one chain."
        )
    job = _job(working)
    steps = warmup + each * thin
    betas = np.empty((chains, steps, working.rows.shape[2] - 1))
    sigmas = np.empty((chains, steps, *job.prior.shape))
    for k, source in enumerate(seeds_of(seed, chains)):
        rng = np.random.Generator(np.random.PCG64(source))
        sigma = working.optimum.point.sigma
        for step in range(steps):
            betas[k, step], sigma = _step(job, sigma, rng)
            sigmas[k, step] = sigma
            if progress is not None and ((step + 1) % SHOW_EVERY == 0 or step + 1 == steps):
                progress(k * steps + step + 1, chains * steps)
    return _kept(working, betas[:, warmup:], sigmas[:, warmup:], thin, n_draws)


def inverse_wishart(rng: np.random.Generator, freedom: int, scale: Array) -> Array:
    """Draw from the inverse Wishart with mean scale / (freedom − m − 1); shape (m, m).

    Notes
    -----
    With scale = L L' and Bartlett's lower triangle A of a standard Wishart, Σ = (L A'⁻¹)(L A'⁻¹)'.

    References
    ----------
    Smith and Hocking 1972, Appl Stat 21:341.
    """
    m = len(scale)
    lower = np.tril(rng.standard_normal((m, m)), -1)
    lower[range(m), range(m)] = np.sqrt(rng.chisquare(freedom - np.arange(m)))
    root = np.linalg.solve(lower, np.linalg.cholesky(scale).T).T
    return np.asarray(root @ root.T)


def _job(working: Working) -> _Job:
    stack, m = working.workspace.stack, working.seen.shape[1]
    present = working.seen.any(axis=1)
    seen, group = working.seen[present], working.group[present]
    same = (stack.seen[None] == seen[:, None]).all(axis=2) & (stack.group[None] == group[:, None])
    return _Job(
        stack, working.rows[present], same.argmax(axis=1),
        ~stack.seen[:, :, None] & ~stack.seen[:, None, :],
        m + 2 + np.bincount(group, minlength=stack.n_groups), working.optimum.point.sigma,
        np.sign(np.diag(working.workspace.basis.triangle)),
    )  # fmt: skip


def _step(job: _Job, sigma: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    point = evaluate(job.stack, sigma)
    if point is None:
        raise ModelError(
            "The chain reached a covariance that is not positive definite: two visits are almost "
            "the same. Merge them, or use conditional-mean imputation."
        )
    n, m, width = job.rows.shape
    beta = point.beta + point.root @ (job.signs * rng.standard_normal(width - 1))
    residual = job.rows[..., -1] - job.rows[..., :-1] @ beta
    complete = _completed(job, point, residual, rng.standard_normal((n, m)))
    scales = job.prior.copy()
    owner = job.stack.group[job.pattern]
    for group in range(job.stack.n_groups):
        own = complete[owner == group]
        scales[group] += own.T @ own
    drawn = [inverse_wishart(rng, f, s) for f, s in zip(job.freedom, scales, strict=True)]
    return beta, np.array(drawn)


def _completed(job: _Job, point: Point, residual: Array, normal: Array) -> Array:
    """Residuals with those not seen drawn given those seen; shape (n, m)."""
    sigma = point.sigma[job.stack.group]
    # Σ Ω⁻¹ with Ω⁻¹ 0 where nothing was seen: 1 for what was seen, the regression on it elsewhere.
    slopes = sigma @ point.inverses
    rest = np.where(job.unseen, sigma - slopes @ sigma, np.eye(residual.shape[1]))
    lower = np.where(job.unseen, np.linalg.cholesky(rest), 0.0)
    told = np.where(job.stack.seen[:, :, None], np.eye(residual.shape[1]), slopes)
    drawn = told[job.pattern] @ residual[..., None] + lower[job.pattern] @ normal[..., None]
    return np.asarray(drawn[..., 0])


def _kept(
    working: Working, betas: Array, sigmas: Array, thin: int, n_draws: int
) -> BayesDraws:
    """Diagnostics of all steps, and every `thin`-th of them, chain after chain."""
    beta, sigma = working.in_the_formula(betas, sigmas)
    kept = working.workspace.basis.kept
    rows, columns = np.tril_indices(sigma.shape[-1])
    flat = sigma[..., rows, columns].reshape(*sigma.shape[:2], -1)
    names = [f"beta[{k + 1}]" for k in kept]
    for group in range(sigma.shape[2]):
        of = f" of group {group + 1}" if sigma.shape[2] > 1 else ""
        names += [f"sigma[{a + 1},{b + 1}]{of}" for a, b in zip(rows, columns, strict=True)]
    found = diagnose(np.concatenate([beta[..., kept], flat], axis=2), names)
    thinned = slice(thin - 1, None, thin)
    chosen = [
        part[:, thinned].reshape(-1, *part.shape[2:])[:n_draws] for part in (beta, sigma)
    ]
    draws = Draws(chosen[0], chosen[1], None, 0, found.notes, working.estimates)
    return BayesDraws(draws, found)
