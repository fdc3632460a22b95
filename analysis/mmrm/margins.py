"""What LS means need to know of the data: levels, means and how many were where."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.levels import different

ROWS = "__rows__"
PATIENTS = "__patients__"
# Combinations of levels counted in a table; more are sorted.
TABLE = 100_000


@dataclass(frozen=True, slots=True)
class Margins:
    """Levels of the factors, means of the numeric columns, and counts, of the rows used.

    Counts add up over sets of patients (`+`), so no patient's row is kept.

    Attributes
    ----------
    factors : mapping of str to pandas.Index
        Levels of each categorical column in the formula, and of the visit.
    visit : str
        Name of the visit among the factors.
    totals : mapping of str to float
        Sum over the rows used of each numeric column in the formula.
    cells : pandas.DataFrame
        One row for each combination of levels (codes, one column per factor) that occurs, and the
        number of rows in `ROWS`.
    people : pandas.DataFrame
        The same without the visit, and the number of patients in `PATIENTS`.
    """

    factors: Mapping[str, pd.Index]
    visit: str
    totals: Mapping[str, float]
    cells: pd.DataFrame
    people: pd.DataFrame

    @classmethod
    def of_rows(
        cls, codes: Mapping[str, NDArray[np.integer]], numbers: Mapping[str, NDArray[np.float64]],
        starts: NDArray[np.int64], visit: str, factors: Mapping[str, pd.Index],
    ) -> Margins:  # fmt: skip
        """Count rows given as codes, sorted by patient.

        Parameters
        ----------
        codes : mapping of str to ndarray of int, shape (N,)
            Positions among the levels of each factor.
        numbers : mapping of str to ndarray, shape (N,)
            Numeric columns of the formula.
        starts : ndarray of int
            First row of each patient.
        visit : str
        factors : mapping of str to pandas.Index
        """
        sizes = {name: len(factors[name]) for name in factors}
        others = {name: size for name, size in sizes.items() if name != visit}
        whole = _numbers(codes, others, len(codes[visit]))
        every = {**others, visit: sizes[visit]}
        cells = _counted(whole * sizes[visit] + codes[visit], every, list(factors), ROWS)
        changes = np.flatnonzero(whole[1:] != whole[:-1]) + 1
        first = whole[starts]
        if not np.isin(changes, starts, assume_unique=True).all():
            patient = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(whole))))
            first = pd.DataFrame({"patient": patient, "cell": whole}).drop_duplicates()["cell"]
        people = _counted(np.asarray(first), others, list(others), PATIENTS)
        totals = {name: float(values.sum()) for name, values in numbers.items()}
        return cls(factors, visit, totals, cells, people)

    @property
    def n_rows(self) -> int:
        """Number of rows used."""
        return int(self.cells[ROWS].sum())

    @property
    def means(self) -> dict[str, float]:
        """Mean over the rows used of each numeric column in the formula."""
        return {name: total / self.n_rows for name, total in self.totals.items()}

    def patients(self, names: tuple[str, ...], keys: list[tuple[object, ...]]) -> list[int]:
        """Patients with a value in each combination of levels of the named factors.

        Parameters
        ----------
        names : tuple of str
        keys : list of tuple
            Levels, one for each name.
        """
        table, count = (self.cells, ROWS) if self.visit in names else (self.people, PATIENTS)
        counts = np.zeros([len(self.factors[name]) for name in names], dtype=np.int64)
        codes = tuple(table[name].to_numpy() for name in names)
        np.add.at(counts, codes, table[count].to_numpy())
        places = [{level: k for k, level in enumerate(self.factors[name])} for name in names]
        return [
            int(counts[tuple(place[k] for place, k in zip(places, key, strict=True))])
            for key in keys
        ]

    def __add__(self, other: Margins) -> Margins:
        """Margins of both sets of patients together.

        Raises
        ------
        ModelError
            The two have different levels or columns.
        """
        same = self.visit == other.visit and list(self.totals) == list(other.totals)
        same = same and list(self.factors) == list(other.factors)
        if not same or different(self.factors, other.factors):
            raise ModelError(
                "These statistics cannot be added: their factors have different levels. Declare "
                "the levels of both."
            )
        cells = pd.concat([self.cells, other.cells]).groupby(list(self.factors), as_index=False)
        others = [name for name in self.factors if name != self.visit]
        people = pd.concat([self.people, other.people])
        people = (
            people.groupby(others, as_index=False).sum() if others
            else people.sum().to_frame().T
        )  # fmt: skip
        totals = {name: self.totals[name] + other.totals[name] for name in self.totals}
        return Margins(self.factors, self.visit, totals, cells.sum(), people)


def _numbers(
    codes: Mapping[str, NDArray[np.integer]], sizes: Mapping[str, int], n: int
) -> NDArray[np.int64]:
    """One number for each combination of codes."""
    number = np.zeros(n, dtype=np.int64)
    for name, size in sizes.items():
        number = number * size + codes[name]
    return number


def _counted(
    number: NDArray[np.int64], sizes: Mapping[str, int], order: list[str], count: str
) -> pd.DataFrame:
    total = math.prod(sizes.values())
    if total <= TABLE:
        times = np.bincount(number, minlength=total)
        found = np.flatnonzero(times)
        times = times[found]
    else:
        found, times = np.unique(number, return_counts=True)
    parts = np.unravel_index(found, tuple(sizes.values())) if sizes else ()
    codes = dict(zip(sizes, parts, strict=True))
    table = np.empty((len(times), len(order) + 1), dtype=np.int64)
    for place, name in enumerate(order):
        table[:, place] = codes[name]
    table[:, -1] = times
    return pd.DataFrame(table, columns=[*order, count])
