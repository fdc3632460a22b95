"""LS means: the model's mean for each level of a factor, other things being average."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from formulaic.errors import DataMismatchWarning
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.contrasts import Contrasts
from analysis.mmrm.design import Design

if TYPE_CHECKING:
    from analysis.mmrm.results import MMRMResults

Array = NDArray[np.float64]
Comparison = Literal["pairwise", "comparator"]


@dataclass(frozen=True, slots=True)
class LSMeans:
    """LS means of a fit.

    Attributes
    ----------
    frame : pandas.DataFrame
        The factors, `estimate`, `std_error`, `df`, `conf_low`, `conf_high`, `n` (patients with a
        value in that cell) and `note`.
    matrix : ndarray, shape (k, p)
        The averaged design rows.
    cov : ndarray, shape (k, k)
        Joint covariance.
    """

    frame: pd.DataFrame
    matrix: Array
    cov: Array
    specs: tuple[str, ...]
    by: tuple[str, ...]
    fit: MMRMResults

    def contrast(
        self, method: Comparison = "pairwise", comparator: object = None, alpha: float = 0.05
    ) -> Contrasts:
        """Differences between LS means within each combination of `by`.

        Parameters
        ----------
        method : {"pairwise", "comparator"}
            Every pair (earlier level minus later), or each level minus the comparator.
        comparator : object, optional
            Level of the (single) factor; its first level when left out.
        alpha : float
            One minus the confidence level.

        Raises
        ------
        ModelError
            An unknown method or comparator.
        """
        if method not in ("pairwise", "comparator"):
            raise ModelError(f"method={method!r} is not known; use 'pairwise' or 'comparator'.")
        labels = [" ".join(map(str, key)) for key in self.frame[list(self.specs)].to_numpy()]
        strata = self.frame.groupby(list(self.by), sort=False, observed=True).indices if self.by \
            else {(): np.arange(len(self.frame))}  # fmt: skip
        rows, names, keys = [], [], []
        for key, members in strata.items():
            for one, other in self._pairs(list(members), labels, method, comparator):
                rows.append(self.matrix[one] - self.matrix[other])
                names.append(f"{labels[one]} - {labels[other]}")
                keys.append(key if isinstance(key, tuple) else (key,))
        if not rows:
            raise ModelError(
                f"There is nothing to compare: {list(self.specs)} has one level. Name a factor "
                "with more."
            )
        result = self.fit.contrast(np.array(rows), names=names, alpha=alpha)
        frame = result.frame
        for position, name in enumerate(self.by):
            frame.insert(position, name, [key[position] for key in keys])
        return Contrasts(frame, result.matrix, result.cov)

    def _pairs(
        self, members: list[int], labels: list[str], method: Comparison, comparator: object
    ) -> list[tuple[int, int]]:
        if method == "pairwise":
            return list(combinations(members, 2))
        wanted = labels[members[0]] if comparator is None else str(comparator)
        bases = [member for member in members if labels[member] == wanted]
        if not bases:
            known = [labels[member] for member in members]
            raise ModelError(f"comparator={comparator!r} is not a level; there are {known}.")
        return [(member, bases[0]) for member in members if member != bases[0]]

    def __repr__(self) -> str:
        return self.frame.to_string(index=False, float_format=lambda v: f"{v:.4g}")


def reference_rows(
    design: Design, names: tuple[str, ...]
) -> tuple[list[tuple[object, ...]], Array]:
    """Average design row for every combination of the named factors.

    Other factors are averaged with equal weight per level, numeric columns held at their mean over
    the rows used (the convention of SAS LSMEANS and of R's emmeans).

    Returns
    -------
    keys : list of tuple
        Levels, the last factor changing fastest.
    rows : ndarray, shape (len(keys), p)
    """
    if len(set(names)) < len(names):
        raise ModelError(f"LS means name a factor twice: {list(names)}. Name each once.")
    unknown = [name for name in names if name not in design.margins.factors]
    if unknown:
        raise ModelError(
            f"{unknown} cannot be used for LS means: the factors are {list(design.margins.factors)}."
        )
    others = [name for name in design.margins.factors if name not in names and name in design.variables]
    order = [*names, *others]
    grid = list(product(*(design.margins.factors[name] for name in order)))
    frame = pd.DataFrame(
        {
            name: pd.Categorical([point[k] for point in grid], categories=design.margins.factors[name])
            for k, name in enumerate(order)
        }
    )
    for name, mean in design.margins.means.items():
        frame[name] = mean
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DataMismatchWarning)
            rows = design.rows(frame)
    except DataMismatchWarning as error:
        raise ModelError(
            f"LS means hold {list(design.margins.means)} at their means, but the formula "
            f"{design.formula!r} uses "
            "one of them as categories. Make it categorical in the data instead."
        ) from error
    keys = list(product(*(design.margins.factors[name] for name in names)))
    return keys, rows.reshape(len(keys), -1, rows.shape[1]).mean(axis=1)
