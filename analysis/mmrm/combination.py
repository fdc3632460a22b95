"""Combinations of linear combinations of coefficients, as a person writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError

Array = NDArray[np.float64]
Combinations = Array | Sequence[Sequence[float]] | Mapping[str, Mapping[str, float]]


def read_weights(
    matrix: Combinations, names: Sequence[str] | None, columns: Sequence[str]
) -> tuple[Array, list[str]]:
    """Matrix L with one column per coefficient, and the names of its rows.

    Parameters
    ----------
    matrix : array of shape (k, p), or mapping
        Combinations of the coefficients; a mapping gives, per name, weights by coefficient.
    names : sequence of str, optional
        Names of the rows; c1, c2, … when left out.
    columns : sequence of str
        Names of the p coefficients.

    Raises
    ------
    ModelError
        A matrix of the wrong shape, an unknown coefficient, or a wrong number of names.
    """
    if isinstance(matrix, Mapping):
        place = {name: position for position, name in enumerate(columns)}
        weights = np.zeros((len(matrix), len(columns)))
        for row, (name, parts) in enumerate(matrix.items()):
            unknown = sorted(set(parts) - set(columns))
            if unknown:
                raise ModelError(
                    f"contrast {name!r} weighs {unknown}; coefficients are {list(columns)}."
                )
            for column, weight in parts.items():
                weights[row, place[column]] = float(weight)
        return weights, [str(name) for name in matrix]
    try:
        weights = np.atleast_2d(np.asarray(matrix, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"A contrast matrix needs finite numbers in {len(columns)} columns, one per "
            "coefficient; this one is not a table of numbers."
        ) from error
    if weights.ndim != 2 or weights.shape[1] != len(columns) or not np.isfinite(weights).all():
        raise ModelError(
            f"A contrast matrix needs finite numbers in {len(columns)} columns, one per "
            f"coefficient; this one has shape {weights.shape}."
        )
    labels = [f"c{k + 1}" for k in range(len(weights))] if names is None else list(names)
    if len(labels) != len(weights):
        raise ModelError(f"{len(labels)} names for {len(weights)} contrasts.")
    return weights, labels
