"""Error rates of the engine's methods in trials with 10 patients an arm, by simulation.

    python tests/simulation/small_arms.py                  10,000 trials a setting, two processes
    python tests/simulation/small_arms.py --trials 400     quicker
    python tests/simulation/small_arms.py --write          put the table into docs/methods.md

Each trial is generated from its own seed, so the table does not depend on the number of processes.
Trials that the engine refuses are counted and stand in the table; they are left out of the rates.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
# One thread a process: the matrices are small.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from scipy import special  # noqa: E402

from analysis.errors import ConvergenceWarning, ModelError  # noqa: E402
from analysis.mmrm import MMRM  # noqa: E402

SEED = 20240229
TRIALS = 10_000
PATIENTS, VISITS = 10, ("w02", "w06", "w12", "w26")
FORMULA = "pain ~ therapy * visit"
LAST = {"therapy[T.active]": 1.0, "therapy[T.active]:visit[T.w26]": 1.0}
LEVEL = 0.95
SPREAD = np.array([1.6, 1.9, 2.1, 2.2])
CORRELATION = 0.75 ** np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
ROOT_OF_SIGMA = np.linalg.cholesky(CORRELATION * np.outer(SPREAD, SPREAD))
COURSE = np.array([5.5, 5.0, 4.7, 4.6])
# Odds of leaving after a visit: those whose pain stands one standard deviation above the course are
# 2.2 times as likely to leave. The intercept makes 20 % of patients leave before the last visit.
LEAVING, WORSE = -2.8, 0.8
# Difference at the last visit in the two settings: none, and about one standard deviation.
DIFFERENCES = {"no difference": 0.0, "difference of 2 points": -2.0}
METHODS = (
    "Kenward-Roger", "Satterthwaite", "CR2 with Bell-McCaffrey",
    "model-based, residual df", "model-based, normal",
)  # fmt: skip
START, END = "<!-- table of tests/simulation/small_arms.py -->", "<!-- end of table -->"


@dataclass(frozen=True)
class Counted:
    """What became of the trials of one setting.

    Attributes
    ----------
    difference : float
        True difference at the last visit.
    estimates : ndarray, shape (trials used,)
    std_errors, margins : ndarray, shape (trials used, methods)
        Standard errors, and half widths of the intervals.
    lost : float
        Share of patients without a value at the last visit.
    refused : Counter
        Trials without a fit, by the first words of the reason.
    stopped : int
        Trials used although the search ended with a warning.
    """

    difference: float
    estimates: np.ndarray
    std_errors: np.ndarray
    margins: np.ndarray
    lost: float
    refused: Counter[str]
    stopped: int

    @property
    def trials(self) -> int:
        """Trials with a fit."""
        return len(self.estimates)

    def rates(self, value: float) -> np.ndarray:
        """Share of intervals, by method, that hold `value`."""
        return (np.abs(self.estimates[:, None] - value) <= self.margins).mean(axis=0)


def monte_carlo_error(rate: np.ndarray | float, trials: int) -> np.ndarray | float:
    """Standard error of a rate found in that many trials."""
    return np.sqrt(rate * (1 - rate) / trials)


def trial(difference: float, number: int, seed: int = SEED) -> pd.DataFrame:
    """One trial: two arms, four visits, patients leaving by their last observed pain."""
    rng = np.random.default_rng([seed, number])
    n = 2 * PATIENTS
    active = np.arange(n) % 2
    noise = rng.standard_normal((n, len(VISITS))) @ ROOT_OF_SIGMA.T
    growing = difference * np.array([0.25, 0.5, 0.75, 1.0])
    pain = COURSE + active[:, None] * growing + noise
    odds = LEAVING + WORSE * (pain - COURSE) / SPREAD
    leaves = rng.random((n, len(VISITS))) < special.expit(odds)
    gone = np.cumsum(leaves, axis=1) > 0
    pain[:, 1:][gone[:, :-1]] = np.nan
    return pd.DataFrame(
        {
            "patient": np.repeat(np.arange(n), len(VISITS)),
            "visit": pd.Categorical.from_codes(np.tile(np.arange(len(VISITS)), n), list(VISITS)),
            "therapy": pd.Categorical.from_codes(
                np.repeat(active, len(VISITS)), ["control", "active"]
            ),
            "pain": pain.ravel(),
        }
    )


def analysed(difference: float, number: int) -> tuple[list[float], list[float], float, bool] | str:
    """Standard errors and degrees of freedom by method, the estimate, and whether it converged.

    A refused trial gives the reason.
    """
    data = trial(difference, number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            model = MMRM.from_formula(FORMULA, data, subject="patient", visit="visit")
            fits = [model.fit(df="kenward-roger"), model.fit(), model.fit(vcov="CR2")]
        except ModelError as error:
            return str(error)
    rows = [fit.contrast({"last": LAST}) for fit in fits]
    errors = [float(row.std_error[0]) for row in rows]
    freedom = [float(row.df[0]) for row in rows]
    plain, values = errors[1], fits[1].nobs - len(fits[1].params)
    return (
        [*errors, plain, plain], [*freedom, float(values), np.inf],
        float(rows[0].estimate[0]), fits[0].converged,
    )  # fmt: skip


def lost_share(difference: float, number: int) -> float:
    """Share of patients without a value at the last visit."""
    data = trial(difference, number)
    return float(data.loc[data["visit"] == VISITS[-1], "pain"].isna().mean())


def simulate(difference: float, trials: int, processes: int = 1) -> Counted:
    """Analyse trials of one setting."""
    work = partial(analysed, difference)
    numbers = range(trials)
    if processes == 1:
        found = [work(number) for number in numbers]
    else:
        with ProcessPoolExecutor(processes) as pool:
            found = list(pool.map(work, numbers, chunksize=100))
    kept = [one for one in found if not isinstance(one, str)]
    errors, freedom, estimates, converged = map(np.array, zip(*kept, strict=True))
    refused = Counter(" ".join(one.split()[:4]) for one in found if isinstance(one, str))
    lost = float(np.mean([lost_share(difference, k) for k in range(min(trials, 1000))]))
    quantile = np.where(
        np.isinf(freedom), special.ndtri((1 + LEVEL) / 2),
        special.stdtrit(np.where(np.isinf(freedom), 1.0, freedom), (1 + LEVEL) / 2),
    )  # fmt: skip
    return Counted(
        difference, estimates, errors, errors * quantile, lost, refused, int((~converged).sum())
    )


def table(none: Counted, some: Counted) -> str:
    """Type I error and coverage by method, as Markdown with Monte-Carlo errors."""
    wrong, holds = 1 - none.rates(0.0), some.rates(some.difference)
    truth = some.estimates.std(ddof=1)
    ratio = some.std_errors.mean(axis=0) / truth
    lines = [
        "| method | type I error at 5 % | coverage of 95 % intervals | mean SE / true SE |",
        "|---|---|---|---|",
    ]
    for k, name in enumerate(METHODS):
        first = monte_carlo_error(wrong[k], none.trials)
        second = monte_carlo_error(holds[k], some.trials)
        lines.append(
            f"| {name} | {100 * wrong[k]:.2f} % (± {100 * first:.2f}) "
            f"| {100 * holds[k]:.2f} % (± {100 * second:.2f}) | {ratio[k]:.3f} |"
        )
    return "\n".join(lines)


def words(none: Counted, some: Counted, trials: int) -> str:
    """What was simulated, in sentences, from the numbers."""
    refused = none.refused + some.refused
    told = "; ".join(f"{count} × “{reason} …”" for reason, count in sorted(refused.items()))
    return (
        f"{trials:,} trials in each of two settings, seed {SEED}: {PATIENTS} patients an arm, "
        f"{len(VISITS)} visits, unstructured covariance, model `{FORMULA}`; patients leave by their "
        f"last observed pain (missing at random), {100 * none.lost:.0f} % before the last visit. Type "
        "I error is that of the test of no difference at the last visit, where there is none; "
        f"coverage is that of the interval for it, where it is {some.difference:g}. In brackets the "
        "Monte-Carlo standard error. Refused by the engine: "
        f"{sum(refused.values())} of {2 * trials:,} trials{f' ({told})' if told else ''}; ended with "
        f"a warning: {none.stopped + some.stopped}."
    )


def into_page(page: str, block: str) -> str:
    """The page with what stands between the two marks replaced."""
    before, rest = page.split(START)
    return f"{before}{START}\n\n{block}\n\n{END}{rest.split(END)[1]}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Error rates in trials with 10 patients an arm.")
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--write", action="store_true", help="put the table into docs/methods.md")
    options = parser.parse_args()
    none, some = (
        simulate(value, options.trials, options.processes) for value in DIFFERENCES.values()
    )
    block = f"{words(none, some, options.trials)}\n\n{table(none, some)}"
    print(block)
    if options.write:
        page = ROOT / "docs" / "methods.md"
        page.write_text(into_page(page.read_text(encoding="utf-8"), block), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
