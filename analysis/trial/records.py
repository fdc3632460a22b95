"""A trial: patients, outcomes, events and findings, in the house's own columns.

Readers and the simulator make it; everything after that takes it. Nothing in it names the file
format it came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from analysis.schema import ACCOUNT_COLUMNS, EVENT_COLUMNS, finding_frame
from analysis.studies.records import Measure, Study


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was read: its bare name, what it was read for, its sha256 and rows of data."""

    name: str
    role: str
    sha256: str
    rows: int


def empty_events() -> pd.DataFrame:
    """Events frame without rows."""
    return pd.DataFrame({name: pd.Series(dtype="object") for name in EVENT_COLUMNS})


def empty_account() -> pd.DataFrame:
    """Account frame without rows."""
    return pd.DataFrame({name: pd.Series(dtype="object") for name in ACCOUNT_COLUMNS})


@dataclass(frozen=True, slots=True)
class Trial:
    """A study with its data.

    Attributes
    ----------
    study : Study
        What was said before the outcome was read.
    patients : pandas.DataFrame
        One row a patient: `patient` (text), `therapy` (categorical, comparator first), `site` and
        `therapist` where the study names them (text), then covariates under their names (float64
        or categorical).
    outcomes : pandas.DataFrame
        One row an observed value: `patient`, `visit` (ordered categorical in schedule order),
        `week` (scheduled, from randomisation), `measure`, `value` (float64, never missing; raw
        score, never turned), `row` (as the spreadsheet numbers it; Int64).
    events : pandas.DataFrame
        `analysis.schema.EVENT_COLUMNS`; `week` from randomisation, NaN where unknown.
    findings : pandas.DataFrame
        Everything noticed; see `analysis.validate`.
    account : pandas.DataFrame
        Where every row and value went (`ACCOUNT_COLUMNS`): per `file` and `item` ("row", "value" or
        "patient") one line with `step` "in", any number with "set aside" and a reason, one with
        "used"; in = set aside + used.
    files : tuple of SourceFile
        The files that were read.
    truth : pandas.DataFrame or None
        Result frame of true values, for simulated trials only.
    """

    study: Study
    patients: pd.DataFrame
    outcomes: pd.DataFrame
    events: pd.DataFrame = field(default_factory=empty_events)
    findings: pd.DataFrame = field(default_factory=lambda: finding_frame([]))
    account: pd.DataFrame = field(default_factory=empty_account)
    files: tuple[SourceFile, ...] = ()
    truth: pd.DataFrame | None = None

    def measure(self, name: str | None = None) -> Measure:
        """The measure of that name, or the primary one."""
        if name is None:
            return self.study.primary
        known = {measure.name: measure for measure in self.study.measures}
        if name not in known:
            raise KeyError(f"measure {name!r} is not in the study; it has {sorted(known)}")
        return known[name]

    def baseline(self, name: str | None = None) -> pd.Series:
        """Baseline value of a measure by patient (index `patient`, every patient, NaN if none)."""
        measure = self.measure(name)
        visit = self.study.baseline_visit
        rows = self.outcomes[self.outcomes["measure"] == measure.name]
        if visit is not None:
            rows = rows[rows["visit"] == visit.name]
        else:
            rows = rows.iloc[:0]
        values = rows.set_index("patient")["value"]
        return values.reindex(self.patients["patient"]).rename("baseline")
