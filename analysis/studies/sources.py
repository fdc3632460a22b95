"""Where a study's files are: beside the study file, in PAIN_DATA, in the cache, or on the web.

Nothing is downloaded unless the caller asks for it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from analysis.errors import StudyError
from analysis.studies.records import Study

DATA_VARIABLE = "PAIN_DATA"
# Folders of PAIN_DATA that are looked into, in this order.
DATA_FOLDERS = ("", "trials", "trials/original", "reference", "reference/original", "own", "own/original")
CACHE_NAME = "lasting-relief"


def locate(study: Study, study_path: str | Path, name: str, *, download: bool = False) -> Path:
    """Find one of a study's files.

    Parameters
    ----------
    study : Study
    study_path : str or Path
        The study file; files are named relative to it.
    name : str
        As written in the study file.
    download : bool
        Fetch open data from their URL if they are nowhere else.

    Returns
    -------
    Path
        An existing file. Where the study file gives a sha256 of it, the file has that sha256.

    Raises
    ------
    StudyError
        The file is not there (the message says how to get it), lies outside the study's folder, or
        is not the file the study was written for (sha256).
    """
    study_path = Path(study_path)
    wanted = study.data.sha256 if name == study.data.outcomes else None
    beside = _beside(study_path, name)
    if beside.is_file():
        return _verified(beside, wanted, study_path)
    if wanted is None:
        raise StudyError(
            f"{study_path.name} names the data file {name!r}, which is not there. Put it in the "
            "folder of the study file, or correct the name."
        )
    for folder in _data_folders():
        path = folder / name
        if path.is_file():
            return _verified(path, wanted, study_path)
    if study.data.url is not None:
        cached = _cache() / f"{wanted[:16]}-{Path(name).name}"
        if cached.is_file():
            return _verified(cached, wanted, study_path)
        if download:
            return _fetch(study, cached)
    raise StudyError(_absent(study, name))


def _beside(study_path: Path, name: str) -> Path:
    """Path below the study file's folder; a link that leads out of it is followed and refused."""
    folder = study_path.resolve().parent
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise StudyError(
            f"{study_path.name}: the file {name!r} lies outside the study file's folder. Put it "
            "beside the study file or in a folder below it."
        )
    return path


def _absent(study: Study, name: str) -> str:
    ways = [f"set {DATA_VARIABLE} to the folder that holds it"]
    if study.data.url is not None:
        ways.insert(0, "run the same command with --download")
        ways.append(f"save {study.data.url} under that name beside the study file")
    if study.data.obtain is not None:
        ways.append(f"get it by hand: {study.data.obtain.rstrip('.')}")
    text = "; or ".join(ways)
    licence = f" Licence of the data: {study.data.licence}." if study.data.licence else ""
    return (
        f"The data file {name} of {study.title!r} is not on this computer. Do one of these: "
        f"{text}.{licence}"
    )


def _data_folders() -> list[Path]:
    named = os.environ.get(DATA_VARIABLE)
    return [Path(named) / part for part in DATA_FOLDERS] if named else []


def _cache() -> Path:
    import pooch

    return Path(pooch.os_cache(CACHE_NAME))


def _fetch(study: Study, target: Path) -> Path:
    import pooch

    try:
        pooch.retrieve(
            url=study.data.url, known_hash=f"sha256:{study.data.sha256}", fname=target.name,
            path=target.parent, progressbar=False,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise StudyError(
            f"{study.data.url} could not be downloaded: {why}. Check the connection, or save the "
            f"file yourself and set {DATA_VARIABLE} to its folder."
        ) from None
    return target


def _verified(path: Path, wanted: str | None, study_path: Path) -> Path:
    if wanted is None:
        return path
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        raise StudyError(
            f"{path.name} is not the file that {study_path.name} was written for: its sha256 is "
            f"{found}, the study file says {wanted}. Fetch the file again."
        )
    return path
