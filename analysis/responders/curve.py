"""Cumulative responder curves: the share of patients who improved by at least c, for every c."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.responders.definition import Scores, scores_of, seen_mean, windows_of
from analysis.trial.records import Trial

Array = NDArray[np.float64]
Unseen = Literal["left_out", "failed"]

CURVE_COLUMNS = (
    "therapy", "horizon", "visit", "change", "n", "proportion", "conf_low", "conf_high", "band_low",
    "band_high", "note",
)  # fmt: skip


def responder_curve(
    trial: Trial, measure: str | None = None, *, unseen: Unseen = "left_out",
    minimum: int | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Share of each therapy's patients who improved by at least c, at both horizons.

    The pointwise interval is Wilson's. The band holds for the whole curve at once: it is that of
    Dvoretzky, Kiefer and Wolfowitz with Massart's constant, which holds in every sample size and
    for scores with ties, and needs no random numbers, as a bootstrap band would.

    Parameters
    ----------
    trial : Trial
    measure : str, optional
        Name of the measure; the primary one when left out.
    unseen : {"left_out", "failed"}
        Patients with a baseline who were not seen: no part of the curve, or never improved.
    minimum : int, optional
        Patients that stand between two points at least, so that no step is a person;
        `study.minimum_count` when left out. With 1 every step is there.

    Returns
    -------
    pandas.DataFrame
        `CURVE_COLUMNS`, points by rising `change` (units of the instrument, positive is better).
        `proportion` is that of improvement ≥ change: it holds down to the point before. A therapy
        without enough patients has one row with a note.

    Raises
    ------
    ModelError
        An unknown option.

    References
    ----------
    Farrar 2006, J Pain Symptom Manage 31:369; Massart 1990, Ann Probab 18:1269.
    """
    if unseen not in get_args(Unseen):
        known = ", ".join(get_args(Unseen))
        raise ModelError(f"unseen={unseen!r} is not known; allowed: {known}.")
    study, scores = trial.study, scores_of(trial, measure)
    least = study.minimum_count if minimum is None else minimum
    alpha = 1 - study.model.confidence
    parts = []
    for window in windows_of(study)[:2]:
        for therapy in study.therapies:
            values = np.array([]) if window.note else _improved(
                scores, therapy, window.visits, unseen
            )  # fmt: skip
            part = _curve(values, least, alpha, window.note)
            parts.append(part.assign(
                therapy=therapy, horizon=window.horizon, visit=", ".join(window.visits)
            ))  # fmt: skip
    return pd.concat(parts, ignore_index=True)[list(CURVE_COLUMNS)]


def _improved(
    scores: Scores, therapy: str, visits: tuple[str, ...], unseen: Unseen
) -> Array:
    """Improvements of a therapy's patients who have a baseline; −∞ for those who failed."""
    mine = (scores.therapy == therapy) & ~np.isnan(scores.baseline)
    found = seen_mean(scores.improvement()[mine][:, scores.columns(visits)])
    if unseen == "left_out":
        return found[~np.isnan(found)]
    return np.where(np.isnan(found), -np.inf, found)


def _curve(values: Array, minimum: int, alpha: float, note: str) -> pd.DataFrame:
    n = len(values)
    points, reached = _points(values, minimum)
    if not note and not len(points):
        note = "nobody can be judged" if n == 0 else f"fewer than {minimum} patients: not shown"
    if note:
        nothing = dict.fromkeys(CURVE_COLUMNS[5:10], np.nan)
        return pd.DataFrame([{"change": np.nan, "n": n, **nothing, "note": note}])
    # Imported here: a session without such curves should not wait a second for it.
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(reached, n, alpha=alpha, method="wilson")
    share, reach = reached / n, np.sqrt(np.log(2 / alpha) / (2 * n))
    return pd.DataFrame({
        "change": points, "n": n, "proportion": share, "conf_low": low, "conf_high": high,
        "band_low": np.maximum(share - reach, 0.0), "band_high": np.minimum(share + reach, 1.0),
        "note": "",
    })  # fmt: skip


def _points(values: Array, minimum: int) -> tuple[Array, NDArray[np.int64]]:
    """Points of the curve, rising, and how many reached them.

    From the best improvement down, a point is kept where at least `minimum` patients stand between
    it and the one before, and as many, or none, are left.
    """
    levels, sizes = np.unique(values[np.isfinite(values)], return_counts=True)
    reached = np.cumsum(sizes[::-1])
    kept, last = [], 0
    for place, total in enumerate(reached):
        left = len(values) - total
        if total - last >= minimum and (left == 0 or left >= minimum):
            kept.append(place)
            last = total
    chosen = np.array(kept[::-1], dtype=np.int64)
    return levels[::-1][chosen], reached[chosen]


def area_between(curve: pd.DataFrame, therapy: str, comparator: str, horizon: str) -> float:
    """Area between two curves: the difference of mean improvements, if every step is there.

    Parameters
    ----------
    curve : pandas.DataFrame
        Frame of `responder_curve`, with unseen patients left out and a minimum of 1.
    therapy, comparator, horizon : str

    Returns
    -------
    float
        In units of the instrument; NaN where a curve has no points.
    """
    means = []
    for name in (therapy, comparator):
        part = curve[(curve["therapy"] == name) & (curve["horizon"] == horizon)]
        change, share = (part[column].to_numpy() for column in ("change", "proportion"))
        # A share of 1 up to the lowest improvement, then step by step.
        means.append(change[0] + np.diff(change) @ share[1:])
    return float(means[0] - means[1])
