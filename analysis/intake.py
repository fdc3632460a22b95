"""Read a study: its study file and its data in, a checked trial out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from analysis.errors import DataError
from analysis.readers.table import Table, read_table
from analysis.schema import finding_frame
from analysis.studies.load import read_study
from analysis.studies.records import Study
from analysis.studies.sources import locate
from analysis.trial.assemble import assemble
from analysis.trial.records import Trial
from analysis.validate.check import check
from analysis.validate.readable import counted, readable

ROLES = ("outcomes", "patients", "events", "truth")


def read_trial(path: str | Path, *, download: bool = False) -> Trial:
    """Read a study file and the data it names, and check them.

    Parameters
    ----------
    path : str or Path
        The study file.
    download : bool
        Fetch open data that are not on this computer. Nothing is downloaded without it.

    Returns
    -------
    Trial
        Its findings hold warnings and notes, and no error.

    Raises
    ------
    StudyError
        The study file cannot be used, or a data file is not there.
    DataError
        The data hold errors: the message lists all of them, `findings` has them as a frame.
    """
    return _trial_of(read_study(path), Path(path), download)


def _trial_of(study: Study, path: Path, download: bool) -> Trial:
    tables = _tables(study, path, download)
    try:
        trial = assemble(study, tables)
    except DataError as error:
        if error.findings is not None:
            require_sound(error.findings, path.name)
        raise
    findings = check(trial)
    require_sound(findings, path.name)
    return replace(trial, findings=findings)


def check_study(path: str | Path, *, download: bool = False) -> pd.DataFrame:
    """Read a study file and the data it names, and say what was found, errors included.

    Parameters
    ----------
    path : str or Path
        The study file.
    download : bool
        As for `read_trial`.

    Returns
    -------
    DataFrame
        Columns `analysis.schema.FINDING_COLUMNS`, errors first. Nothing is analysed.

    Raises
    ------
    StudyError
        The study file cannot be used, or a data file is not there.
    """
    return check_record(read_study(path), path, download=download)


def check_record(study: Study, path: str | Path, *, download: bool = False) -> pd.DataFrame:
    """The findings about a study whose file need not be written yet; see `check_study`.

    Parameters
    ----------
    study : Study
    path : str or Path
        Where its file is or will be: data files are named relative to it.
    download : bool
        As for `read_trial`.
    """
    try:
        return _trial_of(study, Path(path), download).findings
    except DataError as error:
        if error.findings is None:
            raise
        return error.findings


def require_sound(findings: pd.DataFrame, name: str) -> None:
    """Stop at errors.

    Parameters
    ----------
    findings : DataFrame
    name : str
        What the findings are about; begins the message.

    Raises
    ------
    DataError
        At least one finding is an error. Warnings and notes are counted in the message.
    """
    errors = findings[findings["severity"] == "error"]
    if errors.empty:
        return
    others = findings[findings["severity"] != "error"]
    lines = [f"The data of {name} cannot be analysed as they are: {readable(errors)}"]
    if not others.empty:
        lines += ["", f"Besides: {counted(others)}. They are shown once the errors are mended."]
    raise DataError("\n".join(lines), findings)


def _tables(study: Study, path: Path, download: bool) -> dict[str, Table]:
    """Read every file; the problems of all files are told together."""
    tables: dict[str, Table] = {}
    broken: list[pd.DataFrame] = []
    for role in ROLES:
        name = getattr(study.data, role)
        if name is None:
            continue
        try:
            tables[role] = read_table(locate(study, path, name, download=download), study.data)
        except DataError as error:
            broken.append(finding_frame([]) if error.findings is None else error.findings)
    if broken:
        require_sound(pd.concat(broken, ignore_index=True), path.name)
    return tables
