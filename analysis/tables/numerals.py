"""Numbers as shown: one rounding for every table and figure."""

from __future__ import annotations

from typing import SupportsInt

import pandas as pd

HIDDEN = "hidden: fewer patients than may be told, or a number from which that could be worked out."
# Width of an interval, in units of the scale, below which one decimal says too little.
NARROW = 0.5


def number(value: float, digits: int = 1) -> str:
    """A number as shown: fixed digits, a true minus sign, no negative zero, empty when missing."""
    if pd.isna(value):
        return ""
    text = f"{round(float(value), 9):.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def count(n: SupportsInt | None) -> str:
    """A number of patients, or "hidden" where it may not be told."""
    return "hidden" if n is None or pd.isna(n) else f"{int(n):,}"


def p_value(value: float) -> str:
    """A p-value to three decimals, or <0.001."""
    if pd.isna(value):
        return ""
    return "<0.001" if value < 0.001 else f"{round(float(value), 9):.3f}"


def percent(level: float) -> str:
    """A level of confidence, as 95 %."""
    return f"{100 * level:g} %"


def with_interval(row: pd.Series, digits: int = 1) -> str:
    """`estimate (low to high)`, in words where it is not an interval."""
    if pd.isna(row["estimate"]):
        return "not estimable"
    estimate = number(row["estimate"], digits)
    if "whole line" in row["method"]:
        return f"{estimate} (any value)"
    low, high = number(row["conf_low"], digits), number(row["conf_high"], digits)
    if "complement" in row["method"]:
        return f"{estimate} (up to {high}, or {low} and more)"
    return f"{estimate} ({low} to {high})" if low and high else estimate


def digits_for(frame: pd.DataFrame) -> int:
    """Decimals for relief: one, or two where one would say too little.

    That is where intervals are narrow, or where an end that is not zero would be shown as zero, and
    so an interval that holds zero would look as if it did not, or the other way round.
    """
    relief = frame[frame["quantity"].isin(["relief", "loss"])]
    ends = relief[["conf_low", "conf_high"]].dropna()
    if ends.empty:
        return 1
    hidden = ((ends != 0) & (ends.abs() < 0.05)).any(axis=None)
    narrow = (ends["conf_high"] - ends["conf_low"]).median() < NARROW
    return 2 if hidden or narrow else 1
