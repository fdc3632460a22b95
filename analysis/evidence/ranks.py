"""Order of therapies, with how sure it is; to be read beside the league table, never alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from analysis.evidence.network import Network

Array = NDArray[np.float64]

DRAWS = 20_000
SEED = 2013


def p_scores(network: Network) -> pd.Series:
    """Mean certainty that a therapy relieves more than another one, 0 to 1, by therapy.

    References
    ----------
    Rücker and Schwarzer 2015, BMC Med Res Methodol 15:58.
    """
    scores = certainty(network.estimate, network.covariance)
    return pd.Series(scores, pd.Index(network.therapies, name="therapy"), name="p_score")


def certainty(estimate: Array, covariance: Array) -> Array:
    """Mean over the others of Φ((d_i − d_j) / se), shape (T,)."""
    variance = np.diag(covariance)
    error = np.sqrt(np.maximum(variance[:, None] + variance - 2 * covariance, 0.0))
    off = ~np.eye(len(variance), dtype=bool)
    distance = estimate[:, None] - estimate
    z = np.divide(distance, error, out=np.zeros_like(distance), where=off)
    return np.where(off, special.ndtr(z), 0.0).sum(axis=1) / (len(variance) - 1)


def draw_effects(estimate: Array, covariance: Array, draws: int, seed: int) -> Array:
    """Draws of all effects together from their normal distribution, shape (draws, T)."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return estimate + np.random.default_rng(seed).standard_normal((draws, len(values))) @ root.T


def ranks_of(effects: Array) -> NDArray[np.int64]:
    """Rank of each therapy in each draw, 1 the most relief, shape as given."""
    return np.argsort(np.argsort(-effects, axis=1, kind="stable"), axis=1, kind="stable") + 1


def rank_probabilities(network: Network, *, draws: int = DRAWS, seed: int = SEED) -> pd.DataFrame:
    """Probability of each rank, by simulation.

    Parameters
    ----------
    network : Network
    draws, seed : int
        A Monte Carlo error of at most 0.5/√draws.

    Returns
    -------
    pandas.DataFrame
        Index therapy, columns 1 to T (1 the most relief); rows and columns add up to 1.
    """
    ranks = ranks_of(draw_effects(network.estimate, network.covariance, draws, seed))
    counted = (ranks[:, :, None] == np.arange(1, ranks.shape[1] + 1)).mean(axis=0)
    columns = pd.RangeIndex(1, ranks.shape[1] + 1, name="rank")
    index = pd.Index(network.therapies, name="therapy")
    return pd.DataFrame(counted, index=index, columns=columns)


def sucra(probabilities: pd.DataFrame) -> pd.Series:
    """Surface under the cumulative rank curve, 0 to 1, from `rank_probabilities`."""
    cumulative = probabilities.cumsum(axis=1).iloc[:, :-1]
    return cumulative.mean(axis=1).rename("sucra")


def rank_table(network: Network, *, draws: int = DRAWS, seed: int = SEED) -> pd.DataFrame:
    """P-score, SUCRA, probability of being best, and rank with its interval, the best first.

    Returns
    -------
    pandas.DataFrame
        `therapy`, `p_score`, `sucra`, `best`, `rank` (median), `rank_low`, `rank_high`.
    """
    ranks = ranks_of(draw_effects(network.estimate, network.covariance, draws, seed))
    tail = (1 - network.level) / 2
    low, middle, high = np.quantile(ranks, [tail, 0.5, 1 - tail], axis=0, method="inverted_cdf")
    table = pd.DataFrame({
        "therapy": network.therapies, "p_score": p_scores(network).to_numpy(),
        "sucra": (ranks.shape[1] - ranks.mean(axis=0)) / (ranks.shape[1] - 1),
        "best": (ranks == 1).mean(axis=0), "rank": middle, "rank_low": low, "rank_high": high,
    })  # fmt: skip
    return table.sort_values("p_score", ascending=False, kind="stable").reset_index(drop=True)
