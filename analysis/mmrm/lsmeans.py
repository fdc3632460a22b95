"""LS means: the model's mean for each level of a factor, other things being average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.adjust import ADJUSTMENTS, Adjust, adjust_rows
from analysis.mmrm.comparisons import Comparison, comparison_matrix, interaction_matrix
from analysis.mmrm.contrasts import (
    Alternative,
    Contrasts,
    equivalence,
    t_inference,
    table_html,
)  # fmt: skip
from analysis.mmrm.grid import WEIGHTS, Weights, averaged_rows, counterfactual_rows, grid_axes

if TYPE_CHECKING:
    from analysis.mmrm.results import MMRMResults

Array = NDArray[np.float64]

# Sums of weights that should cancel leave rounding of this share.
CANCELLED = 1e-14
SIDES = ("two-sided", "greater", "less")


@dataclass(frozen=True, eq=False)
class LSMeans:
    """LS means of a fit.

    Attributes
    ----------
    keys : list of tuple
        Levels of `by` and `specs`, the last changing fastest.
    means : Contrasts
        The means, as combinations of coefficients.
    n : list of int
        Patients with a value in each cell of the named factors.
    specs, by : tuple of str
    notes : tuple of str
        Weights, values held, kind of interval.
    fit : MMRMResults
    """

    keys: list[tuple[object, ...]]
    means: Contrasts
    n: list[int]
    specs: tuple[str, ...]
    by: tuple[str, ...]
    notes: tuple[str, ...]
    fit: MMRMResults

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a mean.

        The factors, `estimate`, `std_error`, `df`, `conf_low`, `conf_high`, `n` (patients with a
        value in that cell) and `note`.
        """
        names = (*self.by, *self.specs)
        columns: dict[str, Any] = {
            name: [key[k] for key in self.keys] for k, name in enumerate(names)
        }
        for name in ("estimate", "std_error", "df", "conf_low", "conf_high"):
            columns[name] = self.means.table[name]
        return pd.DataFrame(columns | {"n": self.n, "note": np.asarray(self.means.table["note"])})

    @property
    def matrix(self) -> Array:
        """The averaged design rows, shape (k, p)."""
        return self.means.matrix

    @property
    def cov(self) -> Array:
        """Joint covariance, shape (k, k)."""
        return self.means.cov

    def to_frame(self) -> pd.DataFrame:
        """A copy of `frame`."""
        return self.frame.copy()

    def contrast(
        self,
        method: Comparison | Sequence[Comparison] = "pairwise",
        comparator: object = None,
        alpha: float = 0.05,
        adjust: Adjust | None = None,
        alternative: Alternative = "two-sided",
        margin: float | None = None,
        family: Literal["by", "all"] = "by",
        scores: Sequence[float] | None = None,
    ) -> Contrasts:
        """Compare LS means within each combination of `by`.

        Whether a comparison can be estimated is decided on the comparison itself: a difference may
        be estimable though neither mean is.

        Parameters
        ----------
        method : str, mapping, or sequence of these
            "pairwise": every pair, earlier level minus later. "comparator" (also "dunnett"): each
            level minus the comparator. "consecutive": each level minus the one before.
            "polynomial": orthogonal polynomials. A mapping from names to weights of the levels: a
            number a level, or a mapping from levels to numbers. A sequence, one entry for each of
            several `specs`: interaction contrasts, e.g. ("comparator", "consecutive") gives
            changes from visit to visit of differences between arms.
        comparator : object, optional
            Level of the factor; its first level when left out. For interaction contrasts a mapping
            from factors to levels.
        alpha : float
            One minus the confidence level, simultaneous where intervals are adjusted.
        adjust : str, optional
            "bonferroni", "holm", "hochberg", "hommel", "max-t" (single-step: Dunnett's and Tukey's
            tests for any covariance; smallest degrees of freedom for all) or "fixed-sequence" (in
            the order of the rows). Adds `p_adjusted`; `p_value` stays that of the row alone.
            Intervals are simultaneous for "bonferroni" and "max-t" and unadjusted for the others.
        alternative : {"two-sided", "greater", "less", "equivalence"}
            One-sided intervals have one finite bound at level 1 − alpha. "equivalence" makes two
            one-sided tests against ± `margin`, with intervals at level 1 − 2 alpha.
        margin : float, optional
            Positive. With "greater" the null hypothesis is difference ≤ −margin (non-inferior
            where more is better), with "less" difference ≥ margin (where less is better, as pain).
        family : {"by", "all"}
            Adjust over the rows of each combination of `by` (as R's emmeans does), or over all.
        scores : sequence of float, optional
            Where the levels lie, for "polynomial".

        Raises
        ------
        ModelError
            Unknown options, levels or weights; a margin without a side; nothing to compare.
        """
        null = _null(alternative, margin)
        _refuse_unknown("adjust", adjust, (None, *ADJUSTMENTS))
        _refuse_unknown("family", family, ("by", "all"))
        _refuse_level(alpha)
        names, weights = self._comparisons(method, comparator, scores)
        strata = len(self.keys) // weights.shape[1]
        cells = self.matrix.reshape(strata, weights.shape[1], -1)
        matrix = (weights @ cells).reshape(-1, cells.shape[2])
        size = (np.abs(weights) @ np.abs(cells)).reshape(matrix.shape)
        # What cancels in every column is 0; its rounding must not be tested.
        matrix[(np.abs(matrix) <= CANCELLED * size).all(axis=1)] = 0.0
        plain = self.fit.contrast(matrix, names=names * strata, alpha=alpha)
        place = len(self.by)
        stratum = [key[:place] for key in self.keys[:: weights.shape[1]]]
        keys = [key for key in stratum for _ in names]
        table: dict[str, Any] = {name: [key[k] for key in keys] for k, name in enumerate(self.by)}
        table |= {name: plain.table[name] for name in plain.table}
        inference = (plain.estimate, plain.std_error, plain.df)
        if alternative == "equivalence":
            table |= equivalence(*inference, float(margin or 0.0), alpha)
        elif alternative != "two-sided":
            table |= t_inference(*inference, alpha, null, alternative)
        notes = _test_notes(alternative, margin)
        if adjust not in (None, "none"):
            groups = np.repeat(np.arange(strata), len(names)) * (family == "by")
            table |= adjust_rows(table, plain.cov, groups, adjust, alpha, alternative, null)
            within = f" within {', '.join(self.by)}" if self.by and family == "by" else ""
            notes = (*notes, f"p_adjusted: {adjust} over the rows{within}.")
        return Contrasts(table, plain.matrix, plain.cov, self.fit, self.by, notes)

    def _comparisons(
        self, method: Comparison | Sequence[Comparison], comparator: object,
        scores: Sequence[float] | None,
    ) -> tuple[list[str], Array]:  # fmt: skip
        place = len(self.by)
        if isinstance(method, str | Mapping):
            found = dict.fromkeys(key[place:] for key in self.keys)
            levels = [
                key[0] if len(key) == 1 else " ".join(map(str, key)) for key in found
            ]  # fmt: skip
            return comparison_matrix(method, levels, comparator, scores)
        if len(method) != len(self.specs):
            raise ModelError(
                f"{len(method)} methods for {len(self.specs)} factors {list(self.specs)}; give one "
                "for each."
            )
        bases = comparator if isinstance(comparator, Mapping) else {}
        strange = [name for name in bases if name not in self.specs]
        if strange or (comparator is not None and not isinstance(comparator, Mapping)):
            raise ModelError(
                f"comparator={comparator!r}: interaction contrasts take a mapping from "
                f"{list(self.specs)} to levels."
            )
        parts = []
        for k, (name, one) in enumerate(zip(self.specs, method, strict=True), start=place):
            levels = list(dict.fromkeys(key[k] for key in self.keys))
            spaced = scores if one == "polynomial" else None
            parts.append(comparison_matrix(one, levels, bases.get(name), spaced))
        return interaction_matrix(parts)

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        shown = self.frame.to_string(index=False, float_format=lambda v: f"{v:.4g}")
        return "\n".join([shown, *self.notes])

    def _repr_html_(self) -> str:
        return table_html(self.frame, self.notes)


def least_squares_means(
    fit: MMRMResults,
    specs: str | Sequence[str],
    by: str | Sequence[str] | None = None,
    weights: Weights = "equal",
    at: Mapping[str, Any] | None = None,
    alpha: float = 0.05,
    alternative: Literal["two-sided", "greater", "less"] = "two-sided",
    data: pd.DataFrame | None = None,
) -> LSMeans:
    """LS means of a fit; the parameters are those of `MMRMResults.lsmeans`."""
    _refuse_unknown("weights", weights, WEIGHTS)
    _refuse_unknown("alternative", alternative, SIDES)
    _refuse_level(alpha)
    if data is not None and weights != "counterfactual":
        raise ModelError(f"data= is for weights='counterfactual', not for {weights!r}.")
    design, at = fit.design, {} if at is None else at
    specs = (specs,) if isinstance(specs, str) else tuple(specs)
    by = () if by is None else (by,) if isinstance(by, str) else tuple(by)
    numeric = design.margins.totals
    by += tuple(
        name for name in at
        if name in numeric and not np.isscalar(at[name]) and name not in (*by, *specs)
    )  # fmt: skip
    if not specs:
        raise ModelError("specs= names no factor; name at least one.")
    axes = grid_axes(design, (*by, *specs), at)
    if weights == "counterfactual":
        rows = counterfactual_rows(design, axes, data)
    else:
        rows = averaged_rows(design, axes, weights)
    means = fit.contrast(rows, alpha=alpha)
    if alternative != "two-sided":
        table = {name: means.table[name] for name in means.table}
        table |= t_inference(means.estimate, means.std_error, means.df, alpha, 0.0, alternative)
        means = Contrasts(table, means.matrix, means.cov)
    keys = axes.keys()
    factors = [k for k, name in enumerate(axes.named) if name in design.margins.factors]
    cells = [tuple(key[k] for k in factors) for key in keys]
    named = tuple(name for name in axes.named if name in design.margins.factors)
    n = design.margins.patients(named, cells) if named else [fit.n_subjects] * len(keys)
    return LSMeans(keys, means, n, specs, by, _grid_notes(weights, at, alternative), fit)


def _grid_notes(weights: str, at: Mapping[str, Any], alternative: str) -> tuple[str, ...]:
    notes: tuple[str, ...] = () if weights == "equal" else (f"Weights: {weights}.",)
    if at:
        notes += ("At " + ", ".join(f"{name} = {value}" for name, value in at.items()) + ".",)
    return notes if alternative == "two-sided" else (*notes, f"One-sided intervals: {alternative}.")


def _test_notes(alternative: str, margin: float | None) -> tuple[str, ...]:
    if alternative == "two-sided":
        return ()
    if alternative == "equivalence":
        return (f"Equivalence within ±{margin:g}: two one-sided tests.",)
    edge = 0.0 if margin is None else -margin if alternative == "greater" else margin
    return (f"One-sided: the alternative is {alternative} than {edge:g}.",)


def _null(alternative: str, margin: float | None) -> float:
    """Value under the null hypothesis, from the side and the margin."""
    _refuse_unknown("alternative", alternative, (*SIDES, "equivalence"))
    if margin is None:
        if alternative == "equivalence":
            raise ModelError("alternative='equivalence' needs a margin; give margin=.")
        return 0.0
    if isinstance(margin, bool) or not isinstance(margin, Real) or not 0 < margin < np.inf:
        raise ModelError(f"margin={margin!r} must be a positive number; the side is alternative=.")
    if alternative == "two-sided":
        raise ModelError(
            "A margin has a side: use alternative='greater' where more is better, 'less' where "
            "less is better, or 'equivalence'."
        )
    return -margin if alternative == "greater" else margin


def _refuse_unknown(option: str, value: object, known: tuple[object, ...]) -> None:
    if value not in known:
        raise ModelError(f"{option}={value!r} is not known; use one of {list(known)}.")


def _refuse_level(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise ModelError(f"alpha={alpha!r} is one minus the confidence level, between 0 and 1.")
