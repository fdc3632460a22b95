"""How far answers lean on the correlation within trials, which papers hardly ever print."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.evidence.bivariate import fit_two_horizons
from analysis.evidence.contrasts import Contrasts
from analysis.evidence.horizons import pair_horizons

# What the declared correlation is varied over.
CORRELATIONS = (0.3, 0.5, 0.7)


def relief_by_correlation(
    short: Contrasts, long: Contrasts, reference: str | None = None,
    rhos: Sequence[float] = CORRELATIONS, comparator: str | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Relief, loss and retention at each of several correlations between the horizons of a trial.

    Parameters
    ----------
    short, long : Contrasts
    reference : str, optional
    rhos : sequence of float
    comparator : str, optional

    Returns
    -------
    pandas.DataFrame
        `TwoHorizonNetwork.tidy` for each, with the column `rho` in front.
    """
    frames = []
    for rho in rhos:
        fit = fit_two_horizons(pair_horizons(short, long, rho), reference)
        frame = fit.tidy(comparator)
        frame.insert(0, "rho", rho)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
