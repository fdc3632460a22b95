"""Who was compared with whom: trials and patients behind every pair and every therapy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from analysis.evidence.contrasts import Contrasts
from analysis.evidence.pieces import pieces


@dataclass(frozen=True, slots=True)
class Direct:
    """Trials that have both of two therapies, or have one therapy.

    Attributes
    ----------
    studies : tuple of str
    patients : float
        In these arms, of the trials that say; NaN where none does.
    unsized : int
        Trials that do not say.
    """

    studies: tuple[str, ...] = ()
    patients: float = np.nan
    unsized: int = 0

    @property
    def trials(self) -> int:
        """How many."""
        return len(self.studies)

    @property
    def words(self) -> str:
        """How much direct evidence a pooled number has."""
        if not self.studies:
            return "no trial compares the two directly; indirect only"
        count = "1 trial compares" if self.trials == 1 else f"{self.trials} trials compare"
        return f"{count} the two directly ({self.people})"

    @property
    def people(self) -> str:
        """Patients in words; a sum that leaves trials out says so."""
        if np.isnan(self.patients):
            return "patients not reported"
        least = "at least " if self.unsized else ""
        return f"{least}{self.patients:,.0f} patients"

    @property
    def counted(self) -> int | None:
        """Patients as a whole number; None where nobody says."""
        return None if np.isnan(self.patients) else round(self.patients)


def network_nodes(contrasts: Contrasts) -> pd.DataFrame:
    """Therapies as nodes of a graph: `therapy`, `trials`, `patients`, `unsized`, `piece`.

    `unsized` trials do not say how many patients they had; piece 1 is the largest.
    """
    piece = {name: number for number, names in enumerate(pieces(contrasts), start=1)
             for name in names}  # fmt: skip
    rows = [(name, known.trials, known.patients, known.unsized, piece[name])
            for name, known in therapy_evidence(contrasts).items()]  # fmt: skip
    return pd.DataFrame(rows, columns=["therapy", "trials", "patients", "unsized", "piece"])


def network_edges(contrasts: Contrasts) -> pd.DataFrame:
    """Direct comparisons as edges: `therapy`, `comparator`, `trials`, `patients`, `unsized`."""
    rows = [(*pair, known.trials, known.patients, known.unsized)
            for pair, known in direct_evidence(contrasts).items()]  # fmt: skip
    return pd.DataFrame(rows, columns=["therapy", "comparator", "trials", "patients", "unsized"])


def therapy_evidence(contrasts: Contrasts) -> dict[str, Direct]:
    """Trials and patients of every therapy, in alphabetical order."""
    found: dict[str, list[tuple[str, float]]] = {name: [] for name in contrasts.therapies}
    for study, sizes in _trials(contrasts):
        for arm, size in sizes.items():
            found[arm].append((study, size))
    return {name: _summed(entries) for name, entries in found.items()}


def direct_evidence(contrasts: Contrasts) -> dict[tuple[str, str], Direct]:
    """Trials and patients of every pair of therapies that some trial compared.

    Returns
    -------
    dict
        From the pair, in alphabetical order within and between pairs.
    """
    found: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for study, sizes in _trials(contrasts):
        for one, other in combinations(sorted(sizes), 2):
            found.setdefault((one, other), []).append((study, sizes[one] + sizes[other]))
    return {pair: _summed(found[pair]) for pair in sorted(found)}


def direct_between(known: dict[tuple[str, str], Direct], one: str, other: str) -> Direct:
    """What trials compared these two, in either order; empty where none did."""
    return known.get((min(one, other), max(one, other)), Direct())


def all_patients(contrasts: Contrasts) -> Direct:
    """Trials and patients of the whole network, each patient once."""
    return _summed([(study, contrasts.patients(study)) for study in contrasts.studies])


def _trials(contrasts: Contrasts) -> Iterator[tuple[str, dict[str, float]]]:
    """Every trial with the sizes of its arms, the baseline arm first."""
    for study in contrasts.studies:
        at = contrasts.rows_of(study)
        shared = contrasts.n_comparator[at[0]]
        base = contrasts.n[at].mean() / 2 if np.isnan(shared) else shared
        sizes = [base, *(contrasts.n[at] - base)]
        yield study, dict(zip(contrasts.arms_of(study), map(float, sizes), strict=True))


def _summed(entries: list[tuple[str, float]]) -> Direct:
    sizes = np.array([size for _, size in entries])
    known = sizes[~np.isnan(sizes)]
    total = float(known.sum()) if len(known) else np.nan
    return Direct(tuple(study for study, _ in entries), total, len(sizes) - len(known))
