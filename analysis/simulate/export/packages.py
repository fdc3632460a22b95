"""Files of statistics packages: SPSS with its labels, and a SAS ADaM pair as transport files."""

from __future__ import annotations

import datetime
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

WEEKS = (0, 8, 26)
NOT_STATED = -99.0
_SAS_EPOCH = datetime.date(1960, 1, 1)
# Programs write the time of writing into their files; here the same bytes come out every time.
_SAV_TIME, _SAV_STAMP = 92, b"08 Jan 2412:00:00"
_XPT_STAMP = re.compile(rb"[0-9]{2}[A-Z]{3}[0-9]{2}:[0-9]{2}:[0-9]{2}:[0-9]{2}")
STUDY = "MASSAGE1"


def spss_files(records: pd.DataFrame) -> Mapping[str, bytes]:
    """File of SPSS, one row a patient: value labels, labels of variables, a declared missing code.

    Parameters
    ----------
    records : DataFrame
        As `records_of` makes it.
    """
    import pyreadstat

    people = records.drop_duplicates("patient").set_index("patient")
    frame = pd.DataFrame({
        "id": people.index, "group": people["arm"].astype(float),
        "age": people["age"].astype(float), "sex": (people["sex"] == "male") + 1.0,
    })  # fmt: skip
    labels = {"id": "Number of the patient", "group": "Therapy", "age": "Age in years", "sex": "Sex"}
    for measure, text in (("pain", "Average pain, NRS"), ("function", "Disability, RMDQ")):
        wide = records.pivot(index="patient", columns="week", values=measure).reindex(people.index)
        seen = records.assign(here=True).pivot(index="patient", columns="week", values="here")
        for week in WEEKS:
            there = seen[week].reindex(people.index).eq(True).to_numpy()
            values = wide[week].to_numpy(dtype=float)
            name = f"{'nrs' if measure == 'pain' else 'rmdq'}_w{week}"
            frame[name] = np.where(there & np.isnan(values), NOT_STATED, values)
            labels[name] = f"{text}, {f'week {week}' if week else 'baseline'}"
    scores = [name for name in frame if "_w" in name]
    raw = _written(
        pyreadstat.write_sav, frame.reset_index(drop=True), ".sav", column_labels=labels,
        variable_value_labels={
            "group": {0: "Usual care", 1: "Massage"}, "sex": {1: "Female", 2: "Male"},
        },
        missing_ranges={name: [NOT_STATED] for name in scores},
    )  # fmt: skip
    end = _SAV_TIME + len(_SAV_STAMP)
    return {"study.sav": raw[:_SAV_TIME] + _SAV_STAMP + raw[end:]}


def adam_files(records: pd.DataFrame) -> Mapping[str, bytes]:
    """Pair of ADaM data sets: ADSL with a row a patient, ADQS with a row a record.

    Where a visit was missed, ADQS carries the last score forward in a record marked DTYPE "LOCF".

    Parameters
    ----------
    records : DataFrame
        As `records_of` makes it.
    """
    people = records.drop_duplicates("patient")
    adsl = pd.DataFrame({
        "STUDYID": STUDY, "USUBJID": [f"{STUDY}-{p}" for p in people["patient"]],
        "SUBJID": people["patient"].to_list(), "AGE": people["age"].astype(float).to_list(),
        "SEX": ["F" if sex == "female" else "M" for sex in people["sex"]],
        "TRT01P": people["therapy"].astype(str).to_list(),
        "TRT01PN": people["arm"].astype(float).to_list(),
        "TRTSDT": [float((day - _SAS_EPOCH).days) for day in people["start"]],
    })  # fmt: skip
    names = {
        "STUDYID": "Study Identifier", "USUBJID": "Unique Subject Identifier",
        "SUBJID": "Subject Identifier for the Study", "AGE": "Age", "SEX": "Sex",
        "TRT01P": "Planned Treatment for Period 01", "TRT01PN": "Planned Treatment for Period 01 (N)",
        "TRTSDT": "Date of First Exposure to Treatment",
    }  # fmt: skip
    lines = [line for code in ("PAIN", "RMDQ") for line in _adqs(records, code)]
    adqs = pd.DataFrame(lines)
    return {
        "adsl.xpt": _xpt(adsl, "ADSL", names, {"TRTSDT": "DATE9."}),
        "adqs.xpt": _xpt(adqs, "ADQS", _ADQS_NAMES, {}),
    }


_ADQS_NAMES = {
    "STUDYID": "Study Identifier", "USUBJID": "Unique Subject Identifier",
    "PARAMCD": "Parameter Code", "PARAM": "Parameter", "AVISIT": "Analysis Visit",
    "AVISITN": "Analysis Visit (N)", "ADY": "Analysis Relative Day", "AVAL": "Analysis Value",
    "BASE": "Baseline Value", "CHG": "Change from Baseline", "ABLFL": "Baseline Record Flag",
    "DTYPE": "Derivation Type", "ANL01FL": "Analysis Flag 01",
}  # fmt: skip


def _adqs(records: pd.DataFrame, code: str) -> list[dict[str, Any]]:
    """Records of one parameter, in the order of patients and visits."""
    measure, text = {
        "PAIN": ("pain", "Pain intensity, NRS 0-10"), "RMDQ": ("function", "RMDQ, total score"),
    }[code]  # fmt: skip
    lines: list[dict[str, Any]] = []
    for patient, part in records.groupby("patient", sort=False):
        seen = {line.week: line for line in part.itertuples() if not np.isnan(getattr(line, measure))}
        base = last = getattr(seen[0.0], measure)
        for week in WEEKS:
            carried = week not in seen
            value = last if carried else getattr(seen[week], measure)
            day = np.nan if carried else seen[week].day
            last = value
            lines.append({
                "STUDYID": STUDY, "USUBJID": f"{STUDY}-{patient}", "PARAMCD": code, "PARAM": text,
                "AVISIT": f"Week {week}" if week else "Baseline", "AVISITN": float(week),
                # ADaM has no day 0: the day of randomisation is day 1.
                "ADY": day + 1.0 if day >= 0 else day, "AVAL": value, "BASE": base,
                "CHG": value - base, "ABLFL": "" if week else "Y",
                "DTYPE": "LOCF" if carried else "", "ANL01FL": "Y",
            })  # fmt: skip
    return lines


def _xpt(
    frame: pd.DataFrame, name: str, labels: dict[str, str], formats: dict[str, str]
) -> bytes:
    import pyreadstat

    raw = _written(
        pyreadstat.write_xport, frame, ".xpt", table_name=name, file_format_version=5,
        column_labels=labels, variable_format=formats,
    )  # fmt: skip
    return _XPT_STAMP.sub(b"08JAN24:12:00:00", raw)


def _written(write: Any, frame: pd.DataFrame, ending: str, **options: Any) -> bytes:
    """What pyreadstat writes; it writes to a path only."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"export{ending}"
        write(frame, str(path), **options)
        return path.read_bytes()
