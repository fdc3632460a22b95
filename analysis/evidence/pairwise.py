"""Trials of a pair of therapies, pooled, with moderators or none (docs/methods.md section 17.1)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.errors import ModelError
from analysis.evidence.entries import Entries, alike
from analysis.evidence.heterogeneity import (
    Spread,
    Tau2,
    Weighted,
    estimate_tau2,
    log_likelihood,
    spread,
    weighted,
)
from analysis.evidence.pooled import Interval, MetaAnalysis

Array = NDArray[np.float64]

# Singular values of the moderators' columns, scaled to length 1, below which they say the same.
SINGULAR = 1e-10
# Trials below which tau² is a guess, and says so.
FEW = 5


def pool(
    entries: Entries, *, tau2: Tau2 = "REML", interval: Interval | None = None
) -> MetaAnalysis:
    """Pool trials of one comparison.

    Estimates the mean of the true effects over trials, with weights 1 / (v + tau²); with
    `tau2="common"` the one effect that all trials are taken to share.

    Parameters
    ----------
    entries : Entries
        From `enter`.
    tau2 : {"REML", "ML", "PM", "DL", "HE", "HS", "SJ", "EB", "PMM", "common"}
        See `analysis.evidence.heterogeneity.estimate_tau2`.
    interval : {"normal", "t", "hartung-knapp", "hartung-knapp-floor"}, optional
        Hartung and Knapp's when left out (normal for common effects): the variance is multiplied
        by q = Q(tau²) / (k − 1) and the quantile is t with k − 1. With "-floor" by max(1, q).

    Returns
    -------
    MetaAnalysis
        For one trial its own effect with a normal interval, and NaN for heterogeneity.

    Warns
    -----
    UserWarning
        Hartung and Knapp's interval of two trials, which is very wide or by chance very narrow.

    References
    ----------
    Hartung and Knapp 2001, Stat Med 20:1771; Röver, Knapp and Friede 2015, BMC Med Res Methodol
    15:99.
    """
    return _fit(entries, np.ones((entries.k, 1)), ("intercept",), tau2, interval)


def meta_regression(
    entries: Entries, moderators: Mapping[str, ArrayLike] | pd.DataFrame, *, tau2: Tau2 = "REML",
    interval: Interval | None = None,
) -> MetaAnalysis:  # fmt: skip
    """Let the pooled effect depend on what trials are like.

    Parameters
    ----------
    entries : Entries
    moderators : mapping or DataFrame
        A column for each, of length k. Words become 0/1 columns against the first in order.
    tau2, interval
        As in `pool`.

    Returns
    -------
    MetaAnalysis
        `wald()` tests all moderators together (QM); `r2` is the share of tau² they explain.

    Raises
    ------
    ModelError
        A moderator that is missing for a trial or the same in all; moderators that say the same;
        not more trials than coefficients.

    References
    ----------
    Thompson and Sharp 1999, Stat Med 18:2693; Knapp and Hartung 2003, Stat Med 22:2693.
    """
    x, names = _columns(entries, moderators)
    lengths = np.linalg.norm(x, axis=0)
    scaled = x / np.where(lengths > 0, lengths, 1.0)
    if len(x) > x.shape[1] and np.linalg.svd(scaled, compute_uv=False)[-1] < SINGULAR:
        raise ModelError(
            f"The moderators say the same ({', '.join(names[1:])}), or one is the same in all "
            f"{entries.k} trials. Leave one out."
        )
    return _fit(entries, x, names, tau2, interval)


def _fit(
    entries: Entries, x: Array, names: tuple[str, ...], tau2: Tau2, interval: Interval | None
) -> MetaAnalysis:
    chosen = interval or ("normal" if tau2 == "common" else "hartung-knapp")
    if chosen not in get_args(Interval):
        raise ModelError(
            f"interval={chosen!r} is not known; allowed: {', '.join(get_args(Interval))}."
        )
    if tau2 not in get_args(Tau2):
        raise ModelError(f"tau2={tau2!r} is not known; allowed: {', '.join(get_args(Tau2))}.")
    y, v, (k, p) = entries.effect, entries.variance, x.shape
    if k == 1 and p == 1:
        return _one(entries, tau2)
    if k <= p:
        raise ModelError(
            f"{k} trials cannot tell {p} coefficients ({', '.join(names)}). Use fewer moderators."
        )
    found = estimate_tau2(y, v, x, tau2)
    fit = weighted(y, v, x, found)
    cov, df = _scaled(fit, k - p, chosen)
    llf, aic, bic = _criteria(y, v, x, found, tau2)
    about = spread(y, v, x, found, tau2)
    return MetaAnalysis(
        entries, x, names, tau2, chosen, fit.params, cov, df, about, llf, aic, bic,
        _explained(entries, about, tau2) if p > 1 else np.nan, _notes(entries, p, found, tau2, chosen),
    )  # fmt: skip


def _one(entries: Entries, tau2: Tau2) -> MetaAnalysis:
    """A trial on its own: its effect, and no word on how trials differ."""
    unknown = Spread(np.nan, np.nan, np.nan, 0, np.nan, np.nan, np.nan)
    return MetaAnalysis(
        entries, np.ones((1, 1)), ("intercept",), tau2, "normal", entries.effect.copy(),
        entries.variance[:, None].copy(), np.inf, unknown, np.nan, np.nan, np.nan, np.nan,
        ("One trial: nothing is pooled, and how much trials differ cannot be told.",),
    )  # fmt: skip


def _scaled(fit: Weighted, df: int, interval: Interval) -> tuple[Array, float]:
    """Covariance with the factor of Hartung and Knapp, and degrees of freedom."""
    if interval in ("normal", "t"):
        return fit.cov, np.inf if interval == "normal" else float(df)
    q = fit.rss / df
    return fit.cov * (q if interval == "hartung-knapp" else max(1.0, q)), float(df)


def _criteria(
    y: Array, v: Array, x: Array, tau2: float, method: Tau2
) -> tuple[float, float, float]:
    """Log-likelihood, AIC and BIC; the variance counts as a parameter where it is estimated."""
    k, p = x.shape
    restricted = method == "REML"
    llf = log_likelihood(y, v, x, tau2, restricted)
    parameters = p + (method != "common")
    values = k - p if restricted else k
    return llf, 2 * parameters - 2 * llf, parameters * float(np.log(values)) - 2 * llf


def _explained(entries: Entries, about: Spread, method: Tau2) -> float:
    """Percent of tau² (of H² for common effects) that moderators explain."""
    y, v, ones = entries.effect, entries.variance, np.ones((entries.k, 1))
    if method == "common":
        before, after = spread(y, v, ones, 0.0, method).h2, about.h2
    else:
        before, after = estimate_tau2(y, v, ones, method), about.tau2
    return max(0.0, 100 * (before - after) / before) if before > 0 else np.nan


def _notes(
    entries: Entries, p: int, tau2: float, method: Tau2, interval: Interval
) -> tuple[str, ...]:
    k, notes = entries.k, list(alike(entries))
    if method != "common" and k - p + 1 < FEW:
        notes.append(f"{k} trials say little about how much trials differ.")
    if method != "common" and tau2 == 0:
        notes.append("Trials differ no more than by chance; the interval does not add any.")
    if k - p == 1 and interval == "hartung-knapp":
        text = (
            f"{k} trials leave one degree of freedom: Hartung and Knapp's interval is then very wide or, "
            "where trials happen to agree, far too narrow. Read it beside interval='normal' and "
            "'hartung-knapp-floor'."
        )
        warnings.warn(text, UserWarning, stacklevel=4)
        notes.append(text)
    return tuple(notes)


def _columns(
    entries: Entries, moderators: Mapping[str, ArrayLike] | pd.DataFrame
) -> tuple[Array, tuple[str, ...]]:
    """Intercept and moderators; words as 0/1 columns against the first."""
    columns, names = [np.ones(entries.k)], ["intercept"]
    for name in moderators:
        values = pd.Series(np.asarray(moderators[name]).ravel())
        if len(values) != entries.k:
            raise ModelError(
                f"{name} has {len(values)} values for {entries.k} trials. Give one for each."
            )
        if values.isna().any():
            missing = [entries.study[i] for i in np.flatnonzero(values.isna())]
            raise ModelError(
                f"{name} is not known for {len(missing)} of {entries.k} trials ({', '.join(missing[:5])}). "
                "Leave these trials out of this model, and say so."
            )
        if pd.api.types.is_numeric_dtype(values):
            columns.append(values.to_numpy(dtype=np.float64))
            names.append(str(name))
            continue
        levels = sorted(set(values.astype(str)))
        columns += [
            (values.astype(str) == level).to_numpy(dtype=np.float64) for level in levels[1:]
        ]
        names += [f"{name}: {level}" for level in levels[1:]]
    return np.column_stack(columns), tuple(names)
