"""What trials say of one comparison: an effect with its variance each, checked before pooling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.errors import ModelError

Array = NDArray[np.float64]

# Names that an error lists before it says how many more there are.
NAMED = 5


@dataclass(frozen=True, slots=True)
class Entries:
    """Effects of k trials.

    Attributes
    ----------
    study : tuple of str
    effect, variance : ndarray, shape (k,)
        In one unit and its square.
    n_therapy, n_comparator : ndarray, shape (k,)
        Patients; NaN where not known.
    """

    study: tuple[str, ...]
    effect: Array
    variance: Array
    n_therapy: Array
    n_comparator: Array

    @property
    def k(self) -> int:
        """Number of trials."""
        return len(self.study)

    @property
    def patients(self) -> int | None:
        """Patients in all trials, None where a trial does not say."""
        total = float(np.sum(self.n_therapy) + np.sum(self.n_comparator))
        return round(total) if np.isfinite(total) else None

    @property
    def known_patients(self) -> int:
        """Patients of the trials that say how many they had."""
        return round(float(np.nansum(self.n_therapy + self.n_comparator)))

    def chosen(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Entries:
        """The trials that a mask or places name."""
        places = np.arange(self.k)[which]
        return replace(
            self, study=tuple(self.study[i] for i in places), effect=self.effect[places],
            variance=self.variance[places], n_therapy=self.n_therapy[places],
            n_comparator=self.n_comparator[places],
        )  # fmt: skip


def enter(
    effect: ArrayLike, variance: ArrayLike, study: Sequence[str] | None = None, *,
    n_therapy: ArrayLike | None = None, n_comparator: ArrayLike | None = None,
) -> Entries:  # fmt: skip
    """Check effects and variances of trials and put them together.

    Parameters
    ----------
    effect : array_like, shape (k,)
        One for each trial, all in one unit and one direction.
    variance : array_like, shape (k,)
        Squared standard errors.
    study : sequence of str, optional
        One name for each trial; numbered when left out.
    n_therapy, n_comparator : array_like, shape (k,), optional
        Patients.

    Returns
    -------
    Entries

    Raises
    ------
    ModelError
        No trial; lengths that differ; an effect or variance that is missing, or a variance that is
        not positive; a study named twice. The studies are named.
    """
    y, v = (np.asarray(values, dtype=np.float64).ravel() for values in (effect, variance))
    names = (
        tuple(f"study {i + 1}" for i in range(len(y))) if study is None else tuple(map(str, study))
    )
    if not len(y):
        raise ModelError("No trial was given, so there is nothing to pool. Show the cell as empty.")
    if not len(y) == len(v) == len(names):
        raise ModelError(
            f"{len(y)} effects, {len(v)} variances and {len(names)} names were given. Give one of "
            "each for every trial."
        )
    _refuse(names, ~np.isfinite(y), "have no effect", "leave them out, and say so")
    _refuse(
        names,
        ~np.isfinite(v),
        "have no variance",
        "work it out from SD, interval or p, or leave them out",
    )
    _refuse(
        names, v <= 0, "have a variance of 0 or less",
        "a trial with SD 0 has been read wrongly; see its source",
    )  # fmt: skip
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ModelError(
            f"{_listed(twice)}: named more than once, so the same patients would count twice. Keep one "
            "row for each trial (one outcome and visit; arms put together), or use the network, which "
            "knows that arms share a control."
        )
    return Entries(names, y, v, _counts(n_therapy, names), _counts(n_comparator, names))


def alike(entries: Entries) -> tuple[str, ...]:
    """A sentence for each group of trials with the very same effect and variance."""
    groups: dict[tuple[float, float], list[str]] = {}
    for name, y, v in zip(entries.study, entries.effect, entries.variance, strict=True):
        groups.setdefault((float(y), float(v)), []).append(name)
    return tuple(
        f"{' and '.join(names)} have the same effect and variance; see whether they are one trial."
        for names in groups.values() if len(names) > 1
    )  # fmt: skip


def _refuse(names: tuple[str, ...], wrong: NDArray[np.bool_], fact: str, step: str) -> None:
    if wrong.any():
        found = [name for name, bad in zip(names, wrong, strict=True) if bad]
        raise ModelError(f"{len(found)} of {len(names)} trials {fact} ({_listed(found)}): {step}.")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _counts(values: ArrayLike | None, names: tuple[str, ...]) -> Array:
    if values is None:
        return np.full(len(names), np.nan)
    counts = np.asarray(values, dtype=np.float64).ravel()
    if len(counts) != len(names):
        raise ModelError(f"{len(counts)} counts of patients were given for {len(names)} trials.")
    return counts
