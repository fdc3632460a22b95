"""Patients: who they are, which therapy they were assigned to, and what is known at baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.readers.finding import Finding, finding, listed, quoted
from analysis.studies.records import Arm, Study, Therapy
from analysis.trial.cells import cell_text, code_key
from analysis.trial.covariates import covariate_values
from analysis.trial.source import Rows

UNKNOWN_PATIENT = "patient is not in the patients file"


@dataclass(frozen=True, slots=True)
class Attribute:
    """A value a patient, from a column that may stand on several rows.

    `values` and `rows` are indexed by patient; `differing` has a row for every cell that does not
    agree with the patient's first: patient, row, value, first.
    """

    values: pd.Series
    rows: pd.Series
    differing: pd.DataFrame


def attribute(rows: Rows, values: NDArray[np.object_], filled: NDArray[np.bool_]) -> Attribute:
    """First filled value of every patient, among the rows that count."""
    use = rows.used & filled
    cells = pd.DataFrame(
        {
            "patient": pd.Series(rows.keys[use], dtype="str"),
            "row": rows.source.rows[use],
            "value": pd.Series(values[use], dtype="object"),
        }
    )
    first = cells.drop_duplicates("patient").set_index("patient")
    expected = first["value"].reindex(cells["patient"]).to_numpy()
    differing = cells.assign(first=expected)[cells["value"].to_numpy() != expected]
    return Attribute(first["value"], first["row"], differing)


def patients_of(
    study: Study, outcomes: Rows, patients: Rows | None
) -> tuple[pd.DataFrame, list[str], list[Finding]]:
    """Patients frame of a trial.

    Parameters
    ----------
    study : Study
    outcomes, patients : Rows
        Rows of the two files; where there is no patients file, patients come from the outcomes.

    Returns
    -------
    tuple of DataFrame, list and findings
        The frame (see `analysis.trial.records.Trial`); why each patient of the file was set aside
        ("" for those in the frame), for the account; what was found.
    """
    roster = outcomes if patients is None else patients
    found = _repeated(roster) if patients is not None else []
    order = pd.Index(pd.unique(pd.Series(roster.keys[roster.used], dtype="str")), name="patient")
    columns: dict[str, pd.Series] = {"patient": pd.Series(order, dtype="str")}

    def home(column: str) -> Rows:
        return roster if column in roster.source else outcomes

    therapy, noticed = _therapy(study, home, order)
    columns["therapy"] = therapy
    found += noticed
    for name, column in (("site", study.site), ("therapist", study.therapist)):
        if column is not None:
            cells = home(column).source.cells(column)
            known = attribute(home(column), cells.text, ~cells.blank)
            found += _varying(known, home(column), column)
            columns[name] = pd.Series(known.values.reindex(order).to_numpy(), dtype="str")
    for covariate in study.covariates:
        place = home(covariate.column)
        read = covariate_values(covariate, place, study.data.decimal)
        known = attribute(place, read.values, read.filled)
        found += [*read.findings, *_varying(known, place, covariate.column)]
        columns[covariate.name] = read.column(known.values.reindex(order))
    return pd.DataFrame(columns), _reasons(roster), found


def linked(outcomes: Rows, patients: Rows) -> tuple[Rows, list[Finding]]:
    """Outcome rows after a look at the patients file: rows of patients set aside follow them.

    Returns
    -------
    tuple of Rows and findings
        An error for every patient who is not in the patients file at all.
    """
    of_patient = pd.Series(patients.reasons, index=pd.Series(patients.keys, dtype="str"))
    in_use = set(patients.keys[patients.used])
    of_patient = of_patient[~of_patient.index.duplicated()]
    keys = pd.Series(outcomes.keys, dtype="str")
    unknown = (~keys.isin(of_patient.index)).to_numpy() & outcomes.used
    reasons = of_patient.reindex(keys).to_numpy()
    gone = (~keys.isin(in_use)).to_numpy() & ~unknown
    found = []
    for place in np.flatnonzero(unknown & ~keys.duplicated().to_numpy()):
        message = (
            f"The patients file {patients.source.name} has no patient {quoted(keys[place])}. Add "
            "the patient there, or correct the id."
        )
        found.append(
            finding("unknown_patient", "error", message, file=outcomes.source.name,
                    row=int(outcomes.source.rows[place]), patient=keys[place])
        )  # fmt: skip
    return outcomes.without(unknown, UNKNOWN_PATIENT).without(gone, reasons), found


def _therapy(
    study: Study, home: Callable[[str], Rows], order: pd.Index
) -> tuple[pd.Series, list[Finding]]:
    labels = list(study.therapies)
    if study.therapy is None:
        every = pd.Categorical([labels[0]] * len(order), categories=labels)
        return pd.Series(every), []
    rows = home(study.therapy.column)
    cells = rows.source.cells(study.therapy.column)
    known = attribute(rows, cells.text, ~cells.blank)
    codes = _codes(study.therapy)
    of_text = {text: codes.get(code_key(text), codes.get(cells.labels.get(text, ""), ""))
               for text in cells.texts}  # fmt: skip
    texts = known.values.reindex(order)
    found = _two_arms(known, rows, study.therapy.column, of_text)
    allowed = listed([_spelling(arm) for arm in study.therapy.arms], 20)
    named = [of_text.get(text, "") for text in texts]
    for patient, text, label in zip(order, texts, named, strict=True):
        if label:
            continue
        empty = pd.isna(text)
        said = "The patient has no therapy."
        if not empty:
            said = f"The therapy {quoted(text)} is not known."
        message = (
            f"{said} The study file lists {allowed}. Correct the cell, add the therapy under "
            "therapy.arms, or set the row aside with a filter."
        )
        place = _first_row(rows, patient) if empty else known.rows[patient]
        found.append(
            finding("unknown_therapy", "error", message, file=rows.source.name, row=place,
                    column=study.therapy.column, patient=patient, value="" if empty else text)
        )  # fmt: skip
    filled = [label or None for label in named]
    return pd.Series(pd.Categorical(filled, categories=labels)), found


def _codes(therapy: Therapy) -> dict[str, str]:
    """Label of every way a therapy may be written: its code, or else its label."""
    return {code_key(a.label if a.code is None else a.code): a.label for a in therapy.arms} | {
        a.label: a.label for a in therapy.arms
    }


def _spelling(arm: Arm) -> str:
    return arm.label if arm.code is None else f"{arm.code} = {arm.label}"


def _first_row(rows: Rows, patient: str) -> int | None:
    places = np.flatnonzero((rows.keys == patient) & rows.used)
    return int(rows.source.rows[places[0]]) if len(places) else None


def _two_arms(
    known: Attribute, rows: Rows, column: str, of_text: dict[str, str]
) -> list[Finding]:
    found = []
    different = [
        of_text.get(a, a) != of_text.get(b, b)
        for a, b in zip(known.differing["value"], known.differing["first"], strict=True)
    ]
    for line in known.differing[different].drop_duplicates("patient").itertuples():
        message = (
            f"The patient is in two therapies: {quoted(line.value)} here and {quoted(line.first)} "
            f"in row {known.rows[line.patient]}. Give the therapy assigned at the start on every "
            "row, and check that the id is not used twice."
        )
        found.append(
            finding("two_arms", "error", message, file=rows.source.name, row=line.row,
                    column=column, patient=line.patient, value=line.value)
        )  # fmt: skip
    return found


def _varying(known: Attribute, rows: Rows, column: str) -> list[Finding]:
    found = []
    for line in known.differing.drop_duplicates("patient").itertuples():
        value = cell_text(line.value)
        message = (
            f"The patient has {quoted(value)} here and {quoted(cell_text(line.first))} in row "
            f"{known.rows[line.patient]}; the earlier row was used. A characteristic at baseline "
            "should be the same on every row."
        )
        found.append(
            finding("varying_characteristic", "warning", message, file=rows.source.name,
                    row=line.row, column=column, patient=line.patient, value=value)
        )  # fmt: skip
    return found


def _repeated(roster: Rows) -> list[Finding]:
    keys = pd.Series(roster.keys, dtype="str")
    again = np.flatnonzero(keys.where(roster.used).duplicated().to_numpy() & roster.used)
    message = (
        "The patient stands in the patients file more than once. Keep one row, or add the column "
        "that tells the patients apart to 'patient' in the study file."
    )
    return [
        finding("duplicate_patient", "error", message, file=roster.source.name,
                row=int(roster.source.rows[place]), patient=keys[place])
        for place in again
    ]  # fmt: skip


def _reasons(roster: Rows) -> list[str]:
    """Why each patient of a file was set aside: "" if any of the rows counts."""
    named = roster.keys != ""
    frame = pd.DataFrame(
        {"patient": pd.Series(roster.keys[named], dtype="str"),
         "reason": pd.Series(roster.reasons[named], dtype="str"),
         "aside": ~roster.used[named]}
    )  # fmt: skip
    ordered = frame.sort_values("aside", kind="stable").drop_duplicates("patient")
    return ordered["reason"].tolist()
