"""What the columns of the data are for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Required, TypedDict

import pandas as pd

from analysis.errors import ModelError
from analysis.mmrm.formula import short

ROLES = ("subject", "visit", "group", "weights", "subject_weights", "measure")


class RoleColumns(TypedDict, total=False):
    """Columns by role, as the fields of `Roles` without the outcome, which the formula names."""

    subject: Required[str]
    visit: Required[str]
    group: str | None
    weights: str | None
    subject_weights: str | None
    measure: str | None


@dataclass(frozen=True, slots=True)
class Roles:
    """Columns of the data that say what a row is.

    Attributes
    ----------
    outcome, subject, visit : str
    group : str or None
        Column with the patient's covariance group.
    weights : str or None
        Column with the precision weight of a row.
    subject_weights : str or None
        Column with the weight of a patient.
    measure : str or None
        Column that says which of several outcomes a row holds.
    """

    outcome: str
    subject: str
    visit: str
    group: str | None = None
    weights: str | None = None
    subject_weights: str | None = None
    measure: str | None = None

    def named(self) -> tuple[str, ...]:
        """The columns, each once, the outcome first."""
        names = (self.outcome, self.subject, self.visit, self.group, self.weights,
                 self.subject_weights, self.measure)  # fmt: skip
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def refuse_nameless(self) -> None:
        """Stop where a role is no name, or a needed one is left out.

        Raises
        ------
        ModelError
        """
        for role in ROLES:
            name = getattr(self, role)
            needed = role in ("subject", "visit")
            if not pd.api.types.is_hashable(name) or (needed and name is None):
                raise ModelError(f"{role}={name!r} must be the name of one column of the data.")

    def refuse_absent(self, data: pd.DataFrame) -> None:
        """Stop where a role names no column of the data.

        Raises
        ------
        ModelError
        """
        self.refuse_nameless()
        for role in ROLES:
            name = getattr(self, role)
            if name is not None and name not in data.columns:
                raise ModelError(
                    f"{role}={name!r} is not a column of the data; it has {short(data.columns)}."
                )
