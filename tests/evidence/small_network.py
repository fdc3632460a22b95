"""A small simulated network with a three-arm trial, for tests of this room."""

from __future__ import annotations

import numpy as np
import pandas as pd

TRUE_RELIEF = {"usual": 0.0, "sham": 3.0, "acupuncture": 6.0, "massage": 8.0, "exercise": 5.0}
TRIALS = (
    ("usual", "acupuncture"), ("usual", "acupuncture"), ("sham", "acupuncture"),
    ("usual", "sham", "acupuncture"), ("usual", "massage"), ("massage", "acupuncture"),
    ("usual", "exercise"), ("exercise", "massage"), ("usual", "exercise", "massage"),
    ("sham", "acupuncture"), ("usual", "massage"), ("usual", "exercise"),
)  # fmt: skip


def small_arms(seed: int = 7, tau: float = 4.0, kept: float = 1.0) -> pd.DataFrame:
    """Arms of twelve trials: mean pain of 0 to 100, lower is better.

    `kept` is the share of the true relief that is there at this visit.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number, arms in enumerate(TRIALS, start=1):
        level = rng.normal(50, 5)
        for arm in arms:
            n = int(rng.integers(25, 90))
            true = level - kept * TRUE_RELIEF[arm] + rng.normal(0, tau / np.sqrt(2))
            sd = rng.uniform(16, 24)
            rows.append((f"Trial {number:02d}", arm, rng.normal(true, sd / np.sqrt(n)), sd, n))
    return pd.DataFrame(rows, columns=["study", "therapy", "mean", "sd", "n"])
