"""From a formula and a data frame to the rows the engine reduces.

Formulas are read by formulaic. Levels of a categorical column keep their order and the first is the
reference (treatment contrasts); text is ordered alphabetically.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from formulaic import Formula, ModelSpec
from formulaic.errors import FormulaicError
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.margins import Margins
from analysis.mmrm.statistics import Block, SufficientStatistics

Array = NDArray[np.float64]

# Rows turned into design columns at a time: bounds memory without costing speed.
ROWS_AT_ONCE = 50_000
ROWS_TO_LEARN = 100
# Squares of larger numbers, summed over patients, leave the range of double precision.
LARGEST = 1e100


@dataclass(frozen=True, slots=True)
class Roles:
    """Columns of the data that say what a row is.

    Attributes
    ----------
    outcome, subject, visit : str
    group : str or None
        Column with the patient's covariance group.
    weights : str or None
        Column with the precision weight of a row.
    subject_weights : str or None
        Column with the weight of a patient.
    """

    outcome: str
    subject: str
    visit: str
    group: str | None = None
    weights: str | None = None
    subject_weights: str | None = None

    def named(self) -> tuple[str, ...]:
        """The columns, each once, the outcome first."""
        names = (self.outcome, self.subject, self.visit, self.group, self.weights,
                 self.subject_weights)  # fmt: skip
        return tuple(dict.fromkeys(name for name in names if name is not None))


@dataclass(frozen=True, slots=True)
class Design:
    """A formula tied to data: how to make rows, and what was left out on the way.

    Attributes
    ----------
    formula : str
    spec : formulaic.ModelSpec
        The right-hand side, with the levels learnt from the data.
    variables : tuple of str
        Columns of the data that the right-hand side reads.
    columns : tuple of str
        Names of the p design columns.
    visits : tuple
        Levels of the visit column that anyone attended, in order.
    groups : tuple
        Covariance groups, in order; one, of no name, where all patients share a covariance.
    roles : Roles
        Columns of the data that are no part of the formula.
    frame : pandas.DataFrame
        The rows used, with the columns the model reads. Patients' data: left out when pickled.
    margins : Margins
        Levels, means and counts of the rows used.
    dropped : mapping of str to int
        Rows left out, by reason.
    notes : tuple of str
    """

    formula: str
    spec: ModelSpec
    variables: tuple[str, ...]
    columns: tuple[str, ...]
    visits: tuple[object, ...]
    groups: tuple[object, ...]
    roles: Roles
    frame: pd.DataFrame | None
    margins: Margins
    dropped: Mapping[str, int]
    notes: tuple[str, ...]

    def rows(self, frame: pd.DataFrame) -> Array:
        """Design rows of `frame`, shape (len(frame), p)."""
        return np.asarray(self.spec.get_model_matrix(frame, context={}), dtype=np.float64)

    def blocks(self) -> Iterator[Block]:
        """Rows of the data in blocks of whole patients.

        Raises
        ------
        ModelError
            The patients' rows are not at hand.
        """
        if self.frame is None:
            raise ModelError(
                "This needs the patients' rows, and only their statistics are here. Fit the model "
                "with MMRM.from_formula on the data."
            )
        yield from _blocks(self, self.frame)


def build_design(
    formula: str, data: pd.DataFrame, subject: str, visit: str, group: str | None = None,
    weights: str | None = None, subject_weights: str | None = None,
) -> tuple[Design, SufficientStatistics]:  # fmt: skip
    """Read the formula, check the data, and reduce them to sufficient statistics.

    Raises
    ------
    ModelError
        Unknown columns, a formula that cannot be read, two rows for a patient at a visit, no rows.
    """
    parsed, outcome = _parse(formula, data, subject, visit)
    roles = Roles(outcome, subject, visit, group, weights, subject_weights)
    _refuse_unknown_roles(roles, data)
    variables = _variables(parsed, data)
    used = sorted({outcome, *variables})
    frame, dropped = _complete_rows(data, [*dict.fromkeys([*used, *roles.named()])], outcome)
    frame, notes = _with_levels(frame, used, visit, subject, outcome, data)
    _refuse_bad_weights(roles, frame)
    spec = _model_spec(parsed, frame)
    columns = tuple(str(name) for name in spec.column_names)
    names = [name for name in used if isinstance(frame[name].dtype, pd.CategoricalDtype)]
    factors = {name: frame[name].cat.categories for name in dict.fromkeys([*names, visit])}
    numeric = [name for name in used if name not in factors and name != outcome]
    subjects = pd.factorize(frame[subject], sort=False)[0].astype(np.int64)
    margins = Margins.from_frame(frame, subjects, visit, numeric, factors)
    groups = (None,) if group is None else tuple(_as_category(frame[group]).categories)
    design = Design(
        formula, spec, variables, columns, tuple(frame[visit].cat.categories), groups, roles, frame,
        margins, dropped, notes,
    )  # fmt: skip
    total = SufficientStatistics.empty(columns, len(design.visits), len(groups))
    for block in design.blocks():
        total = total + SufficientStatistics.from_block(
            columns, len(design.visits), len(groups), block
        )
    return design, total


def _as_category(values: pd.Series) -> pd.Categorical:
    return pd.Categorical(values).remove_unused_categories()


def _refuse_unknown_roles(roles: Roles, data: pd.DataFrame) -> None:
    for role in ("group", "weights", "subject_weights"):
        name = getattr(roles, role)
        if name is not None and name not in data.columns:
            raise ModelError(
                f"{role}={name!r} is not a column of the data; it has {_short(data.columns)}."
            )


def _refuse_bad_weights(roles: Roles, frame: pd.DataFrame) -> None:
    for name in (roles.weights, roles.subject_weights):
        if name is None:
            continue
        if not pd.api.types.is_numeric_dtype(frame[name]) or not (frame[name] > 0).all():
            raise ModelError(f"The weights in {name!r} must be positive numbers.")
    for role in ("group", "subject_weights"):
        name = getattr(roles, role)
        if name is None:
            continue
        several = frame.groupby(roles.subject, sort=False, observed=True)[name].nunique() > 1
        if several.any():
            who = ", ".join(str(patient) for patient in several.index[several][:5])
            raise ModelError(
                f"{role}={name!r} must be the same in all rows of a patient; {int(several.sum())} "
                f"patients have more than one value ({who})."
            )


def _parse(
    formula: str, data: pd.DataFrame, subject: str, visit: str
) -> tuple[Formula, str]:
    if not isinstance(data, pd.DataFrame):
        raise ModelError(f"The data are a {type(data).__name__}; pass a pandas DataFrame.")
    for role, name in (("subject", subject), ("visit", visit)):
        if name not in data.columns:
            raise ModelError(
                f"{role}={name!r} is not a column of the data; it has {_short(data.columns)}."
            )
    if not isinstance(formula, str) or formula.count("~") != 1:
        raise ModelError(f"The formula {formula!r} cannot be read. Write it as outcome ~ terms.")
    try:
        parsed = Formula(formula)
        left, right = parsed.lhs, parsed.rhs
        needed = {str(name) for name in parsed.required_variables}
    except (FormulaicError, AttributeError, SyntaxError) as error:
        raise ModelError(
            f"The formula {formula!r} cannot be read: {str(error).splitlines()[0]}. "
            "Write it as outcome ~ term + term * term."
        ) from error
    unknown = sorted(needed - set(map(str, data.columns)))
    if unknown:
        raise ModelError(
            f"The formula names columns that the data do not have: {unknown}. "
            f"The data have {_short(data.columns)}."
        )
    outcomes = [str(name) for name in left.required_variables]
    if len(outcomes) != 1 or [str(term) for term in left] != outcomes:
        raise ModelError(
            f"The left side of {formula!r} must be one column of the data, the outcome. "
            "Transform it beforehand if need be."
        )
    if outcomes[0] in {str(name) for name in right.required_variables}:
        raise ModelError(f"The outcome {outcomes[0]!r} stands on both sides of {formula!r}.")
    return parsed, outcomes[0]


def _variables(parsed: Formula, data: pd.DataFrame) -> tuple[str, ...]:
    """Columns of the data that the right-hand side reads, also inside transforms."""
    found = {str(name) for name in parsed.rhs.required_variables}
    for factor in {str(factor.expr) for term in parsed.rhs for factor in term.factors}:
        # formulaic does not report what its own stateful transforms (poly, bs, center) read.
        try:
            nodes = list(ast.walk(ast.parse(factor, mode="eval")))
        except SyntaxError:
            continue
        found |= {n.id for n in nodes if isinstance(n, ast.Name) and n.id in data.columns}
    return tuple(sorted(found))


def _complete_rows(
    data: pd.DataFrame, names: list[str], outcome: str
) -> tuple[pd.DataFrame, dict[str, int]]:
    frame = data[names]
    if frame.columns.has_duplicates:
        twice = sorted({str(name) for name in frame.columns[frame.columns.duplicated()]})
        raise ModelError(f"The data have more than one column called {twice}. Rename or drop one.")
    if not pd.api.types.is_numeric_dtype(frame[outcome]):
        raise ModelError(
            f"The outcome {outcome!r} holds {frame[outcome].dtype} values; it must hold numbers."
        )
    dropped: dict[str, int] = {}
    for name in [outcome, *(name for name in names if name != outcome)]:
        values = frame[name]
        missing = values.isna()
        if pd.api.types.is_float_dtype(values):
            missing |= np.isinf(values)
        if missing.any():
            dropped[f"no value of {name}"] = int(missing.sum())
            frame = frame[~missing]
    if frame.empty:
        raise ModelError(
            f"No row is left to fit: of {len(data)} rows, {dropped}. Check the columns' names and "
            "codes."
        )
    _refuse_outlandish(frame)
    return frame, dropped


def _refuse_outlandish(frame: pd.DataFrame) -> None:
    for name, values in frame.select_dtypes("number").items():
        largest = float(values.abs().max())
        if largest > LARGEST:
            raise ModelError(
                f"Column {name!r} holds values up to {largest:.1e}, whose squares cannot be "
                "summed. Look for a wrong unit or a code for missing values."
            )


def _refuse_constant_visits(frame: pd.DataFrame, outcome: str, visit: str) -> None:
    values = frame.groupby(visit, observed=True)[outcome].agg(["min", "max", "size"])
    same = values[(values["min"] == values["max"]) & (values["size"] > 1)]
    if len(same) and values["min"].min() < values["max"].max():
        where = "; ".join(
            f"{low:g} at {name}" for name, low in zip(same.index, same["min"], strict=True)
        )
        raise ModelError(
            f"All values of {outcome!r} at a visit are the same ({where}), so they have no spread "
            "to estimate. Look for a wrong code, or leave the visit out."
        )


def _with_levels(
    frame: pd.DataFrame, used: list[str], visit: str, subject: str, outcome: str, data: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Text and flags become categories, levels nobody has are left out, and visits are named."""
    changed: dict[str, pd.Series] = {}
    notes: list[str] = []
    for name in dict.fromkeys([*used, visit]):
        values = frame[name]
        if isinstance(values.dtype, pd.CategoricalDtype):
            present = values.cat.remove_unused_categories()
            if name == visit:
                absent = [v for v in values.cat.categories if v not in present.cat.categories]
                notes += [f"visit {v}: nobody has a value; it is left out" for v in absent]
            changed[name] = present
        elif name == visit or not pd.api.types.is_numeric_dtype(values) or values.dtype == bool:
            if name == outcome:
                continue
            changed[name] = values.astype("category")
    numeric_visit = visit in used and pd.api.types.is_numeric_dtype(data[visit])
    if numeric_visit and not isinstance(data[visit].dtype, pd.CategoricalDtype):
        raise ModelError(
            f"The visit column {visit!r} holds numbers and stands in the formula, where numbers "
            f"mean a straight line. Make it categorical first: data[{visit!r}].astype('category')."
        )
    return frame.assign(**changed), tuple(notes)


def _row_order(key: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions that sort `key`; data that come sorted are not sorted again."""
    if np.all(key[1:] >= key[:-1]):
        return np.arange(len(key))
    return np.argsort(key, kind="stable")


def _refuse_duplicates(
    subjects: NDArray[np.int64], visits: NDArray[np.int64], frame: pd.DataFrame,
    order: NDArray[np.int64], subject: str, visit: str,
) -> None:  # fmt: skip
    same = (subjects[1:] == subjects[:-1]) & (visits[1:] == visits[:-1])
    if not same.any():
        return
    rows = frame.iloc[order[1:][same][:5]]
    examples = "; ".join(f"{row[subject]} at {row[visit]}" for _, row in rows.iterrows())
    raise ModelError(
        f"{int(same.sum())} rows repeat a combination of {subject} and {visit} ({examples}). The "
        "covariance between two records of one visit is not defined: keep one row per patient and "
        "visit."
    )


def _model_spec(parsed: Formula, frame: pd.DataFrame) -> ModelSpec:
    """Columns of the right-hand side."""
    plain = all(str(factor) in frame for term in parsed.rhs for factor in term.factors)
    # Levels live in the categorical dtype, so a few rows teach the columns of plain terms; a
    # transform that learns from the data (a spline's knots) has to see every row.
    sample = frame.iloc[:ROWS_TO_LEARN] if plain else frame
    try:
        matrix = parsed.rhs.get_model_matrix(
            sample, context={}, output="numpy", ensure_full_rank=True
        )
    except (FormulaicError, NameError, TypeError, ValueError, KeyError) as error:
        raise ModelError(
            f"The formula cannot be applied to the data: {str(error).splitlines()[0]}."
        ) from error
    return matrix.model_spec


def _blocks(design: Design, frame: pd.DataFrame) -> Iterator[Block]:
    """Rows of `frame`, which has the levels of the design, in blocks of whole patients."""
    roles = design.roles
    subjects = pd.factorize(frame[roles.subject], sort=False)[0].astype(np.int64)
    visits = frame[roles.visit].cat.codes.to_numpy().astype(np.int64)
    order = _row_order(subjects * len(design.visits) + visits)
    _refuse_duplicates(subjects[order], visits[order], frame, order, roles.subject, roles.visit)
    _refuse_constant_visits(frame, roles.outcome, roles.visit)
    outcome = frame[roles.outcome].to_numpy(dtype=np.float64)
    groups = np.zeros(len(frame), dtype=np.int64)
    if roles.group is not None:
        groups = pd.Categorical(frame[roles.group], categories=list(design.groups)).codes
        groups = groups.astype(np.int64)
    precision, patient_weight = (
        None if name is None else frame[name].to_numpy(dtype=np.float64)
        for name in (roles.weights, roles.subject_weights)
    )
    # A formula without columns still needs a frame to take the number of rows from.
    needed = list(design.variables) or [roles.outcome]
    by_subject = subjects[order]
    start = 0
    while start < len(order):
        stop = min(start + ROWS_AT_ONCE, len(order))
        while stop < len(order) and by_subject[stop] == by_subject[stop - 1]:
            stop += 1
        index = order[start:stop]
        rows = design.rows(frame[needed].iloc[index])
        yield Block(
            by_subject[start:stop], visits[index], groups[index],
            np.concatenate([rows, outcome[index, None]], axis=1),
            None if precision is None else precision[index],
            None if patient_weight is None else patient_weight[index], index,
        )  # fmt: skip
        start = stop


def _short(columns: pd.Index) -> str:
    names = [str(name) for name in columns[:12]]
    return ", ".join(names) + (f" and {len(columns) - 12} more" if len(columns) > 12 else "")
