"""Findings as text for the person who ran the analysis, and as counts for a report."""

from __future__ import annotations

import pandas as pd

from analysis.readers.finding import printable
from analysis.schema import SEVERITIES
from analysis.validate.rules import RULES

# Examples of a rule that are written out; the others are counted.
MAX_EXAMPLES = 20
# Different messages of a rule that a report repeats before it says how many there are.
MAX_MESSAGES = 5


def readable(findings: pd.DataFrame) -> str:
    """Findings as text for a terminal, grouped by rule, errors first.

    It names rows and patients, so it is for the person who holds the data and belongs in no report.

    Parameters
    ----------
    findings : DataFrame
        Columns `analysis.schema.FINDING_COLUMNS`.
    """
    if findings.empty:
        return "Nothing was found."
    lines = [counted(findings)]
    for severity in SEVERITIES:
        part = findings[findings["severity"] == severity]
        for rule, group in part.groupby("rule", sort=False):
            lines += ["", f"{severity}: {rule} ({len(group)}). {RULES.get(str(rule), '')}".rstrip()]
            for line in group.head(MAX_EXAMPLES).itertuples():
                lines.append(f"  {printable(_place(line) + str(line.message))}")
            if len(group) > MAX_EXAMPLES:
                lines.append(f"  and {len(group) - MAX_EXAMPLES} more")
    return "\n".join(lines)


def counted(findings: pd.DataFrame) -> str:
    """How many findings there are of each severity: "2 errors, 1 warning"."""
    counts = findings["severity"].value_counts()
    named = [(int(counts.get(severity, 0)), severity) for severity in SEVERITIES]
    return ", ".join(f"{n} {s}{'' if n == 1 else 's'}" for n, s in named if n) or "no findings"


def summary(findings: pd.DataFrame) -> pd.DataFrame:
    """Findings counted by rule, without rows, patients or values: what a report may show.

    Returns
    -------
    pandas.DataFrame
        `rule`, `severity`, `count` (int64) and `message`: the messages themselves where they are
        about a whole file, column, arm or visit, and what the rule is about where a patient or a
        row is named.
    """
    lines: list[tuple[str, str, int, str]] = []
    for severity in SEVERITIES:
        part = findings[findings["severity"] == severity]
        for rule, group in part.groupby("rule", sort=False):
            named = group["patient"].ne("").any() or group["row"].notna().any()
            messages = list(dict.fromkeys(group["message"]))
            text = RULES.get(str(rule), "")
            if not named and len(messages) <= MAX_MESSAGES:
                text = " ".join(messages)
            lines.append((str(rule), severity, len(group), text))
    columns = ("rule", "severity", "count", "message")
    types = ("str", "str", "int64", "str")
    return pd.DataFrame(
        {
            name: pd.Series([line[place] for line in lines], dtype=kind)
            for place, (name, kind) in enumerate(zip(columns, types, strict=True))
        }
    )


def _place(line: object) -> str:
    """File, row, column, patient, visit and value, as far as they are known."""
    row = getattr(line, "row", None)
    parts = [
        getattr(line, "file", ""),
        "" if pd.isna(row) else f"row {row}",
        *(
            f"{word} {getattr(line, name)}" if getattr(line, name) else ""
            for word, name in (
                ("column", "column"), ("patient", "patient"), ("visit", "visit"),
                ("value", "value"),
            )
        ),
    ]  # fmt: skip
    place = ", ".join(part for part in parts if part)
    return f"{place}: " if place else ""
