"""A clinic's own spreadsheets: a column a visit, German and in Latin-1; and one with a date a visit."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis.simulate.export.records import written
from analysis.simulate.write import csv_text

COLUMNS = (
    "Patientennr.", "Gruppe", "Alter", "Geschlecht", "Beschwerden seit (Jahre)", "Aufnahme am",
    "Schmerz Beginn", "Schmerz Woche 8", "Schmerz Woche 26",
    "RMDQ Beginn", "RMDQ Woche 8", "RMDQ Woche 26", "Größe",
)  # fmt: skip
DATED_COLUMNS = (
    "patient", "therapy", "age", "sex", "randomised_on",
    *(f"{what}_{week}" for week in (0, 8, 26) for what in ("date", "pain", "rmdq")),
)  # fmt: skip
GROUPS_IN_ENGLISH = ("Usual care", "Massage")
GROUPS = ("Übliche Versorgung", "Massage")
# "keine Angabe": not stated.
NOT_STATED = "k. A."
WEEKS = (0.0, 8.0, 26.0)


def sheet_files(records: pd.DataFrame) -> Mapping[str, bytes]:
    """File of a clinic, one row a patient.

    A visit that was missed is empty; a questionnaire that was not filled in says so in words.

    Parameters
    ----------
    records : DataFrame
        As `records_of` makes it.
    """
    rows = []
    for patient, part in records.groupby("patient", sort=False):
        person = next(part.itertuples())
        pain = dict(zip(part["week"], part["pain"], strict=True))
        score = dict(zip(part["week"], part["function"], strict=True))
        height = 1.55 + person.number % 40 / 100
        rows.append(
            [str(patient), GROUPS[person.arm], written(person.age),
             "w" if person.sex == "female" else "m", _comma(written(person.duration)),
             person.start.strftime("%d.%m.%Y"),
             *(written(pain.get(week)) for week in WEEKS),
             *(written(score[week], NOT_STATED) if week in score else "" for week in WEEKS),
             _comma(f"{height:.2f}")]
        )  # fmt: skip
    text = csv_text(COLUMNS, rows, delimiter=";", end="\r\n")
    return {"patients.csv": text.encode("latin-1")}


def dated_files(records: pd.DataFrame) -> Mapping[str, bytes]:
    """File of a clinic with a date beside the scores of each visit, the day first.

    Visits were a few days early or late. A visit that was missed is empty; where somebody came and did
    not fill in a questionnaire, the date stands alone.

    Parameters
    ----------
    records : DataFrame
        As `records_of` makes it.
    """
    rows = []
    for patient, part in records.groupby("patient", sort=False):
        seen = {line.week: line for line in part.itertuples()}
        person = seen[0.0]
        row = [str(patient), GROUPS_IN_ENGLISH[person.arm], written(person.age), str(person.sex),
               person.start.strftime("%d/%m/%Y")]  # fmt: skip
        for week in WEEKS:
            visit = seen.get(week)
            row += ["", "", ""] if visit is None else [
                visit.date.strftime("%d/%m/%Y"), written(visit.pain), written(visit.function),
            ]  # fmt: skip
        rows.append(row)
    return {"patients.csv": csv_text(DATED_COLUMNS, rows).encode()}


def _comma(number: str) -> str:
    return number.replace(".", ",")
