"""Make a report: read and estimate once, run the notebooks, write all into one folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nbformat import NotebookNode

from analysis.report.analysed import Analysed, analyse
from analysis.report.answer import answer_of
from analysis.report.drawings import draw_all
from analysis.report.execute import Job, Progress, run_notebooks
from analysis.report.place import default_output, refuse_foreign, replaced_whole
from analysis.report.results import (
    PROVENANCE_NAME,
    provenance,
    write_provenance,
    write_results,
)
from analysis.report.site import write_site
from analysis.simulate.bundled import BUNDLED_SEED

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "data" / "simulated" / "study.yml"
NOTEBOOKS = (
    "01_the_data", "02_short_and_long_term_relief", "03_how_sure",
    "04_who_gets_better_and_who_is_harmed", "05_published_evidence", "06_claims",
)  # fmt: skip
# The same whatever the study.
OF_NO_STUDY = ("06_claims",)
DOCUMENTS = ("methods",)
RESULTS_NAME = "results.csv"
FIGURES_NAME = "figures"


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
    refuse_foreign(output)
    say(f"Reading {study_file.name}")
    analysed = analyse(study_file, download)
    say("Running the notebooks")
    jobs = [
        Job(ROOT / "notebooks" / f"{name}.ipynb", None if name in OF_NO_STUDY else study_file)
        for name in NOTEBOOKS
    ]
    executed = run_notebooks(jobs, lambda step: say(_line(step)))
    say("Writing the pages")
    with replaced_whole(output) as folder:
        _write(folder, study_file, analysed, executed)
    return output


def _write(
    folder: Path, study_file: Path, analysed: Analysed, executed: list[NotebookNode]
) -> None:
    write_results(analysed.frame, folder / RESULTS_NAME)
    figures = draw_all(analysed, folder / FIGURES_NAME)
    files = [(RESULTS_NAME, "every estimate, one row each")]
    files += [(f"{FIGURES_NAME}/{name}.svg", "figure, also as .png") for name in figures]
    files.append((PROVENANCE_NAME, "what was read and which versions computed it"))
    answer = answer_of(analysed, figures, files)
    pages = list(zip(NOTEBOOKS, executed, strict=True))
    documents = [
        (name, (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")) for name in DOCUMENTS
    ]
    write_site(folder, answer, pages, list(figures.values()), documents)
    seed = BUNDLED_SEED if study_file == BUNDLED else None
    write_provenance(provenance(analysed.trial, study_file, seed), folder / PROVENANCE_NAME)


def _line(step: Progress) -> str:
    return f"  {step.name}: cell {step.done} of {step.total}"
