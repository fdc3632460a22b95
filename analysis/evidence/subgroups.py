"""Pooled effects in groups of trials: acute or chronic, sham or none, risk of bias."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.distributions import chi2_tail
from analysis.errors import ModelError
from analysis.evidence.entries import Entries
from analysis.evidence.heterogeneity import Tau2, estimate_tau2, weighted
from analysis.evidence.pairwise import meta_regression, pool
from analysis.evidence.pooled import Interval, MetaAnalysis, Words

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Subgroups:
    """Pooled effects of groups and whether they differ.

    Attributes
    ----------
    groups : tuple of str
    fits : tuple of MetaAnalysis
        One a group.
    shared_tau2 : bool
    statistic, df, df_denominator, p : float
        Test of no difference between groups; NaN with one group.
    note : str
    """

    groups: tuple[str, ...]
    fits: tuple[MetaAnalysis, ...]
    shared_tau2: bool
    statistic: float
    df: int
    df_denominator: float
    p: float
    note: str

    def summary_frame(self, alpha: float = 0.05) -> pd.DataFrame:
        """One row a group: `group`, then as `MetaAnalysis.summary_frame`."""
        frame = pd.concat([fit.summary_frame(alpha) for fit in self.fits], ignore_index=True)
        frame.insert(0, "group", list(self.groups))
        return frame

    def forest_frame(self, alpha: float = 0.05) -> pd.DataFrame:
        """`group`, then as `MetaAnalysis.forest_frame`, one group below the other."""
        frames = [fit.forest_frame(alpha) for fit in self.fits]
        pairs = zip(self.groups, frames, strict=True)
        return pd.concat([frame.assign(group=group) for group, frame in pairs], ignore_index=True)

    def tidy(self, *, alpha: float = 0.05, **words: Unpack[Words]) -> pd.DataFrame:
        """Rows of a result frame; the group stands in `estimand`. Words as in `MetaAnalysis.tidy`."""
        parts = [
            fit.tidy(alpha=alpha, estimand=f"mean over trials: {group}", **words).iloc[:1]
            for group, fit in zip(self.groups, self.fits, strict=True)
        ]
        return pd.concat(parts, ignore_index=True)


def subgroups(
    entries: Entries, group: Sequence[str], *, order: Sequence[str] | None = None, tau2: Tau2 = "REML",
    interval: Interval | None = None, shared_tau2: bool = False,
) -> Subgroups:  # fmt: skip
    """Pool each group of trials and test whether the groups differ.

    Parameters
    ----------
    entries : Entries
    group : sequence of str, shape (k,)
        Such as `acute` or `chronic`, or low, some and high risk of bias.
    order : sequence of str, optional
        Groups to show, in that order. One without a trial is refused, because an empty cell has to
        be shown as empty.
    tau2, interval
        As in `pool`.
    shared_tau2 : bool
        One tau² for all groups (advised with few trials each): the test is that of a
        meta-regression on the group. Else each group has its own and the test is Q between
        groups on chi-square.

    Returns
    -------
    Subgroups

    Raises
    ------
    ModelError
        A trial without a group, or a group without a trial.

    References
    ----------
    Borenstein, Hedges, Higgins and Rothstein 2009, Introduction to Meta-Analysis, ch. 19.
    """
    labels = np.array([str(one) for one in group])
    if len(labels) != entries.k:
        raise ModelError(
            f"{len(labels)} groups were given for {entries.k} trials. Give one for each."
        )
    blank = [entries.study[i] for i in np.flatnonzero(pd.isna(list(group)) | (labels == ""))]
    if blank:
        raise ModelError(f"{', '.join(blank[:5])}: in no group. Name one, or call it 'not stated'.")
    names = tuple(dict.fromkeys(labels if order is None else map(str, order)))
    outside = sorted(set(labels) ^ set(names))
    if outside:
        raise ModelError(
            f"{', '.join(outside)}: in the trials or in the order of groups, but not in both."
        )
    fits = [_pooled(entries, labels == name, tau2, interval) for name in names]
    if len(names) == 1:
        return Subgroups(
            names, tuple(fits), shared_tau2, np.nan, 0, np.nan, np.nan, "One group only."
        )
    if not shared_tau2:
        return _apart(names, fits)
    return _together(entries, labels, names, fits, tau2, interval)


def _pooled(
    entries: Entries, which: NDArray[np.bool_], tau2: Tau2, interval: Interval | None
) -> MetaAnalysis:
    with warnings.catch_warnings():
        # The note of the group says it.
        warnings.simplefilter("ignore", UserWarning)
        return pool(entries.chosen(which), tau2=tau2, interval=interval)


def _apart(names: tuple[str, ...], fits: list[MetaAnalysis]) -> Subgroups:
    """Q between pooled effects with their own variances."""
    means = np.array([fit.params[0] for fit in fits])
    variances = np.array([fit.cov[0, 0] for fit in fits])
    statistic = weighted(means, variances, np.ones((len(means), 1))).rss
    df = len(fits) - 1
    alone = [name for name, fit in zip(names, fits, strict=True) if fit.entries.k == 1]
    note = (
        f"One trial only: {', '.join(alone)}; its interval knows nothing of other trials."
        if alone
        else ""
    )
    return Subgroups(
        names, tuple(fits), False, statistic, df, np.inf, chi2_tail(statistic, df), note
    )


def _together(
    entries: Entries, labels: NDArray[np.str_], names: tuple[str, ...], fits: list[MetaAnalysis],
    tau2: Tau2, interval: Interval | None,
) -> Subgroups:  # fmt: skip
    """Test of a meta-regression on the group, whose tau² the pooled effects share."""
    if entries.k <= len(names):
        raise ModelError(
            f"{entries.k} trials in {len(names)} groups cannot share a tau²; use shared_tau2=False."
        )
    cells = np.column_stack([labels == name for name in names]).astype(np.float64)
    found = estimate_tau2(entries.effect, entries.variance, cells, tau2)
    joint = meta_regression(
        entries,
        {name: cells[:, i] for i, name in enumerate(names) if i},
        tau2=tau2,
        interval=interval,
    )
    first = np.eye(len(names))[0]
    shared = [_with_tau2(joint, first + (i > 0) * np.eye(len(names))[i], fit, found)
              for i, fit in enumerate(fits)]  # fmt: skip
    statistic, df, denominator, p = joint.wald()
    return Subgroups(
        names, tuple(shared), True, statistic, df, denominator, p, "tau² is shared by the groups."
    )


def _with_tau2(joint: MetaAnalysis, at: Array, fit: MetaAnalysis, tau2: float) -> MetaAnalysis:
    """The group's effect in the joint model."""
    mean, error = joint.predict(at)
    return replace(
        fit, params=np.array([mean]), cov=np.array([[error**2]]), df=joint.df, interval=joint.interval,
        spread=replace(fit.spread, tau2=tau2, tau2_se=joint.spread.tau2_se), shared_tau2=True,
    )  # fmt: skip
