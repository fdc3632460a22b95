"""How many weeks until a share of the relief is gone, with the set of weeks that the data allow.

A number of weeks T is allowed where the course, made to have lost the share exactly T weeks after
its peak, fits no worse than chi-square with 1 degree of freedom permits. Where therapies have their
own plateau that is one linear condition on P and A for each half-time, so it needs no new fit, and
it is Fieller's set when the half-time is known. The set may have no upper limit, and no lower one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize

from analysis.distributions import chi2_critical
from analysis.errors import ModelError
from analysis.evidence.fades import span_of
from analysis.evidence.surface import moments_at, solve
from analysis.evidence.timecourse import TimeCourse

Array = NDArray[np.float64]

# Weeks are looked at up to this many times the time seen: beyond, no trial could tell a late loss
# from none. The soonest are those of the fastest half-time.
LATEST = 100.0
PLACES = 160
# Multiples of the time seen after the peak beyond which no number of weeks is printed.
SAID = 4
NEVER = np.inf
# Weeks in whose course a fade that never comes cannot be told from one that does.
FOREVER = 1e12
# Relative distance from the end of the half-times at which a search has run into it.
EDGE = 0.01


@dataclass(frozen=True, slots=True)
class Allowed:
    """Weeks that the data allow.

    Attributes
    ----------
    estimate : float
        Infinite where the share is never lost.
    low, high : float
        0 (sooner than visits can tell) and infinite where there is no limit.
    pieces : int
        1 unless weeks in between are not allowed.
    """

    estimate: float
    low: float
    high: float
    pieces: int


def weeks_until(fit: TimeCourse, share: float = 0.5, alpha: float = 0.05) -> pd.DataFrame:
    """Weeks after the peak until a share of the relief at the peak is gone.

    Parameters
    ----------
    fit : TimeCourse
    share : float
        Between 0 and 1.
    alpha : float
        One minus the level of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row a therapy: `therapy`, `peak_week`, `share`, `estimate` (infinite: never),
        `conf_low`, `conf_high` (infinite: no upper limit), `kind` (interval, no upper limit, no
        lower limit, no limits, never), `words`.

    Raises
    ------
    ModelError
        A share that is not between 0 and 1, or a constant course, which loses nothing by
        construction.
    """
    if not 0 < share < 1:
        raise ModelError(f"share = {share:g}; it must lie between 0 and 1.")
    if fit.course.family == "constant":
        raise ModelError(
            "A constant course loses nothing by construction, so it cannot say when. Fit 'fade to "
            "plateau' or another family that fades."
        )
    rows, shared = [], None
    for k, therapy in enumerate(fit.followups.therapies):
        if fit.course.own:
            found = _allowed(
                fit, _own_excess(fit, k, share), _own_estimate(fit, k, share), share, alpha
            )
        else:
            shared = shared or _allowed(fit, *_shared(fit, share), share, alpha)
            found = shared
        kind = _kind(found)
        rows.append({
            "therapy": therapy, "peak_week": fit.course.peak_week, "share": share,
            "estimate": found.estimate, "conf_low": found.low,
            "conf_high": found.high, "kind": kind,
            "words": _words(fit, found, kind, share, alpha),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _shared(fit: TimeCourse, share: float) -> tuple[Callable[[Array], Array], float]:
    """Excess over weeks, and the estimate, where all therapies keep one share."""
    found, slowest = float(fit.best.half_time[0]), float(fit.nodes.half_time.max())
    # The slowest half-time searched looks like none.
    slow = found >= (1 - EDGE) * slowest
    estimate = NEVER if slow else _when(found, float(fit.best.kept[0]), share)
    if fit.course.family == "fade":
        return (lambda weeks: _faded_excess(fit, weeks, share)), estimate
    h = np.unique(fit.nodes.half_time)
    moments = moments_at(fit.followups, fit.course, fit.white, h)
    stays = fit.nodes.rss[fit.nodes.kept >= 1 - share].min()

    def excess(weeks: Array) -> Array:
        out = np.empty(len(weeks))
        for i, week in enumerate(weeks):
            if np.isinf(week):
                out[i] = stays - fit.best.rss[0]
                continue
            left = np.exp2(-week / h)
            kept = (1 - share - left) / (1 - left)
            possible = kept >= 0
            rss = solve(moments, h, np.maximum(kept, 0.0)).rss
            out[i] = np.min(np.where(possible, rss, np.inf)) - fit.best.rss[0]
        return out

    return excess, estimate


def _faded_excess(fit: TimeCourse, weeks: Array, share: float) -> Array:
    """Of a course that fades to nothing: one half-time for each number of weeks."""
    finite = np.where(np.isinf(weeks), FOREVER, weeks)
    h = finite / -np.log2(1 - share)
    moments = moments_at(fit.followups, fit.course, fit.white, h)
    return solve(moments, h, np.zeros(len(h))).rss - fit.best.rss[0]


def _own_excess(fit: TimeCourse, k: int, share: float) -> Callable[[Array], Array]:
    """Excess of the condition that therapy k has lost the share at a week."""
    nodes, size = fit.nodes, len(fit.followups.therapies)
    p, a = nodes.params[:, k], nodes.params[:, size + k]
    v, w, c = (nodes.cov[:, i, j] for i, j in ((k, k), (size + k, size + k), (k, size + k)))
    behind = nodes.rss - fit.best.rss[0]

    def excess(weeks: Array) -> Array:
        on_p, on_a = _condition(fit, weeks[:, None], nodes.half_time, share)
        value = on_p * p + on_a * a
        variance = on_p**2 * v + on_a**2 * w + 2 * on_p * on_a * c
        return np.min(behind + value**2 / variance, axis=1)

    return excess


def _condition(
    fit: TimeCourse, weeks: Array, half_time: Array, share: float
) -> tuple[Array | float, Array]:
    """Weights of P and A (or B) in what is 0 when the share is gone."""
    if fit.course.family == "log-linear":
        # Divided by log(1 + T), so that never has its place too.
        return share / np.log1p(weeks), -np.ones_like(half_time) * np.ones_like(weeks)
    left = np.exp2(-weeks / half_time)
    return 1 - share - left, left - 1


def _own_estimate(fit: TimeCourse, k: int, share: float) -> float:
    p = float(fit.peak[k])
    if p == 0:
        return NEVER
    if fit.course.family == "log-linear":
        slope = float(fit.best.params[0, len(fit.peak) + k]) / p
        return float(np.expm1(min(share / slope, 700.0))) if slope > 0 else NEVER
    return _when(float(fit.best.half_time[0]), float(fit.plateau[k]) / p, share)


def _when(half_time: float, kept: float, share: float) -> float:
    """Weeks until P (κ + (1 − κ) g) is (1 − share) P."""
    left = 1 - share - kept
    return half_time * float(np.log2((1 - kept) / left)) if left > 0 else NEVER


def _allowed(
    fit: TimeCourse, excess: Callable[[Array], Array], estimate: float, share: float, alpha: float
) -> Allowed:
    """Where the excess stays below the quantile, from its changes of sign over weeks."""
    limit = chi2_critical(alpha, 1)
    first, last = span_of(fit.course, fit.followups.week)
    span = np.geomspace(-np.log2(1 - share) * first, LATEST * last, PLACES)
    weeks = np.unique(np.r_[span, estimate]) if np.isfinite(estimate) else span
    inside = np.r_[excess(weeks) <= limit, _never(fit, excess, estimate, limit)]
    if np.isfinite(estimate):
        # The estimate is allowed by definition; a profile over a grid may miss it by rounding.
        inside[np.searchsorted(weeks, estimate)] = True
    starts = np.flatnonzero(inside & ~np.r_[False, inside[:-1]])
    places = np.flatnonzero(inside)
    if not len(places):
        return Allowed(estimate, NEVER, NEVER, 1)
    first, last = places[0], places[-1]

    def edge(below: int) -> float:
        if below + 1 >= len(weeks):
            return NEVER
        return float(optimize.brentq(
            lambda week: excess(np.array([week]))[0] - limit, weeks[below], weeks[below + 1]
        ))  # fmt: skip

    low = 0.0 if first == 0 else float(weeks[-1]) if first == len(weeks) else edge(first - 1)
    high = NEVER if last >= len(weeks) - 1 else edge(last)
    return Allowed(estimate, low, high, len(starts))


def _never(
    fit: TimeCourse, excess: Callable[[Array], Array], estimate: float, limit: float
) -> bool:
    """Whether the data allow that the share is never lost."""
    if np.isinf(estimate):
        return True
    return bool(excess(np.array([NEVER]))[0] <= limit)


def _kind(found: Allowed) -> str:
    if np.isinf(found.low):
        return "never"
    if found.low == 0:
        return "no limits" if np.isinf(found.high) else "no lower limit"
    return "no upper limit" if np.isinf(found.high) else "interval"


def _words(fit: TimeCourse, found: Allowed, kind: str, share: float, alpha: float) -> str:
    """The answer as a sentence."""
    beyond = float(fit.followups.week.max()) - fit.course.peak_week

    def said(weeks: float) -> str:
        return f"{weeks:.0f}" if weeks <= SAID * beyond else f"more than {SAID * beyond:.0f}"

    what = "Half of the relief" if share == 0.5 else f"{100 * share:.0f} % of the relief"
    after = f"after week {fit.course.peak_week:g}"
    estimate = (
        f"{what} is not lost at any time by the estimate" if np.isinf(found.estimate)
        else f"{what} is gone {_plural(said(found.estimate))} {after}"
    )  # fmt: skip
    low, high = said(found.low), said(found.high)
    interval = {
        "interval": f"{low} to {_plural(high)}", "never": "never",
        "no upper limit": f"{_plural(low)} to never",
        "no lower limit": f"at once to {_plural(high)}", "no limits": "anything from at once to never",
    }[kind]  # fmt: skip
    text = f"{estimate} ({100 * (1 - alpha):g} % interval {interval})"
    if np.isfinite(found.estimate) and found.estimate > beyond:
        text += f"; no trial looked later than {beyond:.0f} weeks {after}"
    return text + ("; weeks in between may not be allowed" if found.pieces > 1 else "") + "."


def _plural(number: str) -> str:
    return f"{number} week{'s' * (number != '1')}"
