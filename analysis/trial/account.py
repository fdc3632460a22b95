"""Where every row, value and patient went: in = set aside + used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from analysis.schema import ACCOUNT_COLUMNS

Line = tuple[str, str, str, str, int]


def lines_of(file: str, item: str, reasons: Iterable[str]) -> list[Line]:
    """Lines of the account for one kind of thing in one file.

    Parameters
    ----------
    file : str
    item : {"row", "value", "patient"}
    reasons : iterable of str
        One for each thing: why it was set aside, "" if it was used.
    """
    counts = Counter(reasons)
    used = counts.pop("", 0)
    aside = [(file, item, "set aside", reason, n) for reason, n in sorted(counts.items())]
    total = used + sum(counts.values())
    return [(file, item, "in", "", total), *aside, (file, item, "used", "", used)]


def account_frame(lines: Iterable[Line]) -> pd.DataFrame:
    """Account as a frame with the columns `analysis.schema.ACCOUNT_COLUMNS`."""
    rows = list(lines)
    columns = {
        name: pd.Series([row[place] for row in rows], dtype="int64" if name == "n" else "str")
        for place, name in enumerate(ACCOUNT_COLUMNS)
    }
    return pd.DataFrame(columns)
