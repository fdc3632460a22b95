"""All missingness patterns side by side, padded to the same visits, so that one call serves all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.mmrm.statistics import SufficientStatistics

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stack:
    """Statistics of P patterns in a well-posed basis, as arrays.

    Attributes
    ----------
    rows : ndarray, shape (F, m, p + 1)
        Roots of all patterns one after the other; visits not attended are 0.
    owner : ndarray of int, shape (F,)
        Pattern of each row, ascending.
    starts : ndarray of int, shape (P,)
        First row of each pattern.
    seen : ndarray of bool, shape (P, m)
        Visits attended.
    group : ndarray of int, shape (P,)
        Covariance group, ascending.
    weight : ndarray, shape (P,)
        Patients, each counted as often as the weight says.
    n_groups : int
    log_weights : float
        Σ ω_i log w_ij.
    signs : ndarray, shape (F,), or None
        −1 for rows that are taken away: a patient left out of statistics already summed.
    """

    rows: Array
    owner: NDArray[np.int64]
    starts: NDArray[np.int64]
    seen: NDArray[np.bool_]
    group: NDArray[np.int64]
    weight: Array
    n_groups: int
    log_weights: float
    signs: Array | None = None

    @classmethod
    def of(cls, statistics: SufficientStatistics) -> Stack:
        """Lay statistics out as arrays."""
        patterns, m = statistics.patterns, statistics.n_visits
        sizes = np.array([len(pattern.root) for pattern in patterns])
        rows = np.zeros((int(sizes.sum()), m, len(statistics.columns) + 1))
        seen = np.zeros((len(patterns), m), dtype=np.bool_)
        starts = np.cumsum(sizes) - sizes
        for k, pattern in enumerate(patterns):
            visits = list(pattern.visits)
            seen[k, visits] = True
            rows[starts[k] : starts[k] + sizes[k], visits] = pattern.root
        return cls(
            rows, np.repeat(np.arange(len(patterns)), sizes), starts, seen,
            np.array([pattern.group for pattern in patterns]),
            np.array([pattern.weight for pattern in patterns]),
            statistics.n_groups, statistics.log_weights,
        )  # fmt: skip

    @property
    def n_columns(self) -> int:
        """Number of columns of the design, p."""
        return self.rows.shape[2] - 1

    @property
    def n_visits(self) -> int:
        """Number of visits, m."""
        return self.rows.shape[1]

    @property
    def n_obs(self) -> float:
        """Number of values, each counted as often as its patient's weight says."""
        return float(self.weight @ self.seen.sum(axis=1))

    def group_weights(self) -> Array:
        """Patients in each group, weighted; shape (groups,)."""
        # The stubs say integers; with weights these are sums of floats.
        counts = np.bincount(self.group, self.weight, minlength=self.n_groups)
        return counts  # type: ignore[return-value]

    def by_group(self, values: Array) -> Array:
        """Sums over the patterns of each group of `values` (P, …); shape (groups, …)."""
        if self.n_groups == 1:
            return values.sum(axis=0)[None]
        return np.array([values[self.group == g].sum(axis=0) for g in range(self.n_groups)])

    def by_pattern(self, values: Array) -> Array:
        """Signed sums over the rows of each pattern of `values` (F, …); shape (P, …)."""
        return np.add.reduceat(self.signed(values), self.starts, axis=0)

    def signed(self, values: Array, rows: slice = slice(None)) -> Array:
        """`values` of these rows, negative where the row is taken away."""
        if self.signs is None:
            return values
        return self.signs[rows].reshape(-1, *[1] * (values.ndim - 1)) * values

    def rows_of_group(self, group: int) -> slice:
        """Where the rows of a group stand."""
        bounds = np.searchsorted(self.group[self.owner], [group, group + 1])
        return slice(int(bounds[0]), int(bounds[1]))
