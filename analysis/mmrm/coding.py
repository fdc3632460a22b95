"""Design columns as products of indicators and numbers.

A plain formula (every factor a bare column name) has columns that are products of indicators of
levels and of numeric columns. Kept as such products they are made from integer codes, and what they
become at one visit, or in other units, follows without arithmetic on rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import product

import numpy as np
import pandas as pd
from formulaic import ModelSpec
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.formula import ParsedFormula, parse

Array = NDArray[np.float64]
Codes = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Column:
    """One design column: a product of indicators and numeric columns.

    Attributes
    ----------
    levels : tuple of (str, int)
        Factor and position of the level whose indicator is multiplied in.
    numbers : tuple of str
        Numeric columns multiplied in.
    absent : tuple of (str, int)
        Factor and position of a level at which the column is 0.
    """

    levels: tuple[tuple[str, int], ...]
    numbers: tuple[str, ...]
    absent: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class PlainCoding:
    """How a plain formula becomes columns.

    Attributes
    ----------
    names : tuple of str
        Names of the p columns, as formulaic gives them.
    columns : tuple of Column
    factors : mapping of str to pandas.Index
        Levels of the categorical columns the formula reads.
    numeric : tuple of str
        The numeric columns it reads.
    """

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    factors: Mapping[str, pd.Index]
    numeric: tuple[str, ...]

    @property
    def counts(self) -> tuple[tuple[str, int], ...]:
        """Number of levels of each factor."""
        return tuple((name, len(levels)) for name, levels in self.factors.items())

    def rows(self, frame: pd.DataFrame) -> Array:
        """Design rows of a frame, shape (len(frame), p).

        Raises
        ------
        ModelError
            A column is absent, a level unknown, or a value missing.
        """
        absent = [name for name in (*self.factors, *self.numeric) if name not in frame.columns]
        if absent:
            raise ModelError(f"The frame lacks columns that the formula reads: {absent}.")
        codes = {
            name: known_codes(frame[name], levels, name) for name, levels in self.factors.items()
        }
        for name, found in codes.items():
            if (found < 0).any():
                raise ModelError(f"Column {name!r} has missing values; leave these rows out.")
        numbers = {name: frame[name].to_numpy(dtype=np.float64) for name in self.numeric}
        return products(self.columns, codes, numbers, len(frame))


@dataclass(frozen=True, slots=True)
class ComputedCoding:
    """How a formula with transforms becomes columns: formulaic does it.

    Attributes
    ----------
    names : tuple of str
    spec : formulaic.ModelSpec
        With what the transforms learnt from the data.
    """

    names: tuple[str, ...]
    spec: ModelSpec

    def rows(self, frame: pd.DataFrame) -> Array:
        """Design rows of a frame, shape (len(frame), p)."""
        return np.asarray(self.spec.get_model_matrix(frame, context={}), dtype=np.float64)


def plain_coding(parsed: ParsedFormula, factors: Mapping[str, pd.Index]) -> PlainCoding:
    """Columns of a plain formula whose categorical columns have these levels."""
    numeric = tuple(sorted(parsed.names - set(factors)))
    names, columns = [], []
    for term in _structure(parsed.text, tuple(sorted(factors))):
        parts = [_parts(name, reduced, factors) for name, reduced in term]
        # The first factor changes fastest.
        for chosen in product(*reversed(parts)):
            chosen = chosen[::-1]
            names.append(":".join(label for label, _ in chosen) or "Intercept")
            levels = tuple(
                (name, code) for (name, _), (_, code) in zip(term, chosen, strict=True)
                if code is not None
            )  # fmt: skip
            numbers = tuple(
                name for (name, _), (_, code) in zip(term, chosen, strict=True) if code is None
            )
            columns.append(Column(levels, numbers))
    return PlainCoding(tuple(names), tuple(columns), factors, numeric)


def products(
    columns: Sequence[Column], codes: Mapping[str, Codes], numbers: Mapping[str, Array | float],
    n: int,
) -> Array:  # fmt: skip
    """Values of the columns in n rows, shape (n, len(columns))."""
    out = np.empty((n, len(columns)))
    indicators: dict[tuple[tuple[tuple[str, int], ...], ...], NDArray[np.bool_]] = {}
    for k, column in enumerate(columns):
        key = (column.levels, column.absent)
        if any(key) and key not in indicators:
            parts = [codes[name] == code for name, code in column.levels]
            parts += [codes[name] != code for name, code in column.absent]
            indicators[key] = reduce(np.logical_and, parts)
        out[:, k] = indicators[key] if any(key) else 1.0
        for name in column.numbers:
            out[:, k] *= numbers[name]
    return out


def known_codes(values: pd.Series, levels: pd.Index, name: str) -> Codes:
    """Positions of values among the levels; -1 where a value is missing.

    Raises
    ------
    ModelError
        A value is none of the levels.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        # `.array` and not `.cat`: the accessor alone costs more than the rest.
        categories, codes = values.array.categories, values.array.codes
        if categories is levels or categories.equals(levels):
            return codes
        place = levels.get_indexer(categories)
        found = np.append(place, -1)[codes]
    else:
        codes, distinct = pd.factorize(values, use_na_sentinel=True)
        categories = pd.Index(distinct)
        found = np.append(levels.get_indexer(categories), -1)[codes]
    strange = (found < 0) & (codes >= 0)
    if strange.any():
        value = categories[int(codes[int(np.argmax(strange))])]
        raise ModelError(
            f"Column {name!r} holds {value!r}, which is none of its levels "
            f"({', '.join(map(repr, levels[:8].tolist()))}{' ...' if len(levels) > 8 else ''}). "
            f"Declare all of them with levels={{{name!r}: [...]}}, or mend the value."
        )
    return found


def _parts(
    name: str, reduced: bool, factors: Mapping[str, pd.Index]
) -> Sequence[tuple[str, int | None]]:
    """Name and level of each column a factor stands for; no level for a numeric one."""
    if name not in factors:
        return [(name, None)]
    mark = "T." if reduced else ""
    labels = [f"{name}[{mark}{level}]" for level in factors[name]]
    return list(zip(labels, range(len(labels)), strict=True))[int(reduced) :]


@lru_cache(maxsize=256)
def _structure(
    text: str, factors: tuple[str, ...]
) -> tuple[tuple[tuple[str, bool], ...], ...]:
    """Factors of each group of columns, and whether they lose their first level."""
    right = parse(text).right
    names = parse(text).names
    # Which factor loses a level depends on the formula and on what is categorical, not on the data.
    small = pd.DataFrame(
        {
            name: pd.Categorical(["a", "b"]) if name in factors else [0.0, 1.0]
            for name in sorted(names) or ["none"]
        }
    )
    spec = right.get_model_matrix(
        small, context={}, output="numpy", ensure_full_rank=True
    ).model_spec
    return tuple(
        tuple((str(f.factor.expr), bool(f.reduced)) for f in scoped.factors)
        for encoded in spec.structure
        for scoped in encoded.scoped_terms
    )
