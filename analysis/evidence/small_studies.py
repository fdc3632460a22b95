"""Whether small trials show larger effects: regression, rank correlation, trim and fill.

Asymmetry has many causes besides unpublished trials: sickly patients, short follow-up or weak
methods in small trials, an effect measure tied to its own standard error, chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.evidence.entries import Entries, enter
from analysis.evidence.heterogeneity import Tau2
from analysis.evidence.pairwise import meta_regression, pool
from analysis.evidence.pooled import Interval, MetaAnalysis

Array = NDArray[np.float64]
Egger = Literal["regression", "random effects"]
Side = Literal["left", "right"]

# Cochrane's rule (Sterne et al 2011, BMJ 343:d4002): with fewer trials the tests see nothing.
ENOUGH = 10
# Rounds of trim and fill; the number of trials filled in settles within a few.
ROUNDS = 100


@dataclass(frozen=True, slots=True)
class AsymmetryTest:
    """A test of whether effects go with their standard errors.

    Attributes
    ----------
    form : str
        Which test, in words.
    statistic, df, p : float
        `df` is infinite for a normal reference, NaN for a rank test.
    limit : float
        Effect at a standard error of 0, NaN for a rank test.
    limit_low, limit_high : float
        Its 95 % interval.
    k : int
    note : str
        Says when there are too few trials.
    """

    form: str
    statistic: float
    df: float
    p: float
    limit: float
    limit_low: float
    limit_high: float
    k: int
    note: str


@dataclass(frozen=True, slots=True)
class Filled:
    """Trim and fill.

    Attributes
    ----------
    missing : int
        Trials that would make the funnel even.
    side : {"left", "right"}
        Where they are filled in.
    fit : MetaAnalysis
        With the filled trials.
    added : Entries or None
    """

    missing: int
    side: Side
    fit: MetaAnalysis
    added: Entries | None


def egger(
    entries: Entries, form: Egger = "random effects", *, tau2: Tau2 = "REML",
    interval: Interval = "hartung-knapp",
) -> AsymmetryTest:  # fmt: skip
    """Egger's test: does the effect depend on its standard error?

    Parameters
    ----------
    entries : Entries
    form : {"random effects", "regression"}
        Meta-regression on the standard error with tau² (Sterne and Egger 2005), or the classical
        weighted regression with a free factor of dispersion and t with k − 2.
    tau2, interval
        Of the meta-regression; Hartung and Knapp's interval unless another is named.

    Raises
    ------
    ModelError
        Fewer than three trials, or equal standard errors.

    References
    ----------
    Egger et al 1997, BMJ 315:629; Sterne and Egger 2005, Publication Bias in Meta-Analysis, ch. 6.
    """
    if form not in get_args(Egger):
        raise ModelError(f"form={form!r} is not known; allowed: {', '.join(get_args(Egger))}.")
    _enough(entries, 3)
    if np.ptp(entries.variance) == 0:
        raise ModelError("All trials have the same standard error, so nothing can go with it.")
    classical = form == "regression"
    fit = meta_regression(
        entries, {"standard error": np.sqrt(entries.variance)}, tau2="common" if classical else tau2,
        interval="hartung-knapp" if classical else interval,
    )  # fmt: skip
    low, high = fit.conf_int()[0]
    words = (
        "Egger's regression"
        if classical
        else f"Egger's test with random effects ({tau2}, {interval})"
    )
    return AsymmetryTest(
        words, float(fit.tvalues[1]), fit.df, float(fit.pvalues[1]), float(fit.params[0]), float(low),
        float(high), entries.k, _few(entries),
    )  # fmt: skip


def begg(entries: Entries) -> AsymmetryTest:
    """Begg and Mazumdar's test: rank correlation of standardised effects and variances.

    Raises
    ------
    ModelError
        Fewer than three trials.

    References
    ----------
    Begg and Mazumdar 1994, Biometrics 50:1088.
    """
    _enough(entries, 3)
    y, v = entries.effect, entries.variance
    mean = np.sum(y / v) / np.sum(1 / v)
    # Imported here and below: it takes half a second that few sessions need to wait.
    from scipy import stats

    found = stats.kendalltau((y - mean) / np.sqrt(v - 1 / np.sum(1 / v)), v)
    nan = np.nan
    return AsymmetryTest(
        "Begg and Mazumdar's rank test", float(found.statistic), nan, float(found.pvalue), nan, nan,
        nan, entries.k, _few(entries),
    )  # fmt: skip


def trim_and_fill(
    entries: Entries,
    *,
    tau2: Tau2 = "REML",
    interval: Interval = "normal",
    side: Side | None = None,
) -> Filled:
    """Fill in trials that an even funnel would have, and pool again.

    A sensitivity analysis: it says how far asymmetry could matter if missing trials were its only
    cause. The number missing is L₀ = (4 T − k(k+1)) / (2k − 1), T the sum of the ranks of |y − μ̂| on
    the long side.

    Parameters
    ----------
    entries : Entries
    tau2, interval
        As in `pool`.
    side : {"left", "right"}, optional
        Where trials are missing; the side with less spread by Egger's regression when left out.

    References
    ----------
    Duval and Tweedie 2000, Biometrics 56:455.
    """
    from scipy import stats

    _enough(entries, 3)
    if side is None:
        slope = egger(entries, "random effects", tau2=tau2, interval="normal").statistic
        side = "right" if slope < 0 else "left"
    sign = -1.0 if side == "right" else 1.0
    order = np.argsort(sign * entries.effect, kind="stable")
    y, k, missing = sign * entries.effect[order], entries.k, 0
    ordered = entries.chosen(order)
    for _ in range(ROUNDS):
        kept = ordered.chosen(np.arange(k) < k - missing)
        centre = sign * float(pool(kept, tau2=tau2, interval="normal").params[0])
        ranks = stats.rankdata(np.abs(y - centre))
        total = ranks[y > centre].sum()
        found = max(0, round(float((4 * total - k * (k + 1)) / (2 * k - 1))))
        if found == missing:
            break
        missing = min(found, k - 2)
    if missing == 0:
        return Filled(0, side, pool(entries, tau2=tau2, interval=interval), None)
    last = ordered.chosen(np.arange(k) >= k - missing)
    added = enter(
        sign * (2 * centre - sign * last.effect), last.variance,
        [f"filled {name}" for name in last.study],
        n_therapy=last.n_therapy, n_comparator=last.n_comparator,
    )  # fmt: skip
    both = enter(
        np.r_[entries.effect, added.effect], np.r_[entries.variance, added.variance],
        entries.study + added.study,
        n_therapy=np.r_[entries.n_therapy, added.n_therapy],
        n_comparator=np.r_[entries.n_comparator, added.n_comparator],
    )  # fmt: skip
    return Filled(missing, side, pool(both, tau2=tau2, interval=interval), added)


def _enough(entries: Entries, least: int) -> None:
    if entries.k < least:
        raise ModelError(
            f"{entries.k} trials say nothing of small-study effects; {least} are the least."
        )


def _few(entries: Entries) -> str:
    if entries.k >= ENOUGH:
        return ""
    return f"{entries.k} trials: with fewer than {ENOUGH} a test of asymmetry has little power."
