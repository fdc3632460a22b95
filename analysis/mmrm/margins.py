"""What LS means need to know of the data: levels, means and how many were where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError

ROWS = "__rows__"
PATIENTS = "__patients__"


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
    def from_frame(
        cls, frame: pd.DataFrame, subject: NDArray[np.int64], visit: str, numeric: list[str],
        factors: Mapping[str, pd.Index],
    ) -> Margins:  # fmt: skip
        """Count the rows of `frame`, whose factors are categorical with the levels of `factors`.

        Parameters
        ----------
        frame : pandas.DataFrame
        subject : ndarray of int, shape (len(frame),)
            Codes of the patients.
        visit : str
        numeric : list of str
            Numeric columns of the formula.
        factors : mapping of str to pandas.Index
        """
        codes = {name: frame[name].cat.codes.to_numpy() for name in factors}
        others = [name for name in factors if name != visit]
        sizes = [len(factors[name]) for name in factors]
        cells = _counted(codes, sizes, ROWS)
        number = _numbers({name: codes[name] for name in others}, [len(factors[n]) for n in others])
        number = np.zeros(len(frame), dtype=np.int64) if number is None else number
        first = ~pd.Series(subject * (number.max(initial=0) + 1) + number).duplicated().to_numpy()
        people = _counted(
            {name: codes[name][first] for name in others}, [len(factors[n]) for n in others],
            PATIENTS, int(first.sum()),
        )  # fmt: skip
        totals = {name: float(frame[name].sum()) for name in numeric}
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
        sizes = table.groupby(list(names))[count].sum()
        levels = [list(self.factors[name]) for name in names]
        codes = [
            tuple(level.index(k) for level, k in zip(levels, key, strict=True)) for key in keys
        ]
        return [int(sizes.get(code if len(code) > 1 else code[0], 0)) for code in codes]

    def __add__(self, other: Margins) -> Margins:
        """Margins of both sets of patients together.

        Raises
        ------
        ModelError
            The two have different levels or columns.
        """
        same = self.visit == other.visit and list(self.totals) == list(other.totals)
        same = same and list(self.factors) == list(other.factors)
        if not same or not all(self.factors[n].equals(other.factors[n]) for n in self.factors):
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


def _numbers(codes: Mapping[str, NDArray[np.int64]], sizes: list[int]) -> NDArray[np.int64] | None:
    """One number for each combination of codes; None where there are no factors."""
    if not codes:
        return None
    return np.ravel_multi_index([c.astype(np.int64) for c in codes.values()], sizes)


def _counted(
    codes: Mapping[str, NDArray[np.int64]], sizes: list[int], count: str, total: int = 0
) -> pd.DataFrame:
    number = _numbers(codes, sizes)
    if number is None:
        return pd.DataFrame({count: [total]})
    found, times = np.unique(number, return_counts=True)
    parts = np.unravel_index(found, sizes)
    return pd.DataFrame({**dict(zip(codes, parts, strict=True)), count: times})
