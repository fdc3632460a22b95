"""The league table: every therapy against every other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pandas as pd

from analysis.evidence.bivariate import HORIZONS, TwoHorizonNetwork
from analysis.evidence.direct import direct_between, direct_evidence
from analysis.evidence.network import Network, inference


def league(network: Network) -> pd.DataFrame:
    """Every therapy against every other, network estimates with their direct evidence.

    Returns
    -------
    pandas.DataFrame
        A row for each ordered pair: `therapy`, `comparator`, `estimate` (relief with the therapy
        less relief with the comparator), `std_error`, `df`, `statistic`, `p_value`, `conf_low`,
        `conf_high`, `trials`, `patients` (direct; 0 where none compared them).
    """
    pairs = list(permutations(range(len(network.therapies)), 2))
    weights = np.zeros((len(pairs), len(network.therapies)))
    for row, (one, other) in enumerate(pairs):
        weights[row, one], weights[row, other] = 1.0, -1.0
    names = [(network.therapies[one], network.therapies[other]) for one, other in pairs]
    table = pd.DataFrame(names, columns=["therapy", "comparator"]).join(network.combine(weights))
    known = direct_evidence(network.contrasts)
    direct = [direct_between(known, *pair) for pair in names]
    return table.assign(
        trials=[found.trials for found in direct],
        patients=[found.patients if found.trials else 0.0 for found in direct],
    )


def horizon_league(
    network: TwoHorizonNetwork, therapies: Sequence[str] | None = None
) -> pd.DataFrame:
    """The league of both horizons: columns as in `league` with `horizon` in front.

    What no trial joins is a row with NaN, not a missing row.

    Parameters
    ----------
    network : TwoHorizonNetwork
    therapies : sequence of str, optional
        Which, in this order; all when left out.
    """
    rows = []
    names = network.therapies if therapies is None else tuple(therapies)
    known = [direct_evidence(part) for part in (network.pair.short, network.pair.long)]
    for one, other in permutations(names, 2):
        estimate, covariance = network.compare(one, other)
        found = inference(estimate, np.sqrt(np.diag(covariance)), network.df, network.level)
        for place, horizon in enumerate(HORIZONS):
            direct = direct_between(known[place], one, other)
            rows.append({
                "horizon": horizon, "therapy": one, "comparator": other, **found.iloc[place],
                "trials": direct.trials, "patients": direct.patients if direct.trials else 0.0,
            })  # fmt: skip
    return pd.DataFrame(rows)


def league_matrix(table: pd.DataFrame, value: str = "estimate") -> pd.DataFrame:
    """One column of `league` as a square: therapies down, comparators across, 0 on the diagonal."""
    square = table.pivot(index="therapy", columns="comparator", values=value)
    return square.fillna(0.0) if value == "estimate" else square
