"""The data dictionary of REDCap: what fields are called, and what their codes mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from analysis.errors import DataError
from analysis.readers.table import Table, read_table
from analysis.studies.records import Data
from analysis.trial.cells import cell_text

# Headers as REDCap exports them, and as its programming interface does.
_NAME = ("Variable / Field Name", "field_name")
_LABEL = ("Field Label", "field_label")
_CHOICES = ("Choices, Calculations, OR Slider Labels", "select_choices_or_calculations")
_TYPE = ("Field Type", "field_type")
_CODED = {"radio", "dropdown", "checkbox", "yesno", "truefalse"}
_YES_NO: dict[object, str] = {"1": "Yes", "0": "No"}


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Labels of values and of columns, by the name of the field."""

    labels: dict[str, dict[object, str]]
    descriptions: dict[str, str]


def read_dictionary(path: Path) -> Dictionary:
    """Read a REDCap data dictionary.

    Raises
    ------
    DataError
        The file cannot be read or has not the columns of a data dictionary.
    """
    table = read_table(path, Data(outcomes=path.name))
    columns = [_find(table, names) for names in (_NAME, _LABEL, _CHOICES, _TYPE)]
    labels: dict[str, dict[object, str]] = {}
    descriptions: dict[str, str] = {}
    for _, row in table.frame.iterrows():
        name, label, choices, kind = (cell_text(row[column]) for column in columns)
        descriptions[name] = label
        if kind in _CODED:
            labels[name] = dict(_YES_NO) if kind in ("yesno", "truefalse") else _choices(choices)
    return Dictionary(labels, descriptions)


def explained(table: Table, dictionary: Dictionary | None) -> Table:
    """A table with the labels that a dictionary gives its columns."""
    if dictionary is None:
        return table
    return replace(
        table, labels={**dictionary.labels, **table.labels},
        descriptions={**dictionary.descriptions, **table.descriptions},
    )  # fmt: skip


def _find(table: Table, names: tuple[str, ...]) -> str:
    for name in names:
        if name in table.frame.columns:
            return name
    raise DataError(
        f"{table.name} is no REDCap data dictionary: it has no column '{names[0]}'. Download it in "
        "REDCap under Project Setup, Data Dictionary."
    )


def _choices(text: str) -> dict[object, str]:
    """Codes of "0, Usual care | 1, Massage"."""
    pairs = (choice.partition(",") for choice in text.split("|"))
    return {code.strip(): label.strip() for code, mark, label in pairs if mark and code.strip()}
