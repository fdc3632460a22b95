"""What one trial does to the pooled effect: left out, its pull, and trials added one by one."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.distributions import chi2_quantile
from analysis.errors import ModelError
from analysis.evidence.entries import Entries
from analysis.evidence.heterogeneity import estimate_tau2, weighted
from analysis.evidence.pairwise import pool
from analysis.evidence.pooled import MetaAnalysis

Array = NDArray[np.float64]


def leave_one_out(fit: MetaAnalysis, alpha: float = 0.05) -> pd.DataFrame:
    """Pool again without each trial.

    Parameters
    ----------
    fit : MetaAnalysis
        Of `pool`.
    alpha : float

    Returns
    -------
    pandas.DataFrame
        One row a trial left out: `study`, then as `summary_frame`.

    Raises
    ------
    ModelError
        Moderators, or fewer than two trials.
    """
    _plain(fit, 2)
    k = fit.entries.k
    rows = [_refit(fit, fit.entries.chosen(np.arange(k) != i), alpha) for i in range(k)]
    return _labelled(rows, fit.entries.study)


def cumulative(fit: MetaAnalysis, order: ArrayLike, alpha: float = 0.05) -> pd.DataFrame:
    """Pool the first trial, the first two, and so on.

    Parameters
    ----------
    fit : MetaAnalysis
    order : array_like, shape (k,)
        Such as the year; ties stay in the order of the trials.
    alpha : float

    Returns
    -------
    pandas.DataFrame
        `study` (the one added), then as `summary_frame`.
    """
    _plain(fit, 1)
    places = np.argsort(np.asarray(order), kind="stable")
    if len(places) != fit.entries.k:
        raise ModelError(f"{len(places)} values give no order to {fit.entries.k} trials.")
    rows = [_refit(fit, fit.entries.chosen(places[: i + 1]), alpha) for i in range(len(places))]
    return _labelled(rows, tuple(fit.entries.study[i] for i in places))


def influence(fit: MetaAnalysis) -> pd.DataFrame:
    """How far each trial pulls the model.

    Parameters
    ----------
    fit : MetaAnalysis
        With or without moderators. Hartung and Knapp's factor is not used here.

    Returns
    -------
    pandas.DataFrame
        `study`; `rstudent`, the distance of the trial from the model of the others in its standard
        errors; `dffits`; `cook`, squared distance of the coefficients; `cov_ratio` of generalised
        variances without and with the trial; `tau2` and `q` without it; `hat`; `weight` in percent;
        `influential`: |dffits| > 3 √(p/(k−p)), or Cook's distance beyond the median of chi-square
        with p, or hat > 3 p/k, or a coefficient moved by more than one standard error.

    Raises
    ------
    ModelError
        Too few trials to leave one out.

    References
    ----------
    Viechtbauer and Cheung 2010, Res Synth Methods 1:112.
    """
    e, x = fit.entries, fit.exog
    k, p = x.shape
    if k - 1 <= p:
        raise ModelError(f"{k} trials and {p} coefficients: none can be left out.")
    full = weighted(e.effect, e.variance, x, fit.tau2)
    root = 1 / np.sqrt(e.variance + fit.tau2)
    hat = np.einsum("ij,jk,ik->i", x, full.cov, x) * root**2
    rows = []
    for i in range(k):
        kept = np.arange(k) != i
        y, v, part = e.effect[kept], e.variance[kept], x[kept]
        if np.linalg.matrix_rank(part) < p:
            raise ModelError(
                f"Without {e.study[i]} the model has a coefficient that no trial tells."
            )
        tau2 = estimate_tau2(y, v, part, fit.tau2_method)
        rest, own = weighted(y, v, part, tau2), float(e.variance[i] + tau2)
        moved = full.params - rest.params
        rows.append({
            "study": e.study[i],
            "rstudent": (e.effect[i] - x[i] @ rest.params) / np.sqrt(own + x[i] @ rest.cov @ x[i]),
            "dffits": x[i] @ moved / np.sqrt(hat[i] * own),
            "cook": moved @ np.linalg.solve(full.cov, moved),
            "cov_ratio": np.linalg.det(rest.cov) / np.linalg.det(full.cov), "tau2": tau2,
            "q": weighted(y, v, part).rss, "hat": hat[i], "weight": fit.weights[i],
            "moved": np.max(np.abs(moved) / _unit(x, e.variance, tau2)),
        })  # fmt: skip
    frame = pd.DataFrame(rows)
    far = frame["dffits"].abs() > 3 * np.sqrt(p / (k - p))
    far |= (
        (frame["cook"] > chi2_quantile(0.5, p)) | (frame["hat"] > 3 * p / k) | (frame["moved"] > 1)
    )
    return frame.drop(columns="moved").assign(influential=far)


def _unit(x: Array, v: Array, tau2: float) -> Array:
    """Standard errors with all trials, at the tau² without one."""
    return np.sqrt(np.diag(weighted(np.zeros(len(v)), v, x, tau2).cov))


def _plain(fit: MetaAnalysis, least: int) -> None:
    if fit.exog.shape[1] > 1:
        raise ModelError(
            "Trials are left out or added for a pooled effect, not for moderators. Use pool()."
        )
    if fit.entries.k < least:
        raise ModelError(f"{fit.entries.k} trial cannot be pooled without one.")


def _refit(fit: MetaAnalysis, entries: Entries, alpha: float) -> pd.DataFrame:
    with warnings.catch_warnings():
        # The note of the row says it; a warning for each row would bury it.
        warnings.simplefilter("ignore", UserWarning)
        again = pool(entries, tau2=fit.tau2_method, interval=fit.interval)
    return again.summary_frame(alpha)


def _labelled(rows: list[pd.DataFrame], study: tuple[str, ...]) -> pd.DataFrame:
    frame = pd.concat(rows, ignore_index=True)
    frame.insert(0, "study", list(study))
    return frame
