"""`python -m analysis.report.compare a b`: which numbers differ between two reports."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.errors import ReliefError
from analysis.report.changes import KEY, Changes, compare_reports

SAME, DIFFERENT, REFUSED = 0, 1, 2
# More lines than these nobody reads; --all gives them.
SHOWN = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: 0 where nothing differs, 1 where something does, 2 for no results."""
    options = _parser().parse_args(arguments)
    try:
        changes = compare_reports(options.before, options.after)
    except ReliefError as error:
        print(f"Nothing was compared.\n{error}", file=sys.stderr)
        return REFUSED
    try:
        print("\n".join(told(changes, None if options.all else SHOWN)), flush=True)
    except BrokenPipeError:
        # Whoever reads the lines has had enough of them; Python must not complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DIFFERENT if changes.any else SAME


def told(changes: Changes, most: int | None = SHOWN) -> list[str]:
    """Say what differs, in lines: the estimates that moved most against their errors first.

    Parameters
    ----------
    changes : Changes
    most : int or None
        So many lines of each kind at most; None for all.
    """
    if not changes.any:
        return [f"Nothing differs: {changes.same:,} estimates are the same in both."]
    estimates = changes.numbers[changes.numbers["number"] == "estimate"]
    others = changes.numbers[changes.numbers["number"] != "estimate"]
    lines = [
        f"Estimates that differ: {len(estimates):,}; other numbers: {len(others):,}; words: "
        f"{len(changes.words):,}. Estimates that appeared: {len(changes.appeared):,}; that vanished: "
        f"{len(changes.vanished):,}; that are the same: {changes.same:,}."
    ]
    if len(estimates):
        lines.append(_largest(estimates))
    for title, frame, line in (
        ("Estimates", _by_size(estimates), _number_line),
        ("Other numbers", _by_size(others), _number_line),
        ("Words", changes.words, _word_line),
        ("Appeared", changes.appeared, _name),
        ("Vanished", changes.vanished, _name),
    ):
        lines += _listed(title, frame, line, most)
    return [_plain(line) for line in lines]


def _largest(estimates: pd.DataFrame) -> str:
    sizes = estimates["in_errors"].abs()
    if sizes.isna().all():
        return "None of these estimates has a standard error to hold the change against."
    return f"The largest change of an estimate is {sizes.max():.2g} of its standard errors."


def _by_size(frame: pd.DataFrame) -> pd.DataFrame:
    sizes = frame["in_errors"].abs().fillna(np.inf)
    return frame.iloc[np.argsort(-sizes.to_numpy(), kind="stable")]


def _listed(
    title: str, frame: pd.DataFrame, line: Callable[[pd.Series], str], most: int | None
) -> list[str]:
    if frame.empty:
        return []
    shown = frame if most is None else frame.head(most)
    lines = ["", title, *[f"  {line(row)}" for _, row in shown.iterrows()]]
    if len(shown) < len(frame):
        lines.append(f"  ... and {len(frame) - len(shown):,} more (--all shows them)")
    return lines


def _name(row: pd.Series) -> str:
    parts = [str(row[name]) for name in KEY if name != "comparator" and str(row[name])]
    against = f" against {row['comparator']}" if row["comparator"] else ""
    return ", ".join(parts) + against


def _number_line(row: pd.Series) -> str:
    before, after = (_shown(row[name]) for name in ("before", "after"))
    errors = row["in_errors"]
    size = "" if pd.isna(errors) else f" ({errors:+.2g} standard errors)"
    return f"{_name(row)}: {row['number']} {before} -> {after}{size}"


def _word_line(row: pd.Series) -> str:
    return f"{_name(row)}: {row['word']} {row['before']!r} -> {row['after']!r}"


def _shown(value: float) -> str:
    return "none" if pd.isna(value) else f"{value:.6g}"


def _plain(line: str) -> str:
    """Without characters that would steer a terminal: labels are the users' own."""
    return "".join(sign if sign.isprintable() else "?" for sign in line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="compare", description="Which numbers differ between two reports, and by how much."
    )
    for name, which in (("before", "the earlier"), ("after", "the later")):
        parser.add_argument(
            name, type=Path, help=f"{which} report's folder, its results.csv or its results.json"
        )
    parser.add_argument("--all", action="store_true", help="every line, however many")
    return parser


if __name__ == "__main__":
    sys.exit(main())
