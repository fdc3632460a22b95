"""Levels of categorical columns as plain data, and back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.errors import ModelError


def encode_levels(name: str, levels: pd.Index) -> dict[str, object]:
    """Levels as what a JSON file can hold: text, whole numbers, numbers, flags, timestamps.

    Raises
    ------
    ModelError
        A level is of another kind.
    """
    coded = [_encode(name, level) for level in levels]
    kinds = [kind for kind, _ in coded]
    return {
        "kinds": kinds[0] if len(set(kinds)) == 1 else kinds,
        "dtype": "object" if levels.dtype == object else "",
        "values": [value for _, value in coded],
    }


def decode_levels(stored: Mapping) -> pd.Index:
    """Levels from what `encode_levels` made of them.

    Raises
    ------
    ValueError
        The description is damaged.
    """
    kinds, values = stored["kinds"], stored["values"]
    kinds = [kinds] * len(values) if isinstance(kinds, str) else kinds
    levels = [_decode(kind, value) for kind, value in zip(kinds, values, strict=True)]
    index = pd.Index(levels, dtype=object if stored["dtype"] == "object" else None)
    if not len(index) or index.has_duplicates or index.hasnans:
        raise ValueError("levels repeat or are missing")
    return index


def different(one: Mapping[str, pd.Index], other: Mapping[str, pd.Index]) -> list[str]:
    """Columns whose levels are not the same, or not in the same order."""
    return [
        name for name in dict.fromkeys([*one, *other])
        if name not in one or name not in other or list(one[name]) != list(other[name])
    ]  # fmt: skip


def _encode(name: str, level: object) -> tuple[str, object]:
    if isinstance(level, (bool, np.bool_)):
        return "flag", bool(level)
    if isinstance(level, (int, np.integer)):
        return "whole", int(level)
    if isinstance(level, (float, np.floating)) and np.isfinite(level):
        return "number", float(level)
    if isinstance(level, str):
        return "text", str(level)
    if isinstance(level, (pd.Timestamp, np.datetime64)):
        return "time", pd.Timestamp(level).isoformat()
    raise ModelError(
        f"Level {level!r} of {name!r} is a {type(level).__name__}, which the file cannot hold. "
        "Make the levels text, numbers, flags or timestamps."
    )


def _decode(kind: object, value: object) -> object:
    types = {"flag": bool, "whole": int, "number": float, "text": str, "time": str}
    if kind not in types or type(value) is not types[kind]:
        raise ValueError(f"a level of kind {kind!r} is {value!r}")
    return pd.Timestamp(value) if kind == "time" else value
