"""Trials over time, made from a known course."""

from __future__ import annotations

import numpy as np
import pandas as pd

VISITS = (6.0, 12.0, 26.0, 52.0)
TRUE_PEAKS = {"Massage": 2.0, "Cupping": 1.5}


def made_contrasts(
    rng: np.random.Generator | None,
    *,
    trials: int = 12,
    kept: float = 0.3,
    half_time: float = 20.0,
    tau: float = 0.3,
    se: float = 0.3,
) -> pd.DataFrame:
    """Two therapies against usual care, three of four visits a trial, AR(1) with 0.5 between visits.

    Without a generator the effects are the course itself, at all visits.
    """
    frames, names = [], list(TRUE_PEAKS)
    for trial in range(trials):
        therapy = names[trial % 2]
        weeks = np.array(VISITS)
        if rng is not None:
            weeks = np.sort(rng.choice(weeks, 3, replace=False))
        mean = TRUE_PEAKS[therapy] * (kept + (1 - kept) * 2 ** (-(weeks - 6) / half_time))
        if rng is not None:
            lags = np.abs(np.subtract.outer(range(len(weeks)), range(len(weeks))))
            mean = rng.multivariate_normal(mean, se**2 * 0.5**lags) + rng.normal(0, tau)
        frames.append(pd.DataFrame({
            "study": f"trial {trial + 1}", "therapy": therapy, "comparator": "Usual care", "week": weeks,
            "effect": mean, "se": se, "n_therapy": 40, "n_comparator": 41,
        }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)
