"""Which counts of patients may be shown: not small ones, and not those that would tell them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


def hide_few(counts: ArrayLike, minimum: int) -> NDArray[np.bool_]:
    """Counts to hide among parts of a sum that is known elsewhere.

    Fewer patients than `minimum`, but more than none; and where that is one count only, the
    smallest other one, so that it is not the sum less the others. A count that is not small is
    preferred, then none: 1 to the minimum stays possible for the small one.

    Parameters
    ----------
    counts : array_like of int, shape (parts,)
    minimum : int

    Returns
    -------
    ndarray of bool, shape (parts,)
    """
    numbers = np.asarray(counts, dtype=np.int64)
    hidden = (numbers > 0) & (numbers < minimum)
    others = np.flatnonzero(~hidden)
    if hidden.sum() == 1 and len(others):
        enough = others[numbers[others] >= minimum]
        chosen = enough if len(enough) else others
        hidden[chosen[np.argmin(numbers[chosen])]] = True
    return hidden


def without_few(counts: pd.Series, minimum: int) -> pd.Series:
    """Counts as Int64, missing where `hide_few` hides them."""
    hidden = hide_few(counts.to_numpy(), minimum)
    return counts.astype("Int64").mask(pd.Series(hidden, index=counts.index))


def mask_counts(counts: np.ndarray, minimum: int) -> np.ndarray:
    """Cells to hide: small counts, and others until no hidden one can be got by subtraction.

    Parameters
    ----------
    counts : ndarray of int, shape (levels, therapies + 1)
        The last column is the sum of the others; the sums of the columns are known to all.
    minimum : int

    Returns
    -------
    ndarray of bool, same shape
        No row and no column has exactly one hidden cell, where it has a second one to hide.
    """
    hidden = counts < minimum
    # With one therapy the last column repeats the first.
    if counts.shape[1] == 2:
        hidden = hidden.any(axis=1, keepdims=True).repeat(2, axis=1)
    while True:
        before = hidden.copy()
        for lines, cells in ((hidden, counts), (hidden.T, counts.T)):
            for line, values in zip(lines, cells, strict=True):
                if line.sum() == 1 and len(line) > 1:
                    line[np.argmin(np.where(line, np.iinfo(np.int64).max, values))] = True
        if (before == hidden).all():
            return hidden
