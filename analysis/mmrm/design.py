"""A formula tied to data: how rows become design columns, and what was left out on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from formulaic import ModelSpec
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.baseline import EqualAt
from analysis.mmrm.centring import Change, change
from analysis.mmrm.coding import ComputedCoding, PlainCoding, products
from analysis.mmrm.margins import Margins
from analysis.mmrm.observations import Observations
from analysis.mmrm.patterns import Block
from analysis.mmrm.roles import Roles

Array = NDArray[np.float64]

# Rows turned into design columns at a time: bounds memory without costing speed.
ROWS_AT_ONCE = 50_000


@dataclass(frozen=True, eq=False)
class Design:
    """A formula tied to data: how to make rows, and what was left out on the way.

    Attributes
    ----------
    formula : str
    coding : PlainCoding or ComputedCoding
        How the right-hand side becomes columns, with the levels learnt from the data.
    variables : tuple of str
        Columns of the data that the right-hand side reads.
    levels : mapping of str to pandas.Index
        Levels of the categorical columns: of the formula, the visit, the measure and the group.
    roles : Roles
        Columns of the data that are no part of the formula.
    centre, scale : mapping of str to float
        Constants of numeric columns and the outcome with which rows are summed up; they do not
        show in any result.
    margins : Margins
        Levels, means and counts of the rows used.
    dropped : mapping of str to int
        Rows left out, by reason.
    notes : tuple of str
    observations : Observations or None
        The rows used. Patients' data: left out when pickled.
    equal_at : tuple of (str, object), or None
        A factor and the visit at which all its levels share one mean (cLDA).
    """

    formula: str
    coding: PlainCoding | ComputedCoding
    variables: tuple[str, ...]
    levels: Mapping[str, pd.Index]
    roles: Roles
    centre: Mapping[str, float]
    scale: Mapping[str, float]
    margins: Margins
    dropped: Mapping[str, int]
    notes: tuple[str, ...]
    observations: Observations | None = field(default=None, repr=False)
    equal_at: EqualAt | None = None

    def __getstate__(self) -> dict[str, object]:
        hidden = ("frame", "change")
        state = {name: value for name, value in self.__dict__.items() if name not in hidden}
        return {**state, "observations": None}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the p design columns."""
        return self.coding.names

    @property
    def spec(self) -> ModelSpec | None:
        """formulaic's specification of a formula with transforms; None for a plain one."""
        return self.coding.spec if isinstance(self.coding, ComputedCoding) else None

    @property
    def visits(self) -> tuple[object, ...]:
        """Levels of the visit column, in order."""
        return tuple(self.levels[self.roles.visit])

    @property
    def measures(self) -> tuple[object, ...]:
        """Levels of the measure column; one, of no name, where there is one outcome."""
        return (None,) if self.roles.measure is None else tuple(self.levels[self.roles.measure])

    @property
    def positions(self) -> tuple[object, ...]:
        """Rows of the covariance: the visits, or (measure, visit), measure by measure."""
        if self.roles.measure is None:
            return self.visits
        return tuple((measure, visit) for measure in self.measures for visit in self.visits)

    @property
    def groups(self) -> tuple[object, ...]:
        """Covariance groups; one, of no name, where all patients share a covariance."""
        return (None,) if self.roles.group is None else tuple(self.levels[self.roles.group])

    @cached_property
    def frame(self) -> pd.DataFrame | None:
        """The rows used, with the columns the model reads; None where only statistics are here."""
        return None if self.observations is None else self.observations.frame

    @cached_property
    def change(self) -> Change:
        """From columns of the formula to the columns that are summed up."""
        if isinstance(self.coding, PlainCoding):
            return change(self.coding, self.centre, self.scale, self.roles.outcome)
        size, outcome = len(self.columns), self.roles.outcome
        constant = [name == "Intercept" for name in self.columns]
        return replace(
            Change.none(size), ones=np.array(constant, dtype=float) if any(constant) else None,
            centre=self.centre.get(outcome, 0.0), scale=self.scale.get(outcome, 1.0),
        )  # fmt: skip

    def rows(self, frame: pd.DataFrame) -> Array:
        """Design rows of `frame`, shape (len(frame), p).

        Raises
        ------
        ModelError
            A column is absent, a level unknown, or a value missing.
        """
        return self.coding.rows(frame)

    def matrix(
        self, codes: Mapping[str, NDArray[np.integer]], numbers: Mapping[str, Array | float]
    ) -> Array:
        """Design rows of combinations given as positions of levels, shape (n, p).

        Parameters
        ----------
        codes : mapping of str to ndarray of int, shape (n,)
            Positions among `levels`, at least of each factor in the formula.
        numbers : mapping of str to (ndarray, shape (n,), or float)
            Values of the numeric columns in the formula.
        """
        n = max((len(values) for values in codes.values()), default=1)
        if isinstance(self.coding, PlainCoding):
            return products(self.coding.columns, codes, numbers, n)
        coded = {
            name: pd.Categorical.from_codes(values, self.levels[name])
            for name, values in codes.items()
        }
        return self.rows(pd.DataFrame({**coded, **numbers}, index=range(n)))

    def without_rows(self) -> Design:
        """The same, without patients' data."""
        return replace(self, observations=None)

    def rows_used(self) -> Observations:
        """The rows of the data the model was read from.

        Raises
        ------
        ModelError
            The patients' rows are not at hand.
        """
        if self.observations is None:
            raise ModelError(
                "This needs the patients' rows, and only their statistics are here. Fit the model "
                "with MMRM.from_formula on the data."
            )
        return self.observations

    def blocks(self) -> Iterator[Block]:
        """Rows of the data in blocks of whole patients.

        Raises
        ------
        ModelError
            The patients' rows are not at hand.
        """
        yield from _blocks(self, self.rows_used())


def _blocks(design: Design, rows: Observations) -> Iterator[Block]:
    roles = design.roles
    ends = np.append(rows.starts, len(rows))
    order = np.arange(len(rows)) if rows.order is None else rows.order
    start = 0
    while start < len(rows):
        stop = int(ends[min(int(np.searchsorted(ends, start + ROWS_AT_ONCE)), len(ends) - 1)])
        index = order[start:stop]
        made = np.column_stack([_rows(design, rows, index), rows.outcome[index]])
        group = np.zeros(len(index), dtype=np.int64)
        if roles.group is not None:
            group = rows.codes[roles.group][index].astype(np.int64)
        precision, weight = (
            None if name is None else rows.numbers[name][index]
            for name in (roles.weights, roles.subject_weights)
        )
        yield Block(
            rows.subject[index], rows.position[index], group, made, precision, weight, index
        )
        start = stop


def _rows(design: Design, rows: Observations, index: NDArray[np.int64]) -> Array:
    coding = design.coding
    if isinstance(coding, PlainCoding):
        codes = {name: rows.codes[name][index] for name in coding.factors}
        numbers = {name: rows.numbers[name][index] for name in coding.numeric}
        return products(coding.columns, codes, numbers, len(index))
    # A formula without columns still needs a frame to take the number of rows from.
    needed = list(design.variables) or [design.roles.outcome]
    return coding.rows(rows.frame[needed].iloc[index])
