"""Frames one after another to a design and its patterns; memory is bounded by one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.baseline import EqualAt, told
from analysis.mmrm.design import Design
from analysis.mmrm.formula import ParsedFormula, parse, short
from analysis.mmrm.observations import NoRowsError, observe
from analysis.mmrm.patterns import Pattern, merge
from analysis.mmrm.reading import (
    Constants,
    Levels,
    alike,
    declared_levels,
    extremes,
    margins_of,
    patterns_of,
    read_frame,
    refuse_constant_visits,
)
from analysis.mmrm.roles import RoleColumns, Roles

Array = NDArray[np.float64]


def read_batches(
    formula: str, batches: Iterable[object], roles: RoleColumns,
    levels: Levels | None, centre: Constants | None, scale: Constants | None,
    progress: Callable[[int], None] | None, clda: EqualAt | None = None,
    like: Design | None = None,
) -> tuple[Design, tuple[Pattern, ...], float]:  # fmt: skip
    """One pass over frames: the design, patterns in stored columns, and Σ ω_i log w_ij.

    Raises
    ------
    ModelError
        The batches cannot be read together, and why.
    """
    if not isinstance(formula, str) or formula.count("~") != 1:
        raise ModelError(f"The formula {formula!r} cannot be read. Write it as outcome ~ terms.")
    parsed = parse(formula)
    if parsed.learns and like is None:
        raise ModelError(
            f"{', '.join(parsed.learns)} learns its columns from all rows, and batches are read "
            "once. Pass like=, statistics of a sample made with from_frame, or compute it as "
            "columns of the data."
        )
    named = Roles(parsed.outcome, **roles)
    named.refuse_nameless()
    declared = declared_levels(alike(levels, like, formula), named, parsed)
    total = _Total(formula, parsed, named, roles, declared, centre, scale, clda, like)
    for chunk in _whole_patients(_frames(batches, parsed, named, progress), named.subject):
        total.add(chunk)
    return total.finished()


class _Total:
    """The sum so far, and what the first rows settled."""

    def __init__(
        self, formula: str, parsed: ParsedFormula, named: Roles,
        roles: RoleColumns, levels: Mapping[str, pd.Index], centre: Constants | None,
        scale: Constants | None, clda: EqualAt | None, like: Design | None,
    ) -> None:  # fmt: skip
        self.formula, self.parsed, self.named, self.roles = formula, parsed, named, roles
        self.levels, self.constants, self.clda, self.like = levels, (centre, scale), clda, like
        self.design: Design | None = None
        self.patterns: tuple[Pattern, ...] = ()
        self.logs = 0.0
        self.dropped: Counter[str] = Counter()
        self.seen = np.empty(0, dtype=np.uint64)
        self.extremes: tuple[Array, Array, NDArray[np.int64]] | None = None

    def add(self, chunk: pd.DataFrame) -> None:
        """Whole patients more."""
        self._refuse_returning(chunk[self.named.subject])
        try:
            if self.design is None:
                settled = self._settled_levels(chunk)
                design = read_frame(
                    self.formula, chunk, self.roles, settled, *self.constants, trim=False,
                    clda=self.clda, like=self.like,
                )  # fmt: skip
                rows, self.design = design.rows_used(), design.without_rows()
                margins = design.margins
            else:
                rows = observe(chunk, self.parsed, self.named, self.design.levels, trim=False)
                for name in set(rows.codes) - set(self.design.levels):
                    raise ModelError(
                        f"Column {name!r} holds {chunk[name].dtype} values after batches in which "
                        "it held numbers; it must hold numbers throughout. Look for a wrong code."
                    )
                margins = self.design.margins + margins_of(
                    rows, self.parsed, self.design.margins.factors
                )
        except NoRowsError as error:
            self.dropped.update(error.dropped)
            return
        patterns, logs = patterns_of(self.design, rows)
        self.patterns, self.logs = merge([*self.patterns, *patterns]), self.logs + logs
        self.dropped.update(rows.dropped)
        self.design = replace(self.design, margins=margins)
        low, high, count = extremes(rows)
        if self.extremes is not None:
            lowest, highest, rows_before = self.extremes
            low, high = np.fmin(lowest, low), np.fmax(highest, high)
            count = rows_before + count
        self.extremes = low, high, count

    def finished(self) -> tuple[Design, tuple[Pattern, ...], float]:
        """Everything, once the last batch is in."""
        if self.design is None or self.extremes is None:
            why = f" ({dict(self.dropped)})" if self.dropped else ""
            raise ModelError(
                f"No row is left to fit: the batches hold none that is complete{why}. Check that "
                "the iterator has not been used up, and the columns' names and codes."
            )
        refuse_constant_visits(self.design, *self.extremes)
        counts = self.extremes[2]
        notes = tuple(
            f"position {name}: nobody has a value"
            for name, count in zip(self.design.positions, counts, strict=True) if not count
        )  # fmt: skip
        notes = (*told(self.design.equal_at), *notes)
        return replace(self.design, dropped=dict(self.dropped), notes=notes), self.patterns, \
            self.logs  # fmt: skip

    def _settled_levels(self, first: pd.DataFrame) -> dict[str, pd.Index]:
        """Levels declared, or those of the first batch's categorical types."""
        settled = dict(self.levels)
        roles = self.named
        for name in dict.fromkeys(
            [*sorted(self.parsed.names), roles.visit, roles.measure, roles.group]
        ):
            if name is None or name in settled:
                continue
            values = first[name]
            if isinstance(values.dtype, pd.CategoricalDtype):
                settled[name] = values.cat.categories
            elif name in (roles.visit, roles.measure, roles.group) or not (
                pd.api.types.is_numeric_dtype(values) and values.dtype != bool
            ):
                raise ModelError(
                    f"The levels of {name!r} are not known before the last batch: the first holds "
                    f"{values.dtype} values. Declare them with levels={{{name!r}: [...]}}, or make "
                    "the column categorical (an Arrow dictionary)."
                )
        return settled

    def _refuse_returning(self, subjects: pd.Series) -> None:
        distinct = pd.Series(subjects.dropna().unique())
        if isinstance(distinct.dtype, pd.CategoricalDtype):
            distinct = distinct.astype(distinct.cat.categories.dtype)
        # Identifiers are not kept, only their hashes; two of a million share one by 1 in 10^7.
        hashes = pd.util.hash_pandas_object(distinct, index=False).to_numpy()
        order = np.argsort(hashes)
        hashes = hashes[order]
        place = np.searchsorted(self.seen, hashes)
        again = self._at(place) == hashes if len(self.seen) else np.zeros(len(hashes), dtype=bool)
        if again.any():
            who = short(distinct.iloc[order[again][:5]])
            raise ModelError(
                f"{int(again.sum())} patients come back after rows of others ({who}). All rows of "
                f"a patient must follow each other: sort the data by {self.named.subject!r}."
            )
        self.seen = np.insert(self.seen, place, hashes)

    def _at(self, place: NDArray[np.int64]) -> NDArray[np.uint64]:
        return self.seen[np.minimum(place, len(self.seen) - 1)]


def _frames(
    batches: Iterable[object], parsed: ParsedFormula, roles: Roles,
    progress: Callable[[int], None] | None,
) -> Iterator[pd.DataFrame]:  # fmt: skip
    """The needed columns of every batch, as frames."""
    needed = list(dict.fromkeys([*roles.named(), *sorted(parsed.names)]))
    done = 0
    for number, batch in enumerate(_batches(batches, needed), start=1):
        frame = batch.to_pandas() if _from_arrow(batch) else batch
        if not isinstance(frame, pd.DataFrame):
            raise ModelError(
                f"Batch {number} is a {type(batch).__name__}; pass pandas DataFrames or Arrow "
                "record batches."
            )
        absent = [name for name in needed if name not in frame.columns]
        if absent:
            raise ModelError(
                f"Batch {number} lacks columns of the model: {absent}. It has "
                f"{short(frame.columns)}."
            )
        yield frame[needed]
        done += len(frame)
        if progress is not None:
            progress(done)


def _batches(batches: Any, needed: list[str]) -> Iterator[Any]:
    if isinstance(batches, (pd.DataFrame, str, bytes, Mapping)):
        raise ModelError(
            f"batches= is a {type(batches).__name__}; pass an iterable of DataFrames or an Arrow "
            "dataset, or use from_frame."
        )
    # An Arrow dataset or table yields its batches by a method, and reads no other columns.
    if _from_arrow(batches) and hasattr(batches, "to_batches"):
        there = set(batches.schema.names)
        if not hasattr(batches, "scanner"):
            return iter(batches.select([n for n in needed if n in there]).to_batches())
        return batches.to_batches(columns=[name for name in needed if name in there])
    if not isinstance(batches, Iterable):
        raise ModelError(
            f"batches= is a {type(batches).__name__}, which cannot be read in turn; pass an "
            "iterable of DataFrames or an Arrow dataset."
        )
    return iter(batches)


def _from_arrow(value: object) -> bool:
    return type(value).__module__.split(".")[0] == "pyarrow"


def _whole_patients(frames: Iterator[pd.DataFrame], subject: str) -> Iterator[pd.DataFrame]:
    """Frames cut between patients: the last patient of one waits for the next."""
    waiting: list[pd.DataFrame] = []
    for frame in frames:
        if not len(frame):
            continue
        values = frame[subject]
        last = (values == values.iloc[-1]).to_numpy(dtype=bool, na_value=False)
        # A patient who fills a whole frame may have begun before it.
        if not last.all() or (waiting and _other(waiting[-1], frame, subject)):
            yield _joined([*waiting, frame[~last]])
            waiting = []
        waiting.append(frame[last])
    if waiting:
        yield _joined(waiting)


def _other(before: pd.DataFrame, frame: pd.DataFrame, subject: str) -> bool:
    return not len(before) or bool(before[subject].iloc[-1] != frame[subject].iloc[0])


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
