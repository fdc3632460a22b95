"""A study file as it would be written now, with what is found when it is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.draft.cast import Cast, Parts, cast_of
from analysis.draft.outcomes import Outcomes
from analysis.draft.study import Draft, Source, drafted, folder_of, sections, study_of
from analysis.errors import DataError, ReliefError
from analysis.intake import check_record
from analysis.readers.finding import printable
from analysis.validate.readable import summary
from analysis.widgets.answers import Answers, write_answers


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person chose.

    Attributes
    ----------
    parts : Parts or None
        Columns for patient, therapy and visit; None guesses them.
    outcomes : tuple of str or None
        Outcomes, as `Outcomes` calls them; None takes the likeliest.
    answers : mapping
        See `analysis.widgets.answers`.
    """

    parts: Parts | None = None
    outcomes: tuple[str, ...] | None = None
    answers: Answers = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """A study file in the making.

    Attributes
    ----------
    draft : Draft
        Its text, its questions and where it would be written.
    cast : Cast
    outcomes : Outcomes
    content : mapping
        What the text says, as plain data.
    findings : DataFrame
        Counted by rule, as `analysis.validate.readable.summary` gives them: no row of a patient.
    """

    draft: Draft
    cast: Cast
    outcomes: Outcomes
    content: Mapping[str, Any]
    findings: pd.DataFrame

    @property
    def sound(self) -> bool:
        """Whether the study can be analysed as it is."""
        return not (self.findings["severity"] == "error").any()


def plan_of(source: Source, target: Path, choices: Choices) -> Plan:
    """Draft a study file from what was chosen, and check it; nothing is written.

    Parameters
    ----------
    source : Source
        The data.
    target : Path
        Where the study file is to lie: in the folder of the data or above it.
    choices : Choices

    Raises
    ------
    ReliefError
        A study file cannot lie there.
    """
    folder = folder_of(target, source)
    cast = cast_of(source.sheet, source.people, choices.parts)
    sketch, outcomes = sections(source, cast, folder, choices.outcomes)
    write_answers(sketch, outcomes, choices.answers)
    draft = drafted(sketch, cast, target)
    return Plan(draft, cast, outcomes, sketch.content, _checked(draft))


def counted_problem(error: ReliefError) -> pd.DataFrame:
    """What stops a study, as findings counted by rule."""
    if isinstance(error, DataError) and error.findings is not None:
        return summary(error.findings)
    return _problems(str(error))


def _checked(draft: Draft) -> pd.DataFrame:
    if draft.problem:
        return _problems(draft.problem)
    try:
        return summary(check_record(study_of(draft.text, draft.path.name), draft.path))
    except ReliefError as error:
        return counted_problem(error)


def _problems(text: str) -> pd.DataFrame:
    """What the loader says, a line a problem, without the line that counts them."""
    lines = [printable(line.strip()) for line in text.splitlines() if line.strip()]
    columns = ("rule", "severity", "count", "message")
    rows = [("study_file", "error", 1, line) for line in lines[1:] or lines]
    frame = pd.DataFrame(rows, columns=list(columns))
    return frame.astype({"rule": "str", "severity": "str", "count": "int64", "message": "str"})
