"""Responders by multiple imputation under every strategy for those who were gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.imputation.bootstrap import bootstrap_draws
from analysis.imputation.draws import Draws
from analysis.imputation.imputations import imputations
from analysis.imputation.working import working_panel
from analysis.responders.definition import Scores
from analysis.responders.handling import MULTIPLE, Asked, Job, imputed
from analysis.sensitivity import RANDOM, STRATEGIES, Setting

Array = NDArray[np.float64]
Row = dict[str, Any]


def under_strategies(
    job: Job, setting: Setting, n_draws: int, seed: int
) -> list[Iterator[tuple[Asked, str, Row]]]:
    """Responders under each strategy that the setting allows, missing at random left to others.

    Where no parameters can be drawn, the rows say why.

    Parameters are drawn once, by refitting the imputation model to patients drawn with replacement
    (approximate Bayes), and shared by the strategies.

    Parameters
    ----------
    job : Job
    setting : Setting
        Of the same trial and measure.
    n_draws, seed : int
    """
    panel = setting.refits.panel
    draws: Draws | None
    try:
        draws = bootstrap_draws(working_panel(panel), panel.arm, n_draws, seed=seed)
    except ModelError as error:
        draws, job = None, replace(job, model=None, refused=str(error))
    named = [name for name in STRATEGIES if name != RANDOM and setting.allows(name)]
    return [
        imputed(
            job, None if draws is None else _completed(setting, draws, name, job.scores, seed),
            n_draws, seed, f"{name}, {n_draws} data sets, approximate Bayes", f"{MULTIPLE}, {name}",
        )
        for name in named
    ]  # fmt: skip


def _completed(
    setting: Setting, draws: Draws, name: str, scores: Scores, seed: int
) -> Iterator[Array]:
    """Completed outcomes in the order of `scores`; NaN for patients who could not be laid out."""
    panel = setting.refits.panel.under(STRATEGIES[name])
    who = scores.patients.get_indexer(list(panel.patients))
    when = scores.columns(tuple(str(visit) for visit in panel.visits))
    for several in imputations(panel, draws, seed=seed):
        for values in several:
            full = np.full(scores.values.shape, np.nan)
            full[np.ix_(who, when)] = values
            yield full
