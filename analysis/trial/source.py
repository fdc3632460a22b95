"""A file of a study and the rows of it that count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.readers.finding import Finding, finding
from analysis.readers.table import Table
from analysis.studies.records import ROW, Data, Filter, Study
from analysis.trial.cells import Cells, cells_of

NO_PATIENT = "row names no patient"
EMPTY_ROW = "empty row"


@dataclass(frozen=True, slots=True)
class Source:
    """A table with its role in the study and the signs for missing values."""

    role: str
    table: Table
    data: Data

    @property
    def name(self) -> str:
        """Bare name of the file."""
        return self.table.name

    @property
    def rows(self) -> NDArray[np.int64]:
        """Rows as the spreadsheet numbers them."""
        return self.table.frame.index.to_numpy(dtype=np.int64)

    def __contains__(self, column: object) -> bool:
        return column in self.table.frame.columns or column == ROW

    def cells(self, column: str) -> Cells:
        """Cells of a column, or the numbers of the rows for `ROW`.

        All are empty where the file has no such column (a finding elsewhere).
        """
        frame = self.table.frame
        if column in frame.columns:
            series = frame[column]
        else:
            values = frame.index if column == ROW else ""
            series = pd.Series(values, index=frame.index, name=column)
        return cells_of(series, self.data.missing, dict(self.table.labels.get(column, {})))

    def joined(self, columns: Sequence[str]) -> Cells:
        """Cells of a column, or of several side by side: what is filled, with a space between."""
        parts = [self.cells(column) for column in columns]
        if len(parts) == 1:
            return parts[0]
        texts = [" ".join(filter(None, row)) for row in zip(*(part.text for part in parts), strict=True)]
        series = pd.Series(texts, index=self.table.frame.index, name=", ".join(columns), dtype="object")
        return cells_of(series)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a file: whose they are, and why those that do not count were set aside.

    `reasons` holds "" for a row that counts; the first reason found stays.
    """

    source: Source
    keys: NDArray[np.object_]
    reasons: NDArray[np.object_]

    @property
    def used(self) -> NDArray[np.bool_]:
        """True for rows that count."""
        return self.reasons == ""

    def without(self, mask: NDArray[np.bool_], reason: str | NDArray[np.object_]) -> Rows:
        """The same rows with those of `mask` that still counted set aside."""
        return Rows(
            self.source, self.keys, np.where(self.used & mask, reason, self.reasons).astype(object)
        )


def patient_keys(source: Source, columns: Sequence[str]) -> NDArray[np.object_]:
    """Key of the patient of each row, several columns joined by "/"; "" if one is empty."""
    parts = [source.cells(column) for column in columns]
    keys = parts[0].text
    for part in parts[1:]:
        keys = np.array([f"{a}/{b}" for a, b in zip(keys, part.text, strict=True)], dtype=object)
    blank = np.logical_or.reduce([part.blank for part in parts])
    return np.where(blank, "", keys).astype(object)


def patient_columns(study: Study, role: str) -> tuple[str, ...]:
    """Columns that name the patient in the outcomes or the patients file."""
    return (study.data.patients_id or study.patient) if role == "patients" else study.patient


def rows_of(study: Study, source: Source) -> tuple[Rows, list[Finding]]:
    """Rows of the outcomes or the patients file after filters and ADaM's record flags.

    Returns
    -------
    tuple of Rows and findings
    """
    columns = patient_columns(study, source.role)
    keys = patient_keys(source, columns)
    rows = Rows(source, keys, np.full(len(keys), "", dtype=object))
    rows, found = _without_empty(rows)
    for rule in study.filters:
        if rule.column in source:
            rows = rows.without(~_kept(rule, source.cells(rule.column)), rule.reason)
    rows, noticed = _without_nameless(rows, columns)
    found += noticed
    if study.layout == "adam" and source.role == "outcomes":
        rows = _without_derived(rows)
    return rows, found


def _kept(rule: Filter, cells: Cells) -> NDArray[np.bool_]:
    if rule.present:
        return ~cells.blank
    if rule.keep:
        return cells.matches(rule.keep)
    return ~cells.matches(rule.drop)


def _without_empty(rows: Rows) -> tuple[Rows, list[Finding]]:
    source, frame = rows.source, rows.source.table.frame
    nameless = np.flatnonzero(rows.keys == "")
    part = frame.iloc[nameless]
    blank = np.ones(len(nameless), dtype=bool)
    for column in frame.columns:
        blank &= cells_of(part[column], source.data.missing).blank
    empty = np.zeros(len(rows.keys), dtype=bool)
    empty[nameless[blank]] = True
    message = "The row is empty and was set aside."
    found = [
        finding("empty_rows", "note", message, file=source.name, row=n)
        for n in source.rows[empty].tolist()
    ]
    return rows.without(empty, EMPTY_ROW), found


def _without_nameless(rows: Rows, columns: Sequence[str]) -> tuple[Rows, list[Finding]]:
    """Rows that no filter set aside and that do not say whose they are."""
    nameless = rows.used & (rows.keys == "")
    message = "The row does not say whose it is. Fill in the patient, or delete the row."
    found = [
        finding("no_patient", "error", message, file=rows.source.name, row=n,
                column=", ".join(columns))
        for n in rows.source.rows[nameless].tolist()
    ]  # fmt: skip
    return rows.without(nameless, NO_PATIENT), found


def _without_derived(rows: Rows) -> Rows:
    """CDISC ADaM: ANL01FL marks records to analyse, DTYPE records that were made up."""
    source = rows.source
    if "ANL01FL" in source:
        rows = rows.without(~source.cells("ANL01FL").matches(["Y"]), "ANL01FL is not Y")
    if "DTYPE" in source:
        cells = source.cells("DTYPE")
        for kind in sorted(set(cells.texts) - {""}):
            rows = rows.without(cells.text == kind, f"derived record (DTYPE {kind})")
    return rows
