"""Analyses of random imputations: one answer each from draws to pooled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.imputation.analyse import Analysis, Ancova
from analysis.imputation.draws import Draws, Progress
from analysis.imputation.imputations import bootstrapped_means, imputations, nested_imputations
from analysis.imputation.nested import NestedPooled, pool_nested
from analysis.imputation.panel import Panel, Parameters, impute
from analysis.imputation.pooled import Pooled
from analysis.imputation.replicates import Interval, pool_bootstrap
from analysis.imputation.rubin import Df, RubinPooled, pool_rubin

Array = NDArray[np.float64]


def multiple_imputation(
    panel: Panel, draws: Draws, analysis: Ancova, weights: Array | None = None, *, seed: int,
    df: Df = "barnard-rubin", names: Sequence[str] | None = None, alpha: float = 0.05,
    progress: Progress | None = None,
) -> RubinPooled:  # fmt: skip
    """Impute once for each draw, analyse and pool by Rubin's rules.

    Parameters
    ----------
    panel : Panel
        Under the strategy wanted.
    draws : Draws
        Approximate Bayes (`bootstrap_draws`) or Bayes (`bayes_draws`).
    analysis : Ancova
    weights : ndarray, shape (k, E), optional
        Combinations of the analysis' estimates (a difference, a mean of visits); each estimate on
        its own if left out.
    seed : int
        Of the imputed values.
    df, names, alpha
        As in `pool_rubin`.
    progress : callable, optional
        Called with imputations done and wanted.

    Raises
    ------
    ModelError
        Values cannot be imputed, analysed or pooled, and why.

    References
    ----------
    Rubin 1987; Carpenter and Kenward 2013.
    """
    c, labels = _combinations(analysis, weights, names)
    estimates, covariances = [], []
    for values in imputations(panel, draws, seed=seed, progress=progress):
        estimates.append(analysis.estimate(values) @ c.T)
        covariances.append(c @ analysis.covariance(values) @ c.T)
    return pool_rubin(
        np.concatenate(estimates), np.concatenate(covariances), analysis.df, df=df, names=labels,
        alpha=alpha,
    )  # fmt: skip


def nested_imputation(
    panel: Panel, draws: Draws, analysis: Ancova, weights: Array | None = None, *, seed: int,
    n_imputations: int = 2, names: Sequence[str] | None = None, alpha: float = 0.05,
    progress: Progress | None = None,
) -> NestedPooled:  # fmt: skip
    """Impute and analyse the patients of each bootstrap several times and pool (BMLMI).

    Parameters
    ----------
    panel, analysis, weights, names, alpha, progress
        As in `multiple_imputation`.
    draws : Draws
        Of bootstraps.
    seed : int
        Of the imputed values.
    n_imputations : int
        Imputations D of each bootstrap.

    Raises
    ------
    ModelError
        Values cannot be imputed, analysed or pooled, and why.

    References
    ----------
    von Hippel and Bartlett 2021, Stat Sci 36:400.
    """
    c, labels = _combinations(analysis, weights, names)
    estimates = [
        analysis.of(one.patients).estimate(one.values) @ c.T
        for one in nested_imputations(panel, draws, n_imputations, seed=seed, progress=progress)
    ]
    return pool_nested(np.array(estimates), names=labels, alpha=alpha)


def mean_bootstrap(
    panel: Panel, draws: Draws, analysis: Analysis, weights: Array | None = None, *,
    interval: Interval = "normal", names: Sequence[str] | None = None, alpha: float = 0.05,
) -> Pooled:  # fmt: skip
    """Impute conditional means for each bootstrap, analyse its patients and pool.

    Parameters
    ----------
    panel, weights, names, alpha
        As in `multiple_imputation`.
    draws : Draws
        Of bootstraps.
    analysis : Analysis
        `Ancova`, or an analysis of the user's that can weigh patients.
    interval : {"normal", "percentile"}
        As in `pool_bootstrap`.

    Raises
    ------
    ModelError
        Values cannot be imputed, analysed or pooled, and why.

    References
    ----------
    Wolbers et al. 2022, Pharm Stat 21:1246.
    """
    c, labels = _combinations(analysis, weights, names)
    known = panel.determined_by(draws.estimates)
    whole = analysis.estimate(impute(known, Parameters.of(draws.estimates)).mean) @ c.T
    replicates = [
        analysis.estimate(values, counts) @ c.T
        for values, counts in bootstrapped_means(panel, draws)
    ]
    return pool_bootstrap(
        whole, np.concatenate(replicates), interval=interval, names=labels, alpha=alpha
    )


def _combinations(
    analysis: Analysis, weights: Array | None, names: Sequence[str] | None
) -> tuple[Array, Sequence[str] | None]:
    """Weights (k, E), and names where they are known."""
    size = len(analysis.names)
    if weights is None:
        return np.eye(size), analysis.names if names is None else names
    c = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    if c.shape[1] != size:
        raise ModelError(
            f"The combinations have {c.shape[1]} weights for {size} estimates of the analysis "
            f"({', '.join(analysis.names)})."
        )
    return c, names
