"""Values of the measures: one row a cell, with the reason where it does not count."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.readers.finding import Finding, finding
from analysis.studies.records import Measure, Study
from analysis.trial.cells import Cells, code_key
from analysis.trial.numerals import numbers_of
from analysis.trial.source import Rows
from analysis.trial.visits import SEVERAL, Visited

MISSING = "missing"
CODED = "missing code"
UNREADABLE = "not a number"
OTHER_RECORD = "another record in the window counts"
HAS_BASELINE = "baseline was measured at the baseline visit"
OTHER_MEASURE = "measure is not in the study file"

COLUMNS = (
    "patient", "place", "measure", "value", "row", "days_after", "reason", "file", "column",
)  # fmt: skip


def without_other_measures(study: Study, rows: Rows) -> Rows:
    """Rows of measures that the study file does not name are set aside."""
    if study.measure_column is None or study.layout == "wide":
        return rows
    cells = rows.source.cells(study.measure_column)
    return rows.without(~cells.matches([_code(m) for m in study.measures]), OTHER_MEASURE)


def values_of(
    study: Study, visited: Visited, patients: Rows | None
) -> tuple[pd.DataFrame, list[Finding]]:
    """Every cell of every measure at every visit.

    Returns
    -------
    tuple of DataFrame and findings
        Columns `COLUMNS`; `place` is the position in the schedule, `reason` is "" where the value
        counts.
    """
    pieces: list[pd.DataFrame] = []
    found: list[Finding] = []
    for measure in study.measures:
        for place, column, use in _cells_of_measure(study, measure, visited):
            piece, noticed = _piece(study, measure, visited.rows, place, column, use)
            pieces.append(_placed(study, visited, piece, use))
            found += noticed
        if measure.baseline_column is not None:
            piece, noticed = _baseline(study, measure, visited.rows, patients)
            pieces.append(piece)
            found += noticed
    values = pd.concat(pieces, ignore_index=True)[list(COLUMNS)]
    values["reason"] = _repeated_baseline(study, values)
    if study.visits.by != "label":
        values, noticed = _one_in_window(study, values)
        found += noticed
    return values, found


def _placed(
    study: Study, visited: Visited, piece: pd.DataFrame, use: NDArray[np.bool_]
) -> pd.DataFrame:
    """Values with the days after their visit; those of a wide file at the visit of their day."""
    if study.layout != "wide":
        return piece.assign(days_after=visited.days_after[use])
    name = "" if piece.empty else study.visits.schedule[piece["place"].iloc[0]].name
    timed = visited.timed.get(name)
    if timed is None:
        return piece
    reason = piece["reason"].mask(piece["reason"] == "", pd.Series(timed.reasons[use], dtype="object"))
    return piece.assign(place=timed.place[use], days_after=timed.days_after[use], reason=reason)


def _code(measure: Measure) -> object:
    return measure.name if measure.code is None else measure.code


def _cells_of_measure(
    study: Study, measure: Measure, visited: Visited
) -> list[tuple[NDArray[np.int64], str, NDArray[np.bool_]]]:
    """Positions of visits, column, and the rows to read there."""
    rows = visited.rows
    if study.layout == "wide":
        names = [visit.name for visit in study.visits.schedule]
        size = len(rows.keys)
        return [
            (np.full(size, names.index(visit)), column, rows.used)
            for visit, column in sorted(measure.columns.items(), key=lambda pair: names.index(pair[0]))
        ]
    use = rows.used
    if study.measure_column is not None:
        use = use & rows.source.cells(study.measure_column).matches([_code(measure)])
    return [(visited.place, measure.column or "", use)]


def _piece(
    study: Study,
    measure: Measure,
    rows: Rows,
    place: NDArray[np.int64],
    column: str,
    use: NDArray[np.bool_],
) -> tuple[pd.DataFrame, list[Finding]]:
    source = rows.source
    cells = source.cells(column)
    read = numbers_of(
        cells, use, decimal=study.data.decimal, missing_codes=_and_labelled(measure, cells),
        file=source.name,
    )  # fmt: skip
    reason = np.full(len(use), "", dtype=object)
    reason[read.unreadable | np.isnan(read.values)] = UNREADABLE
    reason[read.coded] = CODED
    reason[read.blank] = MISSING
    piece = pd.DataFrame(
        {
            "patient": pd.Series(rows.keys[use], dtype="str"),
            "place": place[use],
            "measure": measure.name,
            "value": read.values[use],
            "row": source.rows[use],
            "days_after": 0.0,
            "reason": pd.Series(reason[use], dtype="object"),
            "file": source.name,
            "column": column,
        }
    )
    return _without_required(piece, study, measure, rows, use), list(read.findings)


def _and_labelled(measure: Measure, cells: Cells) -> list[object]:
    """Missing codes, also where the study gives the label of a value instead of the value."""
    wanted = {code_key(code) for code in measure.missing_codes}
    return [*measure.missing_codes, *(t for t, label in cells.labels.items() if label in wanted)]


def _without_required(
    piece: pd.DataFrame, study: Study, measure: Measure, rows: Rows, use: NDArray[np.bool_]
) -> pd.DataFrame:
    """Values that count only where another column is filled."""
    names = [visit.name for visit in study.visits.schedule]
    reason = piece["reason"].to_numpy(dtype=object)
    for visit, column in measure.requires.items():
        blank = rows.source.cells(column).blank[use]
        hit = blank & (piece["place"].to_numpy() == names.index(visit)) & (reason == "")
        reason = np.where(hit, f"{column} is empty", reason)
    return piece.assign(reason=pd.Series(reason, dtype="object"))


def _baseline(
    study: Study, measure: Measure, outcomes: Rows, patients: Rows | None
) -> tuple[pd.DataFrame, list[Finding]]:
    """Baseline from its own column: one value a patient, which must not vary."""
    column = measure.baseline_column or ""
    home = outcomes if column in outcomes.source or patients is None else patients
    names = [visit.name for visit in study.visits.schedule]
    baseline = study.baseline_visit
    place = names.index(baseline.name) if baseline else 0
    use = home.used
    if home is outcomes and study.measure_column is not None and study.layout != "wide":
        use = use & home.source.cells(study.measure_column).matches([_code(measure)])
    plain = measure.model_copy(update={"requires": {}})
    every = np.full(len(use), place)
    piece, found = _piece(study, plain, home, every, column, use)
    filled = piece[piece["reason"] == ""]
    first = filled.drop_duplicates("patient").set_index("patient")
    differs = filled["value"].to_numpy() != first["value"].reindex(filled["patient"]).to_numpy()
    for line in filled[differs].drop_duplicates("patient").itertuples():
        message = (
            f"The baseline is {line.value:g} here and {first['value'][line.patient]:g} in row "
            f"{first['row'][line.patient]}. Give one baseline on all rows of the patient."
        )
        found.append(
            finding("baseline_varies", "error", message, file=home.source.name, row=line.row,
                    column=column, patient=line.patient, value=f"{line.value:g}")
        )  # fmt: skip
    ordered = piece.assign(aside=piece["reason"] != "").sort_values("aside", kind="stable")
    kept = ordered.drop_duplicates("patient").sort_values("row")
    return kept.drop(columns="aside"), found


def _repeated_baseline(study: Study, values: pd.DataFrame) -> pd.Series:
    """A baseline column gives way to a value measured at the baseline visit."""
    reason = values["reason"]
    for measure in study.measures:
        if measure.baseline_column is None or study.baseline_visit is None:
            continue
        place = [visit.name for visit in study.visits.schedule].index(study.baseline_visit.name)
        here = (values["measure"] == measure.name) & (values["place"] == place) & (reason == "")
        from_column = here & (values["column"] == measure.baseline_column)
        measured = values["patient"][here & ~from_column]
        reason = reason.mask(from_column & values["patient"].isin(measured), HAS_BASELINE)
    return reason


def _one_in_window(study: Study, values: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """Of several values of a measure in one window, one counts: `visits.several` says which."""
    rule = study.visits.several
    counting = values[values["reason"] == ""]
    after, row = counting["days_after"].to_numpy(), counting["row"].to_numpy()
    turned = -1 if rule in ("nearest_then_later", "last") else 1
    away = np.abs(after) if rule.startswith("nearest") else np.zeros(len(after))
    # Of records of one day, the lower row of the file counts as the later, and so does the later column.
    order = np.arange(len(counting))
    counting = counting.iloc[np.lexsort((turned * order, turned * row, turned * after, away))]
    again = counting[counting.duplicated(["patient", "place", "measure"])].sort_values("row")
    message = (
        "The patient has another record in the window of this visit; this one was set aside, as "
        f"{SEVERAL[rule]} counts. Narrow window_days in the study file if both should have been "
        "outside, or choose another rule (visits.several)."
    )
    found = [
        finding("several_in_window", "warning", message, file=line.file, row=line.row,
                patient=line.patient, visit=study.visits.schedule[line.place].name,
                column=line.column if study.layout == "wide" else "", value=f"{line.value:g}")
        for line in again.itertuples()
    ]  # fmt: skip
    reason = values["reason"].mask(values.index.isin(again.index), OTHER_RECORD)
    return values.assign(reason=reason), found
