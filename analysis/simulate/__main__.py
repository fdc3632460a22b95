"""Make the bundled trial again: python -m analysis.simulate data/simulated."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.simulate.bundled import BUNDLED_SEED, bundled_scenario
from analysis.simulate.generate import simulate
from analysis.simulate.write import write_trial


def main() -> None:
    """Write the bundled trial to the folder named on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.simulate", description="Make the bundled simulated trial."
    )
    parser.add_argument("folder", type=Path, help="where to write it, for example data/simulated")
    folder = parser.parse_args().folder
    trial = simulate(bundled_scenario(), seed=BUNDLED_SEED)
    write_trial(trial, folder)
    print(f"Simulated trial of {len(trial.patients)} patients written to {folder.as_posix()}.")


if __name__ == "__main__":
    main()
