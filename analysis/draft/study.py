"""Draft a study file from what a data file looks like: guesses with reasons, doubts as questions."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import analysis
from analysis.draft.cast import Cast, cast_of
from analysis.draft.columns import sheet_of
from analysis.draft.dictionary import explained, read_dictionary
from analysis.draft.files import data_section, filters_section, warnings_of
from analysis.draft.outcomes import baseline_section, measures_section
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
from analysis.studies.records import Data

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
        Name or number of the sheet of a workbook; the first where it is left out.
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
    try:
        with draft.path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(draft.text)
    except FileExistsError:
        raise ReliefError(
            f"{draft.path} is there already and is not replaced. Name another file with --output."
        ) from None
    except OSError as error:
        raise ReliefError(
            f"{draft.path} cannot be written: {error.strerror}. Name another with --output."
        ) from None
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
    source = Path(path)
    target = Path(output) if output is not None else source.with_suffix(".yml")
    people = Path(patients) if patients is not None else None
    known = read_dictionary(Path(dictionary)) if dictionary is not None else None
    table = explained(_read(source, sheet), known)
    if people is None and {"USUBJID", "PARAMCD"} <= set(table.frame.columns):
        people = _adsl_beside(source)
    folder = _folder(target, source, people)
    other = explained(_read(people), known) if people is not None else None
    cast = cast_of(sheet_of(table), sheet_of(other) if other is not None else None)
    paths = (source.resolve(), None if people is None else people.resolve())
    sketch = _sketch(cast, paths, folder)
    if sheet is not None:
        sketch.content["data"]["sheet"] = sheet
    text, questions = page_of(sketch, _heading(target, cast))
    return Draft(target, text, questions, _problem(text, target.name))


def _read(path: Path, sheet: str | int | None = None) -> Table:
    return read_table(path, Data(outcomes=path.name.strip()[:400] or "data", sheet=sheet))


def _adsl_beside(path: Path) -> Path | None:
    """The ADSL data set of an ADaM pair, in the same format if there are several."""
    found = [p for p in path.parent.iterdir() if p.stem.lower() == "adsl" and p.is_file()]
    same = [p for p in found if p.suffix.lower() == path.suffix.lower()]
    return (same or found or [None])[0]


def _folder(target: Path, source: Path, people: Path | None) -> Path:
    """Folder of the study file, which must hold its data or a folder that does."""
    folder = target.resolve().parent
    for path in (source, people):
        if path is None:
            continue
        if not path.resolve().is_relative_to(folder):
            raise ReliefError(
                f"{path.name} is not in the folder of the study file or below it. Put the study "
                "file beside the data."
            )
        if why := outside(path.resolve().relative_to(folder).as_posix()):
            raise ReliefError(f"the name of the data file {why}. Rename it.")
    return folder


def _sketch(cast: Cast, paths: tuple[Path, Path | None], folder: Path) -> Sketch:
    sketch = Sketch()
    sketch.content["title"] = paths[0].stem[:400].strip() or "Study"
    sketch.ask("what is the study called?", "title")
    design_section(sketch, cast)
    data_section(sketch, cast, paths, folder)
    sketch.content["layout"] = cast.layout
    sketch.say(_LAYOUTS[cast.layout], "layout")
    if cast.layout == "adam" and cast.people is None:
        sketch.ask("an ADaM study has an ADSL file with the patients: add it as 'patients'.", "data")
    patient_section(sketch, cast)
    places_section(sketch, cast)
    therapy_section(sketch, cast)
    filters_section(sketch, cast)
    names = visits_section(sketch, cast)
    measures_section(sketch, cast, names)
    baseline_section(sketch, cast)
    covariates_section(sketch, cast)
    return sketch


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
    import textwrap

    return textwrap.wrap(f"NOTE: {text}", 96, break_long_words=False, break_on_hyphens=False)


def _problem(text: str, name: str) -> str:
    """What the loader says to a text; "" where it accepts it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (name if name.endswith((".yml", ".yaml")) else "draft.yml")
        path.write_text(text, encoding="utf-8")
        try:
            read_study(path)
        except StudyError as error:
            return str(error)
    return ""


