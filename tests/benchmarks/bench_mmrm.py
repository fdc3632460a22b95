"""Time and memory of the repeated-measures engine, statsmodels' MixedLM beside it.

    python tests/benchmarks/bench_mmrm.py            everything
    python tests/benchmarks/bench_mmrm.py --small    without the million patients

Prints the table of README.md. FEV and BCVA need the folder of real data (PAIN_DATA, or
../shared/data).
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

PACKAGES = ("numpy", "scipy", "pandas", "formulaic", "statsmodels")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from analysis.mmrm import MMRM  # noqa: E402

TRIAL = "y ~ base * visit + arm * visit"
FEV = "FEV1 ~ RACE + SEX + ARMCD * AVISIT"
BCVA = "BCVA_CHG ~ BCVA_BL + RACE + ARMCD * AVISIT"
ALONE = "--measure"
TARGETS = {50_000: "0.4 s", 200_000: "1.5 s", 1_000_000: "6 s, 2 GB"}


def trial(patients: int, visits: int = 4, seed: int = 20240229) -> pd.DataFrame:
    """Three arms, a baseline, four visits, 2 to 20 % of values missing at random."""
    rng = np.random.default_rng(seed)
    base, arm = rng.normal(6, 1.4, patients), np.arange(patients) % 3
    root = np.linalg.cholesky(0.5 + 0.5 * np.eye(visits))
    y = 0.4 * base[:, None] - 0.3 * arm[:, None] + rng.standard_normal((patients, visits)) @ root.T
    y[rng.random(y.shape) < np.linspace(0.02, 0.2, visits)] = np.nan
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(patients), visits),
            "visit": pd.Categorical.from_codes(
                np.tile(np.arange(visits), patients), ["w04", "w12", "w26", "w52"]
            ),
            "arm": pd.Categorical.from_codes(np.repeat(arm, visits), ["usual", "sham", "active"]),
            "base": np.repeat(base, visits),
            "y": y.ravel(),
        }
    )


def ours(
    data: pd.DataFrame, formula: str, subject: str, visit: str, arm: str, **inference: str
) -> Callable[[], object]:
    """Data frame to LS means with contrasts, every coefficient with its degrees of freedom."""

    def run() -> object:
        fit = MMRM.from_formula(formula, data, subject=subject, visit=visit).fit(**inference)
        return fit.df, fit.lsmeans(arm, by=visit).contrast()

    return run


def left_out(data: pd.DataFrame, formula: str, subject: str, visit: str) -> Callable[[], object]:
    """A refit without each patient, from the statistics of all."""
    return lambda: list(
        MMRM.from_formula(formula, data, subject=subject, visit=visit).leave_one_out()
    )


def peer(data: pd.DataFrame, formula: str, subject: str) -> Callable[[], object]:
    """MixedLM with a random intercept: a simpler covariance, normal intervals, no LS means."""
    import statsmodels.formula.api as smf

    complete = data.dropna()

    def run() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return smf.mixedlm(formula, complete, groups=complete[subject]).fit(reml=True)

    return run


def best(run: Callable[[], object], times: int) -> tuple[float, float]:
    """Shortest wall-clock and processor time of several runs, in seconds; a run before does not
    count.

    The processor time is the one to compare where other jobs share the machine.
    """
    if times > 1:
        run()
    taken = []
    for _ in range(times):
        start = time.perf_counter(), time.process_time()
        run()
        taken.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return min(wall for wall, _ in taken), min(cpu for _, cpu in taken)


def peak_gigabytes() -> float | None:
    """Largest resident memory of this process so far; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def real(name: str) -> pd.DataFrame | None:
    """A reference data set, or None where the folder of real data is absent."""
    folder = Path(os.environ.get("PAIN_DATA", ROOT.parent / "shared" / "data")) / "reference"
    return pd.read_csv(folder / name) if (folder / name).exists() else None


def line(
    what: str, taken: tuple[float, float], target: str = "", memory: float | None = None
) -> None:
    """One row of the table."""
    wall, cpu = (f"{1000 * s:.1f} ms" if s < 1 else f"{s:.1f} s" for s in taken)
    shown = "" if memory is None else f"{memory:.1f} GB"
    print(f"| {what} | {wall} | {cpu} | {shown} | {target} |", flush=True)


def measure_trial(patients: int) -> None:
    """One size of trial, in a process of its own so that its memory is its own."""
    data = trial(patients)
    taken = best(ours(data, TRIAL, "id", "visit", "arm"), 3 if patients <= 50_000 else 1)
    target = TARGETS.get(patients, "")
    line(f"{patients:,} patients, to LS means", taken, target, peak_gigabytes())


def main(small: bool) -> None:
    """Measure and print."""
    versions = [f"{name} {version(name)}" for name in PACKAGES]
    print(f"{platform.system()}, {platform.python_implementation()} {platform.python_version()}, "
          f"{os.cpu_count()} cores; {', '.join(versions)}\n")  # fmt: skip
    print("| what | wall clock | processor | peak memory | target |")
    print("| --- | --- | --- | --- | --- |")
    if (fev := real("fev_data.csv")) is not None:
        asked = (fev, FEV, "USUBJID", "AVISIT", "ARMCD")
        line("FEV, Satterthwaite", best(ours(*asked), 20), "10 ms")
        line("FEV, Kenward-Roger", best(ours(*asked, df="kenward-roger"), 20), "12 ms")
        all_of_them = best(left_out(*asked[:4]), 2)
        patients = fev.dropna(subset=["FEV1"])["USUBJID"].nunique()
        each = all_of_them[0] / patients, all_of_them[1] / patients
        line("FEV, a refit without one patient", each, "2 ms")
        line("FEV, statsmodels MixedLM", best(peer(fev, FEV, "USUBJID"), 3))
    if (bcva := real("bcva_data.csv")) is not None:
        asked = (bcva, BCVA, "USUBJID", "AVISIT", "ARMCD")
        line("BCVA, Satterthwaite", best(ours(*asked), 3), "0.1 s")
        line("BCVA, Kenward-Roger", best(ours(*asked, df="kenward-roger"), 3), "0.2 s")
        line("BCVA, CR2 with Bell-McCaffrey", best(ours(*asked, vcov="CR2"), 3), "0.5 s")
        line("BCVA, statsmodels MixedLM", best(peer(bcva, BCVA, "USUBJID"), 1))
    line("5,000 patients, statsmodels MixedLM", best(peer(trial(5_000), TRIAL, "id"), 1))
    for patients in (5_000, 50_000) if small else (5_000, 50_000, 200_000, 1_000_000):
        subprocess.run([sys.executable, __file__, ALONE, str(patients)], check=True)


if __name__ == "__main__":
    if ALONE in sys.argv:
        measure_trial(int(sys.argv[-1]))
    else:
        main("--small" in sys.argv)
