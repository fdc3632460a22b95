"""`python -m analysis.report [study.yml]`: a report of a study in one folder."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.readers.finding import printable
from analysis.report.build import BUNDLED, build_report
from analysis.report.ending import ended
from analysis.report.site import INDEX_NAME

FAILED = "No report was made. An earlier one is as it was."
STOPPED = "Stopped; an earlier report is as it was."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: 0 for a report, 1 for input that cannot be used, 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)

    def report() -> None:
        folder = build_report(options.study, options.output, download=options.download, say=_say)
        _say(f"The report is in {folder / INDEX_NAME}")

    return ended(report, FAILED, STOPPED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="report", description="Short-term and long-term relief of the therapies of a study."
    )
    parser.add_argument(
        "study", nargs="?", type=Path, default=BUNDLED,
        help="a study file (.yml); the bundled simulated trial when left out",
    )  # fmt: skip
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder of the report; reports/<study> when left out",
    )
    parser.add_argument(
        "--download", action="store_true", help="fetch open data that are not on this computer"
    )
    return parser


def _say(line: str) -> None:
    print(printable(line), flush=True)


if __name__ == "__main__":
    code = main()
    # Python would look through all that it holds, several times, before it ends.
    gc.freeze()
    sys.exit(code)
