"""Two sets of statistics of one model: what has to agree, and one unit for both."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace

import numpy as np

from analysis.errors import ModelError
from analysis.mmrm.centring import Change, change
from analysis.mmrm.coding import ComputedCoding, PlainCoding
from analysis.mmrm.design import Design
from analysis.mmrm.levels import different
from analysis.mmrm.patterns import Pattern
from analysis.mmrm.transforms import same_transforms


def united(
    first: Design, second: Design, patterns: tuple[Pattern, ...]
) -> tuple[Design, tuple[Pattern, ...]]:
    """The design of both, and the second's patterns in the columns of the first.

    Raises
    ------
    ModelError
        The two are not of one model; says what differs.
    """
    if first.formula != second.formula:
        _refuse(f"the formulas differ ({first.formula!r} against {second.formula!r})")
    ours, theirs = asdict(first.roles), asdict(second.roles)
    for role, name in ours.items():
        if name != theirs[role]:
            _refuse(f"the {role} is {name!r} in one and {theirs[role]!r} in the other")
    if first.equal_at != second.equal_at:
        _refuse(f"clda is {first.equal_at} in one and {second.equal_at} in the other")
    for name in different(first.levels, second.levels):
        mine, other = (list(d.levels.get(name, ())) for d in (first, second))
        _refuse(
            f"{name!r} has the levels {mine} in one and {other} in the other; declare them with "
            f"levels={{{name!r}: [...]}}"
        )
    if first.columns != second.columns or type(first.coding) is not type(second.coding):
        _refuse(f"their columns differ ({list(first.columns)} against {list(second.columns)})")
    one, two = first.coding, second.coding
    if isinstance(one, ComputedCoding) and isinstance(two, ComputedCoding):
        if not same_transforms(one, two):
            _refuse(
                f"the transforms of {first.formula!r} learnt other columns from the rows of each; "
                "make the second with like= the first"
            )
    design = replace(
        first, margins=first.margins + second.margins,
        dropped=dict(Counter(first.dropped) + Counter(second.dropped)),
        notes=tuple(dict.fromkeys([*first.notes, *second.notes])), observations=None,
    )  # fmt: skip
    return design, _moved(first, second, patterns)


def _refuse(what: str) -> None:
    raise ModelError(
        f"These statistics cannot be added: {what}. Make both with the same formula, roles and "
        "levels."
    )


def _moved(first: Design, second: Design, patterns: tuple[Pattern, ...]) -> tuple[Pattern, ...]:
    """Patterns of the second design in the stored columns of the first."""
    if dict(first.centre) == dict(second.centre) and dict(first.scale) == dict(second.scale):
        return patterns
    scales = {name: second.scale[name] for name in second.scale}
    # The difference of two centres far from zero is exact; the centres themselves are not used.
    shift = {
        name: (first.centre[name] - second.centre[name]) / scales[name] for name in first.centre
    }
    ratio = {name: first.scale[name] / scales[name] for name in first.scale}
    outcome = first.roles.outcome
    if isinstance(first.coding, PlainCoding):
        step = change(first.coding, shift, ratio, outcome)
    else:
        step = replace(
            Change.none(len(first.columns)), ones=first.change.ones,
            centre=shift.get(outcome, 0.0), scale=ratio[outcome],
        )  # fmt: skip
    return tuple(replace(p, root=_turned(p.root, step)) for p in patterns)


def _turned(root: np.ndarray, step: Change) -> np.ndarray:
    rows, y = root[..., :-1], root[..., -1]
    if step.centre:
        y = y - step.centre * (rows @ step.ones)
    return np.concatenate([rows @ step.matrix, (y / step.scale)[..., None]], axis=-1)
