"""Make a report: read and estimate once, run the notebooks, write all into one folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from nbformat import NotebookNode

from analysis.display import FIGURES_VARIABLE, PRINT
from analysis.errors import ReliefError
from analysis.intake import read_trial
from analysis.report.analysed import Analysed, analyse
from analysis.report.answer import answer_of, journal_tables
from analysis.report.ard import SCHEMA_NAME, write_analysis_results
from analysis.report.dictionary import dictionary_page
from analysis.report.drawings import FIGURES_NAME, figures_of, write_figures
from analysis.report.execute import Job, Progress, read_notebook, running
from analysis.report.origin import origin_page
from analysis.report.place import default_output, refuse_foreign, refuse_unwritable, replaced_whole
from analysis.report.reference import Room, read_rooms
from analysis.report.results import (
    PROVENANCE_NAME,
    provenance,
    write_provenance,
    write_results,
)
from analysis.report.site import document_page, notebook_page, write_site
from analysis.report.word import write_word
from analysis.schema import UNSEEN
from analysis.simulate.bundled import BUNDLED_SEED

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "data" / "simulated" / "study.yml"
NOTEBOOKS = (
    "01_the_data", "02_short_and_long_term_relief", "03_how_sure",
    "04_who_gets_better_and_who_is_harmed", "05_published_evidence", "06_claims",
)  # fmt: skip
# How long notebooks take, in times of the others.
COSTS = {
    "05_published_evidence": 6, "03_how_sure": 6, "04_who_gets_better_and_who_is_harmed": 3,
    "02_short_and_long_term_relief": 2,
}  # fmt: skip
# One for each core: a kernel more would only load everything once more.
KERNELS = max(2, os.cpu_count() or 1)
# The same whatever the study; and how to write Python, shown as the project stores it.
OF_NO_STUDY, EXAMPLES = ("06_claims",), ("gallery",)
DOCUMENTS = ("methods",)
RESULTS_NAME, ARD_NAME, WORD_NAME = "results.csv", "results.json", "tables.docx"
FILES = (
    (RESULTS_NAME, "every estimate, one row each"),
    (ARD_NAME, "the same with each statistic by name, label and value"),
    (SCHEMA_NAME, "what results.json may hold, as a JSON schema"),
    (WORD_NAME, "the main tables, for a manuscript"),
    (PROVENANCE_NAME, "what was read and which versions computed it"),
)


def build_report(
    study_file: Path,
    output: Path | None = None,
    *,
    download: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """Analyse a study and write its report.

    Parameters
    ----------
    study_file : Path
        A study file (`docs/study_file.md`).
    output : Path, optional
        Folder of the report; `reports/<study>` where the command runs when left out. An earlier
        report there is replaced, and only once the new one is whole.
    download : bool
        Fetch open data that are not on this computer.
    say : callable
        Receives lines of progress.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ReliefError
        The study file, the data or the model cannot be used, a notebook failed, or the folder
        cannot be written. The earlier report is left as it was.
    """
    study_file = study_file.resolve()
    output = (output or default_output(study_file, Path.cwd())).resolve()
    if UNSEEN.search(study_file.name):
        raise ReliefError(
            f"The name of the study file {study_file.name!r} holds a character that cannot be seen or "
            "written. Rename the file."
        )
    refuse_foreign(output)
    refuse_unwritable(output)
    say(f"Reading {study_file.name}")
    trial = read_trial(study_file, download=download)
    say("Running the notebooks")
    jobs = [
        Job(_path(name), None if name in OF_NO_STUDY else study_file, COSTS.get(name, 1))
        for name in NOTEBOOKS
    ]
    drawn = {FIGURES_VARIABLE: PRINT}
    with running(jobs, lambda step: say(_line(step)), drawn, KERNELS) as executed:
        # The kernels leave room on most machines, and the index page needs the same estimates.
        analysed, rooms = analyse(trial), read_rooms()
        with replaced_whole(output) as folder:
            _write_files(folder, analysed)
            notebooks = executed()
            say("Writing the pages")
            _write_pages(folder, study_file, analysed, notebooks, rooms)
    return output


def _write_files(folder: Path, analysed: Analysed) -> None:
    """What needs no notebook."""
    write_results(analysed.frame, folder / RESULTS_NAME)
    write_analysis_results(analysed.frame, analysed.trial.study, folder / ARD_NAME)
    write_word(journal_tables(analysed), analysed.trial.study.title, folder / WORD_NAME)


def _write_pages(
    folder: Path, study_file: Path, analysed: Analysed, notebooks: list[NotebookNode], rooms: list[Room]
) -> None:
    figures = figures_of(analysed, notebooks)
    write_figures(figures, folder / FIGURES_NAME)
    seed = BUNDLED_SEED if study_file == BUNDLED else None
    record = provenance(analysed.trial, study_file, seed)
    write_provenance(record, folder / PROVENANCE_NAME)
    pages = [notebook_page(*pair) for pair in zip(NOTEBOOKS, notebooks, strict=True)]
    pages += [notebook_page(name, read_notebook(_path(name)), "examples") for name in EXAMPLES]
    pages += [
        document_page(name, (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8"))
        for name in DOCUMENTS
    ]
    pages += [dictionary_page(analysed.trial.study), origin_page(record, ROOT / "CITATION.cff")]
    write_site(folder, answer_of(analysed, figures, FILES), pages, figures, rooms)


def _path(name: str) -> Path:
    return ROOT / "notebooks" / f"{name}.ipynb"


def _line(step: Progress) -> str:
    return f"  {step.name}: cell {step.done} of {step.total}"
