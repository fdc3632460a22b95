"""Whether Markov chains have mixed: effective sample size and split R-hat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.distributions import normal_quantile

Array = NDArray[np.float64]

# Vehtari and others' bounds.
LEAST_ESS = 400.0
LARGEST_RHAT = 1.01


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """How well chains have mixed, by parameter.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a parameter: `parameter`, `ess`, `rhat`, both of rank-normalised, split chains.
    notes : tuple of str
        A sentence where a bound is missed.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]


def diagnose(chains: Array, names: Sequence[str]) -> Diagnostics:
    """Effective sample size and R-hat of each parameter.

    Parameters
    ----------
    chains : ndarray, shape (chains, iterations, parameters)
        After the warm-up, before thinning.
    names : sequence of str

    Notes
    -----
    Both are computed on chains split in halves whose values were replaced by normal scores of their
    ranks (bulk versions).

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021, Bayesian Analysis 16:667; the truncation
    is Geyer 1992's initial monotone sequence.
    """
    scores = _scores(_halves(chains))
    ess, rhat = effective_size(scores), r_hat(scores)
    table = pd.DataFrame({"parameter": list(names), "ess": ess, "rhat": rhat})
    notes = []
    if (ess < LEAST_ESS).any():
        worst = int(ess.argmin())
        notes.append(
            f"The chains hold {ess[worst]:.0f} effective draws of {names[worst]} "
            f"({int((ess < LEAST_ESS).sum())} of {len(ess)} parameters below {LEAST_ESS:.0f}). Run "
            "more draws or thin more."
        )
    if (rhat > LARGEST_RHAT).any():
        worst = int(rhat.argmax())
        notes.append(
            f"The chains disagree: R-hat of {names[worst]} is {rhat[worst]:.3f} "
            f"({int((rhat > LARGEST_RHAT).sum())} of {len(rhat)} parameters above {LARGEST_RHAT}). "
            "Run a longer warm-up and more draws."
        )
    return Diagnostics(table, tuple(notes))


def r_hat(chains: Array) -> Array:
    """√((W (N−1)/N + B) / W) of chains (chains, N, parameters), B the variance of chain means."""
    n = chains.shape[1]
    within = chains.var(axis=1, ddof=1).mean(axis=0)
    between = chains.mean(axis=1).var(axis=0, ddof=1)
    return np.asarray(np.sqrt((within * (n - 1) / n + between) / within))


def effective_size(chains: Array) -> Array:
    """Independent draws that carry as much on the mean; shape (parameters,)."""
    c, n, _ = chains.shape
    lags = _autocovariances(chains)
    within = (lags[:, 0] * n / (n - 1)).mean(axis=0)
    pooled = within * (n - 1) / n + (chains.mean(axis=1).var(axis=0, ddof=1) if c > 1 else 0.0)
    correlation = 1 - (within - (lags * n / (n - 1)).mean(axis=0)) / pooled
    correlation[0] = 1.0
    # Sums of two neighbours are positive and fall for a reversible chain; noise is cut off there.
    sums = correlation[0 : n - n % 2 : 2] + correlation[1:n:2]
    sums = np.where(np.logical_and.accumulate(sums > 0, axis=0), sums, 0.0)
    time = -1 + 2 * np.minimum.accumulate(sums, axis=0).sum(axis=0)
    # Antithetic chains may beat independent draws, by no more than this.
    return np.asarray(c * n / np.maximum(time, 1 / np.log10(c * n)))


def _halves(chains: Array) -> Array:
    half = chains.shape[1] // 2
    return np.concatenate([chains[:, :half], chains[:, chains.shape[1] - half :]])


def _scores(chains: Array) -> Array:
    flat = chains.reshape(-1, chains.shape[2])
    # Imported here: it takes half a second that few sessions need to wait.
    from scipy import stats

    ranks = stats.rankdata(flat, axis=0)
    return normal_quantile((ranks - 0.375) / (len(flat) + 0.25)).reshape(chains.shape)


def _autocovariances(chains: Array) -> Array:
    n = chains.shape[1]
    away = chains - chains.mean(axis=1, keepdims=True)
    size = 1 << (2 * n - 1).bit_length()
    power = np.abs(np.fft.rfft(away, size, axis=1)) ** 2
    return np.asarray(np.fft.irfft(power, size, axis=1)[:, :n] / n)
