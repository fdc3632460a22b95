"""Characteristics at baseline: numbers with limits, and categories with labels."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.readers.finding import Finding, finding, listed, quoted
from analysis.studies.records import Covariate
from analysis.trial.cells import code_key
from analysis.trial.numerals import numbers_of
from analysis.trial.source import Rows

# Years that a person can be old.
AGES = (0.0, 120.0)
_AGE = re.compile(r"(^|[^a-z])age([^a-z]|$)")


@dataclass(frozen=True, slots=True)
class CovariateValues:
    """A covariate, cell by cell: its values, where there is one, and the order of categories."""

    values: NDArray[np.object_]
    filled: NDArray[np.bool_]
    categories: tuple[str, ...] | None
    findings: tuple[Finding, ...]

    def column(self, by_patient: pd.Series) -> pd.Series:
        """Column of the patients frame: float64, or categorical."""
        values = by_patient.to_numpy()
        if self.categories is None:
            return pd.Series(values.astype(float), dtype="float64")
        filled = [None if pd.isna(value) else value for value in values]
        return pd.Series(pd.Categorical(filled, categories=list(self.categories)))


def is_age(covariate: Covariate) -> bool:
    """Whether a covariate is the age of the patient in years."""
    named = _AGE.search(covariate.name) or _AGE.search(covariate.column.lower())
    in_years = covariate.unit in (None, "years", "year")
    return covariate.type == "number" and in_years and named is not None


def limits(covariate: Covariate) -> tuple[float, float] | None:
    """Lowest and highest value a covariate can have: declared, or those of an age."""
    if covariate.range is not None:
        return covariate.range
    return AGES if is_age(covariate) else None


def covariate_values(covariate: Covariate, rows: Rows, decimal: str | None) -> CovariateValues:
    """Read a covariate's column.

    Returns
    -------
    CovariateValues
        Numbers outside the limits, texts that are no numbers, and categories that the study file
        does not list are among its findings.
    """
    if covariate.type == "number":
        return _numbers(covariate, rows, decimal)
    return _categories(covariate, rows)


def _numbers(covariate: Covariate, rows: Rows, decimal: str | None) -> CovariateValues:
    cells = rows.source.cells(covariate.column)
    read = numbers_of(
        cells, rows.used, decimal=decimal, missing_codes=covariate.missing_codes,
        file=rows.source.name,
    )  # fmt: skip
    found = list(read.findings)
    bounds = limits(covariate)
    if bounds is not None:
        low, high = bounds
        outside = np.flatnonzero((read.values < low) | (read.values > high))
        repeated = pd.Series(rows.keys[outside], dtype="str").duplicated().to_numpy()
        for place in outside[~repeated]:
            found.append(
                outside_limits(
                    covariate, float(read.values[place]), bounds, file=rows.source.name,
                    row=int(cells.rows[place]), patient=str(rows.keys[place]),
                )
            )  # fmt: skip
    return CovariateValues(
        read.values.astype(object), ~np.isnan(read.values), None, tuple(found)
    )


def outside_limits(
    covariate: Covariate,
    value: float,
    bounds: tuple[float, float],
    *,
    file: str,
    patient: str,
    row: int | None = None,
) -> Finding:
    """The error for a value of a covariate that cannot be true."""
    rule = "impossible_age" if is_age(covariate) else "covariate_range"
    low, high = bounds
    message = (
        f"{covariate.label or covariate.name} is {value:g}; it must lie between {low:g} and "
        f"{high:g}. Correct the value, or declare it in missing_codes of the covariate."
    )
    return finding(
        rule, "error", message, file=file, row=row, column=covariate.column, patient=patient,
        value=f"{value:g}",
    )  # fmt: skip


def _categories(covariate: Covariate, rows: Rows) -> CovariateValues:
    cells = rows.source.cells(covariate.column)
    filled = rows.used & ~cells.blank & ~cells.matches(covariate.missing_codes)
    if not covariate.labels:
        texts = cells.each(lambda text: cells.labels.get(text, text))
        present = sorted(set(texts[filled]), key=_number_first)
        return CovariateValues(texts, filled, tuple(present), ())
    named = {code_key(code): label for code, label in covariate.labels.items()}
    labels = cells.each(
        lambda text: named.get(code_key(text), named.get(cells.labels.get(text, ""), ""))
    )
    unknown = filled & (labels == "")
    found = []
    allowed = listed([f"{code} = {label}" for code, label in covariate.labels.items()])
    texts = cells.text
    for place in np.flatnonzero(unknown):
        text = texts[place]
        message = (
            f"{quoted(text)} is not a value of {covariate.label or covariate.name}; the study file "
            f"lists {allowed}. Correct the cell, add it to labels, or to missing_codes."
        )
        found.append(
            finding("unknown_category", "error", message, file=rows.source.name,
                    row=int(cells.rows[place]), column=covariate.column,
                    patient=str(rows.keys[place]), value=text)
        )  # fmt: skip
    categories = tuple(dict.fromkeys(covariate.labels.values()))
    return CovariateValues(labels, filled & ~unknown, categories, tuple(found))


def _number_first(text: str) -> tuple[int, float, str]:
    try:
        return (0, float(text), text)
    except ValueError:
        return (1, 0.0, text)
