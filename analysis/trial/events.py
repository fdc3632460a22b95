"""Intercurrent and adverse events."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.readers.finding import Finding, finding, listed, quoted
from analysis.schema import EVENT_COLUMNS, Severity
from analysis.studies.records import Events, Study
from analysis.trial.account import Line, lines_of
from analysis.trial.cells import code_key
from analysis.trial.numerals import numbers_of
from analysis.trial.records import empty_events
from analysis.trial.source import Rows, Source, patient_keys
from analysis.trial.visits import visit_codes

NOT_AN_EVENT = "kind of event is not in the study file"
NOT_A_PATIENT = "patient is not in the analysis"
REPEATED = "the same event stands in an earlier row"

_YES = frozenset({"1", "y", "yes", "true"})
_NO = frozenset({"0", "n", "no", "false"})


def events_of(
    study: Study, rows: Rows, patients: pd.Series
) -> tuple[pd.DataFrame, list[Line], list[Finding]]:
    """Events frame of a trial.

    Parameters
    ----------
    study : Study
        With `events`.
    rows : Rows
        Rows of the file that holds them.
    patients : Series
        Patients of the trial; events of others are set aside.

    Returns
    -------
    tuple of DataFrame, account lines and findings
        Account lines only where events have a file of their own.
    """
    events, source = study.events, rows.source
    if events is None:
        return empty_events(), [], []
    keys = rows.keys if events.patient is None else patient_keys(source, events.patient)
    kinds, rows, found = _kinds(events, rows)
    outsider = ~pd.Series(keys, dtype="str").isin(patients).to_numpy()
    found += _outsiders(rows, keys, outsider)
    rows = rows.without(outsider, NOT_A_PATIENT)
    weeks, noticed = _weeks(study, events, source, rows.used)
    frame = pd.DataFrame(
        {
            "patient": pd.Series(keys, dtype="str"),
            "week": weeks,
            "kind": pd.Series(kinds, dtype="str"),
            "what": pd.Series(_text(events.what, source), dtype="str"),
        }
    )
    for name, column in (("serious", events.serious), ("related", events.related)):
        answers, more = _answers(column, source, rows.used)
        frame[name] = answers
        noticed += more
    if events.file != "events":
        again = frame.where(pd.Series(rows.used)).duplicated().to_numpy()
        rows = rows.without(again, REPEATED)
    lines = lines_of(source.name, "row", rows.reasons) if events.file == "events" else []
    kept = frame[rows.used].reset_index(drop=True)
    return kept[list(EVENT_COLUMNS)], lines, [*found, *noticed]


def event_rows(source: Source, columns: tuple[str, ...]) -> tuple[Rows, list[Finding]]:
    """Rows of an events file; a row that names no patient is an error."""
    keys = patient_keys(source, columns)
    rows = Rows(source, keys, np.full(len(keys), "", dtype=object))
    nameless = keys == ""
    message = "The event does not say whose it is. Fill in the patient, or delete the row."
    found = [
        finding("no_patient", "error", message, file=source.name, row=n, column=", ".join(columns))
        for n in source.rows[nameless].tolist()
    ]
    return rows.without(nameless, "row names no patient"), found


def undated_events(study: Study, events: pd.DataFrame) -> list[Finding]:
    """Find events without a week whose kind an estimand handles other than by treatment policy.

    Nobody can say which values come after such an event: an error for the primary estimand, and a
    warning for a supplementary one, which leaves the values as they are. Loss to follow-up is after
    the last value and needs no week.
    """
    found: list[Finding] = []
    undated = events[events["week"].isna()]
    for estimand in (study.estimand, *study.supplementary):
        primary = estimand is study.estimand
        for kind, handling in estimand.events.items():
            if handling.strategy == "treatment_policy" or kind == "lost":
                continue
            message = (
                f"The event {kind} has no week, and the estimand {estimand.name!r} handles values "
                f"after it ({handling.strategy}). Give the week (events.week or events.visit), or "
                "choose treatment_policy."
            )
            if not primary:
                message += " Until then the event changes nothing in that estimand."
            patients = undated.loc[undated["kind"] == kind, "patient"].drop_duplicates()
            severity: Severity = "error" if primary else "warning"
            found += [
                finding("undated_event", severity, message, patient=patient) for patient in patients
            ]
    return found


def _kinds(events: Events, rows: Rows) -> tuple[NDArray[np.object_], Rows, list[Finding]]:
    cells = rows.source.cells(events.kind)
    named = {code_key(code): kind for code, kind in events.kinds.items()}
    kinds = cells.each(
        lambda text: named.get(code_key(text), named.get(cells.labels.get(text, ""), ""))
    )
    other = rows.used & ~cells.blank & (kinds == "")
    found = []
    own_file = events.file == "events"
    texts = pd.Series(cells.text[other], dtype="object")
    for text, count in texts.value_counts(sort=False).items():
        message = (
            f"{count} rows with {quoted(text)} are not counted as events: the study file maps only "
            f"{listed([str(code) for code in events.kinds])}."
        )
        found.append(
            finding("unknown_event", "warning" if own_file else "note", message,
                    file=rows.source.name, column=events.kind, value=text)
        )  # fmt: skip
    return kinds, rows.without(kinds == "", NOT_AN_EVENT), found


def _outsiders(
    rows: Rows, keys: NDArray[np.object_], outsider: NDArray[np.bool_]
) -> list[Finding]:
    if rows.source.role != "events":
        return []
    message = (
        "The event belongs to a patient who is not in the analysis (set aside, or an unknown id); "
        "it was set aside."
    )
    return [
        finding("event_of_other", "warning", message, file=rows.source.name,
                row=int(rows.source.rows[place]), patient=keys[place])
        for place in np.flatnonzero(rows.used & outsider)
    ]  # fmt: skip


def _weeks(
    study: Study, events: Events, source: Source, use: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], list[Finding]]:
    if events.week is not None:
        read = numbers_of(
            source.cells(events.week), use, decimal=study.data.decimal, file=source.name
        )
        return read.values, list(read.findings)
    if events.visit is None:
        return np.full(len(use), np.nan), []
    codes, schedule = visit_codes(study), study.visits.schedule
    cells = source.cells(events.visit)
    place = cells.each(lambda text: codes.get(code_key(text), -1), np.int64)
    weeks = np.array([visit.week for visit in schedule] + [np.nan])[place]
    found = []
    texts = cells.text
    for row in np.flatnonzero(use & (place < 0) & ~cells.blank):
        message = (
            f"{quoted(texts[row])} is not a visit of the schedule; the week of this event is not "
            f"known. Visits are {listed([v.name for v in schedule])}."
        )
        found.append(
            finding("unknown_visit", "warning", message, file=source.name, row=int(cells.rows[row]),
                    column=events.visit, value=texts[row])
        )  # fmt: skip
    return weeks, found


def _text(column: str | None, source: Source) -> NDArray[np.object_]:
    if column is None:
        return np.full(len(source.rows), "", dtype=object)
    return source.cells(column).text


def _answers(
    column: str | None, source: Source, use: NDArray[np.bool_]
) -> tuple[pd.array, list[Finding]]:
    """Yes, no or unknown, as a nullable boolean."""
    if column is None:
        return pd.array([pd.NA] * len(source.rows), dtype="boolean"), []
    cells = source.cells(column)
    lower = cells.each(str.lower)
    answers = np.full(len(lower), None, dtype=object)
    answers[np.isin(lower, list(_NO))] = False
    answers[np.isin(lower, list(_YES))] = True
    found = []
    texts = cells.text
    for row in np.flatnonzero(use & ~cells.blank & pd.isna(answers)):
        message = f"{quoted(texts[row])} is neither yes nor no. Write yes, no, 1, 0, or nothing."
        found.append(
            finding("unreadable_answer", "error", message, file=source.name,
                    row=int(cells.rows[row]), column=column, value=texts[row])
        )  # fmt: skip
    return pd.array(answers, dtype="boolean"), found
