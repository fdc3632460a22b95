"""What can go wrong, in three kinds: the study file, the data, the model.

Each is meant to be read by the person who ran the analysis: fact, value, place and next step.
The command line and the notebooks print them without a traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class ReliefError(Exception):
    """Anything that stops an analysis and that its user can mend."""


class StudyError(ReliefError):
    """The study file cannot be used: it names the file, the key, the line and what is allowed."""


class DataError(ReliefError):
    """The data cannot be used.

    Parameters
    ----------
    message : str
        Every problem found, as readable text.
    findings : pandas.DataFrame, optional
        The same problems as a findings frame (`analysis.schema.FINDING_COLUMNS`).
    """

    def __init__(self, message: str, findings: pd.DataFrame | None = None) -> None:
        super().__init__(message)
        self.findings = findings


class ModelError(ReliefError):
    """A model cannot be fitted to these data, and why."""


class ConvergenceWarning(UserWarning):
    """A fit ended at a point that should not be trusted without a look."""
