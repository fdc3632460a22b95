"""The reference grid of LS means: which design rows are averaged, and with what weights."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
import pandas as pd
from formulaic.errors import DataMismatchWarning
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.design import Design
from analysis.mmrm.margins import ROWS

Array = NDArray[np.float64]
Weights = Literal["equal", "proportional", "counterfactual"]

WEIGHTS = ("equal", "proportional", "counterfactual")
# Patients turned into design rows at a time: bounds memory without costing speed.
PATIENTS_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class Axes:
    """Values that each variable of the grid takes.

    Attributes
    ----------
    named : mapping of str to list
        Factors and numeric columns that LS means are given for, with their values.
    averaged : mapping of str to list
        Factors averaged over, with their levels.
    held : mapping of str to float
        Numeric columns and the one value each has.
    set : frozenset of str
        What the caller gave values of, in place of averages.
    """

    named: Mapping[str, list[Any]]
    averaged: Mapping[str, list[Any]]
    held: Mapping[str, float]
    set: frozenset[str]

    def keys(self) -> list[tuple[object, ...]]:
        """Combinations of the named values, the last name changing fastest."""
        return list(product(*self.named.values()))


def grid_axes(design: Design, names: Sequence[str], at: Mapping[str, Any]) -> Axes:
    """Values of the reference grid.

    Parameters
    ----------
    design : Design
    names : sequence of str
        Factors of the formula, the visit, or numeric columns with a list of values in `at`.
    at : mapping
        Numbers for numeric columns, levels for factors; a list gives several.

    Raises
    ------
    ModelError
        Unknown or repeated names, levels nobody has, values that are not numbers.
    """
    margins = design.margins
    if len(set(names)) < len(names):
        raise ModelError(f"LS means name a factor twice: {list(names)}. Name each once.")
    means = margins.means
    settable = [*margins.factors, *means]
    unknown = [name for name in at if name not in settable]
    if unknown:
        raise ModelError(f"at= sets {unknown}; the model knows {settable}.")
    listed = [name for name in at if name in means and not np.isscalar(at[name])]
    wrong = [name for name in names if name not in margins.factors and name not in listed]
    if wrong:
        raise ModelError(
            f"{wrong} cannot be used for LS means: the factors are {list(margins.factors)}. Give "
            "values of a numeric column as at={name: [values]}."
        )
    levels = {
        name: _chosen(name, list(known), at[name]) if name in at else list(known)
        for name, known in margins.factors.items()
    }
    numbers = {name: _numbers(name, at[name]) for name in means if name in at}
    named = {name: levels[name] if name in levels else numbers[name] for name in names}
    averaged = {
        name: values for name, values in levels.items()
        if name not in named and name in design.variables
    }  # fmt: skip
    held = {
        name: numbers[name][0] if name in at else mean
        for name, mean in means.items() if name not in named
    }  # fmt: skip
    return Axes(named, averaged, held, frozenset(at))


def _chosen(name: str, known: list[Any], wanted: object) -> list[Any]:
    several = isinstance(wanted, list | tuple | set | pd.Index | np.ndarray)
    picked = list(wanted) if several else [wanted]  # type: ignore[call-overload]
    unknown = [value for value in picked if value not in known]
    if unknown or not picked:
        raise ModelError(f"at= sets {name!r} to {wanted!r}; its levels are {known}.")
    return [level for level in known if level in picked]


def _numbers(name: str, wanted: object) -> list[float]:
    try:
        values = np.atleast_1d(np.asarray(wanted, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise ModelError(f"at= sets {name!r} to {wanted!r}, which is not a number.") from error
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ModelError(f"at= needs finite numbers for {name!r}; there are {wanted!r}.")
    if len(np.unique(values)) < len(values):
        raise ModelError(f"at= repeats a value of {name!r}: {wanted!r}. Give each once.")
    return values.tolist()


def _column(design: Design, name: str, values: list[Any], which: NDArray[np.int64]) -> Any:
    """The grid's column of a variable: values[which], categorical for a factor."""
    if name not in design.margins.factors:
        return np.array(values)[which]
    levels = design.margins.factors[name]
    if len(values) < len(levels):
        which = np.asarray(levels.get_indexer(pd.Index(values)))[which]
    return pd.Categorical.from_codes(which, categories=levels)


def _rows(design: Design, frame: pd.DataFrame) -> Array:
    """Design rows, refusing a numeric column that the formula turns into categories."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DataMismatchWarning)
            return design.rows(frame)
    except DataMismatchWarning as error:
        raise ModelError(
            f"LS means hold {list(design.margins.means)} at a number, but the formula "
            f"{design.formula!r} uses one of them as categories. Make it categorical in the data "
            "instead."
        ) from error


def averaged_rows(design: Design, axes: Axes, weights: Literal["equal", "proportional"]) -> Array:
    """Average design row for each key of `axes` over the factors that are averaged.

    Parameters
    ----------
    design : Design
    axes : Axes
    weights : {"equal", "proportional"}
        The same weight for each combination of averaged levels, or its share of the rows used.

    Returns
    -------
    ndarray, shape (number of keys, p)

    Raises
    ------
    ModelError
        No row of the data has any of the combinations averaged over.
    """
    both = {**axes.named, **axes.averaged}
    sizes = [len(values) for values in both.values()]
    places = np.unravel_index(np.arange(int(np.prod(sizes))), sizes) if sizes else ()
    columns = {
        name: _column(design, name, values, which)
        for (name, values), which in zip(both.items(), places, strict=True)
    }
    total = int(np.prod(sizes))
    held = {name: np.full(total, value) for name, value in axes.held.items()}
    rows = _rows(design, pd.DataFrame({**columns, **held}, index=range(total)))
    count = int(np.prod([len(values) for values in axes.named.values()]))
    stacked = rows.reshape(count, -1, rows.shape[1])
    if weights == "equal" or not axes.averaged:
        return stacked.mean(axis=1)
    return np.einsum("g,kgp->kp", _shares(design, axes.averaged), stacked)


def _shares(design: Design, averaged: Mapping[str, list[Any]]) -> Array:
    """Shares of the rows used in each combination of the averaged levels."""
    margins = design.margins
    sizes = [len(margins.factors[name]) for name in averaged]
    counts = np.zeros(sizes)
    codes = tuple(margins.cells[name].to_numpy() for name in averaged)
    np.add.at(counts, codes, margins.cells[ROWS].to_numpy())
    kept = [margins.factors[name].get_indexer(pd.Index(v)) for name, v in averaged.items()]
    counts = counts[np.ix_(*kept)].ravel()
    if not counts.sum():
        raise ModelError(
            f"No row has any of the combinations of {list(averaged)} to be averaged over; use "
            "weights='equal' or other levels in at=."
        )
    return counts / counts.sum()


def counterfactual_rows(design: Design, axes: Axes, data: pd.DataFrame | None) -> Array:
    """Average design row over the patients for each key of `axes`, each set to that key.

    Parameters
    ----------
    design : Design
    axes : Axes
        A visit that is not named is set to each visit in turn and averaged.
    data : pandas.DataFrame, optional
        Patients to average over instead of those with rows used.

    Returns
    -------
    ndarray, shape (number of keys, p)

    Raises
    ------
    ModelError
        No patients' rows at hand, or `data` with missing columns, values or unknown levels.
    """
    visit = design.roles.visit
    spread = {visit: axes.averaged[visit]} if visit in axes.averaged else {}
    setting = {**axes.named, **spread}
    fixed: dict[str, Any] = {name: axes.held[name] for name in axes.held if name in axes.set}
    for name in axes.averaged:
        if name in axes.set and name != visit:
            if len(axes.averaged[name]) > 1:
                raise ModelError(
                    f"at= gives several levels of {name!r}, and each patient has one: name "
                    f"{name!r} in by=, or give one level."
                )
            fixed[name] = axes.averaged[name][0]
    own = [name for name in design.variables if name not in setting and name not in fixed]
    patients = _patients(design, own, data)
    result = [
        _mean_row(design, patients, {**fixed, **dict(zip(setting, point, strict=True))})
        for point in product(*setting.values())
    ]
    count = len(axes.keys())
    return np.array(result).reshape(count, -1, len(design.columns)).mean(axis=1)


def _mean_row(design: Design, patients: pd.DataFrame, setting: Mapping[str, Any]) -> Array:
    total = np.zeros(len(design.columns))
    for start in range(0, len(patients), PATIENTS_AT_ONCE):
        part = patients.iloc[start : start + PATIENTS_AT_ONCE]
        same = np.zeros(len(part), dtype=np.int64)
        fixed = {name: _column(design, name, [v], same) for name, v in setting.items()}
        total += _rows(design, part.assign(**fixed)).sum(axis=0)
    return total / len(patients)


def _patients(design: Design, own: list[str], data: pd.DataFrame | None) -> pd.DataFrame:
    """One row a patient with the covariates `own`, factors with the levels of the design."""
    source = design.frame if data is None else data
    if source is None:
        raise ModelError(
            "Counterfactual weights average over the patients, and only their statistics are here. "
            "Pass the patients' covariates as data=."
        )
    if not isinstance(source, pd.DataFrame):
        raise ModelError(f"data= is a {type(source).__name__}; pass a pandas DataFrame.")
    absent = [name for name in own if name not in source.columns]
    if absent or source.empty:
        what = f"lack the columns {absent}" if absent else "hold no row"
        raise ModelError(f"The data to average over {what}. They need {own}, a row a patient.")
    if design.roles.subject in source.columns:
        source = source[~source[design.roles.subject].duplicated().to_numpy()]
    columns: dict[str, Any] = {}
    for name in own:
        levels = design.margins.factors.get(name)
        given = source[name]
        if levels is None:
            values = pd.to_numeric(given, errors="coerce").to_numpy(dtype=np.float64)
            strange = ~np.isfinite(values)
            wanted = "a finite number"
        else:
            codes = levels.get_indexer(pd.Index(given))
            values, strange = pd.Categorical.from_codes(codes, categories=levels), codes < 0
            wanted = f"one of {list(levels)}"
        if strange.any():
            raise ModelError(
                f"{int(strange.sum())} patients to average over have a {name!r} that is not "
                f"{wanted} (the first: {given[strange].iloc[0]!r})."
            )
        columns[name] = values
    return pd.DataFrame(columns, index=range(len(source)))
