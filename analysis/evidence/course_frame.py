"""A fitted time course as rows of a result frame and as frames for its figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.distributions import normal_critical
from analysis.evidence.halving import weeks_until
from analysis.evidence.timecourse import TimeCourse
from analysis.schema import result_frame

# Weeks at which a band is drawn.
DRAWN = 121


def course_frame(
    fit: TimeCourse,
    weeks: Sequence[float],
    *,
    share: float = 0.5,
    measure: str = "",
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Relief at weeks and weeks until it is gone, as rows of a result frame.

    Parameters
    ----------
    fit : TimeCourse
    weeks : sequence of float
    share : float
        Share of the relief at the peak that is gone.
    measure : str
    alpha : float
        One minus the level of the intervals.

    Returns
    -------
    pandas.DataFrame
        Quantities `relief`, one row a therapy and week, and `half_life`, one row a therapy: weeks after
        the peak, infinite where never. Trials, patients and tau² stand in `note`.
    """
    shared = {
        "analysis": "time course", "measure": measure, "comparator": fit.followups.reference,
        "method": _method(fit),
    }  # fmt: skip
    notes = _notes(fit)
    rows = []
    for row in fit.relief_at(weeks, alpha).to_dict("records"):
        rows.append({
            **shared, **row, **_counts(fit, row["therapy"]), "quantity": "relief",
            "estimand": "mean over trials", "visit": f"week {row['week']:g}",
            "note": notes[row["therapy"]],
        })  # fmt: skip
    if fit.course.family == "constant":
        return result_frame(rows)
    for row in weeks_until(fit, share, alpha).to_dict("records"):
        rows.append({
            **shared, **_counts(fit, row["therapy"]), "therapy": row["therapy"], "quantity": "half_life",
            "estimand": f"weeks after week {fit.course.peak_week:g} until {100 * share:.0f} % is gone",
            "estimate": row["estimate"], "conf_low": row["conf_low"], "conf_high": row["conf_high"],
            "note": f"{row['words']} {notes[row['therapy']]}",
        })  # fmt: skip
    return result_frame(rows)


def band_frame(fit: TimeCourse, alpha: float = 0.05) -> pd.DataFrame:
    """Relief of each therapy from randomisation to the last visit.

    Returns
    -------
    pandas.DataFrame
        `therapy`, `week`, `estimate`, `conf_low`, `conf_high`, and `seen`: whether the week lies
        between the first and last visit at which the therapy was seen.
    """
    last = float(fit.followups.week.max())
    start = 0.0 if (fit.followups.week < fit.course.peak_week).any() else fit.course.peak_week
    frame = fit.relief_at(
        np.unique(np.r_[np.linspace(start, last, DRAWN), fit.course.peak_week]), alpha
    )
    for therapy in fit.followups.therapies:
        weeks = fit.followups.about(therapy)["week"]
        rows = frame["therapy"] == therapy
        frame.loc[rows, "seen"] = frame.loc[rows, "week"].between(weeks.min(), weeks.max())
    return frame.astype({"seen": bool})


def points_frame(fit: TimeCourse, alpha: float = 0.05) -> pd.DataFrame:
    """Contrasts with the reference as the trials gave them, with normal intervals.

    Returns
    -------
    pandas.DataFrame
        `study`, `therapy`, `week`, `estimate`, `conf_low`, `conf_high`, `weight` (inverse variance),
        and counts where given. Contrasts of two therapies of which neither is the reference stand in
        the model but have no place here.
    """
    rows = fit.followups.rows
    direct = rows[rows["comparator"] == fit.followups.reference]
    turned = rows[rows["therapy"] == fit.followups.reference]
    turned = turned.assign(therapy=turned["comparator"], effect=-turned["effect"])
    turned = turned.rename(columns={"n_therapy": "n_comparator", "n_comparator": "n_therapy"})
    both = pd.concat([direct, turned], ignore_index=True).rename(columns={"effect": "estimate"})
    half = normal_critical(alpha / 2) * both["se"]
    both = both.assign(
        conf_low=both["estimate"] - half,
        conf_high=both["estimate"] + half,
        weight=both["se"] ** -2.0,
    )
    return both.drop(columns=["comparator", "se"])


def _method(fit: TimeCourse) -> str:
    return f"{fit.course.family} course, tau² by {fit.criterion}, profile interval"


def _counts(fit: TimeCourse, therapy: str) -> dict[str, int | None]:
    """Patients with the therapy, and with the reference, in the trials of the therapy."""
    about = fit.followups.about(therapy)
    return {
        "n_therapy": _patients(about, therapy),
        "n_comparator": _patients(about, fit.followups.reference),
    }


def _patients(rows: pd.DataFrame, name: str) -> int | None:
    """Most patients of an arm seen at any visit, summed over trials; None where one does not say."""
    arms = [
        rows.loc[rows[role] == name, ["study", f"n_{role}"]].set_axis(["study", "n"], axis=1)
        for role in ("therapy", "comparator") if f"n_{role}" in rows
    ]  # fmt: skip
    known = pd.concat(arms) if arms else pd.DataFrame({"study": [], "n": []})
    seen = int((rows["therapy"] == name).sum() + (rows["comparator"] == name).sum())
    if len(known) < seen or known["n"].isna().any():
        return None
    return int(known.groupby("study")["n"].max().sum())


def _notes(fit: TimeCourse) -> dict[str, str]:
    """Trials, contrasts, tau² and fit behind each therapy's rows."""
    lack, df, p = fit.lack_of_fit()
    how = f"lack of fit χ² {lack:.1f} on {df}, p = {p:.3f}" if df else "fit cannot be tested"
    shared = "; ".join([f"tau² {fit.tau2:.3g}; {how}", *fit.notes])
    notes = {}
    for therapy in fit.followups.therapies:
        about = fit.followups.about(therapy)
        trials = about["study"].nunique()
        notes[therapy] = f"{trials} trial{'s' * (trials != 1)}, {len(about)} contrasts, {shared}"
    return notes
