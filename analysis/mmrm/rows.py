"""Rows of any data frame, read the way the model reads the rows it was fitted to."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from formulaic.errors import DataMismatchWarning, FormulaicError
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.contrasts import NOT_ESTIMABLE
from analysis.mmrm.design import Design
from analysis.mmrm.estimates import Estimates

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
# What the rows are wanted for: their mean, the spread of a value, or a patient's values together.
Purpose = Literal["mean", "spread", "patient"]


@dataclass(frozen=True, slots=True)
class Rows:
    """N rows of a frame.

    Attributes
    ----------
    design : ndarray, shape (N, p)
        Kept design columns; 0 in rows that cannot be used.
    usable : ndarray of bool, shape (N,)
        Rows with a value in every column that is needed, and an estimable mean.
    note : ndarray of str, shape (N,)
        Why a row cannot be used.
    outcome : ndarray, shape (N,)
        NaN where there is none.
    subject, visit, group : ndarray of int, shape (N,)
        Codes; of visit and group those of the fit; 0 where not needed.
    precision : ndarray, shape (N,)
        Precision weights; 1 where the model has none.
    order : ndarray of int
        Positions of the usable rows, sorted by patient, then visit.
    """

    design: Array
    usable: NDArray[np.bool_]
    note: NDArray[np.object_]
    outcome: Array
    subject: Integers
    visit: Integers
    group: Integers
    precision: Array
    order: Integers


def read_rows(
    design: Design, estimates: Estimates, data: pd.DataFrame, purpose: Purpose,
    needs_outcome: bool = False,
) -> Rows:  # fmt: skip
    """Read new rows; a row without a needed value is marked and not refused.

    Parameters
    ----------
    design : Design
    estimates : Estimates
    data : pandas.DataFrame
        Never changed.
    purpose : {"mean", "spread", "patient"}
        Which columns are needed: those of the formula; also visit, group and precision weights;
        also the patient.
    needs_outcome : bool
        Whether the outcome column must be there.

    Raises
    ------
    ModelError
        Columns that are not there, levels the fit has not seen, text in a numeric column, weights
        that are not positive, two rows for a patient at a visit.
    """
    roles = design.roles
    extra = {"mean": (), "spread": (roles.visit, roles.group, roles.weights),
             "patient": (roles.visit, roles.group, roles.weights, roles.subject)}  # fmt: skip
    named = [*design.variables, *(name for name in extra[purpose] if name is not None)]
    _refuse_columns([*named, *([roles.outcome] if needs_outcome else [])], data)
    frame = data[list(dict.fromkeys(named))]
    levels = {name: pd.Index(values) for name, values in design.margins.factors.items()}
    if roles.group is not None:
        levels[roles.group] = pd.Index(design.groups)
    frame = frame.assign(**{
        name: _with_levels(frame[name], levels[name]) if name in levels else _numbers(frame[name])
        for name in frame.columns if name != roles.subject or name in design.variables
    })  # fmt: skip
    note = np.full(len(frame), "", dtype=object)
    for name in frame.columns:
        lost = frame[name].isna().to_numpy()
        note[lost & (note == "")] = f"no value of {name}"
    matrix = _matrix(design, estimates, frame, note)
    usable = note == ""
    codes = _codes(frame, roles.visit, roles.group, roles.subject, purpose)
    precision = np.ones(len(frame))
    if roles.weights in frame.columns:
        precision = np.where(usable, frame[roles.weights].to_numpy(dtype=np.float64), 1.0)
        if not (precision > 0).all():
            raise ModelError(f"The weights in {roles.weights!r} must be positive numbers.")
    outcome = np.full(len(frame), np.nan)
    if roles.outcome in data.columns:
        outcome = _numbers(data[roles.outcome]).to_numpy(dtype=np.float64, copy=True)
    subject, visit, group = codes
    where = np.flatnonzero(usable)
    order = where[np.lexsort((visit[where], subject[where]))]
    if purpose == "patient":
        _refuse_duplicates(data, order, subject, visit, roles.subject, roles.visit)
    return Rows(matrix, usable, note, outcome, subject, visit, group, precision, order)


def _refuse_columns(names: list[str], data: pd.DataFrame) -> None:
    if not isinstance(data, pd.DataFrame):
        raise ModelError(f"The data are a {type(data).__name__}; pass a pandas DataFrame.")
    absent = [name for name in dict.fromkeys(names) if name not in data.columns]
    if absent:
        raise ModelError(
            f"The data lack {absent}, which the model reads. Add "
            f"{'them' if len(absent) > 1 else 'it'}, with missing values where unknown."
        )
    twice = sorted({str(n) for n in data.columns[data.columns.duplicated()]} & set(names))
    if twice:
        raise ModelError(f"The data have more than one column called {twice}. Rename or drop one.")


def _with_levels(values: pd.Series, levels: pd.Index) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype):
        place = np.append(levels.get_indexer(values.cat.categories), -1)
        codes = place[values.cat.codes.to_numpy()]
    else:
        codes = levels.get_indexer(pd.Index(values))
    unknown = values[(codes < 0) & values.notna().to_numpy()]
    if len(unknown):
        found = ", ".join(str(value) for value in pd.unique(unknown)[:5])
        raise ModelError(
            f"{values.name!r} holds levels that the fit has not seen: {found} ({len(unknown)} "
            f"rows). It knows {', '.join(str(level) for level in levels)}."
        )
    return pd.Series(pd.Categorical.from_codes(codes, categories=levels), index=values.index)


def _numbers(values: pd.Series) -> pd.Series:
    """The values as numbers, infinite ones missing."""
    if isinstance(values.dtype, pd.CategoricalDtype) or not pd.api.types.is_numeric_dtype(values):
        if not values.isna().all():
            raise ModelError(
                f"Column {values.name!r} holds {values.dtype} values; it held numbers in the fit."
            )
        return pd.Series(np.nan, index=values.index)
    floats = values.astype(np.float64)
    return floats.where(np.isfinite(floats.to_numpy(dtype=np.float64, na_value=np.nan)))


def _matrix(
    design: Design, estimates: Estimates, frame: pd.DataFrame, note: NDArray[np.object_]
) -> Array:
    """Kept design columns; rows without a mean are noted."""
    matrix = np.zeros((len(frame), len(estimates.kept)))
    complete = np.flatnonzero(note == "")
    if not len(complete):
        return matrix
    rows = _design_rows(design, frame.iloc[complete])
    defined = np.isfinite(rows).all(axis=1)
    note[complete[~defined]] = "the formula has no value here"
    complete, rows = complete[defined], rows[defined]
    estimable = estimates.estimable(rows)
    note[complete[~estimable]] = NOT_ESTIMABLE
    matrix[complete[estimable]] = rows[estimable][:, estimates.kept]
    return matrix


def _design_rows(design: Design, frame: pd.DataFrame) -> Array:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DataMismatchWarning)
            # A transform outside its domain (log of −1) is noted for its row, not warned about.
            warnings.simplefilter("ignore", RuntimeWarning)
            rows = design.rows(frame)
            if design.spec is not None and len(rows) < len(frame):
                matrix = design.spec.get_model_matrix(frame, context={}, na_action="ignore")
                rows = np.asarray(matrix, dtype=np.float64)
    except (FormulaicError, DataMismatchWarning) as error:
        raise ModelError(
            f"The formula {design.formula!r} cannot be applied to these rows: "
            f"{str(error).splitlines()[0]}"
        ) from error
    return rows


def _codes(
    frame: pd.DataFrame, visit: str, group: str | None, subject: str, purpose: Purpose
) -> tuple[Integers, Integers, Integers]:
    nothing = np.zeros(len(frame), dtype=np.int64)
    if purpose == "mean":
        return nothing, nothing, nothing
    # A row without a visit or group is not used; 0 keeps its code a position.
    visits = np.maximum(frame[visit].cat.codes.to_numpy().astype(np.int64), 0)
    groups = nothing
    if group is not None:
        groups = np.maximum(frame[group].cat.codes.to_numpy().astype(np.int64), 0)
    if purpose == "spread":
        return nothing, visits, groups
    return pd.factorize(frame[subject])[0].astype(np.int64), visits, groups


def _refuse_duplicates(
    data: pd.DataFrame, order: Integers, subject: Integers, visit: Integers, who: str, when: str
) -> None:
    same = (np.diff(subject[order]) == 0) & (np.diff(visit[order]) == 0)
    if same.any():
        rows = data.iloc[order[1:][same][:5]]
        examples = "; ".join(f"{a} at {b}" for a, b in zip(rows[who], rows[when], strict=True))
        raise ModelError(
            f"{int(same.sum())} rows repeat a combination of {who} and {when} ({examples}). Keep "
            "one row per patient and visit."
        )
