"""What is missing: how much, in whom, in which pattern, and which visits were seen together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.describe.grid import therapy_of, values_grid
from analysis.describe.masking import without_few
from analysis.trial.records import Trial

PATTERNS = ("complete", "monotone", "intermittent", "no follow-up")


def missingness(trial: Trial, measure: str | None = None) -> pd.DataFrame:
    """Count values expected, observed and missing, per therapy and visit.

    Returns
    -------
    pandas.DataFrame
        `therapy`, `visit`, `week`, `expected` (patients of that therapy), `observed`, `missing`,
        `percent` (missing of expected, 0 to 100; NaN where nobody is expected). Where so few were
        seen that their number may not be shown, the last three are missing.
    """
    grid = values_grid(trial, measure)
    therapy = therapy_of(trial)
    rows = []
    for label in trial.study.therapies:
        part = grid[therapy == label]
        for visit in trial.study.visits.schedule:
            expected, observed = len(part), int(part[visit.name].notna().sum())
            missing = expected - observed
            percent = 100 * missing / expected if expected else np.nan
            rows.append((label, visit.name, visit.week, expected, observed, missing, percent))
    names = ["therapy", "visit", "week", "expected", "observed", "missing", "percent"]
    frame = pd.DataFrame(rows, columns=names)
    shown = frame.groupby("visit", sort=False)["observed"].transform(
        without_few, minimum=trial.study.minimum_count
    )
    hidden = shown.isna()
    return frame.assign(
        observed=frame["observed"].astype("Int64").mask(hidden),
        missing=frame["missing"].astype("Int64").mask(hidden), percent=frame["percent"].mask(hidden),
    )  # fmt: skip


def missing_patterns(trial: Trial, measure: str | None = None) -> pd.DataFrame:
    """Count patients by the pattern of their visits after baseline, per therapy.

    Returns
    -------
    pandas.DataFrame
        `therapy`, `pattern`, `n`, `percent` of the therapy's patients. Patterns: "complete" (every
        visit that anybody attended), "monotone" (none after the first one missed), "intermittent"
        (seen again after a gap), "no follow-up". `n` (Int64) and `percent` are missing where they
        would tell of fewer patients than `study.minimum_count`.
    """
    grid = values_grid(trial, measure)
    follow = grid[[visit.name for visit in trial.study.followup]].notna()
    follow = follow.loc[:, follow.any(axis=0)]
    pattern = pd.Series([_pattern(row) for row in follow.to_numpy()], index=grid.index, dtype="str")
    therapy = therapy_of(trial)
    rows = []
    for label in trial.study.therapies:
        part = pattern[therapy == label]
        counts = part.value_counts().reindex(list(PATTERNS), fill_value=0)
        for name, n in without_few(counts, trial.study.minimum_count).items():
            share = np.nan if pd.isna(n) or part.empty else 100 * int(n) / len(part)
            rows.append((label, name, n, share))
    frame = pd.DataFrame(rows, columns=["therapy", "pattern", "n", "percent"])
    return frame.astype({"n": "Int64", "percent": "float64"})


def _pattern(seen: np.ndarray) -> str:
    if not seen.any():
        return "no follow-up"
    if seen.all():
        return "complete"
    first_gap = int(np.argmin(seen))
    return "intermittent" if seen[first_gap:].any() else "monotone"


def visits_together(trial: Trial, measure: str | None = None) -> pd.DataFrame:
    """Count patients seen at both of two visits, for every pair (a visit with itself: its n).

    A pair that nobody attended together tells nothing about the correlation between the two.

    Returns
    -------
    pandas.DataFrame
        `visit`, `other`, `n` (Int64; missing for fewer than `study.minimum_count`, but more than
        none); both in schedule order.
    """
    seen = values_grid(trial, measure).notna()
    counts = seen.astype(int).T @ seen.astype(int)
    rows = [(one, two, int(counts.loc[one, two])) for one in seen for two in seen]
    frame = pd.DataFrame(rows, columns=["visit", "other", "n"]).astype({"n": "Int64"})
    return frame.assign(n=frame["n"].mask(frame["n"].between(1, trial.study.minimum_count - 1)))
