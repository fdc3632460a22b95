"""A small made-up trial, and a fit of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.mmrm import MMRM
from analysis.mmrm.results import MMRMResults

FORMULA = "y ~ base + arm * visit"


def made_up(seed: int, patients: int = 60, visits: int = 4, missing: float = 0.2) -> pd.DataFrame:
    """A small trial with weights: two arms, a baseline, values missing at random."""
    rng = np.random.default_rng(seed)
    spread = np.linspace(1, 2, visits)
    sigma = np.outer(spread, spread) * (0.5 + 0.5 * np.eye(visits))
    errors = rng.standard_normal((patients, visits)) @ np.linalg.cholesky(sigma).T
    base = rng.normal(6, 1.4, patients)
    arm = np.arange(patients) % 2
    values = 0.4 * base[:, None] + errors - arm[:, None] * np.linspace(1, 0.2, visits)
    values[rng.random(values.shape) < missing] = np.nan
    return pd.DataFrame(
        {
            "id": np.repeat([f"p{k:03d}" for k in range(patients)], visits),
            "visit": np.tile([f"v{k}" for k in range(visits)], patients),
            "arm": np.repeat(np.where(arm, "new", "a_usual"), visits),
            "base": np.repeat(base, visits),
            "w": rng.uniform(0.5, 2, patients * visits),
            "omega": np.repeat(rng.uniform(0.5, 2, patients), visits),
            "y": values.ravel(),
        }
    )


def fitted(
    data: pd.DataFrame,
    formula: str = FORMULA,
    inference: Mapping[str, str] | None = None,
    **options: object,
) -> MMRMResults:
    """Fit with `options` of the model and `inference` (df, vcov) of the fit."""
    model = MMRM.from_formula(formula, data, subject="id", visit="visit", **options)
    return model.fit(**(inference or {}))
