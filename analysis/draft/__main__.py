"""`python -m analysis.draft my_data.xlsx`: a study file to start from, beside the data."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.draft.study import Draft, draft_study
from analysis.errors import ReliefError
from analysis.readers.finding import printable

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: 0 for a draft, 1 for data that cannot be read or a file that is there."""
    options = _parser().parse_args(arguments)
    try:
        draft = draft_study(
            options.data, patients=options.patients, dictionary=options.dictionary,
            sheet=int(options.sheet) if (options.sheet or "").isdecimal() else options.sheet,
            output=options.output,
        )  # fmt: skip
    except ReliefError as error:
        print(f"No study file was written.\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    print(said(draft))
    return 0


def said(draft: Draft) -> str:
    """What to tell the person who asked for a draft."""
    lines = [f"A study file to start from is in {draft.path}", ""]
    lines += [f"{len(draft.questions)} questions stand in it as comments:"]
    lines += [f"  {n}. {printable(text)}" for n, text in enumerate(draft.questions, start=1)]
    if draft.problem:
        lines += ["", "It cannot be used before some of them are answered:"]
        lines += [f"  {printable(line.strip())}" for line in draft.problem.splitlines()[1:]]
    lines += ["", f"Answer them in the file, then: python3 run.py check {draft.path}"]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="draft", description="Write a study file to start from, by a look at a data file."
    )
    parser.add_argument("data", type=Path, help="the data file (CSV, Excel, SPSS, SAS, ...)")
    parser.add_argument("--patients", type=Path, metavar="FILE", help="a file with one row a patient")
    parser.add_argument(
        "--dictionary", type=Path, metavar="FILE", help="the data dictionary of a REDCap export"
    )
    parser.add_argument(
        "--sheet", metavar="NAME",
        help="sheet of a workbook, by name or number (the first when left out), or data frame of a file of R",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE",
        help="the study file; beside the data, with their name and .yml, when left out",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
