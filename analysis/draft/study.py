"""Draft a study file from what a data file looks like: guesses with reasons, doubts as questions."""

from __future__ import annotations

import os
import tempfile
import textwrap
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import analysis
from analysis.draft.cast import Cast, cast_of
from analysis.draft.columns import Sheet, sheet_of
from analysis.draft.dictionary import explained, read_dictionary
from analysis.draft.files import data_section, filters_section, warnings_of
from analysis.draft.outcomes import Outcomes, baseline_section, measures_section
from analysis.draft.page import Sketch, page_of
from analysis.draft.people import (
    covariates_section,
    design_section,
    patient_section,
    places_section,
    therapy_section,
)
from analysis.draft.schedule import visits_section
from analysis.errors import ReliefError, StudyError
from analysis.readers.table import Table, read_table
from analysis.studies.checks import outside
from analysis.studies.load import read_study
from analysis.studies.records import Data, Study

SCHEMA = Path(analysis.__file__).resolve().parent.parent / "data" / "study.schema.json"
_HEADING = (
    "A draft, made from what the data file looks like. Nothing here is more than a guess: read every",
    "line, answer the questions, delete the comments. Then: python3 run.py check THIS_FILE",
    "What each key means: docs/study_file.md. Write this file before you look at the outcome.",
)
_LAYOUTS = {
    "long": "Guess: patients have several rows, so a row is a visit.",
    "wide": "Guess: patients have one row each, so visits stand in columns.",
    "adam": "Guess: the columns are those of a CDISC ADaM data set (BDS).",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A study file to start from.

    Attributes
    ----------
    path : Path
        Where it is, or would be written.
    text : str
        The YAML, with comments.
    questions : tuple of str
        Doubts, in the order in which they stand in the text.
    problem : str
        What the loader says to the text as it is; "" where it loads.
    """

    path: Path
    text: str
    questions: tuple[str, ...]
    problem: str


@dataclass(frozen=True, slots=True)
class Source:
    """The files that a study is drafted from, read and looked at.

    Attributes
    ----------
    path, people_path : Path
        The outcomes, and the file with one row a patient where there is one; absolute.
    sheet, people : Sheet
        Their columns.
    sheet_name : str, int or None
        Sheet of the workbook that was asked for.
    """

    path: Path
    sheet: Sheet
    people_path: Path | None = None
    people: Sheet | None = None
    sheet_name: str | int | None = None


def draft_study(
    path: str | Path,
    *,
    patients: str | Path | None = None,
    dictionary: str | Path | None = None,
    sheet: str | int | None = None,
    output: str | Path | None = None,
) -> Draft:
    """Look at a data file and write a study file to start from.

    Parameters
    ----------
    path : str or Path
        The outcomes, in any format that is read.
    patients : str or Path, optional
        A file with one row a patient. For ADaM the ADSL file is found beside the data.
    dictionary : str or Path, optional
        REDCap's data dictionary, for the names of fields and the meaning of codes.
    sheet : str or int, optional
        Name or number of the sheet of a workbook (the first where it is left out), or of the data
        frame of a file of R (needed where it holds several).
    output : str or Path, optional
        Where to write; beside the data, under their name, where it is left out.

    Returns
    -------
    Draft

    Raises
    ------
    DataError
        The data cannot be read.
    ReliefError
        There is a file of that name already (it is never replaced), or it cannot be written.
    """
    draft = sketch_study(
        path, patients=patients, dictionary=dictionary, sheet=sheet, output=output
    )
    write_study(draft.path, draft.text)
    return draft


def sketch_study(
    path: str | Path,
    *,
    patients: str | Path | None = None,
    dictionary: str | Path | None = None,
    sheet: str | int | None = None,
    output: str | Path | None = None,
) -> Draft:
    """Draft a study file without writing it; see `draft_study`."""
    source = open_data(path, patients=patients, dictionary=dictionary, sheet=sheet)
    target = Path(output) if output is not None else Path(path).with_suffix(".yml")
    cast = cast_of(source.sheet, source.people)
    sketch, _ = sections(source, cast, folder_of(target, source))
    return drafted(sketch, cast, target)


def write_study(path: Path, text: str) -> None:
    """Write a study file where there is none.

    Raises
    ------
    ReliefError
        There is a file of that name already (it is never replaced), or it cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise ReliefError(
            f"{path} is there already and is not replaced. Name another file (--output on the "
            "command line)."
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "that is no name of a file"
        raise ReliefError(
            f"{path} cannot be written: {reason}. Name another (--output on the command line)."
        ) from None


def open_data(
    path: str | Path,
    *,
    patients: str | Path | None = None,
    dictionary: str | Path | None = None,
    sheet: str | int | None = None,
) -> Source:
    """Read the files of a study to be, and look at their columns.

    Parameters
    ----------
    path, patients, dictionary, sheet
        As for `draft_study`.

    Raises
    ------
    DataError
        A file cannot be read.
    """
    outcomes = Path(path)
    people = Path(patients) if patients is not None else None
    known = read_dictionary(Path(dictionary)) if dictionary is not None else None
    table = explained(_read(outcomes, sheet), known)
    if people is None and {"USUBJID", "PARAMCD"} <= set(table.frame.columns):
        people = _adsl_beside(outcomes)
    if people is None:
        return Source(outcomes.resolve(), sheet_of(table), sheet_name=sheet)
    other = sheet_of(explained(_read(people), known))
    return Source(outcomes.resolve(), sheet_of(table), people.resolve(), other, sheet)


def _read(path: Path, sheet: str | int | None = None) -> Table:
    return read_table(path, Data(outcomes=path.name.strip()[:400] or "data", sheet=sheet))


def _adsl_beside(path: Path) -> Path | None:
    """The ADSL data set of an ADaM pair, in the same format if there are several."""
    found = [p for p in path.parent.iterdir() if p.stem.lower() == "adsl" and p.is_file()]
    same = [p for p in found if p.suffix.lower() == path.suffix.lower()]
    return next(iter(same or found), None)


def folder_of(target: Path, source: Source) -> Path:
    """Folder of a study file, which must hold its data or a folder that does.

    Raises
    ------
    ReliefError
        It holds neither, or the name of a data file cannot stand in a study file.
    """
    folder = target.resolve().parent
    for path in (source.path, source.people_path):
        if path is None:
            continue
        if not path.is_relative_to(folder):
            raise ReliefError(
                f"{path.name} is not in the folder of the study file or below it. Put the study "
                "file beside the data."
            )
        if why := outside(path.relative_to(folder).as_posix()):
            raise ReliefError(f"the name of the data file {why}. Rename it.")
    return folder


def sections(
    source: Source, cast: Cast, folder: Path, chosen: Collection[str] | None = None
) -> tuple[Sketch, Outcomes]:
    """Every section of a study file, and what the outcomes in it are called.

    Parameters
    ----------
    source : Source
    cast : Cast
        What its columns are.
    folder : Path
        Where the study file will lie; see `folder_of`.
    chosen : collection of str, optional
        Outcomes to write, by their names in an earlier answer; the likeliest when left out.
    """
    sketch = Sketch()
    sketch.content["title"] = source.path.stem[:400].strip() or "Study"
    sketch.ask("what is the study called?", "title")
    design_section(sketch, cast)
    data_section(sketch, cast, (source.path, source.people_path), folder)
    if source.sheet_name is not None:
        sketch.content["data"]["sheet"] = source.sheet_name
    sketch.content["layout"] = cast.layout
    sketch.say(_LAYOUTS[cast.layout], "layout")
    if cast.layout == "adam" and cast.people is None:
        sketch.ask("an ADaM study has an ADSL file with the patients: add it as 'patients'.", "data")
    patient_section(sketch, cast)
    places_section(sketch, cast)
    therapy_section(sketch, cast)
    filters_section(sketch, cast)
    if chosen is not None:
        # The first family of columns settles the schedule.
        families = sorted(cast.families, key=lambda family: family.stem not in chosen)
        cast = replace(cast, families=families)
    names = visits_section(sketch, cast)
    outcomes = measures_section(sketch, cast, names, chosen)
    baseline_section(sketch, cast)
    covariates_section(sketch, cast)
    return sketch, outcomes


def drafted(sketch: Sketch, cast: Cast, target: Path) -> Draft:
    """The draft that a sketch makes."""
    text, questions = page_of(sketch, _heading(target, cast))
    problem = ""
    try:
        study_of(text, target.name)
    except StudyError as error:
        problem = str(error)
    return Draft(target, text, questions, problem)


def _heading(target: Path, cast: Cast) -> list[str]:
    lines = []
    if SCHEMA.is_file():
        try:
            where = os.path.relpath(SCHEMA, target.resolve().parent).replace(os.sep, "/")
            lines.append(f"yaml-language-server: $schema={where}")
        except ValueError:
            # On Windows there is no way from one drive to another.
            pass
    lines += _HEADING
    for warning in warnings_of(cast):
        lines.append("")
        lines += _wrapped(warning)
    return lines


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(f"NOTE: {text}", 96, break_long_words=False, break_on_hyphens=False)


def study_of(text: str, name: str) -> Study:
    """The study that the text of a study file describes.

    Raises
    ------
    StudyError
        The loader does not accept it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (name if name.endswith((".yml", ".yaml")) else "draft.yml")
        path.write_text(text, encoding="utf-8")
        return read_study(path)
