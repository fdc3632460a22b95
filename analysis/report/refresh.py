"""Run the stored notebooks again, in place, and keep their outputs.

`python -m analysis.report.refresh`; notebooks on real data only where PAIN_DATA names these.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from analysis.errors import ReliefError
from analysis.report.execute import Job, Progress, run_notebooks, warnings_in

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
ON_REAL_DATA = ("methods", "case_studies")
DATA_VARIABLE = "PAIN_DATA"


def stored_notebooks(folder: Path, with_real: bool) -> list[Path]:
    """Notebooks below a folder in reading order, those on real data last and only if asked for."""
    parts = ON_REAL_DATA if with_real else ()
    real = [path for part in parts for path in sorted((folder / part).glob("*.ipynb"))]
    return [*sorted(folder.glob("*.ipynb")), *real]


def refresh(paths: Sequence[Path]) -> list[Path]:
    """Run notebooks as they are stored and write them back; the same inputs give the same bytes.

    Parameters
    ----------
    paths : sequence of Path

    Returns
    -------
    list of Path
        Notebooks whose bytes changed.

    Raises
    ------
    ReliefError
        A cell failed, or wrote to its error stream. No notebook is written then.
    """
    notebooks = run_notebooks([Job(path) for path in paths], _say)
    for path, notebook in zip(paths, notebooks, strict=True):
        if complaints := warnings_in(notebook):
            raise ReliefError(
                f"{path.name} wrote a warning, and stored notebooks hold none: {complaints[0]}. "
                "Mend its cause and refresh again."
            )
    written = zip(paths, notebooks, strict=True)
    return [path for path, notebook in written if _write(path, notebook)]


def _write(path: Path, notebook: NotebookNode) -> bool:
    text = nbformat.writes(notebook, indent=1).rstrip("\n") + "\n"
    if path.read_text(encoding="utf-8") == text:
        return False
    # Written beside and moved, so that an interruption leaves the old notebook whole.
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8", newline="\n")
    os.replace(beside, path)
    return True


def _say(step: Progress) -> None:
    print(f"  {step.name}: cell {step.done} of {step.total}", flush=True)


def main() -> int:
    """Refresh all notebooks; the exit code is 0 when all of them ran."""
    with_real = bool(os.environ.get(DATA_VARIABLE))
    if not with_real:
        print(
            "Case studies and the comparison with R and SAS stay as they are: they need the folder "
            f"of real data in {DATA_VARIABLE}."
        )
    try:
        changed = refresh(stored_notebooks(NOTEBOOKS, with_real))
    except ReliefError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Notebooks whose outputs changed: {', '.join(path.name for path in changed) or 'none'}.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("Stopped; the notebooks are as they were.", file=sys.stderr)
        sys.exit(130)
