"""The file of sufficient statistics: a zip of arrays and a header, without code or pickles.

Format `lasting-relief-statistics`, version 1; with a baseline that arms share, 2; with transforms in
the formula, 3. The file is a zip archive as `numpy.savez` writes it; every member is an array in
numpy's own `.npy` format:

- `header`: bytes (uint8) of a JSON object: `format`, `version`, `formula`, `roles`, `levels` (by
  column: `kind` and `values`), `centre`, `scale`, `totals`, `dropped`, `notes`, `log_weights`,
  `columns` (names of the p design columns), `cells` and `people` (names of their columns); in
  version 2 `clda`: a factor, and the position of the visit at which its levels share one mean; in
  version 3 `transforms`: what they learnt from all rows, as numbers (`analysis.mmrm.transforms`).
- `group`, `n`, `size`, `rows` (int64, one entry per pattern) and `weight` (float64): covariance
  group, patients, visits attended, rows of the root, and sum of the patients' weights.
- `visits` (int64): the visits of all patterns, one after another.
- `roots` (float64): the roots of all patterns, one after another, each rows x size x (p + 1).
- `cells`, `people` (int64): tables of counts.

A root with as many rows as patients is those patients' rows, and a pattern of one patient is that
patient's row: a file of statistics can be as confidential as the data
(`SufficientStatistics.patients_by_pattern` counts).
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.baseline import EqualAt, constrained, read_equal_at
from analysis.mmrm.coding import ComputedCoding, PlainCoding, plain_coding
from analysis.mmrm.design import Design
from analysis.mmrm.formula import ParsedFormula, parse
from analysis.mmrm.levels import decode_levels, encode_levels
from analysis.mmrm.margins import PATIENTS, ROWS, Margins
from analysis.mmrm.patterns import Pattern
from analysis.mmrm.roles import Roles
from analysis.mmrm.transforms import decode_transforms, encode_transforms

FORMAT = "lasting-relief-statistics"
# A reader that does not know of shared baselines or of transforms must not take columns for what
# they are not.
VERSION, SHARED_BASELINE, TRANSFORMED = 1, 2, 3
ARRAYS = {
    "header": "|u1", "group": "<i8", "n": "<i8", "size": "<i8", "rows": "<i8", "weight": "<f8",
    "visits": "<i8", "roots": "<f8", "cells": "<i8", "people": "<i8",
}  # fmt: skip
# A header larger than this describes no trial; nothing of it is read.
LARGEST_HEADER = 64_000_000


def write(
    path: str | Path, design: Design, patterns: tuple[Pattern, ...], log_weights: float,
    overwrite: bool,
) -> None:  # fmt: skip
    """Write statistics to a file.

    Raises
    ------
    ModelError
        The file exists, cannot be written, or the design cannot be described in it.
    """
    path = Path(path)
    header = json.dumps(_header(design, log_weights), allow_nan=False).encode()
    count = [len(p.root) for p in patterns]
    arrays = {
        "header": np.frombuffer(header, dtype=np.uint8),
        "group": _whole([p.group for p in patterns]), "n": _whole([p.n for p in patterns]),
        "size": _whole([len(p.visits) for p in patterns]), "rows": _whole(count),
        "weight": np.array([p.weight for p in patterns], dtype=np.float64),
        "visits": _whole([v for p in patterns for v in p.visits]),
        "roots": np.concatenate([np.empty(0), *(p.root.ravel() for p in patterns)]),
        "cells": design.margins.cells.to_numpy(dtype=np.int64),
        "people": design.margins.people.to_numpy(dtype=np.int64),
    }  # fmt: skip
    try:
        with path.open("wb" if overwrite else "xb") as file:
            np.savez(file, **arrays)
    except FileExistsError as error:
        raise ModelError(
            f"{path.name} exists already. Name another file, or pass overwrite=True."
        ) from error
    except OSError as error:
        raise ModelError(f"{path} cannot be written: {error.strerror}.") from error


def read(path: str | Path) -> tuple[Design, tuple[Pattern, ...], float]:
    """Read what `write` wrote; nothing in the file is executed.

    Raises
    ------
    ModelError
        The file is absent, foreign, damaged, or of a newer version.
    """
    path = Path(path)
    try:
        arrays = _arrays(path)
        header = json.loads(arrays.pop("header").tobytes())
        _refuse_foreign(header, path)
        design = _design(header, arrays)
        return design, _patterns(design, arrays), float(header["log_weights"])
    except FileNotFoundError as error:
        raise ModelError(f"There is no file {path}. Save statistics there first.") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (
        ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError,
        RecursionError, RuntimeError, TypeError, ValueError, zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        raise ModelError(
            f"{path.name} is no complete file of statistics ({type(error).__name__}: "
            f"{str(error).splitlines()[0] if str(error) else 'damaged'}). Save it again."
        ) from error


def _whole(values: list[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def _header(design: Design, log_weights: float) -> dict[str, object]:
    margins = design.margins
    shared: dict[str, object] = {}
    if isinstance(design.coding, ComputedCoding):
        shared = {"version": TRANSFORMED, "transforms": _transforms(design, design.coding)}
    if design.equal_at is not None:
        factor, level = design.equal_at
        shared = {"version": SHARED_BASELINE, "clda": [factor, design.visits.index(level)]}
    return {
        "format": FORMAT, "version": VERSION, **shared, "formula": design.formula,
        "roles": asdict(design.roles), "columns": list(design.columns),
        "levels": {name: encode_levels(name, levels) for name, levels in design.levels.items()},
        "factors": list(margins.factors), "centre": dict(design.centre),
        "scale": dict(design.scale), "totals": dict(margins.totals),
        "dropped": dict(design.dropped), "notes": list(design.notes),
        "log_weights": log_weights,
        "cells": list(margins.cells.columns), "people": list(margins.people.columns),
    }  # fmt: skip


def _transforms(design: Design, coding: ComputedCoding) -> dict[str, object]:
    stored, margins = encode_transforms(coding), design.margins
    try:
        # As it will be read.
        decode_transforms(
            json.loads(json.dumps(stored)), parse(design.formula), design.levels, _means(margins)
        )
    except (ValueError, TypeError, LookupError) as error:
        raise ModelError(
            f"The formula {design.formula!r} computes columns in a way that a file cannot carry. "
            "Put the computed columns into the data and name them in the formula."
        ) from error
    return stored


def _means(margins: Margins) -> dict[str, float]:
    rows = max(int(margins.cells[ROWS].sum()), 1)
    return {name: total / rows for name, total in margins.totals.items()}


def _arrays(path: Path) -> dict[str, NDArray]:
    with zipfile.ZipFile(path) as archive:
        inside = {info.filename: info for info in archive.infolist()}
        if set(inside) != {f"{name}.npy" for name in ARRAYS}:
            raise ValueError(f"it holds {sorted(inside)[:12]}")
        if inside["header.npy"].file_size > LARGEST_HEADER:
            raise ValueError("its header is too large")
        # Stored, not packed: a file cannot claim more than its own length.
        if sum(info.file_size for info in inside.values()) > path.stat().st_size:
            raise ValueError("its arrays are larger than the file")
        arrays = {}
        for name, kind in ARRAYS.items():
            with archive.open(f"{name}.npy") as file:
                arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
            if arrays[name].dtype != np.dtype(kind):
                raise ValueError(f"{name} holds {arrays[name].dtype}")
        return arrays


def _refuse_foreign(header: object, path: Path) -> None:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("its header names another format")
    version = header.get("version")
    if version not in (VERSION, SHARED_BASELINE, TRANSFORMED):
        raise ModelError(
            f"{path.name} is of version {version!r} of the format; this program reads {VERSION} "
            f"to {TRANSFORMED}. Update it, or save the statistics again with it."
        )


def _design(header: Mapping, arrays: Mapping[str, NDArray]) -> Design:
    roles = Roles(**header["roles"])
    levels = {name: decode_levels(one) for name, one in header["levels"].items()}
    parsed = parse(header["formula"])
    if parsed.outcome != roles.outcome or parsed.plain == (header["version"] == TRANSFORMED):
        raise ValueError("its formula does not fit")
    for name in ("centre", "scale", "totals"):
        values = header[name].values()
        if not all(type(v) in (int, float) and np.isfinite(v) for v in values):
            raise ValueError(f"{name} holds what is no number")
    factors = {name: levels[name] for name in header["factors"]}
    tables = {}
    for name, count in (("cells", ROWS), ("people", PATIENTS)):
        wanted = [*(f for f in factors if name == "cells" or f != roles.visit), count]
        table = pd.DataFrame(arrays[name], columns=header[name])
        if list(table) != wanted or (len(table) and table.to_numpy().min() < 0):
            raise ValueError(f"{name} does not fit the factors")
        if any((table[f] >= len(factors[f])).any() for f in wanted[:-1]):
            raise ValueError(f"{name} counts levels that are not there")
        tables[name] = table
    margins = Margins(factors, roles.visit, header["totals"], tables["cells"], tables["people"])
    equal_at = _equal_at(header, parsed, roles, levels)
    coding: PlainCoding | ComputedCoding
    if parsed.plain:
        used = {name: levels[name] for name in sorted(parsed.names) if name in levels}
        coding = constrained(plain_coding(parsed, used), equal_at, roles.visit)
    else:
        coding = decode_transforms(header["transforms"], parsed, levels, _means(margins))
    if list(coding.names) != header["columns"]:
        raise ValueError("its columns do not follow from its formula")
    return Design(
        header["formula"], coding, tuple(sorted(parsed.names)), levels, roles, header["centre"],
        header["scale"], margins, header["dropped"], tuple(header["notes"]),
        equal_at=equal_at,
    )  # fmt: skip


def _equal_at(
    header: Mapping, parsed: ParsedFormula, roles: Roles, levels: Mapping[str, pd.Index]
) -> EqualAt | None:
    stored = header.get("clda")
    if (stored is None) == (header["version"] == SHARED_BASELINE):
        raise ValueError("its version does not fit its baseline")
    if stored is None:
        return None
    factor, place = stored
    visits = levels[roles.visit].tolist()
    if type(place) is not int or not 0 <= place < len(visits):
        raise ValueError("its baseline is no visit")
    return read_equal_at((factor, visits[place]), parsed, roles, levels)


def _patterns(design: Design, arrays: Mapping[str, NDArray]) -> tuple[Pattern, ...]:
    width = len(design.columns) + 1
    group, n, size, rows, weight = (arrays[k] for k in ("group", "n", "size", "rows", "weight"))
    one_each = len({a.shape for a in (group, n, size, rows, weight)}) == 1 and group.ndim == 1
    if not one_each or min(map(np.min, (group, n - 1, size - 1, rows - 1)), default=-1) < 0:
        raise ValueError("its patterns do not fit each other")
    lengths = [int(r) * int(s) * width for r, s in zip(rows, size, strict=True)]
    if sum(lengths) != arrays["roots"].size or int(size.sum()) != arrays["visits"].size:
        raise ValueError("its arrays do not fit its patterns")
    if not np.isfinite(arrays["roots"]).all() or not (weight > 0).all():
        raise ValueError("it holds values that are not finite")
    top = len(design.positions)
    patterns, at, seen = [], 0, 0
    for k, length in enumerate(lengths):
        visits = arrays["visits"][seen : seen + size[k]]
        if np.any(np.diff(visits) <= 0) or visits[0] < 0 or visits[-1] >= top:
            raise ValueError("a pattern names visits that are not there")
        root = arrays["roots"].ravel()[at : at + length].reshape(rows[k], size[k], width)
        patterns.append(
            Pattern(int(group[k]), tuple(visits.tolist()), int(n[k]), float(weight[k]), root)
        )
        at, seen = at + length, seen + int(size[k])
    keys = [pattern.key for pattern in patterns]
    if keys != sorted(set(keys)) or group.max() >= len(design.groups):
        raise ValueError("its patterns are out of order")
    return tuple(patterns)
