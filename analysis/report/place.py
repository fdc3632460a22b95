"""The folder a report goes to: made beside and moved in whole; a failed run changes nothing."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from analysis.errors import ReliefError
from analysis.report.results import PROVENANCE_NAME

REPORTS = "reports"
PLAIN_STUDY_NAME = "study"
# Another report may be moved in between our two moves; this often the moves are tried again.
ATTEMPTS = 20


def default_output(study_file: Path, root: Path) -> Path:
    """`reports/<name>` below `root`, called after the study file, or its folder if study.yml."""
    study_file = study_file.resolve()
    plain = study_file.stem == PLAIN_STUDY_NAME and study_file.parent.name
    return root / REPORTS / (study_file.parent.name if plain else study_file.stem)


def refuse_foreign(output: Path) -> None:
    """Refuse a place that holds something other than an earlier report.

    Raises
    ------
    ReliefError
        `output` is a file, or a folder with files in it and no report.
    """
    if output.is_symlink() or (output.exists() and not output.is_dir()):
        raise ReliefError(f"{output} is not a folder. Name a new folder for the report.")
    if output.is_dir() and any(output.iterdir()) and not (output / PROVENANCE_NAME).is_file():
        raise ReliefError(
            f"{output} holds files that are no report, and they would be replaced. "
            "Name a new folder for the report."
        )


def refuse_unwritable(output: Path) -> None:
    """Refuse a place where no folder can be made, before an analysis is made for it.

    Raises
    ------
    ReliefError
    """
    near = output.parent
    while not near.exists() and near != near.parent:
        near = near.parent
    try:
        with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=near):
            pass
    except OSError as error:
        raise _not_written(output.parent, error) from None


def _not_written(folder: Path, error: OSError) -> ReliefError:
    advice = {
        errno.ENOSPC: "Free some space there, or name another folder with --output",
        errno.EDQUOT: "Free some space there, or name another folder with --output",
    }.get(error.errno or 0, "Name another folder with --output")
    return ReliefError(
        f"The report cannot be written to {folder}: {error.strerror or error}. {advice}, and run "
        "the report again."
    )


@contextmanager
def replaced_whole(output: Path) -> Iterator[Path]:
    """A new folder that takes the place of `output` when the block ends well.

    Parameters
    ----------
    output : Path
        A missing folder, an empty one, or an earlier report.

    Yields
    ------
    Path
        The folder to write into, on the same file system as `output`.

    Raises
    ------
    ReliefError
        The place cannot be written to or is full, or it holds something else (`refuse_foreign`).
    """
    refuse_foreign(output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    except OSError as error:
        raise _not_written(output.parent, error) from None
    try:
        fresh = workshop / "new"
        fresh.mkdir()
        yield fresh
        refuse_foreign(output)
        _swap(fresh, output, workshop)
    except OSError as error:
        raise _not_written(output.parent, error) from None
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _swap(fresh: Path, output: Path, workshop: Path) -> None:
    for attempt in range(ATTEMPTS):
        old = workshop / f"old{attempt}"
        try:
            with suppress(FileNotFoundError):
                os.rename(output, old)
            os.rename(fresh, output)
            return
        except OSError:
            continue
        finally:
            # Also when stopped between the two moves: the workshop is removed with what is in it.
            if old.exists() and not output.exists():
                os.rename(old, output)
    raise ReliefError(
        f"The report could not be moved to {output}: a program may hold a file there open. "
        "Close it and run the report again."
    )
