"""Order of therapies soon and later, and whether it changes, drawn together from both horizons."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.errors import ModelError
from analysis.evidence.bivariate import TwoHorizonNetwork
from analysis.evidence.ranks import DRAWS, SEED, certainty, draw_effects, ranks_of


def rank_change(
    network: TwoHorizonNetwork, *, draws: int = DRAWS, seed: int = SEED
) -> pd.DataFrame:
    """Rank of every therapy at both horizons with their joint uncertainty.

    Parameters
    ----------
    network : TwoHorizonNetwork
    draws, seed : int

    Returns
    -------
    pandas.DataFrame
        Therapies known at both horizons, the best at the long one first: `therapy`,
        `p_score_short`, `p_score_long`, `rank_short`, `rank_short_low`, `rank_short_high`,
        `rank_long`, `rank_long_low`, `rank_long_high` (1 the most relief), `falls` and its limits
        `falls_low`, `falls_high` (places lost from short to long), `best_both` (probability of
        being first at both horizons).

    Raises
    ------
    ModelError
        Fewer than two therapies are known at both horizons.
    """
    size = len(network.therapies)
    known = np.isfinite(network.estimate.reshape(2, size)).all(axis=0)
    if known.sum() < 2:
        raise ModelError("Fewer than two therapies are known at both horizons: nothing to rank.")
    place = np.flatnonzero(np.tile(known, 2))
    covariance = network.covariance[np.ix_(place, place)]
    drawn = draw_effects(network.estimate[place], covariance, draws, seed)
    ranks = [ranks_of(part) for part in np.split(drawn, 2, axis=1)]
    table = pd.DataFrame({"therapy": np.array(network.therapies)[known]})
    m, tail = int(known.sum()), (1 - network.level) / 2
    for half, name in enumerate(("short", "long")):
        part = slice(half * m, (half + 1) * m)
        table[f"p_score_{name}"] = certainty(network.estimate[place][part], covariance[part, part])
    for name, values in (("rank_short", ranks[0]), ("rank_long", ranks[1]),
                         ("falls", ranks[1] - ranks[0])):  # fmt: skip
        low, middle, high = np.quantile(
            values, [tail, 0.5, 1 - tail], axis=0, method="inverted_cdf"
        )
        table[name], table[f"{name}_low"], table[f"{name}_high"] = middle, low, high
    table["best_both"] = ((ranks[0] == 1) & (ranks[1] == 1)).mean(axis=0)
    return table.sort_values("p_score_long", ascending=False, kind="stable").reset_index(drop=True)
