"""Surveys: a Qualtrics export with its three rows of names, and answers of Google Forms."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping

import pandas as pd

from analysis.simulate.export.records import written
from analysis.simulate.write import csv_text

# Name in Qualtrics, text of the question, mark of the import.
_QUALTRICS = (
    ("StartDate", "Start Date", "startDate"),
    ("EndDate", "End Date", "endDate"),
    ("Status", "Response Type", "status"),
    ("Progress", "Progress", "progress"),
    ("Finished", "Finished", "finished"),
    ("RecordedDate", "Recorded Date", "recordedDate"),
    ("ResponseId", "Response ID", "_recordId"),
    ("ExternalReference", "External Data Reference", "externalDataReference"),
    ("Q1_1", "How strong was your pain in the last week, on average? - 0 = none, 10 = worst", "QID1_1"),
    ("SC0", "Roland-Morris", "SC_0"),
)  # fmt: skip
_FORM = (
    "Timestamp", "Email Address", "Your study number",
    "How strong was your pain in the last week? (0 = none, 10 = worst)",
    'Roland-Morris: how many of the 24 sentences are "true" today?',
)  # fmt: skip
_NOON = datetime.time(12, 4, 30)
PREVIEW, ANSWER = "Survey Preview", "IP Address"
# Nobody is seen this many days after the last visit: outside every window.
FAR = 150


def qualtrics_files(records: pd.DataFrame) -> Mapping[str, bytes]:
    """Files of a survey that is answered at each visit, and the trial office's list of patients.

    Among the answers stand a preview by the team, one that was broken off, one patient's second
    answer three days after the first, further from the visit, and one long after the last visit.

    Parameters
    ----------
    records : DataFrame
        As `records_of` makes it.
    """
    answers = [
        _answer(f"{n:03d}", r.patient, r.date, written(r.pain), written(r.function))
        for n, r in enumerate(records.itertuples(), start=1)
    ]
    last = records.iloc[len(records) - 1]
    late = records[(records["week"] == 8) & (records["day"] >= 56)].iloc[0]
    three, far = (datetime.timedelta(days=n) for n in (3, FAR))
    answers = [
        _answer("900", "", records["start"].min(), "10", "24", status=PREVIEW),
        _answer("901", last.patient, last.date, "9", "", finished="False", progress="40"),
        *answers,
        _answer("902", late.patient, late.date + three, "10", "20"),
        _answer("903", last.patient, last.date + far, "1", "1"),
    ]
    head = [[text for _, text, _ in _QUALTRICS],
            [json.dumps({"ImportId": mark}, separators=(",", ":")) for *_, mark in _QUALTRICS]]  # fmt: skip
    names = [name for name, *_ in _QUALTRICS]
    return {
        "answers.csv": csv_text(names, [*head, *answers]).encode(),
        "patients.csv": _patients(records).encode(),
    }


def google_files(records: pd.DataFrame) -> Mapping[str, bytes]:
    """Files of a form: questions for names, timestamps with the month first, e-mail addresses.

    Parameters
    ----------
    records : DataFrame
        As `records_of` makes it.
    """
    rows = sorted(
        (r.date, r.number, [
            f"{r.date.month}/{r.date.day}/{r.date.year} {_NOON}", f"person{r.number}@example.org",
            r.patient, written(r.pain), written(r.function),
        ])
        for r in records.itertuples()
    )  # fmt: skip
    return {
        "form_responses.csv": csv_text(_FORM, [row for *_, row in rows]).encode(),
        "patients.csv": _patients(records).encode(),
    }


def _answer(
    number: str, patient: str, date: datetime.date, pain: str, score: str, *,
    status: str = ANSWER, finished: str = "True", progress: str = "100",
) -> list[str]:  # fmt: skip
    begun = datetime.datetime.combine(date, _NOON)
    ended = begun + datetime.timedelta(minutes=6)
    stamps = [str(moment) for moment in (begun, ended)]
    return [*stamps, status, progress, finished, stamps[1], f"R_{number}", patient, pain, score]


def _patients(records: pd.DataFrame) -> str:
    people = records.drop_duplicates("patient")
    rows = [
        [p.patient, p.therapy, p.start.isoformat(), written(p.age), str(p.sex)]
        for p in people.itertuples()
    ]
    return csv_text(("patient", "therapy", "randomised_on", "age", "sex"), rows)
