"""`python -m analysis.draft.check my_study.yml`: the findings about a study, and nothing more."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.errors import ReliefError
from analysis.intake import check_study
from analysis.validate.readable import readable

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: 0 where the study can be analysed, 1 where something has to be mended."""
    options = _parser().parse_args(arguments)
    try:
        findings = check_study(options.study, download=options.download)
    except ReliefError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    print(readable(findings))
    if (findings["severity"] == "error").any():
        print(f"\nMend the errors, then check again. Nothing was analysed or changed: {options.study}")
        return 1
    print(f"\nNo errors. Next: python3 run.py report {options.study}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="check", description="Say what is wrong with a study file and its data, if anything."
    )
    parser.add_argument("study", type=Path, help="a study file (.yml)")
    parser.add_argument(
        "--download", action="store_true", help="fetch open data that are not on this computer"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
