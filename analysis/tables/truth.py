"""Estimates of a simulated trial beside what is true."""

from __future__ import annotations

import pandas as pd

from analysis.tables.numerals import digits_for, number, with_interval
from analysis.tables.relief import in_words
from analysis.tables.table import Table


def truth_table(frame: pd.DataFrame, truth: pd.DataFrame) -> Table:
    """Estimate beside the true value of a simulated trial, and whether the interval holds it."""
    key = ["measure", "quantity", "horizon", "therapy", "comparator", "visit"]
    wanted = frame[(frame["analysis"] == "main") & frame["quantity"].isin(["relief", "loss", "retention"])]
    wanted = wanted[(wanted["horizon"] != "") | (wanted["quantity"] != "relief")]
    known = truth[truth["quantity"].isin(["relief", "loss", "retention"])]
    merged = wanted.merge(known[[*key, "estimate"]], on=key, suffixes=("", "_true"))
    usual = digits_for(merged)
    rows = []
    for _, row in merged[merged["comparator"] != ""].iterrows():
        what = in_words(row["quantity"], row["horizon"])
        digits = 2 if row["quantity"] == "retention" else usual
        held = _holds(row)
        rows.append((row["therapy"], what, with_interval(row, digits),
                     number(row["estimate_true"], digits),
                     "" if held is None else "yes" if held else "no"))  # fmt: skip
    columns = ("therapy", "what", "estimate (interval)", "truth", "interval holds it")
    return Table("Estimate and truth (simulated)", columns, tuple(rows), words=(1, 4))


def _holds(row: pd.Series) -> bool | None:
    if pd.isna(row["estimate"]) or pd.isna(row["estimate_true"]):
        return None
    if "whole line" in row["method"]:
        return True
    if "complement" in row["method"]:
        return bool(row["estimate_true"] <= row["conf_high"] or row["estimate_true"] >= row["conf_low"])
    return bool(row["conf_low"] <= row["estimate_true"] <= row["conf_high"])
