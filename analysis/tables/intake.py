"""What came in and what was found in it."""

from __future__ import annotations

import pandas as pd

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
    rows = [
        (str(r["file"]), f"{r['item']}s", str(r["step"]), str(r["reason"] or ""), f"{int(r['n']):,}")
        for _, r in trial.account.iterrows()
    ]
    note = "In = set aside + used, for each file and item."
    columns = ("file", "counted", "step", "reason", "n")
    return Table("Account of the input", columns, tuple(rows), note, (1, 2, 3))
