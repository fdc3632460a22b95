"""Completed values, one set for each draw of the parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.imputation.draws import Draws, Progress, generator, refuse_counts
from analysis.imputation.panel import Panel, Parameters, impute

Array = NDArray[np.float64]

# Draws imputed at a time: bounds memory without costing speed.
DRAWS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """The patients of a bootstrap, imputed several times.

    Attributes
    ----------
    patients : ndarray of int, shape (n,)
        Rows of the panel, each as often as it was drawn.
    values : ndarray, shape (D, n, m)
        Every copy of a patient has imputed values of its own.
    """

    patients: NDArray[np.int64]
    values: Array


def imputations(
    panel: Panel, draws: Draws, *, seed: int, progress: Progress | None = None
) -> Iterator[Array]:
    """Impute every patient once for each draw.

    Parameters
    ----------
    panel : Panel
    draws : Draws
    seed : int
        Of the values; the digits do not depend on how many are made at a time.
    progress : callable, optional
        Called with imputations done and wanted.

    Yields
    ------
    ndarray, shape (R, n, m)
        The next R of the completed panels.

    References
    ----------
    Carpenter and Kenward 2013, Multiple Imputation and its Application.
    """
    rng, known = generator(seed), panel.determined_by(draws.estimates)
    for start in range(0, len(draws), DRAWS_AT_ONCE):
        some = slice(start, start + DRAWS_AT_ONCE)
        yield impute(known, Parameters(draws.beta[some], draws.sigma[some])).draw(rng)
        if progress is not None:
            progress(min(some.stop, len(draws)), len(draws))


def nested_imputations(
    panel: Panel, draws: Draws, n_imputations: int = 2, *, seed: int,
    progress: Progress | None = None,
) -> Iterator[Bootstrapped]:  # fmt: skip
    """Impute the patients of each bootstrap several times, for `pool_nested`.

    Parameters
    ----------
    panel : Panel
    draws : Draws
        With counts: those of `bootstrap_draws`.
    n_imputations : int
        D, at least 2.
    seed : int
        Of the values.
    progress : callable, optional
        Called with bootstraps done and wanted.

    Yields
    ------
    Bootstrapped
        Of the next bootstrap. It is to be analysed with these patients, not with the panel's.

    Raises
    ------
    ModelError
        Draws that are not of bootstraps, or fewer than two imputations.

    References
    ----------
    von Hippel and Bartlett 2021, Stat Sci 36:400.
    """
    refuse_counts(n_imputations=n_imputations)
    if n_imputations < 2:
        raise ModelError(
            "One imputation of a bootstrap cannot show how much imputations differ. Make at least "
            "2."
        )
    rng, known = generator(seed), panel.determined_by(draws.estimates)
    for k, counts in enumerate(_counts(draws)):
        completed = impute(known, Parameters(draws.beta[k], draws.sigma[k]))
        patients = np.repeat(np.arange(len(counts)), counts)
        copy = np.arange(len(patients)) - np.repeat(np.cumsum(counts) - counts, counts)
        noise = rng.standard_normal((n_imputations, int(counts.max()), *panel.shape))
        yield Bootstrapped(patients, completed.with_noise(noise)[:, copy, patients])
        if progress is not None:
            progress(k + 1, len(draws))


def bootstrapped_means(panel: Panel, draws: Draws) -> Iterator[tuple[Array, Array]]:
    """Give every patient conditional means for each bootstrap, and say how often each counts.

    Parameters
    ----------
    panel : Panel
    draws : Draws
        With counts: those of `bootstrap_draws`.

    Yields
    ------
    values, weights : ndarray, shapes (R, n, m) and (R, n)
        Of the next R bootstraps.

    Raises
    ------
    ModelError
        Draws that are not of bootstraps.

    References
    ----------
    Wolbers et al. 2022, Pharm Stat 21:1246.
    """
    counts, known = _counts(draws), panel.determined_by(draws.estimates)
    for start in range(0, len(draws), DRAWS_AT_ONCE):
        some = slice(start, start + DRAWS_AT_ONCE)
        completed = impute(known, Parameters(draws.beta[some], draws.sigma[some]))
        yield completed.mean, counts[some].astype(np.float64)


def _counts(draws: Draws) -> NDArray[np.int64]:
    if draws.counts is None:
        raise ModelError(
            "These draws do not say which patients they were fitted to. Make them with "
            "bootstrap_draws."
        )
    return draws.counts
