"""A finding while it is being made: a mapping with the keys of a findings frame."""

from __future__ import annotations

from typing import Any

from analysis.schema import Severity

Finding = dict[str, Any]

# Longest piece of a file that is repeated in a message.
MAX_SHOWN = 60


def finding(
    rule: str,
    severity: Severity,
    message: str,
    *,
    file: str = "",
    row: int | None = None,
    column: str = "",
    patient: str = "",
    visit: str = "",
    value: object = "",
) -> Finding:
    """One problem: what is wrong and what to do in `message`, where in the other fields.

    `row` is the row as a spreadsheet numbers it (the header is row 1).
    """
    return {
        "rule": rule, "severity": severity, "file": file, "row": row, "column": column,
        "patient": patient, "visit": visit, "value": shorten(str(value)), "message": message,
    }  # fmt: skip


def printable(text: str) -> str:
    """Text in one line, with every character that could steer a terminal escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shorten(text: str) -> str:
    """Text cut to `MAX_SHOWN` printable characters."""
    safe = printable(text[: MAX_SHOWN + 1])
    return safe if len(safe) <= MAX_SHOWN else safe[: MAX_SHOWN - 3] + "..."


def quoted(value: object) -> str:
    """A value from a file, in quotes and shortened."""
    return f"'{shorten(str(value))}'"


def listed(values: list[str] | tuple[str, ...], limit: int = 12) -> str:
    """Values in quotes, joined; the rest counted when there are more than `limit`."""
    shown = ", ".join(quoted(value) for value in values[:limit])
    more = len(values) - limit
    return f"{shown} and {more} more" if more > 0 else shown
