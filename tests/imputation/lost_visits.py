"""A trial with dropout and gaps, as the arrays of an imputation model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.imputation.working import Working, working_model

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Arrays:
    """Outcome (n, m), design (n, m, p), group (n,), what the model sees (n, m), arm (n,)."""

    outcome: Array
    design: Array
    group: NDArray[np.int64]
    modelled: NDArray[np.bool_]
    arm: NDArray[np.int64]

    def of(self, patients: NDArray[np.int64]) -> Arrays:
        """These patients, each as often as named."""
        parts = (self.outcome, self.design, self.group, self.modelled, self.arm)
        return Arrays(*(part[patients] for part in parts))

    def working(self, **options: object) -> Working:
        """The fitted imputation model."""
        return working_model(self.outcome, self.design, self.group, self.modelled, **options)


def made_up(n: int = 120, m: int = 4, seed: int = 1, lost: float = 0.1, grouped: bool = False) -> Arrays:
    """Two arms, a baseline value, and a share of patients lost at each visit after the first."""
    rng = np.random.default_rng(seed)
    arm, base = np.arange(n) % 2, rng.normal(50, 10, n)
    design = np.zeros((n, m, 3 * m))
    for j in range(m):
        design[:, j, 3 * j : 3 * j + 3] = np.column_stack([np.ones(n), arm, base])
    sigma = 25 * 0.6 ** np.abs(np.subtract.outer(np.arange(m), np.arange(m)))
    outcome = design @ np.tile([1.0, 2.0, 0.5], m) + rng.multivariate_normal(np.zeros(m), sigma, n)
    gone = np.cumsum(rng.random((n, m)) < lost, axis=1) > 0
    gone[:, 0] = False
    gone |= (rng.random((n, m)) < lost / 5) & (np.arange(m) > 0)
    outcome[gone] = np.nan
    group = arm.astype(np.int64) if grouped else np.zeros(n, dtype=np.int64)
    return Arrays(outcome, design, group, ~gone, arm)
