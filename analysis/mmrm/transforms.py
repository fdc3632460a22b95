"""What the transforms of a formula learnt from data, as plain numbers, and back.

A formula says how its columns are computed, save for what was taken from all rows: the knots of a
spline, the centres of a polynomial, the categories of `C(...)`. These are kept as

- `learnt`: for each transform, its numbers by name. A number, a flag, nothing, a list of such, an
  array (`{"array": [...]}`), or numbers by position (`{"0": ..., "1": ...}`).
- `categories`: for each categorical factor, its levels (`analysis.mmrm.levels`).

Nothing else is kept, so nothing else can be read: a formula is parsed and refused as one that was
typed, and a state that does not lead to the same columns is refused.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from formulaic import ModelSpec
from formulaic.errors import DataMismatchWarning, FormulaicError
from formulaic.parser.types import Factor

from analysis.mmrm.coding import ComputedCoding
from analysis.mmrm.formula import ParsedFormula
from analysis.mmrm.levels import decode_levels, encode_levels

# What a transform of formulaic may have learnt.
LEARNT = (
    {"alpha", "norms2"}, {"center", "ddof", "scale"}, {"knots", "lower_bound", "upper_bound"},
    {"constraints", "cyclic", "knots", "lower_bound", "upper_bound"},
)  # fmt: skip


def encode_transforms(coding: ComputedCoding) -> dict[str, object]:
    """What the coding learnt, as what a JSON file can hold.

    Raises
    ------
    ModelError
        A category is neither text, number, flag nor timestamp.
    """
    spec = coding.spec
    categories = {
        str(name): encode_levels(str(name), pd.Index(state["categories"]))
        for name, (_, state) in spec.encoder_state.items()
        if "categories" in state
    }
    learnt = {
        str(name): {key: _encode(value) for key, value in state.items()}
        for name, state in spec.transform_state.items()
    }
    return {"learnt": learnt, "categories": categories}


def same_transforms(one: ComputedCoding, other: ComputedCoding) -> bool:
    """Whether both learnt the same, so that their columns are the same functions of the data."""
    return encode_transforms(one) == encode_transforms(other)


def decode_transforms(
    stored: Mapping, parsed: ParsedFormula, levels: Mapping[str, pd.Index],
    typical: Mapping[str, float],
) -> ComputedCoding:  # fmt: skip
    """The coding that `encode_transforms` described.

    Parameters
    ----------
    stored : mapping
    parsed : ParsedFormula
    levels : mapping of str to pandas.Index
        Levels of the categorical columns.
    typical : mapping of str to float
        A value of each numeric column at which the formula can be computed.

    Raises
    ------
    ValueError
        The description is damaged, or is not of this formula.
    """
    learnt = {name: _decode_state(state) for name, state in stored["learnt"].items()}
    kinds = {
        name: (Factor.Kind.CATEGORICAL, {"categories": list(decode_levels(one))})
        for name, one in stored["categories"].items()
    }
    used = {name: levels[name] for name in sorted(parsed.names) if name in levels}
    size = max((len(one) for one in used.values()), default=1)
    columns = {
        name: pd.Categorical.from_codes(np.arange(size) % len(one), one)
        for name, one in used.items()
    }
    numbers = {name: np.full(size, typical[name]) for name in sorted(parsed.names - set(used))}
    spec = ModelSpec(
        formula=parsed.right, ensure_full_rank=True, output="numpy", transform_state=learnt,
        encoder_state=kinds,
    )  # fmt: skip
    factors = {str(factor.expr) for term in parsed.right for factor in term.factors}
    if not set(kinds) <= factors or not all(any(n in f for f in parsed.learns) for n in learnt):
        raise ValueError("what it learnt is not of its formula")
    try:
        frame = pd.DataFrame({**columns, **numbers}, index=range(size))
        with np.errstate(all="ignore"), warnings.catch_warnings():
            # A typical number that is none of the categories made of it.
            warnings.simplefilter("error", DataMismatchWarning)
            found = spec.get_model_matrix(frame, context={}).model_spec
    except (FormulaicError, NameError, DataMismatchWarning) as error:
        raise ValueError("its formula cannot be applied to what it learnt") from error
    coding = ComputedCoding(tuple(str(name) for name in found.column_names), found)
    if encode_transforms(coding) != {key: stored[key] for key in ("learnt", "categories")}:
        raise ValueError("what it learnt is not of its formula")
    return coding


def _encode(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _encode(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return {"array": value.tolist()}
    if isinstance(value, (list, tuple)):
        return [_encode(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def _decode_state(state: Mapping) -> dict[str, object]:
    if set(state) not in LEARNT:
        raise ValueError(f"a transform learnt {sorted(state)}")
    return {key: _decode(value) for key, value in state.items()}


def _decode(value: object) -> object:
    if isinstance(value, dict):
        if set(value) == {"array"}:
            return np.array(_decode(value["array"]), dtype=np.float64)
        return {int(key): _decode(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_decode(one) for one in value]
    if value is None or (isinstance(value, (int, float)) and np.isfinite(value)):
        return value
    raise ValueError("a transform learnt what is no number")
