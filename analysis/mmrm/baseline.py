"""A baseline that all arms share: constrained longitudinal data analysis (cLDA).

Baseline is an outcome like the others, measured before arms can differ. Its mean is one number for
all arms if the mean model takes the arm at its reference level in every row of that visit: columns
with an indicator of another level are 0 there. Nothing else changes; the covariance, the counts
and the margins keep the arm that a patient is in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.errors import ModelError
from analysis.mmrm.coding import Column, PlainCoding
from analysis.mmrm.formula import ParsedFormula, short
from analysis.mmrm.roles import Roles

# The factor, and the visit at which it is taken at its reference level.
EqualAt = tuple[str, object]


def read_equal_at(
    clda: EqualAt | None, parsed: ParsedFormula, roles: Roles, levels: Mapping[str, pd.Index]
) -> EqualAt | None:
    """The factor and the visit of a constraint, checked against the model.

    Parameters
    ----------
    clda : tuple of (str, object), or None
        Factor of the formula and level of the visit.
    parsed : ParsedFormula
    roles : Roles
    levels : mapping of str to pandas.Index
        Levels of the categorical columns.

    Raises
    ------
    ModelError
        It names no factor and visit of this model, or the formula computes columns.
    """
    if clda is None:
        return None
    pair = isinstance(clda, tuple | list) and len(clda) == 2
    if not pair or not all(pd.api.types.is_scalar(one) and not pd.isna(one) for one in clda):
        raise ModelError(
            f"clda={clda!r} must be the arm's column and the visit at which all arms have one "
            "mean: clda=('arm', 'Week 0')."
        )
    factor, level = clda
    if not parsed.plain:
        raise ModelError(
            f"clda= needs a formula of bare column names, and {parsed.text!r} computes columns. "
            "Put the computed columns into the data and name them in the formula."
        )
    factors = [
        name for name in sorted(parsed.names)
        if name in levels and name not in (roles.visit, roles.measure)
    ]  # fmt: skip
    if factor not in factors:
        raise ModelError(
            f"clda= names {factor!r}, which is no factor of {parsed.text!r} beside the visit; "
            f"there are {factors}. Name the column of the arm."
        )
    if roles.visit not in parsed.names:
        raise ModelError(
            f"clda= needs the visit {roles.visit!r} in the formula, so that baseline has a mean of "
            f"its own: {parsed.outcome} ~ {roles.visit} * {factor}."
        )
    visits = levels[roles.visit].tolist()
    if level not in visits:
        raise ModelError(
            f"clda= names the visit {level!r}, at which no row has a value; {roles.visit!r} has "
            f"{short(visits)}. Stack the baseline as rows of a visit of its own."
        )
    return factor, visits[visits.index(level)]


def constrained(coding: PlainCoding, equal_at: EqualAt | None, visit: str) -> PlainCoding:
    """The coding with the factor at its reference level in rows of the visit.

    Parameters
    ----------
    coding : PlainCoding
    equal_at : tuple of (str, object), or None
        From `read_equal_at`.
    visit : str
        The visit column.

    Raises
    ------
    ModelError
        The reference level has columns of its own, so leaving columns out does not reach it.

    References
    ----------
    Liang and Zeger 2000, Sankhya B 62:134.
    """
    if equal_at is None:
        return coding
    factor, level = equal_at
    own = [
        name for name, column in zip(coding.names, coding.columns, strict=True)
        if (factor, 0) in column.levels
    ]  # fmt: skip
    if own:
        raise ModelError(
            f"clda= takes {factor!r} at its reference level {coding.factors[factor][0]!r}, and the "
            f"formula gives that level columns of its own ({short(own)}). Write each interaction "
            f"of {factor!r} with the terms inside it, as in {visit} * {factor}."
        )
    absent = ((visit, coding.factors[visit].tolist().index(level)),)
    return replace(coding, columns=tuple(_without(c, factor, absent) for c in coding.columns))


def at_reference(
    frame: pd.DataFrame, equal_at: EqualAt | None, visit: str, levels: Mapping[str, pd.Index]
) -> pd.DataFrame:
    """The frame as the mean model reads it; the frame given is not changed."""
    if equal_at is None:
        return frame
    factor, level = equal_at
    codes = pd.Categorical(frame[factor], categories=levels[factor]).codes
    there = (frame[visit] == level).to_numpy(dtype=bool)
    taken = pd.Categorical.from_codes(np.where(there, 0, codes), categories=levels[factor])
    return frame.assign(**{factor: taken})


def told(equal_at: EqualAt | None) -> tuple[str, ...]:
    """What a reader should know of the constraint."""
    if equal_at is None:
        return ()
    return (f"all levels of {equal_at[0]} share one mean at visit {equal_at[1]} (cLDA)",)


def _without(column: Column, factor: str, absent: tuple[tuple[str, int], ...]) -> Column:
    named = any(name == factor for name, _ in column.levels)
    return replace(column, absent=absent) if named else column
