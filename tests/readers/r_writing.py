"""Files of R for tests: vectors with any attributes, data frames of them, written by rdata."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rdata
from rdata.conversion.to_r import DEFAULT_CLASS_MAP, R_INT_NA, build_r_object
from rdata.parser import RObject, RObjectType


@dataclass(frozen=True)
class Vector:
    """A vector of R: its values, and attributes such as class, levels, labels."""

    values: Any
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Frame:
    """A data frame: columns by name, and the names of its rows where they are text."""

    columns: dict[str, Any]
    row_names: list[str] | None = None
    classes: tuple[str, ...] = ("data.frame",)


def texts(*values: str | None) -> np.ndarray:
    """A character vector; None is NA."""
    return np.array(values, dtype=object)


def integers(*values: int | None) -> np.ma.MaskedArray:
    """An integer vector; None is NA."""
    missing = [value is None for value in values]
    plain = [R_INT_NA if value is None else value for value in values]
    return np.ma.array(np.array(plain, dtype=np.int32), mask=missing, fill_value=R_INT_NA)


def factor(codes: list[int | None], levels: list[str], *classes: str) -> Vector:
    """A factor, by its codes."""
    return Vector(integers(*codes), {"levels": texts(*levels), "class": texts(*(classes or ("factor",)))})


def named(values: Any, *names: str) -> Vector:
    """A vector with names, as labels are kept."""
    return Vector(values, {"names": texts(*names)})


def write(path: Path, content: Any, **options: Any) -> Path:
    """Write an .rds file, or an .rda file where the content is a dictionary of objects."""
    known = {**DEFAULT_CLASS_MAP, Vector: _vector, Frame: _frame}
    writer = rdata.write_rds if path.suffix == ".rds" else rdata.write_rda
    writer(path, content, constructor_dict=known, **options)
    return path


def _vector(data: Vector, converter: Any) -> RObject:
    return _with(converter, converter.convert_to_r_object(data.values), data.attributes)


def _frame(data: Frame, converter: Any) -> RObject:
    columns = [converter.convert_to_r_object(column) for column in data.columns.values()]
    first = next(iter(data.columns.values()), ())
    size = len(first.values if isinstance(first, Vector) else first)
    rows = integers(None, -size) if data.row_names is None else texts(*data.row_names)
    about = {"names": texts(*data.columns), "class": texts(*data.classes), "row.names": rows}
    return _with(converter, build_r_object(RObjectType.VEC, value=columns), about)


def _with(converter: Any, thing: RObject, attributes: dict[str, Any]) -> RObject:
    if attributes:
        thing.attributes = converter.convert_to_r_attributes(attributes)
        thing.info.attributes, thing.info.object = True, "class" in attributes
    return thing
