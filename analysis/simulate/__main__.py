"""Make the simulated files again: python -m analysis.simulate data/simulated, --examples too."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.simulate.bundled import BUNDLED_SEED, bundled_scenario
from analysis.simulate.export import EXPORTERS, export_examples
from analysis.simulate.generate import simulate
from analysis.simulate.write import write_trial


def main() -> None:
    """Write the bundled trial, or the examples of exports, to a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.simulate", description="Make the bundled simulated trial."
    )
    parser.add_argument("folder", type=Path, help="where to write it, for example data/simulated")
    parser.add_argument(
        "--examples", action="store_true",
        help="write the examples of exports instead (they are kept in data/examples)",
    )  # fmt: skip
    options = parser.parse_args()
    folder = options.folder
    if options.examples:
        export_examples(folder)
        print(f"Exports of a small simulated trial written to {folder.as_posix()}: "
              f"{', '.join(EXPORTERS)}.")  # fmt: skip
        return
    trial = simulate(bundled_scenario(), seed=BUNDLED_SEED)
    write_trial(trial, folder)
    print(f"Simulated trial of {len(trial.patients)} patients written to {folder.as_posix()}.")


if __name__ == "__main__":
    main()
