"""One small simulated trial as programs would export it, each with its own quirks."""

from __future__ import annotations

from pathlib import Path

from analysis.simulate.export.packages import adam_files, spss_files
from analysis.simulate.export.records import example_trial, records_of
from analysis.simulate.export.redcap import redcap_files, redcap_repeating_files
from analysis.simulate.export.sheet import dated_files, sheet_files
from analysis.simulate.export.survey import google_files, qualtrics_files
from analysis.trial.records import Trial

__all__ = ["EXPORTERS", "example_trial", "export_examples"]

EXPORTERS = {
    "redcap": redcap_files, "redcap_repeating": redcap_repeating_files,
    "qualtrics": qualtrics_files, "google_forms": google_files,
    "spss": spss_files, "adam": adam_files, "clinic_sheet": sheet_files,
    "clinic_dates": dated_files,
}  # fmt: skip
"""Writers of the example files by the program that each imitates; of a trial they make its files by name."""


def export_examples(folder: str | Path, trial: Trial | None = None) -> None:
    """Write the data of every example, each into a folder below `folder`.

    Parameters
    ----------
    folder : str or Path
        Folders `redcap`, `qualtrics`, ... are made in it; data files of the same names in them are
        replaced, other files (study files) are left alone.
    trial : Trial, optional
        The trial to export; that of the examples where it is left out.
    """
    records = records_of(example_trial() if trial is None else trial)
    for name, files_of in EXPORTERS.items():
        target = Path(folder) / name
        target.mkdir(parents=True, exist_ok=True)
        for file, raw in files_of(records).items():
            (target / file).write_bytes(raw)
