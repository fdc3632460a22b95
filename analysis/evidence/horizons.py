"""The same trials at a short and at a long horizon, with the covariance between the two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from analysis.errors import ModelError
from analysis.evidence.contrasts import SINGULAR, Contrasts

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class TwoHorizons:
    """Contrasts at both horizons; a trial has rows at one of them or at both.

    Attributes
    ----------
    short, long : Contrasts
    cross : ndarray, shape (rows of short, rows of long)
        Covariance within trials between what they found at the two horizons.

    Raises
    ------
    ModelError
        Different units, a cross-covariance between trials, or one that no pair of horizons can
        have.
    """

    short: Contrasts
    long: Contrasts
    cross: Array

    def __post_init__(self) -> None:
        cross = np.array(self.cross, dtype=np.float64)
        cross.setflags(write=False)
        object.__setattr__(self, "cross", cross)
        if self.short.unit != self.long.unit:
            raise ModelError(
                f"The short horizon is in {self.short.unit!r} and the long one in "
                f"{self.long.unit!r}: a loss needs one unit."
            )
        shape = (len(self.short), len(self.long))
        if cross.shape != shape or not np.isfinite(cross).all():
            raise ModelError(f"The covariance between horizons must be {shape[0]} × {shape[1]}.")
        if (cross[~self.same_trial] != 0).any():
            raise ModelError("There is covariance between horizons of different trials: set it to 0.")
        for study in self.both:
            _check_block(self, study)

    def __repr__(self) -> str:
        return f"short: {self.short!r}\nlong: {self.long!r}\n{len(self.both)} trials have both"

    @property
    def same_trial(self) -> NDArray[np.bool_]:
        """Whether a short and a long row are of one trial."""
        return np.array(self.short.study)[:, None] == np.array(self.long.study)

    @property
    def studies(self) -> tuple[str, ...]:
        """Trials of either horizon, each once."""
        return tuple(dict.fromkeys(self.short.study + self.long.study))

    @property
    def both(self) -> tuple[str, ...]:
        """Trials seen at both horizons."""
        late = set(self.long.study)
        return tuple(study for study in self.short.studies if study in late)

    @property
    def therapies(self) -> tuple[str, ...]:
        """Therapies of either horizon, in alphabetical order."""
        return tuple(sorted({*self.short.therapies, *self.long.therapies}))

    def take(self, short: Iterable[int], long: Iterable[int]) -> TwoHorizons:
        """These rows of each horizon."""
        early, late = list(short), list(long)
        cross = self.cross[np.ix_(early, late)]
        return TwoHorizons(self.short.take(early), self.long.take(late), cross)

    def without(self, studies: Iterable[str]) -> TwoHorizons:
        """All trials but these."""
        left_out = set(studies)
        return self.take(*(
            [row for row, name in enumerate(part.study) if name not in left_out]
            for part in (self.short, self.long)
        ))  # fmt: skip

    def joined(self, other: TwoHorizons) -> TwoHorizons:
        """These trials and others."""
        twice = sorted(set(self.studies) & set(other.studies))
        if twice:
            raise ModelError(f"{', '.join(twice)} is in both sets: keep it in one.")
        cross = linalg.block_diag(self.cross, other.cross)
        return TwoHorizons(self.short.joined(other.short), self.long.joined(other.long), cross)


def pair_horizons(
    short: Contrasts | None, long: Contrasts | None, rho: float | Mapping[str, float] = 0.5
) -> TwoHorizons:
    """Join the horizons of the same trials by the correlation of a patient group with itself later.

    Parameters
    ----------
    short, long : Contrasts
        Trials of the same name are the same trial. Its arms need not be the same at both horizons.
        None is a horizon without trials, which is refused.
    rho : float or mapping from trial to float
        Correlation within trials between a contrast at the short and at the long horizon, −1 to 1.
        A trial that the mapping does not name has 0.5.

    Notes
    -----
    For one contrast the covariance is ρ √(v_S v_L). For several it is ρ times the geometric mean
    V_S # V_L = V_S^½ (V_S^−½ V_L V_S^−½)^½ V_S^½ of the matrices (Pusz and Woronowicz 1975, Rep
    Math Phys 8:159): the largest that any two horizons can have, the same whichever arm the rows
    are against, and ρV where the horizons are equally precise. Arms seen at one horizon only are
    tied to the other through the arms that both have.
    """
    if short is None or long is None:
        name = "short" if short is None else "long"
        raise ModelError(f"There are no trials at the {name} horizon: pool the other one alone.")
    cross = np.zeros((len(short), len(long)))
    late = set(long.study)
    for study in short.studies:
        if study in late:
            value = rho.get(study, 0.5) if isinstance(rho, Mapping) else rho
            if not -1 < value < 1:
                raise ModelError(
                    f"The correlation between horizons of {study} is {value}: it lies between -1 "
                    "and 1."
                )
            rows = np.ix_(short.rows_of(study), long.rows_of(study))
            cross[rows] = value * _largest_cross(short, long, study)
    return TwoHorizons(short, long, cross)


def _largest_cross(short: Contrasts, long: Contrasts, study: str) -> Array:
    """Covariance of the short and long rows of one trial at a correlation of 1."""
    arms = [name for name in short.arms_of(study) if name in long.arms_of(study)]
    if len(arms) < 2:
        return np.zeros((len(short.rows_of(study)), len(long.rows_of(study))))
    slopes, blocks = [], []
    for part in (short, long):
        rows = part.rows_of(study)
        covariance = part.covariance[np.ix_(rows, rows)]
        names = [part.therapy[row] for row in rows]
        # Rows that turn this horizon's contrasts into those of the shared arms.
        turn = np.array([[float(n == arm) - float(n == arms[0]) for n in names] for arm in arms[1:]])
        shared = turn @ covariance @ turn.T
        slopes.append(np.linalg.solve(shared, turn @ covariance).T)
        blocks.append(shared)
    return slopes[0] @ geometric_mean(*blocks) @ slopes[1].T


def geometric_mean(one: Array, other: Array) -> Array:
    """Geometric mean of two positive definite matrices of one shape."""
    values, vectors = np.linalg.eigh(one)
    root, inverse = (vectors * values**power @ vectors.T for power in (0.5, -0.5))
    values, vectors = np.linalg.eigh(inverse @ other @ inverse)
    return root @ (vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T) @ root


def _check_block(pair: TwoHorizons, study: str) -> None:
    early, late = pair.short.rows_of(study), pair.long.rows_of(study)
    cross = pair.cross[np.ix_(early, late)]
    block = np.block([
        [pair.short.covariance[np.ix_(early, early)], cross],
        [cross.T, pair.long.covariance[np.ix_(late, late)]],
    ])  # fmt: skip
    scale = np.sqrt(np.diag(block))
    values = np.linalg.eigvalsh(block / np.outer(scale, scale))
    if values[0] <= SINGULAR * values[-1]:
        raise ModelError(
            f"The covariance of {study} between horizons is larger than its variances allow "
            f"(smallest eigenvalue {values[0]:.2g}): use a smaller correlation."
        )
