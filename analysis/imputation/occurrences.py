"""Events of patients: from which visit on, of which kind, and how values from there are imputed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.imputation.strategies import Strategy, find_strategy

Integers = NDArray[np.int64]

# Names shown in a message before it ends with "...".
NAMED = 5


@dataclass(frozen=True, eq=False, slots=True)
class Occurrences:
    """The event of each patient; m, 0 and empty text where there is none.

    Attributes
    ----------
    event, strategy : ndarray of int, shape (n,)
        Position of the first visit affected; position in `strategies`.
    strategies : tuple of (str or function)
        MAR first.
    kind : ndarray of object, shape (n,)
    """

    event: Integers
    strategy: Integers
    strategies: tuple[str | Strategy, ...]
    kind: NDArray[np.object_]

    def bound(self, m: int) -> Integers:
        """First visit whose values the imputation model may not use; shape (n,)."""
        return np.where(self.strategy > 0, self.event, m)


def occurrences(
    events: pd.DataFrame | None, subject: str, visit: str, patients: pd.Index, visits: pd.Index
) -> Occurrences:
    """Read an events frame.

    Parameters
    ----------
    events : pandas.DataFrame or None
        Columns named as `subject` and `visit`, `strategy`, and `kind` if wanted.
    subject, visit : str
    patients, visits : pandas.Index
        Everyone, and the visits in order.

    Raises
    ------
    ModelError
        A column is absent, a patient, visit or strategy unknown, or a patient has two events that
        are not MAR.
    """
    n, m = len(patients), len(visits)
    event, strategy = np.full(n, m, dtype=np.int64), np.zeros(n, dtype=np.int64)
    kind = np.full(n, "", dtype=object)
    if events is None or not len(events):
        return Occurrences(event, strategy, ("MAR",), kind)
    absent = [name for name in (subject, visit, "strategy") if name not in events]
    if absent:
        raise ModelError(
            f"The events have no column {', '.join(map(repr, absent))}; they need {subject!r}, "
            f"{visit!r} (the first visit affected) and 'strategy'."
        )
    who = _known(patients, events[subject], "patient", "of the data")
    when = _known(visits, events[visit], "visit", f"of {', '.join(map(str, visits))}")
    strategies, used = _strategies(events["strategy"])
    _refuse_two(patients, who[used > 0])
    # The event that is not MAR comes last and is written over the others; of those the first.
    for row in np.lexsort((-when, used > 0)):
        event[who[row]], strategy[who[row]] = when[row], used[row]
        told = events["kind"].iloc[row] if "kind" in events else ""
        kind[who[row]] = "" if pd.isna(told) else str(told)
    return Occurrences(event, strategy, strategies, kind)


def _known(index: pd.Index, values: pd.Series, what: str, among: str) -> Integers:
    found = index.get_indexer(pd.Index(values.astype(object)))
    if (found < 0).any():
        strange = pd.unique(values[found < 0])
        names = ", ".join(map(str, strange[:NAMED])) + (", ..." if len(strange) > NAMED else "")
        raise ModelError(
            f"{int((found < 0).sum())} events have a {what} that is none {among} ({names}). Mend "
            f"the {what}, or leave those events out."
        )
    return found.astype(np.int64)


def _strategies(column: pd.Series) -> tuple[tuple[str | Strategy, ...], Integers]:
    """Strategies that occur, MAR first, and the position of each row's."""
    strategies: list[str | Strategy] = ["MAR"]
    used = np.zeros(len(column), dtype=np.int64)
    for row, named in enumerate(column):
        found = find_strategy(named)
        same = [k for k, other in enumerate(strategies) if find_strategy(other) == found]
        if not same:
            strategies.append(named)
        used[row] = same[0] if same else len(strategies) - 1
    return tuple(strategies), used


def _refuse_two(patients: pd.Index, who: Integers) -> None:
    times = np.bincount(who, minlength=len(patients))
    twice = np.flatnonzero(times > 1)
    if len(twice):
        names = ", ".join(str(patients[i]) for i in twice[:NAMED])
        raise ModelError(
            f"{len(twice)} patients have more than one event whose strategy is not MAR ({names}). "
            "Keep the one that decides how their values are imputed."
        )

