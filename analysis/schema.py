"""The words of the house: tables, their columns, and the closed lists of values.

Every other module speaks these names. `data/README.md` maps them to CDISC ADaM.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

# Study files are read without pandas, whose import takes longer than everything else in that.
if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["error", "warning", "note"]
Horizon = Literal["short", "long", ""]
# What a row of results can be about: a study file cannot declare a visit "sustained".
ResultHorizon = Literal["short", "long", "sustained", ""]
Quantity = Literal[
    "mean", "relief", "loss", "retention", "area", "responders", "risk_difference", "risk_ratio",
    "odds_ratio", "number_needed", "harm", "half_life",
]  # fmt: skip
Direction = Literal["lower_is_better", "higher_is_better"]
EventKind = Literal["stopped_therapy", "rescue_medication", "other_therapy", "lost", "adverse_event"]
StrategyName = Literal[
    "treatment_policy", "hypothetical", "composite", "while_on_treatment", "reference_based",
    "principal_stratum",
]
AssumptionName = Literal["JR", "CR", "CIR", "LMCF", "causal"]
SummaryName = Literal["difference_in_means", "difference_in_responders"]
CovarianceName = Literal[
    "us", "toeph", "toep", "ar1h", "ar1", "adh", "ad", "csh", "cs", "diag", "sp_exp", "sp_gau"
]

# Characters that are not seen but act: they steer terminals, turn the direction of text, or make a
# page or a figure unreadable to programs. Tabs and line ends are none of them.
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)

SEVERITIES: tuple[str, ...] = get_args(Severity)
QUANTITIES: tuple[str, ...] = get_args(Quantity)
HORIZONS: tuple[str, ...] = get_args(ResultHorizon)
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)

PATIENT_COLUMNS = ("patient", "therapy")
OUTCOME_COLUMNS = ("patient", "visit", "week", "measure", "value", "row")
EVENT_COLUMNS = ("patient", "week", "kind", "what", "serious", "related")
FINDING_COLUMNS = (
    "rule", "severity", "file", "row", "column", "patient", "visit", "value", "message",
)  # fmt: skip
ACCOUNT_COLUMNS = ("file", "item", "step", "reason", "n")
RESULT_COLUMNS = (
    "analysis", "estimand", "measure", "quantity", "horizon", "therapy", "comparator", "visit",
    "week", "estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high",
    "n_therapy", "n_comparator", "method", "note",
)  # fmt: skip
RESULT_NUMBERS = (
    "week", "estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high",
)  # fmt: skip
RESULT_COUNTS = ("n_therapy", "n_comparator")


def result_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Build a result frame: one row an estimate, the same columns whatever made it.

    Parameters
    ----------
    rows : iterable of mappings
        Keys from `RESULT_COLUMNS`; a key left out is empty text, NaN, or a missing count.

    Returns
    -------
    pandas.DataFrame
        Columns `RESULT_COLUMNS` in order; numbers float64, counts Int64, the rest text.

    Raises
    ------
    ValueError
        A key that is not a column, or a quantity or horizon outside the closed list.
    """
    import numpy as np
    import pandas as pd

    records = [dict(row) for row in rows]
    for record in records:
        unknown = sorted(set(record) - set(RESULT_COLUMNS))
        if unknown:
            raise ValueError(f"result row has unknown columns {unknown}; use {RESULT_COLUMNS}")
        for key, allowed in (("quantity", QUANTITIES), ("horizon", HORIZONS)):
            if record.get(key, "") not in (*allowed, ""):
                raise ValueError(f"{key} is {record[key]!r}; one of {allowed}")
    columns: dict[str, pd.Series] = {}
    for name in RESULT_COLUMNS:
        values = [record.get(name) for record in records]
        if name in RESULT_NUMBERS:
            numbers = [np.nan if v is None else float(v) for v in values]
            columns[name] = pd.Series(numbers, dtype="float64")
        elif name in RESULT_COUNTS:
            columns[name] = pd.Series(values, dtype="Int64")
        else:
            columns[name] = pd.Series(["" if v is None else str(v) for v in values], dtype="str")
    return pd.DataFrame(columns)


def finding_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Build a findings frame: one row a problem, columns `FINDING_COLUMNS`.

    `row` is the row number as the spreadsheet counts it (the header is row 1), missing where the
    finding is about a whole column, visit or file.
    """
    import pandas as pd

    records = [dict(row) for row in rows]
    columns: dict[str, pd.Series] = {}
    for name in FINDING_COLUMNS:
        values = [record.get(name) for record in records]
        if name == "row":
            columns[name] = pd.Series(values, dtype="Int64")
        else:
            columns[name] = pd.Series(["" if v is None else str(v) for v in values], dtype="str")
    return pd.DataFrame(columns)
