"""What trials found, as contrasts between their arms: the input of every synthesis in this room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError

Array = NDArray[np.float64]

# Of the largest eigenvalue of a trial's correlation matrix: below it two rows say the same thing.
SINGULAR = 1e-10
# Of the variances: rounding that leaves a matrix symmetric.
SYMMETRIC = 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class Contrasts:
    """Relief with one arm less relief with another, a row a contrast, with their covariance.

    A trial of m arms gives m − 1 rows, all against the same arm of that trial (its own baseline
    arm). Rows of one trial may be correlated; rows of different trials are not.

    Attributes
    ----------
    study, therapy, comparator : tuple of str, length k
    effect : ndarray, shape (k,)
        Positive: more relief with `therapy` than with `comparator`.
    covariance : ndarray, shape (k, k)
        Within trials; 0 between rows of different trials.
    n : ndarray, shape (k,)
        Patients in the two arms of the row; NaN where nobody says.
    measure, unit : str
        What was measured, and the unit of `effect`.
    n_comparator : ndarray, shape (k,)
        Patients in the comparator's arm, so that none is counted twice; NaN where nobody says.

    Raises
    ------
    ModelError
        Lengths that differ, values that are missing, variances that are not positive, a therapy
        against itself, a repeated row, rows of one trial against different arms, a trial whose
        rows are exactly dependent, or a covariance between trials.
    """

    study: tuple[str, ...]
    therapy: tuple[str, ...]
    comparator: tuple[str, ...]
    effect: Array
    covariance: Array
    n: Array
    measure: str = "relief"
    unit: str = ""
    n_comparator: Array = field(default_factory=lambda: np.array(np.nan))

    def __post_init__(self) -> None:
        k = len(self.study)
        for name in ("study", "therapy", "comparator"):
            object.__setattr__(self, name, tuple(str(text) for text in getattr(self, name)))
        for name in ("effect", "covariance", "n", "n_comparator"):
            given = np.array(getattr(self, name), dtype=np.float64)
            if name == "n_comparator" and given.ndim == 0:
                given = np.full(k, given)
            given.setflags(write=False)
            object.__setattr__(self, name, given)
        _check_shapes(self)
        _check_rows(self)
        _check_covariance(self)

    def __repr__(self) -> str:
        unit = f", in {self.unit}" if self.unit else ""
        return (
            f"{len(self)} contrasts of {len(self.studies)} trials, {len(self.therapies)} therapies: "
            f"{self.measure}{unit}"
        )

    def __len__(self) -> int:
        return len(self.study)

    @property
    def studies(self) -> tuple[str, ...]:
        """Trials, each once, in the order of the rows."""
        return tuple(dict.fromkeys(self.study))

    @property
    def therapies(self) -> tuple[str, ...]:
        """Therapies, each once, in alphabetical order."""
        return tuple(sorted({*self.therapy, *self.comparator}))

    @property
    def variance(self) -> Array:
        """Variance of each effect, shape (k,)."""
        return np.diag(self.covariance)

    def rows_of(self, study: str) -> NDArray[np.int64]:
        """Positions of a trial's rows."""
        return np.flatnonzero(np.array(self.study) == study)

    def arms_of(self, study: str) -> tuple[str, ...]:
        """Arms of a trial, its baseline arm first."""
        rows = self.rows_of(study)
        return (self.comparator[rows[0]], *(self.therapy[row] for row in rows))

    def patients(self, study: str) -> float:
        """Patients of a trial, each counted once; NaN where nobody says.

        Where a trial of several arms does not say how many its baseline arm had, the arms are
        taken to be of equal size.
        """
        rows = self.rows_of(study)
        pairs, shared = float(self.n[rows].sum()), float(self.n_comparator[rows[0]])
        again = len(rows) - 1
        if not again:
            return pairs
        return pairs - again * (pairs / (2 * len(rows)) if np.isnan(shared) else shared)

    def design(self, therapies: Sequence[str]) -> Array:
        """1 for the therapy and −1 for the comparator of each row, shape (k, T)."""
        place = {name: position for position, name in enumerate(therapies)}
        matrix = np.zeros((len(self), len(therapies)))
        rows = np.arange(len(self))
        matrix[rows, [place[name] for name in self.therapy]] = 1.0
        matrix[rows, [place[name] for name in self.comparator]] = -1.0
        return matrix

    def take(self, rows: Iterable[int]) -> Contrasts:
        """These rows alone."""
        chosen = np.fromiter(rows, dtype=np.int64)
        study, therapy, comparator = (
            tuple(names[row] for row in chosen)
            for names in (self.study, self.therapy, self.comparator)
        )
        return Contrasts(
            study, therapy, comparator, self.effect[chosen],
            self.covariance[np.ix_(chosen, chosen)], self.n[chosen], self.measure, self.unit,
            self.n_comparator[chosen],
        )  # fmt: skip

    def without(self, studies: Iterable[str]) -> Contrasts:
        """All trials but these."""
        left_out = set(studies)
        return self.take(row for row, name in enumerate(self.study) if name not in left_out)

    def joined(self, other: Contrasts) -> Contrasts:
        """These rows and those of other trials."""
        k, m = len(self), len(other)
        twice = sorted(set(self.study) & set(other.study))
        if twice:
            raise ModelError(f"{', '.join(twice)} is in both sets: keep it in one.")
        if self.unit != other.unit:
            raise ModelError(
                f"The effects are in {self.unit!r} here and in {other.unit!r} there: bring both to "
                "one unit first."
            )
        covariance = np.zeros((k + m, k + m))
        covariance[:k, :k], covariance[k:, k:] = self.covariance, other.covariance
        return Contrasts(
            self.study + other.study, self.therapy + other.therapy,
            self.comparator + other.comparator, np.append(self.effect, other.effect), covariance,
            np.append(self.n, other.n), self.measure, self.unit,
            np.append(self.n_comparator, other.n_comparator),
        )  # fmt: skip

    def frame(self) -> pd.DataFrame:
        """Rows as a frame: trial, arms, effect, standard error, patients."""
        return pd.DataFrame({
            "study": self.study, "therapy": self.therapy, "comparator": self.comparator,
            "effect": self.effect, "std_error": np.sqrt(self.variance), "n": self.n,
        })  # fmt: skip


def _check_shapes(rows: Contrasts) -> None:
    k = len(rows.study)
    if k == 0:
        raise ModelError("There are no contrasts: there is nothing to pool.")
    for name in ("therapy", "comparator", "effect", "n", "n_comparator"):
        if np.shape(getattr(rows, name)) != (k,):
            size = np.shape(getattr(rows, name))
            raise ModelError(f"{name} has shape {size} beside {k} studies: give one for each row.")
    if rows.covariance.shape != (k, k):
        shape = " × ".join(map(str, rows.covariance.shape))
        raise ModelError(f"The covariance is {shape} for {k} rows: it must be {k} × {k}.")


def _check_rows(rows: Contrasts) -> None:
    """Values, names and arms of every row."""
    base: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    named = zip(rows.study, rows.therapy, rows.comparator, strict=True)
    for row, (study, therapy, comparator) in enumerate(named):
        where = f"{study}: {therapy} against {comparator}"
        if therapy == comparator:
            raise ModelError(f"{study} compares {therapy} with itself: correct the arm's name.")
        if not np.isfinite(rows.effect[row]):
            value = rows.effect[row]
            raise ModelError(f"{where} has an effect of {value}: give it, or leave the row out.")
        variance = rows.covariance[row, row]
        if not (np.isfinite(variance) and variance > 0):
            raise ModelError(
                f"{where} has a variance of {variance:g}: it must be above 0; look the standard "
                "error up, or leave the trial out."
            )
        if base.setdefault(study, comparator) != comparator:
            raise ModelError(
                f"Rows of {study} are against {base[study]} and against {comparator}: write them "
                "all against one of its arms (a trial of m arms gives m − 1 rows)."
            )
        if (study, therapy) in seen:
            raise ModelError(f"{where} is there twice: keep one of the rows.")
        seen.add((study, therapy))


def _check_covariance(rows: Contrasts) -> None:
    """Symmetric, 0 between trials, and of full rank within each."""
    scale = np.sqrt(np.outer(rows.variance, rows.variance))
    correlation = rows.covariance / scale
    if not np.isfinite(correlation).all():
        raise ModelError("The covariance has missing values: give a number for every pair of rows.")
    names = np.array(rows.study)
    same = names[:, None] == names
    for one, other in zip(*np.nonzero((np.abs(correlation) > SYMMETRIC) & ~same), strict=True):
        raise ModelError(
            f"{rows.study[one]} and {rows.study[other]} are different trials but have a covariance "
            f"of {rows.covariance[one, other]:g}: give their rows one name, or set it to 0."
        )
    if np.abs(correlation - correlation.T).max() > SYMMETRIC:
        raise ModelError("The covariance is not symmetric: give the same number on both sides.")
    for study in rows.studies:
        at = rows.rows_of(study)
        values = np.linalg.eigvalsh(correlation[np.ix_(at, at)])
        if values[0] <= SINGULAR * values[-1]:
            raise ModelError(
                f"The covariance of the {len(at)} rows of {study} is singular or not a covariance "
                f"(smallest eigenvalue {values[0]:.2g}): check the standard errors of its pairs."
            )
