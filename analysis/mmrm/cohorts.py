"""Patients with the same number of rows, handled together as stacks of small matrices.

Patients of a cohort differ in the visits they attended, so work per missingness pattern (a Cholesky
factor, a regression on observed visits) is done once per pattern and handed to its patients, and
work per patient is one stacked product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Patients handled at a time: their stacks of p × k numbers stay near the processor's cache.
PATIENTS_AT_ONCE = 1024
# Numbers of patterns are packed into one integer as long as it stays below this.
LARGEST_CODE = 2**52


@dataclass(frozen=True, slots=True)
class Cohort:
    """n patients with s rows each, of u patterns.

    Attributes
    ----------
    rows : ndarray of int, shape (n, s)
        Positions of each patient's rows.
    pattern : ndarray of int, shape (n,)
        The patient's pattern.
    group : ndarray of int, shape (u,)
        Covariance group of a pattern.
    visits : ndarray of int, shape (u, s)
        Positions of the visits of a pattern.
    observed : ndarray of bool, shape (u, s)
        Visits with an outcome; all of them among the rows of a fit.
    """

    rows: Integers
    pattern: Integers
    group: Integers
    visits: Integers
    observed: Flags

    def covariances(self, sigma: Array) -> Array:
        """Covariance of each pattern's rows before precision weights; shape (u, s, s).

        Parameters
        ----------
        sigma : ndarray, shape (groups, m, m)
        """
        visits = self.visits
        return sigma[self.group[:, None, None], visits[:, :, None], visits[:, None, :]]

    def inverse_factors(self, sigma: Array) -> Array:
        """L⁻¹ with L L' the covariance of each pattern; shape (u, s, s)."""
        return np.linalg.inv(np.linalg.cholesky(self.covariances(sigma)))


@dataclass(frozen=True, slots=True)
class Laws:
    """Distribution of the rows without an outcome given those with one, by pattern.

    Mean μ_? + B (y_! − μ_!) with B = Σ_?! Σ_!!⁻¹ and covariance C = Σ_?? − B Σ_!?, set in s × s
    matrices that are 0 elsewhere.

    Attributes
    ----------
    slope : ndarray, shape (u, s, s)
        B.
    cov : ndarray, shape (u, s, s)
        C.
    """

    slope: Array
    cov: Array

    def factors(self, cohort: Cohort) -> Array:
        """Lower triangular factor of C, 0 at rows with an outcome; shape (u, s, s)."""
        known = cohort.observed
        padded = self.cov + known[:, :, None] * np.eye(known.shape[1])
        return np.where(known[:, :, None], 0.0, np.linalg.cholesky(padded))


def cohorts(
    subject: NDArray[np.integer], visit: Integers, group: Integers, observed: Flags | None = None
) -> Iterator[Cohort]:
    """Patients by number of rows.

    Parameters
    ----------
    subject, visit, group : ndarray of int, shape (N,)
        Codes, sorted by patient, then visit.
    observed : ndarray of bool, shape (N,), optional
        Rows with an outcome; all rows if left out.
    """
    if not len(subject):
        return
    starts = np.flatnonzero(np.r_[True, subject[1:] != subject[:-1]])
    sizes = np.diff(np.r_[starts, len(subject)])
    for size in np.unique(sizes):
        every = starts[sizes == size]
        for first in range(0, len(every), PATIENTS_AT_ONCE):
            rows = every[first : first + PATIENTS_AT_ONCE, None] + np.arange(size)
            keys = [group[rows[:, 0]], *visit[rows].T]
            if observed is not None:
                keys += list(observed[rows].T)
            example, pattern = _distinct(keys)
            seen = rows[example]
            known = np.ones(seen.shape, dtype=bool) if observed is None else observed[seen]
            yield Cohort(rows, pattern, group[seen[:, 0]], visit[seen], known)


def _distinct(keys: list[Integers]) -> tuple[Integers, Integers]:
    """First position of each distinct combination of `keys`, and every position's combination."""
    code = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:
        width = int(key.max()) + 1
        if (int(code.max()) + 1) * width > LARGEST_CODE:
            code = np.unique(code, return_inverse=True)[1].reshape(-1)
        code = code * width + key
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    return first, inverse.reshape(-1)


def laws(cohort: Cohort, sigma: Array) -> Laws:
    """Distribution of what is missing given what was observed, for each pattern of a cohort.

    Parameters
    ----------
    cohort : Cohort
    sigma : ndarray, shape (groups, m, m)
    """
    cov, known = cohort.covariances(sigma), cohort.observed
    given = known[:, :, None] & known[:, None, :]
    across = np.where(~known[:, :, None] & known[:, None, :], cov, 0.0)
    among = np.where(given, cov, 0.0) + ~known[:, :, None] * np.eye(known.shape[1])
    slope = np.swapaxes(np.linalg.solve(among, np.swapaxes(across, 1, 2)), 1, 2)
    left = np.where(~known[:, :, None] & ~known[:, None, :], cov, 0.0)
    left -= slope @ np.swapaxes(across, 1, 2)
    return Laws(slope, (left + np.swapaxes(left, 1, 2)) / 2)
