"""Which numbers differ between two reports, and by how much."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import ReliefError
from analysis.report.ard import COLUMN_OF
from analysis.schema import RESULT_COLUMNS, RESULT_COUNTS, RESULT_NUMBERS

RESULTS_NAME = "results.csv"
# What tells one estimate from all others of a report.
KEY = ("analysis", "estimand", "measure", "quantity", "horizon", "therapy", "comparator", "visit")
NUMBERS = tuple(name for name in (*RESULT_NUMBERS, *RESULT_COUNTS) if name != "week")
WORDS = ("week", "method", "note")
QUOTED = r"^'(?=[=+\-@\t\r])"
# Files hold eight significant digits; the last of them is rounded.
ROUNDING = 1e-7


@dataclass(frozen=True, slots=True)
class Changes:
    """How one report differs from an earlier one.

    Attributes
    ----------
    numbers : pandas.DataFrame
        A row per number that differs: the columns of `KEY`, `number` (estimate, std_error, ...),
        `before`, `after`, `difference`, `in_errors`: the difference divided by the earlier standard
        error, NaN where there is none. A number that is missing in one report is NaN there.
    words : pandas.DataFrame
        The same for the week, the method and the note: `word`, `before`, `after`.
    appeared, vanished : pandas.DataFrame
        Keys of estimates that only the later, only the earlier report has.
    same : int
        Estimates that are in both and do not differ.
    """

    numbers: pd.DataFrame
    words: pd.DataFrame
    appeared: pd.DataFrame
    vanished: pd.DataFrame
    same: int

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return any(len(part) for part in (self.numbers, self.words, self.appeared, self.vanished))


def compare_reports(before: Path, after: Path) -> Changes:
    """Compare the results of two reports.

    Parameters
    ----------
    before, after : Path
        A report's folder, its results.csv or its results.json.

    Raises
    ------
    ReliefError
        There are no results there, or they cannot be read.
    """
    return compare_results(read_results(before), read_results(after))


def compare_results(before: pd.DataFrame, after: pd.DataFrame, tolerance: float = ROUNDING) -> Changes:
    """Compare two result frames.

    Parameters
    ----------
    before, after : pandas.DataFrame
        Result frames (`analysis.schema.RESULT_COLUMNS`); not changed.
    tolerance : float
        Relative difference up to which two numbers are the same.
    """
    old, new = _keyed(before), _keyed(after)
    shared = old.index[old.index.isin(new.index)]
    ours, theirs = old.loc[shared], new.loc[shared]
    numbers = [_numbers(ours, theirs, name, tolerance) for name in NUMBERS]
    words = [_words(ours, theirs, name) for name in WORDS]
    changed = pd.concat([part.index.to_series() for part in (*numbers, *words)])
    return Changes(
        numbers=_in_order(numbers, shared),
        words=_in_order(words, shared),
        appeared=_keys(new.index[~new.index.isin(old.index)]),
        vanished=_keys(old.index[~old.index.isin(new.index)]),
        same=len(shared) - changed.nunique(),
    )


def read_results(place: Path) -> pd.DataFrame:
    """Result frame of a report, from its folder, its results.csv or its results.json.

    Raises
    ------
    ReliefError
        There are no results there, or they cannot be read.
    """
    path = place / RESULTS_NAME if place.is_dir() else place
    try:
        if path.suffix.lower() == ".json":
            frame = _from_json(json.loads(path.read_text(encoding="utf-8")))
        else:
            frame = pd.read_csv(path, encoding="utf-8", keep_default_na=False, dtype="str")
            # The apostrophe by which `write_results` keeps a spreadsheet from running a label.
            frame = frame.apply(lambda column: column.str.replace(QUOTED, "", regex=True))
        missing = [name for name in RESULT_COLUMNS if name not in frame]
        if missing:
            raise ReliefError(
                f"{path.name} has no column {missing[0]!r}, so it holds no results of a report. Name "
                "a report's folder, its results.csv or its results.json."
            )
        for name in (*RESULT_NUMBERS, *RESULT_COUNTS):
            frame[name] = pd.to_numeric(frame[name].mask(frame[name] == "")).astype(float)
    except OSError as error:
        raise ReliefError(
            f"{path} cannot be read: {error.strerror}. Name a report's folder, its results.csv or its "
            "results.json."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReliefError(
            f"{path.name} holds no results of a report ({type(error).__name__}: {error}). Name a "
            "report's folder, its results.csv or its results.json."
        ) from None
    return frame[list(RESULT_COLUMNS)]


def _from_json(content: dict[str, Any]) -> pd.DataFrame:
    rows = []
    for one in content["results"]:
        row = {
            "analysis": one["analysis"], "estimand": one["estimand"], "measure": one["variable"],
            "quantity": one["context"], "horizon": one["horizon"], "therapy": one["group1_level"],
            "comparator": one["group2_level"] or "", "visit": one["visit"], "week": one["week"],
            "method": one["method"], "note": one["warning"] or one["error"] or "",
        }  # fmt: skip
        row |= {COLUMN_OF[stat["stat_name"]]: stat["stat"] for stat in one["stats"]}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(RESULT_COLUMNS)).astype({"week": float})


def _keyed(frame: pd.DataFrame) -> pd.DataFrame:
    """By the key, with a running number where several rows share one."""
    number = frame.groupby(list(KEY), sort=False, dropna=False).cumcount()
    return frame.assign(_number=number).set_index([*KEY, "_number"])


def _numbers(old: pd.DataFrame, new: pd.DataFrame, name: str, tolerance: float) -> pd.DataFrame:
    before, after = (frame[name].to_numpy(dtype=float, na_value=np.nan) for frame in (old, new))
    differs = ~np.isclose(before, after, rtol=tolerance, atol=0, equal_nan=True)
    found = pd.DataFrame({"number": name, "before": before, "after": after}, index=old.index)[differs]
    errors = old["std_error"].to_numpy(dtype=float, na_value=np.nan)[differs]
    found["difference"] = found["after"] - found["before"]
    with np.errstate(divide="ignore", invalid="ignore"):
        found["in_errors"] = found["difference"].to_numpy() / errors
    return found


def _words(old: pd.DataFrame, new: pd.DataFrame, name: str) -> pd.DataFrame:
    before, after = (frame[name].astype(object).fillna("").astype(str) for frame in (old, new))
    found = pd.DataFrame({"word": name, "before": before, "after": after}, index=old.index)
    return found[before.to_numpy() != after.to_numpy()]


def _in_order(parts: list[pd.DataFrame], order: pd.MultiIndex) -> pd.DataFrame:
    """Rows of all parts in the order of the report, the key as columns."""
    joined = pd.concat(parts)
    place = pd.Series(range(len(order)), index=order)
    joined = joined.iloc[np.argsort(place.loc[joined.index].to_numpy(), kind="stable")]
    return joined.reset_index().drop(columns="_number")


def _keys(index: pd.MultiIndex) -> pd.DataFrame:
    return index.to_frame(index=False)[list(KEY)]
