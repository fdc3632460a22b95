"""REDCap: an export with raw codes, one row a patient and event, and its data dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.simulate.export.records import written
from analysis.simulate.write import csv_text

DICTIONARY_COLUMNS = (
    "Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label",
    "Choices, Calculations, OR Slider Labels", "Field Note",
    "Text Validation Type OR Show Slider Number", "Text Validation Min", "Text Validation Max",
    "Identifier?", "Branching Logic (Show field only if...)", "Required Field?",
    "Custom Alignment", "Question Number (surveys only)", "Matrix Group Name", "Matrix Ranking?",
    "Field Annotation",
)  # fmt: skip
COLUMNS = (
    "record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance",
    "initials", "age", "sex", "arm", "location___1", "location___2", "location___3",
    "baseline_complete", "visit_date", "pain_nrs", "rmdq", "outcomes_complete",
)  # fmt: skip
EVENTS = {0.0: "baseline_arm_1", 8.0: "week_8_arm_1", 26.0: "week_26_arm_1"}
# What REDCap's missing data codes write for a questionnaire that was not filled in.
NOT_DONE = "-99"
COMPLETE, INCOMPLETE = "2", "0"


def redcap_files(records: pd.DataFrame) -> Mapping[str, bytes]:
    """Files of a REDCap export: data with raw codes, and the data dictionary.

    What belongs to the baseline form is empty at later events; a checkbox has a column for each
    choice; a visit that was missed has a row with nothing in it.

    Parameters
    ----------
    records : DataFrame
        As `records_of` makes it.
    """
    rows = []
    for patient, part in records.groupby("patient", sort=False):
        seen = {line.week: line for line in part.itertuples()}
        rows += [
            _row(str(patient), event, seen.get(week), seen[0.0]) for week, event in EVENTS.items()
        ]
    return {
        "export.csv": csv_text(COLUMNS, rows).encode(),
        "dictionary.csv": csv_text(DICTIONARY_COLUMNS, map(_field, _FIELDS)).encode(),
    }


def _row(patient: str, event: str, visit: Any, person: Any) -> list[str]:
    number = person.number
    baseline = [""] * 8
    if event == EVENTS[0.0]:
        hurts = [str(int(number % k == 0)) for k in (1, 2, 3)]
        sex = "1" if person.sex == "female" else "2"
        letters = f"{chr(65 + number % 26)}{chr(65 + 7 * number % 26)}"
        baseline = [letters, written(person.age), sex, str(person.arm), *hurts, COMPLETE]
    if visit is None:
        outcomes = ["", "", "", INCOMPLETE]
    else:
        outcomes = [visit.date.isoformat(), written(visit.pain),
                    written(visit.function, NOT_DONE), COMPLETE]  # fmt: skip
    return [patient, event, "", "", *baseline, *outcomes]


REPEATING_COLUMNS = (
    "record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance",
    "redcap_survey_identifier", "age", "sex", "arm", "location___1", "location___2", "baseline_complete",
    "outcomes_timestamp", "pain_nrs", "rmdq", "outcomes_complete", "drug", "medications_complete",
)  # fmt: skip
# The follow-up is one event that repeats; its instances are the visits.
INSTANCES = {8.0: "1", 26.0: "2"}
NOT_COMPLETED = "[not completed]"


def redcap_repeating_files(records: pd.DataFrame) -> Mapping[str, bytes]:
    """File of a REDCap project whose follow-up is a repeated event, with a repeating list of medicines.

    A repeated event has no instrument and a number of the instance; a repeating instrument has both and
    stands on rows of its own, where all other fields are empty.

    Parameters
    ----------
    records : DataFrame
        As `records_of` makes it.
    """
    rows: list[list[str]] = []
    for patient, part in records.groupby("patient", sort=False):
        for line in part.itertuples():
            first = line.week == 0
            event = EVENTS[0.0] if first else "follow_up_arm_1"
            sex = "1" if line.sex == "female" else "2"
            known = [written(line.age), sex, str(line.arm), str(line.number % 2), "0", COMPLETE]
            late = pd.isna(line.function)
            stamp = NOT_COMPLETED if late else f"{line.date.isoformat()} 10:04"
            rows.append([
                str(patient), event, "", INSTANCES.get(line.week, ""), "", *(known if first else [""] * 6),
                stamp, written(line.pain), written(line.function, NOT_DONE), INCOMPLETE if late else COMPLETE,
                "", "",
            ])  # fmt: skip
            for n in range(line.number % 3 if first else 0):
                drug = ("1", "2")[n]
                rows.append([str(patient), event, "medications", str(n + 1), *[""] * 11, drug, COMPLETE])
    return {"export.csv": csv_text(REPEATING_COLUMNS, rows).encode()}


# Name, form, type, label, choices, validation, lowest, highest, identifier.
_FIELDS = (
    ("record_id", "baseline", "text", "Record ID", "", "", "", "", ""),
    ("initials", "baseline", "text", "Initials", "", "", "", "", "y"),
    ("age", "baseline", "text", "Age (years)", "", "integer", "18", "100", ""),
    ("sex", "baseline", "radio", "Sex", "1, Female | 2, Male", "", "", "", ""),
    ("arm", "baseline", "dropdown", "Allocated therapy", "0, Usual care | 1, Massage", "", "", "", ""),
    ("location", "baseline", "checkbox", "Where does it hurt?",
     "1, Lower back | 2, Neck | 3, Shoulder, arm or hand", "", "", "", ""),
    ("visit_date", "outcomes", "text", "Date of visit", "", "date_ymd", "", "", ""),
    ("pain_nrs", "outcomes", "text", "Average pain in the last week (0 to 10)", "", "integer", "0", "10", ""),
    ("rmdq", "outcomes", "calc", "Roland-Morris score", "sum([rm1],[rm2],[rm24])", "", "", "", ""),
)  # fmt: skip


def _field(field: tuple[str, ...]) -> list[str]:
    name, form, kind, label, choices, validation, low, high, identifier = field
    return [
        name, form, "", kind, label, choices, "", validation, low, high, identifier,
        *[""] * 7,
    ]  # fmt: skip
