"""One comparison across trials: what each says of a pair of therapies, also within larger trials."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from analysis.evidence.contrasts import Contrasts


def direct_comparisons(
    contrasts: Contrasts, therapies: str | Sequence[str], comparators: str | Sequence[str]
) -> pd.DataFrame:
    """Effects of therapies against comparators in the trials that had both.

    Parameters
    ----------
    contrasts : Contrasts
    therapies, comparators : str or sequence of str
        Names that count as one. A trial with several such pairs gives the first, so that none is
        counted twice.

    Returns
    -------
    pandas.DataFrame
        Columns `study`, `therapy`, `comparator`, `effect`, `std_error`, `n_therapy`,
        `n_comparator` (NaN where not known); positive is more relief with the therapy, also
        where the trial's own comparator was a third arm. Without rows where no trial had
        both.
    """
    ones = (therapies,) if isinstance(therapies, str) else tuple(therapies)
    others = (comparators,) if isinstance(comparators, str) else tuple(comparators)
    rows = []
    for study in contrasts.studies:
        arms = contrasts.arms_of(study)
        pairs = [(a, b) for a, b in product(ones, others) if a in arms and b in arms]
        if not pairs:
            continue
        therapy, comparator = pairs[0]
        at = contrasts.rows_of(study)
        # The comparator of the trial is 0 for itself, so it has no row.
        weights = np.array([(contrasts.therapy[k] == therapy) * 1.0 for k in at])
        weights -= [(contrasts.therapy[k] == comparator) * 1.0 for k in at]
        variance = weights @ contrasts.covariance[np.ix_(at, at)] @ weights
        rows.append((
            study, therapy, comparator, float(weights @ contrasts.effect[at]),
            float(np.sqrt(variance)), *_patients(contrasts, at, therapy, comparator),
        ))  # fmt: skip
    columns = ["study", "therapy", "comparator", "effect", "std_error", "n_therapy", "n_comparator"]
    return pd.DataFrame(rows, columns=columns)


def _patients(
    contrasts: Contrasts, at: np.ndarray, therapy: str, comparator: str
) -> tuple[float, float]:
    """Patients of the two arms."""
    shared = contrasts.n_comparator[at]
    sizes = {contrasts.comparator[at[0]]: float(shared[0])}
    alone = contrasts.n[at] - shared
    sizes |= {contrasts.therapy[k]: float(n) for k, n in zip(at, alone, strict=True)}
    return sizes[therapy], sizes[comparator]
