"""One frame to a design and its patterns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from formulaic.errors import FormulaicError
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.baseline import EqualAt, constrained, read_equal_at, told
from analysis.mmrm.centring import movable, ones, round_centre, round_scale
from analysis.mmrm.coding import ComputedCoding, PlainCoding, plain_coding
from analysis.mmrm.design import Design
from analysis.mmrm.formula import ParsedFormula, parse, short
from analysis.mmrm.margins import Margins
from analysis.mmrm.observations import Observations, observe
from analysis.mmrm.patterns import Pattern, merge
from analysis.mmrm.reduction import reduce_block, reduce_plain
from analysis.mmrm.roles import RoleColumns, Roles

Array = NDArray[np.float64]
Levels = Mapping[str, Sequence[object]]
Constants = Mapping[str, float]


def read_frame(
    formula: str, data: pd.DataFrame, roles: RoleColumns, levels: Levels | None = None,
    centre: Constants | None = None, scale: Constants | None = None, trim: bool = True,
    clda: EqualAt | None = None, like: Design | None = None,
) -> Design:  # fmt: skip
    """Tie a formula to a frame.

    Parameters
    ----------
    formula : str
    data : pandas.DataFrame
    roles : RoleColumns
    levels : mapping of str to sequence, optional
        Levels of categorical columns that are not to be taken from the data.
    centre, scale : mapping of str to float, optional
        Constants of numeric columns and the outcome; chosen from the data where left out.
    trim : bool
        Leave out levels that nobody has.
    clda : tuple of (str, object), optional
        A factor of the formula and the visit at which all its levels share one mean.
    like : Design, optional
        Of the same formula: its levels, and what its transforms learnt.

    Raises
    ------
    ModelError
        The model cannot be set up with these data, and why.
    """
    if not isinstance(data, pd.DataFrame):
        raise ModelError(f"The data are a {type(data).__name__}; pass a pandas DataFrame.")
    if not isinstance(formula, str) or formula.count("~") != 1:
        raise ModelError(f"The formula {formula!r} cannot be read. Write it as outcome ~ terms.")
    Roles("", **roles).refuse_absent(data)
    parsed = parse(formula)
    unknown = sorted({parsed.outcome, *parsed.names} - set(map(str, data.columns)))
    if unknown:
        raise ModelError(
            f"The formula names columns that the data do not have: {unknown}. "
            f"The data have {short(data.columns)}."
        )
    named = Roles(parsed.outcome, **roles)
    levels = alike(levels, like, formula)
    rows = observe(data, parsed, named, declared_levels(levels, named, parsed), trim)
    equal_at = read_equal_at(clda, parsed, named, rows.levels)
    coding = _coding(parsed, rows, equal_at) if like is None or parsed.plain else like.coding
    factors = {
        name: found for name, found in rows.levels.items()
        if name in parsed.names or name in (named.visit, named.measure)
    }  # fmt: skip
    middle, spread = _constants(rows, coding, centre, scale)
    return Design(
        formula, coding, tuple(sorted(parsed.names)), rows.levels, named, middle, spread,
        margins_of(rows, parsed, factors), rows.dropped, (*told(equal_at), *rows.notes), rows,
        equal_at,
    )  # fmt: skip


def alike(levels: Levels | None, like: Design | None, formula: str) -> Levels | None:
    """Levels declared, and else those of the design that these data shall be like.

    Raises
    ------
    ModelError
        That design is of another formula.
    """
    if like is None:
        return levels
    if like.formula != formula:
        raise ModelError(
            f"like= has the formula {like.formula!r}, and {formula!r} was asked for. Pass "
            "statistics of the same formula."
        )
    return {**like.levels, **(levels or {})}


def patterns_of(design: Design, rows: Observations) -> tuple[tuple[Pattern, ...], float]:
    """Patterns in stored columns, and Σ ω_i log w_ij."""
    roles, logs = design.roles, 0.0
    if roles.weights is not None:
        log = np.log(rows.numbers[roles.weights])
        many = 1.0 if roles.subject_weights is None else rows.numbers[roles.subject_weights]
        logs = float((log * many).sum())
    if isinstance(design.coding, PlainCoding):
        return reduce_plain(rows, design.coding, design.change, design.centre, design.scale), logs
    found: list[Pattern] = []
    for block in replace(design, observations=rows).blocks():
        found += reduce_block(block, design.change, rows.n_positions)
    return merge(found), logs


def margins_of(
    rows: Observations, parsed: ParsedFormula, factors: Mapping[str, pd.Index]
) -> Margins:
    """Counts and totals of rows used."""
    numeric = [n for n in sorted(parsed.names) if n in rows.numbers and n not in factors]
    return Margins.of_rows(
        {name: rows.sorted(rows.codes[name]) for name in factors},
        {name: rows.numbers[name] for name in numeric}, rows.starts, rows.roles.visit, factors,
    )  # fmt: skip


def refuse_constant_visits(
    design: Design, low: Array, high: Array, rows: NDArray[np.int64]
) -> None:
    """Stop where a visit has one value only.

    Parameters
    ----------
    design : Design
    low, high : ndarray, shape (m,)
        Smallest and largest outcome at each position.
    rows : ndarray of int, shape (m,)
    """
    same = (low == high) & (rows > 1)
    seen = rows > 0
    if not same.any() or not low[seen].min() < high[seen].max():
        return
    where = "; ".join(
        f"{value:g} at {name}"
        for name, value, alone in zip(design.positions, low, same, strict=True)
        if alone
    )
    raise ModelError(
        f"All values of {design.roles.outcome!r} at a visit are the same ({where}), so they have "
        "no spread to estimate. Look for a wrong code, or leave the visit out."
    )


def extremes(rows: Observations) -> tuple[Array, Array, NDArray[np.int64]]:
    """Smallest and largest outcome at each position, and number of rows."""
    m, y = rows.n_positions, rows.outcome
    counts = np.bincount(rows.position, minlength=m)
    first = np.full(m, np.nan)
    first[rows.position[::-1]] = y[::-1]
    low, high = first.copy(), first.copy()
    # Only a visit whose values are all its first one can be constant; the others need no extremes.
    differ = np.bincount(rows.position[y != first[rows.position]], minlength=m)
    for place in np.flatnonzero(differ):
        values = y[rows.position == place]
        low[place], high[place] = values.min(), values.max()
    return low, high, counts


def declared_levels(
    levels: Levels | None, roles: Roles, parsed: ParsedFormula
) -> dict[str, pd.Index]:
    """Declared levels as an index for each column.

    Raises
    ------
    ModelError
        A column is no part of the model, or its levels repeat or are none.
    """
    used = {*parsed.names, roles.visit, roles.measure, roles.group}
    found: dict[str, pd.Index] = {}
    levels = {} if levels is None else levels
    listed = isinstance(levels, Mapping) and all(
        pd.api.types.is_list_like(one) and all(map(pd.api.types.is_hashable, one))
        for one in levels.values()
    )
    if not listed:
        raise ModelError(
            f"levels={levels!r} must give a list of levels for each column: "
            "levels={'visit': ['week 4', 'week 12']}."
        )
    for name, values in levels.items():
        if name not in used:
            raise ModelError(
                f"levels= names {name!r}, which is no categorical column of this model; it has "
                f"{short(sorted(n for n in used if n is not None))}."
            )
        index = values if isinstance(values, pd.Index) else pd.Index(list(values))
        if not len(index) or index.has_duplicates or index.hasnans:
            raise ModelError(
                f"The levels of {name!r} must be at least one, each once and none missing; they "
                f"are {short(index)}."
            )
        found[name] = index
    return found


def _constants(
    rows: Observations, coding: PlainCoding | ComputedCoding, centre: Constants | None,
    scale: Constants | None,
) -> tuple[dict[str, float], dict[str, float]]:  # fmt: skip
    outcome = rows.roles.outcome
    numeric: tuple[str, ...] = (outcome,)
    may_move: set[str] = set()
    if isinstance(coding, PlainCoding):
        numeric = (*coding.numeric, outcome)
        spans_one, may_move = ones(coding) is not None, set(movable(coding))
    else:
        spans_one = "Intercept" in coding.names
    if spans_one:
        may_move.add(outcome)
    for role, given in (("centre", centre), ("scale", scale)):
        if given is not None and not isinstance(given, Mapping):
            raise ModelError(f"{role}={given!r} must give a number for each column: {{'y': 10.0}}.")
        for name, value in (given or {}).items():
            if name not in numeric:
                raise ModelError(
                    f"{role}= names {name!r}, which is no bare numeric column of the formula; "
                    f"there are {short(numeric)}."
                )
            good = isinstance(value, (int, float, np.number)) and np.isfinite(value)
            if not good or (role == "scale" and not value > 0):
                raise ModelError(
                    f"{role}={{{name!r}: {value!r}}} must be a finite number"
                    f"{' above 0' if role == 'scale' else ''}."
                )
    middle, spread = {}, {}
    for name in numeric:
        values = rows.numbers[name]
        deviation = float(values.std())
        if name in may_move:
            middle[name] = float(
                centre[name] if centre and name in centre
                else round_centre(float(values.mean()), deviation)
            )  # fmt: skip
        spread[name] = float(scale[name]) if scale and name in scale else round_scale(deviation)
    return middle, spread


def _coding(
    parsed: ParsedFormula, rows: Observations, equal_at: EqualAt | None
) -> PlainCoding | ComputedCoding:
    if parsed.plain:
        factors = {name: rows.levels[name] for name in sorted(parsed.names) if name in rows.levels}
        return constrained(plain_coding(parsed, factors), equal_at, rows.roles.visit)
    try:
        spec = parsed.right.get_model_matrix(
            rows.frame, context={}, output="numpy", ensure_full_rank=True
        ).model_spec
    except (FormulaicError, NameError, TypeError, ValueError, KeyError) as error:
        raise ModelError(
            f"The formula cannot be applied to the data: {str(error).splitlines()[0]}."
        ) from error
    return ComputedCoding(tuple(str(name) for name in spec.column_names), spec)
