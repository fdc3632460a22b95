"""Numbers from text: decimal point or comma, found or declared, and never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.readers.finding import Finding, finding, listed, quoted
from analysis.trial.cells import Cells, code_key

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"[+-]?([0-9]+,[0-9]*|,[0-9]+)([eE][+-]?[0-9]+)?")
# Grouped like 1,234: a thousand or one and a bit, and nothing in the cell says which.
_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of a column.

    Attributes
    ----------
    values : ndarray of float
        NaN where there is no number.
    blank, coded, unreadable : ndarray of bool
        Why there is none: an empty cell, a missing code, or text that is no number.
    findings : tuple of findings
    """

    values: NDArray[np.float64]
    blank: NDArray[np.bool_]
    coded: NDArray[np.bool_]
    unreadable: NDArray[np.bool_]
    findings: tuple[Finding, ...]


def numbers_of(
    cells: Cells,
    use: NDArray[np.bool_],
    *,
    decimal: str | None = None,
    missing_codes: Iterable[object] = (),
    file: str = "",
) -> Numbers:
    """Read the cells of a column as numbers.

    Parameters
    ----------
    cells : Cells
    use : ndarray of bool
        Cells that count; the others are not read and raise no finding.
    decimal : {".", ","}, optional
        Declared sign. Without it, a column whose numbers all use the comma is read so, with a
        note; one that could be read two ways is an error.
    missing_codes : iterable
        Values that stand for missing, such as -9.
    file : str
        Named in findings.
    """
    used = np.zeros(len(cells.texts), dtype=bool)
    used[cells.codes[use]] = True
    sign, found = _sign(cells, used, decimal, file)
    values, coded, bad = _parsed(cells.texts, used, sign, {code_key(c) for c in missing_codes})
    unreadable = bad[cells.codes] & use
    if not any(note["severity"] == "error" for note in found):
        found = [*found, *_unreadable(cells, unreadable, sign, file)]
    return Numbers(
        np.where(use, values[cells.codes], np.nan), cells.blank & use, coded[cells.codes] & use,
        unreadable, tuple(found),
    )  # fmt: skip


def _parsed(
    texts: NDArray[np.object_], used: NDArray[np.bool_], sign: str, codes: set[str]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Number of each distinct text; whether it is a missing code; whether it is no number."""
    values = np.full(len(texts), np.nan)
    coded = np.zeros(len(texts), dtype=bool)
    bad = np.zeros(len(texts), dtype=bool)
    for position in np.flatnonzero(used & (texts != "")):
        text = texts[position]
        coded[position] = text in codes or code_key(text) in codes
        if not coded[position]:
            number = _number(text, sign)
            values[position] = np.nan if number is None else number
            bad[position] = number is None
    return values, coded, bad


def _number(text: str, sign: str) -> float | None:
    plain = text.replace("\N{MINUS SIGN}", "-")
    if sign == ",":
        if "." in plain:
            return None
        plain = plain.replace(",", ".")
    if not _NUMBER.fullmatch(plain):
        return None
    number = float(plain)
    return number if np.isfinite(number) else None


def _sign(
    cells: Cells, used: NDArray[np.bool_], declared: str | None, file: str
) -> tuple[str, list[Finding]]:
    if declared is not None:
        return declared, []
    texts = [text for text in cells.texts[used] if text]
    commas = [text for text in texts if _COMMA.fullmatch(text)]
    points = [text for text in texts if "." in text and _NUMBER.fullmatch(text)]
    if not commas or points:
        return ".", []
    if all(_GROUPED.fullmatch(text) for text in commas):
        message = (
            f"Numbers such as {listed(commas, 3)} could be read two ways (decimal comma or "
            "thousands). Declare data.decimal as ',' in the study file, or write the numbers "
            "without separators."
        )
        place = int(cells.rows[np.isin(cells.codes, np.flatnonzero(cells.texts == commas[0]))][0])
        error = finding(
            "ambiguous_number", "error", message, file=file, column=cells.column, row=place,
            value=commas[0],
        )  # fmt: skip
        return ".", [error]
    message = (
        f"Numbers such as {listed(commas, 3)} were read with a decimal comma. Declare data.decimal "
        "as ',' in the study file to be sure."
    )
    return ",", [finding("decimal_comma", "note", message, file=file, column=cells.column)]


def _unreadable(
    cells: Cells, unreadable: NDArray[np.bool_], sign: str, file: str
) -> list[Finding]:
    found = []
    for position in np.flatnonzero(unreadable):
        text = cells.texts[cells.codes[position]]
        hint = ""
        if ("," if sign == "." else ".") in text:
            hint = f" (numbers in this column are read with the decimal sign '{sign}')"
        message = (
            f"{quoted(text)} is not a number{hint}. Correct the cell, empty it, or declare the "
            "text as missing (missing_codes of the measure or covariate, or data.missing)."
        )
        found.append(
            finding("unreadable_number", "error", message, file=file, column=cells.column,
                    row=int(cells.rows[position]), value=text)
        )  # fmt: skip
    return found
