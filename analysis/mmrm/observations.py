"""Rows of the data as arrays: checked, coded, complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.coding import Codes, known_codes
from analysis.mmrm.formula import ParsedFormula, short
from analysis.mmrm.roles import Roles

Array = NDArray[np.float64]


class NoRowsError(ModelError):
    """No row is complete; `dropped` counts why."""

    def __init__(self, message: str, dropped: Mapping[str, int]) -> None:
        super().__init__(message)
        self.dropped = dropped


# Squares of larger numbers, summed over patients, leave the range of double precision.
LARGEST = 1e100


@dataclass(frozen=True, eq=False)
class Observations:
    """The rows used, in the order of the data.

    Attributes
    ----------
    roles : Roles
    subject : ndarray of int, shape (N,)
        Codes of the patients, in order of appearance.
    codes : mapping of str to ndarray of int
        Level of each categorical column: of the formula, the visit, the measure and the group.
    levels : mapping of str to pandas.Index
    numbers : mapping of str to ndarray
        Numeric columns: of the formula, the outcome and the weights.
    dropped : mapping of str to int
        Rows left out, by reason.
    notes : tuple of str
    data : mapping of str to pandas.Series
        The caller's columns that are read.
    kept : ndarray of bool or None
        Rows of them that are used; None: all.
    """

    roles: Roles
    subject: Codes
    codes: Mapping[str, Codes]
    levels: Mapping[str, pd.Index]
    numbers: Mapping[str, Array]
    dropped: Mapping[str, int]
    notes: tuple[str, ...]
    data: Mapping[str, pd.Series] = field(repr=False)
    kept: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.subject)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows used as a frame; text and flags are categories."""
        frame = pd.DataFrame(dict(self.data), copy=False)
        frame = frame if self.kept is None else frame[self.kept]
        for name, codes in self.codes.items():
            frame[name] = pd.Categorical.from_codes(codes, self.levels[name])
        return frame

    @cached_property
    def position(self) -> NDArray[np.int64]:
        """Place of each row in the covariance: measure by measure, the visits of each in order."""
        visit = self.codes[self.roles.visit].astype(np.int64)
        if self.roles.measure is None:
            return visit
        return self.codes[self.roles.measure] * np.int64(len(self.levels[self.roles.visit])) + visit

    @property
    def n_positions(self) -> int:
        """Number of visits, times the number of measures."""
        measures = 1 if self.roles.measure is None else len(self.levels[self.roles.measure])
        return measures * len(self.levels[self.roles.visit])

    @property
    def outcome(self) -> Array:
        """Values of the outcome, shape (N,)."""
        return self.numbers[self.roles.outcome]

    @cached_property
    def order(self) -> NDArray[np.int64] | None:
        """Positions that sort rows by patient, then visit; None where they come sorted."""
        key = self.subject * self.n_positions + self.position
        if np.all(key[1:] >= key[:-1]):
            return None
        return np.argsort(key, kind="stable")

    def sorted(self, values: NDArray) -> NDArray:
        """Values of the rows, by patient, then visit."""
        return values if self.order is None else values[self.order]

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """First row of each patient among the sorted rows."""
        subject = self.sorted(self.subject)
        return np.flatnonzero(np.concatenate([[True], subject[1:] != subject[:-1]]))


def observe(
    data: pd.DataFrame, parsed: ParsedFormula, roles: Roles, declared: Mapping[str, pd.Index],
    trim: bool = True,
) -> Observations:  # fmt: skip
    """Read the columns a model needs, leave out incomplete rows, and check what is left.

    Parameters
    ----------
    data : pandas.DataFrame
        Never changed.
    parsed : ParsedFormula
    roles : Roles
    declared : mapping of str to pandas.Index
        Levels that are not to be taken from the data.
    trim : bool
        Leave out levels nobody has, unless they are declared.

    Raises
    ------
    ModelError
        The data cannot be modelled, and why.
    """
    variables = sorted({roles.outcome, *parsed.names})
    names = list(dict.fromkeys([roles.outcome, *variables, *roles.named()]))
    columns = _columns(data, names)
    if not pd.api.types.is_numeric_dtype(columns[roles.outcome].dtype):
        raise ModelError(
            f"The outcome {roles.outcome!r} holds {columns[roles.outcome].dtype} values; it must "
            "hold numbers."
        )
    if roles.visit not in declared:
        _refuse_numeric_visit(columns[roles.visit], roles.visit, variables)
    coded, numbers = _read(columns, variables, roles, declared)
    absent = {name: _missing(name, columns, coded, numbers) for name in names}
    kept, dropped = _complete(absent, len(data), names)
    subject, lost = _subjects(columns[roles.subject], kept)
    if kept is not None:
        coded = {name: (codes[kept], levels) for name, (codes, levels) in coded.items()}
        numbers = {name: values[kept] for name, values in numbers.items()}
    _refuse_outlandish(numbers)
    notes = _trim(coded, set(declared), roles.visit) if trim else ()
    if lost:
        who = "patient has" if lost == 1 else "patients have"
        notes = (f"{lost} {who} no row that can be used, and no part in the fit", *notes)
    found = Observations(
        roles, subject, {name: codes for name, (codes, _) in coded.items()},
        {name: levels for name, (_, levels) in coded.items()}, numbers, dropped, notes,
        {name: values.copy(deep=False) for name, values in columns.items()}, kept,
    )  # fmt: skip
    _refuse_bad_weights(found)
    _refuse_duplicates(found)
    return found


def _columns(data: pd.DataFrame, names: list[str]) -> dict[str, pd.Series]:
    columns = {name: data[name] for name in names}
    twice = sorted(name for name, values in columns.items() if isinstance(values, pd.DataFrame))
    if twice:
        raise ModelError(
            f"The data have more than one column called {twice}. Rename or drop one."
        )
    return columns


def _read(
    columns: Mapping[str, pd.Series], variables: list[str], roles: Roles,
    declared: Mapping[str, pd.Index],
) -> tuple[dict[str, tuple[Codes, pd.Index]], dict[str, Array]]:  # fmt: skip
    """Categorical columns as codes and levels, the others as numbers."""
    coded, numbers = {}, {}
    always = {roles.visit, roles.measure, roles.group, *declared}
    weights = {roles.weights, roles.subject_weights}
    for name, values in columns.items():
        text = name in variables and name != roles.outcome and not _is_number(values)
        if name in always or text:
            coded[name] = _coded(values, declared.get(name), name)
        if name in weights or (name in variables and name not in coded):
            numbers[name] = _numbers(values, name)
    return coded, numbers


def _missing(
    name: str, columns: Mapping[str, pd.Series], coded: Mapping[str, tuple[Codes, pd.Index]],
    numbers: Mapping[str, Array],
) -> NDArray[np.bool_]:  # fmt: skip
    if name not in coded and name not in numbers:
        return columns[name].isna().to_numpy()
    if name not in numbers:
        return coded[name][0] < 0
    missing = ~np.isfinite(numbers[name])
    return missing | (coded[name][0] < 0) if name in coded else missing


def _trim(
    coded: dict[str, tuple[Codes, pd.Index]], declared: set[str], visit: str
) -> tuple[str, ...]:
    """Leave out levels nobody has, in place; says so of visits."""
    notes: list[str] = []
    for name in set(coded) - declared:
        coded[name], gone = _trimmed(*coded[name])
        if name == visit:
            notes += [f"visit {v}: nobody has a value; it is left out" for v in gone]
    return tuple(notes)


def _is_number(values: pd.Series) -> bool:
    kind = values.dtype
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


def _numbers(values: pd.Series, name: str) -> Array:
    if not _is_number(values) or pd.api.types.is_complex_dtype(values.dtype):
        raise ModelError(f"Column {name!r} holds {values.dtype} values; it must hold numbers.")
    if isinstance(values.dtype, np.dtype):
        return values.to_numpy().astype(np.float64, copy=False)
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _coded(values: pd.Series, levels: pd.Index | None, name: str) -> tuple[Codes, pd.Index]:
    if levels is not None:
        return known_codes(values, levels, name), levels
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.array.codes, values.array.categories
    if pd.api.types.is_float_dtype(values.dtype):
        values = values.where(np.isfinite(values))
    codes, distinct = pd.factorize(values)
    index = pd.Index(distinct)
    try:
        order = index.argsort()
    except TypeError:
        # Levels that cannot be compared (numbers and text) stay in order of appearance.
        return codes, index
    place = np.empty(len(index) + 1, dtype=np.int64)
    place[order], place[-1] = np.arange(len(index)), -1
    return place[codes], index[order]


def _complete(
    absent: Mapping[str, NDArray[np.bool_]], n: int, names: list[str]
) -> tuple[NDArray[np.bool_] | None, dict[str, int]]:
    kept, dropped = None, {}
    for name in names:
        missing = absent[name] if kept is None else absent[name] & kept
        count = int(np.count_nonzero(missing))
        if count:
            dropped[f"no value of {name}"] = count
            kept = ~missing if kept is None else kept & ~missing
    if n == 0 or (kept is not None and not kept.any()):
        raise NoRowsError(
            f"No row is left to fit: of {n} rows, {dropped}. Check the columns' names and codes.",
            dropped,
        )
    return kept, dropped


def _subjects(values: pd.Series, kept: NDArray[np.bool_] | None) -> tuple[Codes, int]:
    """Codes of the patients of the rows kept, and how many patients have no such row."""
    codes = _numbered(values)
    if kept is None:
        return codes, 0
    codes, total = codes[kept], int(codes.max(initial=-1)) + 1
    used = np.zeros(total, dtype=np.bool_)
    used[codes] = True
    if used.all():
        return codes, 0
    return (np.cumsum(used) - 1)[codes], int(total - used.sum())


def _numbered(values: pd.Series) -> Codes:
    """Patients numbered in order of appearance."""
    plain = values.to_numpy() if isinstance(values.dtype, np.dtype) else None
    if plain is None or plain.dtype.kind not in "iu" or not len(plain):
        return pd.factorize(values)[0].astype(np.int64)
    # Whole numbers in ascending runs, as files come, are numbered without a table of patients.
    new = np.concatenate([[True], plain[1:] != plain[:-1]])
    heads = plain[new]
    if np.all(heads[1:] > heads[:-1]):
        return np.cumsum(new) - 1
    return pd.factorize(heads)[0].astype(np.int64)[np.cumsum(new) - 1]


def _trimmed(
    codes: Codes, levels: pd.Index
) -> tuple[tuple[Codes, pd.Index], list[object]]:
    """Codes and levels without levels nobody has, and those."""
    used = np.bincount(codes, minlength=len(levels)) > 0
    if used.all():
        return (codes, levels), []
    place = np.cumsum(used) - 1
    return (place[codes], levels[used]), levels[~used].tolist()


def _refuse_numeric_visit(values: pd.Series, visit: str, variables: list[str]) -> None:
    if visit in variables and _is_number(values):
        raise ModelError(
            f"The visit column {visit!r} holds numbers and stands in the formula, where numbers "
            f"mean a straight line. Make it categorical first: data[{visit!r}].astype('category')."
        )


def _refuse_outlandish(numbers: Mapping[str, Array]) -> None:
    for name, values in numbers.items():
        largest = max(float(values.max()), -float(values.min()))
        if largest > LARGEST:
            raise ModelError(
                f"Column {name!r} holds values up to {largest:.1e}, whose squares cannot be "
                "summed. Look for a wrong unit or a code for missing values."
            )


def _refuse_bad_weights(rows: Observations) -> None:
    roles = rows.roles
    for name in (roles.weights, roles.subject_weights):
        if name is not None and not (rows.numbers[name] > 0).all():
            low = float(rows.numbers[name].min())
            raise ModelError(
                f"The weights in {name!r} must be positive numbers; the smallest is {low:g}. Leave "
                "rows without weight out."
            )
    for role, name in (("group", roles.group), ("subject_weights", roles.subject_weights)):
        if name is None:
            continue
        values = rows.sorted(rows.codes[name] if role == "group" else rows.numbers[name])
        first = np.repeat(values[rows.starts], np.diff(np.append(rows.starts, len(rows))))
        several = np.unique(rows.sorted(rows.subject)[values != first])
        if len(several):
            where = [int(np.argmax(rows.subject == code)) for code in several[:5]]
            who = short(rows.frame[roles.subject].iloc[where])
            raise ModelError(
                f"{role}={name!r} must be the same in all rows of a patient; {len(several)} "
                f"patients have more than one value ({who})."
            )


def _refuse_duplicates(rows: Observations) -> None:
    subject, position = rows.sorted(rows.subject), rows.sorted(rows.position)
    same = (subject[1:] == subject[:-1]) & (position[1:] == position[:-1])
    if not same.any():
        return
    roles = rows.roles
    where = np.flatnonzero(same)[:5] + 1
    where = where if rows.order is None else rows.order[where]
    shown = rows.frame.iloc[where]
    what = "" if roles.measure is None else f", {roles.measure}"
    examples = "; ".join(
        f"{row[roles.subject]} at {row[roles.visit]}"
        + ("" if roles.measure is None else f" for {row[roles.measure]}")
        for _, row in shown.iterrows()
    )
    raise ModelError(
        f"{int(same.sum())} rows repeat a combination of {roles.subject} and {roles.visit}{what} "
        f"({examples}). The covariance between two records of one visit is not defined: keep one "
        "row per patient and visit."
    )
