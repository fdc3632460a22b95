"""What is missing: how much, in whom, in which pattern, and which visits were seen together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.describe.grid import therapy_of, values_grid
from analysis.trial.records import Trial

PATTERNS = ("complete", "monotone", "intermittent", "no follow-up")


def missingness(trial: Trial, measure: str | None = None) -> pd.DataFrame:
    """Count values expected, observed and missing, per therapy and visit.

    Returns
    -------
    pandas.DataFrame
        `therapy`, `visit`, `week`, `expected` (patients of that therapy), `observed`, `missing`,
        `percent` (missing of expected, 0 to 100; NaN where nobody is expected).
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
    return pd.DataFrame(rows, columns=names)


def missing_patterns(trial: Trial, measure: str | None = None) -> pd.DataFrame:
    """Count patients by the pattern of their visits after baseline, per therapy.

    Returns
    -------
    pandas.DataFrame
        `therapy`, `pattern`, `n`, `percent` of the therapy's patients. Patterns: "complete" (every
        visit that anybody attended), "monotone" (none after the first one missed), "intermittent"
        (seen again after a gap), "no follow-up".
    """
    grid = values_grid(trial, measure)
    follow = grid[[visit.name for visit in trial.study.followup]].notna()
    follow = follow.loc[:, follow.any(axis=0)]
    pattern = pd.Series([_pattern(row) for row in follow.to_numpy()], index=grid.index, dtype="str")
    therapy = therapy_of(trial)
    rows = []
    for label in trial.study.therapies:
        part = pattern[therapy == label]
        for name in PATTERNS:
            n = int((part == name).sum())
            rows.append((label, name, n, 100 * n / len(part) if len(part) else np.nan))
    return pd.DataFrame(rows, columns=["therapy", "pattern", "n", "percent"])


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
        `visit`, `other`, `n`; both in schedule order.
    """
    seen = values_grid(trial, measure).notna()
    counts = seen.astype(int).T @ seen.astype(int)
    rows = [(one, two, int(counts.loc[one, two])) for one in seen for two in seen]
    return pd.DataFrame(rows, columns=["visit", "other", "n"])
