"""From a study and its tables to a trial: joined, recoded, and every row accounted for."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis.readers.finding import Finding, finding
from analysis.readers.table import Table
from analysis.schema import finding_frame
from analysis.studies.records import Study
from analysis.trial.account import Line, account_frame, lines_of
from analysis.trial.columns import missing_columns
from analysis.trial.events import event_rows, events_of, undated_events
from analysis.trial.records import SourceFile, Trial, empty_events
from analysis.trial.roster import linked, patients_of
from analysis.trial.source import Rows, Source, rows_of
from analysis.trial.timed_columns import timed_columns
from analysis.trial.truth import truth_of
from analysis.trial.values import values_of, without_other_measures
from analysis.trial.visits import Visited, visits_of


def assemble(study: Study, tables: Mapping[str, Table]) -> Trial:
    """Make a trial of a study and its tables.

    Parameters
    ----------
    study : Study
    tables : mapping
        "outcomes", and where the study names them "patients", "events" and "truth".

    Returns
    -------
    Trial
        With what was noticed in `findings` (errors among them do not stop the assembling) and
        where every row and value went in `account`.

    Raises
    ------
    DataError
        A column is missing without which nothing can be read: patient, therapy or visit.
    """
    sources = {role: Source(role, table, study.data) for role, table in tables.items()}
    found = [*_about_files(tables), *missing_columns(study, sources)]
    outcomes, patients, noticed = _rows(study, sources)
    found += noticed
    roster, reasons, noticed = patients_of(study, outcomes, patients)
    found += noticed
    visited = _visited(study, outcomes, patients)
    values, noticed = values_of(study, visited, patients)
    found += [*visited.findings, *noticed]
    events, lines, noticed = _events(study, sources, outcomes, patients, roster["patient"])
    found += noticed
    found += undated_events(study, events)
    truth, noticed = truth_of(sources["truth"]) if "truth" in sources else (None, [])
    found += noticed
    return Trial(
        study=study,
        patients=roster,
        outcomes=_outcomes(study, values, roster["patient"]),
        events=events,
        findings=finding_frame(found),
        account=account_frame([*_account(visited.rows, patients, values, reasons), *lines]),
        files=_files(tables),
        truth=truth,
    )


def _files(tables: Mapping[str, Table]) -> tuple[SourceFile, ...]:
    return tuple(
        SourceFile(table.name, role, table.sha256, len(table.frame))
        for role, table in tables.items()
    )


def _about_files(tables: Mapping[str, Table]) -> list[Finding]:
    """Notes of the readers, and an error for a file without rows (events may be none)."""
    found = [note for table in tables.values() for note in table.notes]
    message = "The file has a header and no rows. Export it again."
    empty = [t for role, t in tables.items() if t.frame.empty and role != "events"]
    return found + [finding("no_rows", "error", message, file=table.name) for table in empty]


def _rows(
    study: Study, sources: Mapping[str, Source]
) -> tuple[Rows, Rows | None, list[Finding]]:
    """Rows that count of the outcomes and of the patients file, the first linked to the second."""
    outcomes, found = rows_of(study, sources["outcomes"])
    if "patients" not in sources:
        return outcomes, None, found
    patients, noticed = rows_of(study, sources["patients"])
    found += noticed
    outcomes, noticed = linked(outcomes, patients)
    return outcomes, patients, [*found, *noticed]


def _visited(study: Study, outcomes: Rows, patients: Rows | None) -> Visited:
    rows = without_other_measures(study, outcomes)
    if study.layout == "wide":
        size = len(rows.keys)
        zero = pd.Series(0, index=range(size), dtype="int64").to_numpy()
        timed, found = timed_columns(study, rows, patients)
        return Visited(rows, zero, zero.astype(float), found, timed)
    return visits_of(study, rows, patients)


def _events(
    study: Study,
    sources: Mapping[str, Source],
    outcomes: Rows,
    patients: Rows | None,
    known: pd.Series,
) -> tuple[pd.DataFrame, list[Line], list[Finding]]:
    if study.events is None:
        return empty_events(), [], []
    if study.events.file == "outcomes":
        return events_of(study, outcomes, known)
    if study.events.file == "patients":
        return events_of(study, outcomes if patients is None else patients, known)
    rows, found = event_rows(sources["events"], study.events.patient or study.patient)
    events, lines, noticed = events_of(study, rows, known)
    return events, lines, [*found, *noticed]


def _account(
    outcomes: Rows, patients: Rows | None, values: pd.DataFrame, reasons: list[str]
) -> list[Line]:
    lines = lines_of(outcomes.source.name, "row", outcomes.reasons)
    if patients is not None:
        lines += lines_of(patients.source.name, "row", patients.reasons)
    for file, part in values.groupby("file", sort=False):
        lines += lines_of(str(file), "value", part["reason"])
    roster = outcomes if patients is None else patients
    return [*lines, *lines_of(roster.source.name, "patient", reasons)]


def _outcomes(study: Study, values: pd.DataFrame, patients: pd.Series) -> pd.DataFrame:
    """Values that count, in the order of the patients file, the measures and the schedule."""
    used = values[values["reason"] == ""]
    names = [visit.name for visit in study.visits.schedule]
    weeks = {place: float(visit.week) for place, visit in enumerate(study.visits.schedule)}
    order = pd.DataFrame(
        {
            "patient": pd.Index(patients).get_indexer(pd.Index(used["patient"])),
            "place": used["place"].to_numpy(),
            "measure": [[m.name for m in study.measures].index(m) for m in used["measure"]],
        }
    )
    order = order.sort_values(["patient", "place", "measure"], kind="stable").index
    used = used.iloc[order].reset_index(drop=True)
    visit = pd.Categorical.from_codes(used["place"].to_numpy(), categories=names, ordered=True)
    return pd.DataFrame(
        {
            "patient": used["patient"].astype("str"),
            "visit": pd.Series(visit),
            "week": used["place"].map(weeks).astype("float64"),
            "measure": used["measure"].astype("str"),
            "value": used["value"].astype("float64"),
            "row": used["row"].astype("Int64"),
        }
    )
