"""Matrices of comparisons between the levels of a factor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import gcd, lcm
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.contrasts import weigh_rows

Array = NDArray[np.float64]
Weights = Mapping[str, Sequence[float] | Mapping[object, float]]
Comparison = Literal["pairwise", "comparator", "dunnett", "consecutive", "polynomial"] | Weights

METHODS = ("pairwise", "comparator", "dunnett", "consecutive", "polynomial")
DEGREES = ("linear", "quadratic", "cubic", "quartic")
# As in R's emmeans: nobody reads a trend of the seventh degree.
HIGHEST_DEGREE = 6


def comparison_matrix(
    method: Comparison, levels: Sequence[object], comparator: object = None,
    scores: Sequence[float] | None = None,
) -> tuple[list[str], Array]:  # fmt: skip
    """Names and weights of the comparisons between levels.

    Parameters
    ----------
    method : str or mapping
        "pairwise": every pair, earlier minus later. "comparator" (also called "dunnett"): each
        level minus the comparator. "consecutive": each level minus the one before. "polynomial":
        orthogonal polynomials, up to degree 6. A mapping: names to weights, one number a level or
        a mapping from levels to numbers.
    levels : sequence
        The k levels, in order.
    comparator : object, optional
        One of the levels; the first when left out.
    scores : sequence of float, optional
        Where the levels lie, for "polynomial": weights are then orthonormal over these scores.
        Without, levels are taken as equally spaced and weights are the smallest integers, as in
        printed tables and R's emmeans.

    Returns
    -------
    names : list of str
    weights : ndarray, shape (number of comparisons, k)

    Raises
    ------
    ModelError
        An unknown method, comparator or level; scores that do not fit; one level only.
    """
    labels = [str(level) for level in levels]
    if isinstance(method, Mapping):
        called: dict[object, int] = {label: k for k, label in enumerate(labels)}
        called |= {level: k for k, level in enumerate(levels)}
        if not method:
            raise ModelError("The mapping of contrasts is empty: give a name and weights of levels.")
        rows = [weigh_rows(name, parts, called, len(labels)) for name, parts in method.items()]
        return [str(name) for name in method], np.array(rows)
    if method not in METHODS:
        raise ModelError(
            f"method={method!r} is not known; use one of {list(METHODS)} or a mapping of names to "
            "weights."
        )
    if scores is not None and method != "polynomial":
        raise ModelError(f"scores= is for method='polynomial', not for {method!r}.")
    if len(labels) < 2:
        raise ModelError(
            f"There is nothing to compare: {labels} is one level. Name a factor with more."
        )
    if method == "polynomial":
        return _polynomial(len(labels), scores)
    return _differences(_pairs(method, labels, comparator), labels)


def _pairs(method: str, labels: list[str], comparator: object) -> list[tuple[int, int]]:
    size = len(labels)
    if method == "pairwise":
        return list(combinations(range(size), 2))
    if method == "consecutive":
        return [(k + 1, k) for k in range(size - 1)]
    wanted = labels[0] if comparator is None else str(comparator)
    if wanted not in labels:
        raise ModelError(f"comparator={comparator!r} is not a level; there are {labels}.")
    base = labels.index(wanted)
    return [(k, base) for k in range(size) if k != base]


def _differences(pairs: list[tuple[int, int]], labels: list[str]) -> tuple[list[str], Array]:
    matrix = np.zeros((len(pairs), len(labels)))
    rows = np.arange(len(pairs))
    first, second = np.array(pairs).T
    matrix[rows, first], matrix[rows, second] = 1.0, -1.0
    return [f"{labels[one]} - {labels[other]}" for one, other in pairs], matrix


def _polynomial(size: int, scores: Sequence[float] | None) -> tuple[list[str], Array]:
    highest = min(size - 1, HIGHEST_DEGREE)
    names = [*DEGREES, *(f"degree {k}" for k in range(len(DEGREES) + 1, highest + 1))][:highest]
    if scores is None:
        return names, _integer_polynomials(size, highest)
    try:
        place = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ModelError(f"scores={scores!r} are not numbers.") from error
    if place.shape != (size,) or not np.isfinite(place).all() or len(np.unique(place)) < size:
        raise ModelError(
            f"scores= needs {size} different finite numbers, one for each level; there are "
            f"{place.tolist()}."
        )
    centred = (place - place.mean()) / np.abs(place - place.mean()).max()
    powers = np.vander(centred, highest + 1, increasing=True)
    directions, triangle = np.linalg.qr(powers)
    return names, (directions * np.sign(np.diag(triangle)))[:, 1:].T


def _integer_polynomials(size: int, highest: int) -> Array:
    """Orthogonal polynomials over 1, 2, …, size, each scaled to integers without common factor."""
    found = [[Fraction(1)] * size]
    for degree in range(1, highest + 1):
        row = [Fraction(x) ** degree for x in range(1, size + 1)]
        for other in found:
            along = sum((a * b for a, b in zip(row, other, strict=True)), Fraction(0))
            share = along / sum((b * b for b in other), Fraction(0))
            row = [a - share * b for a, b in zip(row, other, strict=True)]
        whole = lcm(*(value.denominator for value in row))
        common = gcd(*(int(value * whole) for value in row))
        found.append([value * whole / common for value in row])
    return np.array(found[1:], dtype=np.float64)


def interaction_matrix(
    parts: Sequence[tuple[list[str], Array]],
) -> tuple[list[str], Array]:
    """Products of comparisons of several factors: differences of differences.

    Parameters
    ----------
    parts : sequence of (names, weights)
        One for each factor, in the order of the factors; levels of the last change fastest.

    Returns
    -------
    names : list of str
        Names of the parts, joined by " : ".
    weights : ndarray
        Kronecker product of the parts.
    """
    names, weights = parts[0]
    for more, other in parts[1:]:
        names = [f"{one} : {two}" for one in names for two in more]
        weights = np.asarray(np.kron(weights, other), dtype=np.float64)
    return names, weights
