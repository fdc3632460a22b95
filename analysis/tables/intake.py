"""What came in and what was found in it."""

from __future__ import annotations

import pandas as pd

from analysis.describe.masking import without_few
from analysis.tables.numerals import HIDDEN, count
from analysis.tables.table import Table
from analysis.trial.records import Trial


def findings_table(summary: pd.DataFrame) -> Table:
    """What validation found, without naming patients (frame of `analysis.validate.summary`)."""
    rows = [
        (str(row["severity"]), str(row["rule"]), str(row["count"]), str(row["message"]))
        for _, row in summary.iterrows()
    ]
    note = "" if rows else "Nothing was found."
    return Table("Findings", ("severity", "rule", "count", "what was found"), tuple(rows), note,
                 (1, 3))  # fmt: skip


def account_table(trial: Trial) -> Table:
    """Where every row and value of the input went."""
    numbers = _shown(trial.account, trial.study.minimum_count)
    rows = [
        (str(r["file"]), f"{r['item']}s", str(r["step"]), str(r["reason"] or ""), count(numbers[place]))
        for place, r in trial.account.iterrows()
    ]
    note = "In = set aside + used, for each file and item."
    note += f" {HIDDEN}" if numbers.isna().any() else ""
    columns = ("file", "counted", "step", "reason", "n")
    return Table("Account of the input", columns, tuple(rows), note, (1, 2, 3))


def _shown(account: pd.DataFrame, minimum: int) -> pd.Series:
    """Numbers of the account, those of few patients missing; rows and values are no patients."""
    shown = account["n"].astype("Int64")
    patients = account[account["item"] == "patient"]
    for _, part in patients.groupby("file", sort=False):
        aside = part.loc[part["step"] == "set aside", "n"]
        shown[aside.index] = without_few(aside, minimum)
        # One reason alone would be what came in less what is used.
        if len(aside) == 1 and shown[aside.index].isna().any():
            shown[part.index[part["step"] == "in"]] = pd.NA
    return shown
