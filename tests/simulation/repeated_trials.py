"""How often intervals hold the truth: the bundled simulated trial, made and analysed 200 times.

    python tests/simulation/repeated_trials.py --write     about six minutes on two cores

Each trial has a seed of its own (1, 2, ...), so results do not depend on the number of processes.
`--write` puts the summary and the estimates of the first trials beside this file, and the table
into docs/methods.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
# One thread a process: the matrices are small.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from known_values import FAILURE, NO_OTHER, ON_TREATMENT, RESPONSE, known_values  # noqa: E402

from analysis.imputation import estimand_relief  # noqa: E402
from analysis.relief import estimate, estimate_relief  # noqa: E402
from analysis.responders import estimate_responders  # noqa: E402
from analysis.simulate import BUNDLED_SEED, bundled_scenario, simulate  # noqa: E402

HERE = Path(__file__).resolve().parent
REPEATS, FEWER = 200, 60
KNOWN_PATIENTS = 400_000
# Trials whose estimates are kept, for exact comparison.
FIRST = 2
DRAWS = 20
LEVEL = 0.95
MIXED, IMPUTED = "mixed model", "conditional mean imputation"
OBSERVED, MULTIPLE, MODEL = "observed cases", "multiple imputation", "model-based"
KEYS = ["estimand", "method", "quantity", "horizon"]
EVERY = "all therapies"
RELIEF = {
    ("relief", "short"): "short", ("relief", "long"): "long", ("loss", ""): "loss",
    ("retention", ""): "retention", ("area", ""): "area",
}  # fmt: skip
RESPONSES = {
    ("risk_difference", "short"): "short", ("risk_difference", "long"): "long",
    ("risk_difference", "sustained"): "both",
}  # fmt: skip
SUMMARY, ESTIMATES = HERE / "repeated_trials.csv", HERE / "repeated_trials_first.csv"
START, END = "<!-- table of tests/simulation/repeated_trials.py -->", "<!-- end of repeated trials -->"


def analysed(seed: int) -> pd.DataFrame:
    """Estimates of one trial by every method: a row a quantity and therapy."""
    trial = simulate(bundled_scenario(), seed=seed, truth_patients=0)
    # Adjustment for several therapies takes most of the time, and is not asked about here.
    with mock.patch.object(estimate, "adjusted_rows", return_value=[]):
        policy = estimate_relief(trial)
        others = [estimate_relief(trial, estimand=name) for name in (NO_OTHER, FAILURE, ON_TREATMENT)]
    parts = [_relief(found.frame, MIXED) for found in (policy, *others)]
    if seed <= FEWER:
        parts.append(_relief(estimand_relief(trial).frame, IMPUTED))
        found = estimate_responders(trial, policy.model, n_draws=DRAWS, seed=seed).frame
        chosen = (found["estimand"] == RESPONSE) & (found["quantity"] == "risk_difference")
        chosen &= found["analysis"].isin([OBSERVED, MULTIPLE, MODEL])
        parts.append(found[chosen].rename(columns={"method": "how", "analysis": "method"}))
    columns = [*KEYS, "therapy", "estimate", "std_error", "conf_low", "conf_high", "how"]
    return pd.concat(parts, ignore_index=True)[columns].assign(seed=seed)


def _relief(frame: pd.DataFrame, method: str) -> pd.DataFrame:
    """Rows against the comparator that have a number."""
    wanted = (frame["analysis"] == "main") & (frame["comparator"] != "")
    wanted &= frame["quantity"].isin(["relief", "loss", "retention", "area"]) & frame["estimate"].notna()
    wanted &= (frame["quantity"] != "relief") | (frame["horizon"] != "")
    # While on treatment ends with the treatment: its area ends earlier too, and has no truth here.
    wanted &= (frame["estimand"] != ON_TREATMENT) | (frame["quantity"] == "relief")
    return frame[wanted].rename(columns={"method": "how"}).assign(method=method)


def simulated(seeds: range, processes: int = 1) -> pd.DataFrame:
    """Estimates of many trials."""
    if processes == 1:
        return pd.concat(map(analysed, seeds), ignore_index=True)
    with ProcessPoolExecutor(processes) as pool:
        return pd.concat(pool.map(analysed, seeds, chunksize=5), ignore_index=True)


def judged(estimates: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Estimates beside the true value, and whether the interval (or Fieller set) holds it."""
    keys = ["estimand", "quantity", "horizon", "therapy"]
    truth = known.rename(columns={"estimate": "truth"})[[*keys, "truth"]]
    both = estimates.merge(truth, on=keys, validate="many_to_one")
    above, below = both["truth"] >= both["conf_low"], both["truth"] <= both["conf_high"]
    how = both["how"]
    holds = np.where(how.str.contains("complement"), above | below, above & below)
    return both.assign(holds=holds | how.str.contains("whole line"))


def summarised(found: pd.DataFrame) -> pd.DataFrame:
    """Bias, errors and coverage of each quantity, by therapy and over all therapies."""
    rows = [_row(key, part) for key, part in found.groupby([*KEYS, "therapy"], sort=False)]
    rows += [_row((*key, EVERY), part) for key, part in found.groupby(KEYS, sort=False)]
    return pd.DataFrame(rows)


def _row(key: tuple[str, ...], part: pd.DataFrame) -> dict[str, object]:
    """Therapies of one trial share the comparator: errors come from the means of trials."""
    error = part["estimate"] - part["truth"]
    trials = pd.DataFrame({"seed": part["seed"], "error": error, "holds": part["holds"]})
    by_trial = trials.groupby("seed").mean()
    count = len(by_trial)
    spread = float(np.sqrt(error.groupby(part["therapy"]).var(ddof=1).mean()))
    # A ratio has no mean error where its divisor may be near 0: the median is told.
    ratio = key[2] == "retention"
    bias = float(error.median() if ratio else by_trial["error"].mean())
    coverage = float(by_trial["holds"].mean())
    return dict(zip([*KEYS, "therapy"], key, strict=True)) | {
        "repeats": count, "truth": float(part["truth"].mean()), "bias": bias,
        "bias_error": np.nan if ratio else float(by_trial["error"].std(ddof=1) / np.sqrt(count)),
        "spread": np.nan if ratio else spread,
        "mean_std_error": float(part["std_error"].mean()),
        "coverage": coverage,
        "coverage_error": coverage_error(by_trial["holds"].to_numpy(), part["therapy"].nunique()),
    }  # fmt: skip


def coverage_error(shares: np.ndarray, therapies: int) -> float:
    """Monte-Carlo error of a coverage if the stated rate is true.

    `shares` of intervals that hold in each trial vary more than those of independent therapies;
    by how much is taken from the trials, the rest from the stated rate.
    """
    rate, independent = shares.mean(), therapies * len(shares)
    more = 1.0
    if therapies > 1 and 0 < rate < 1:
        more = shares.var(ddof=1) * therapies / (rate * (1 - rate))
    return float(np.sqrt(LEVEL * (1 - LEVEL) * more / independent))


def heading(repeats: int) -> str:
    """What the numbers were made with, as the first line of a stored table."""
    said = ["git", "log", "-1", "--format=%cs"]
    date = subprocess.run(said, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    return (
        f"# bundled scenario, seeds 1 to {repeats}; true values: seed {BUNDLED_SEED}, "
        f"{KNOWN_PATIENTS} patients; version {version('lasting-relief')}, code of {date}\n"
    )


def table(summary: pd.DataFrame) -> str:
    """Coverage over all therapies by estimand and method, and the errors in words, as Markdown."""
    every = summary[summary["therapy"] == EVERY]
    linear = every[every["bias_error"].notna()]
    worst = (linear["bias"].abs() / linear["bias_error"]).max()
    medians = every.loc[every["quantity"] == "retention", "bias"]
    named = every[every["mean_std_error"].notna() & every["spread"].notna()]
    ratio = named["mean_std_error"] / named["spread"]
    lines = [
        f"No mean error is more than {worst:.1f} of its Monte-Carlo errors from 0 (of retention, a ratio, "
        f"the median error is {medians.min():.2f} to {medians.max():.2f}); mean standard errors are "
        f"{ratio.min():.2f} to {ratio.max():.2f} of the spread of estimates.",
        *_part(every[every["quantity"] != "risk_difference"], RELIEF),
        *_part(every[every["quantity"] == "risk_difference"], RESPONSES),
    ]
    return "\n".join(lines)


def _part(rows: pd.DataFrame, columns: dict[tuple[str, str], str]) -> list[str]:
    head = ["estimand", "method", "trials", *columns.values()]
    lines = ["", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for (estimand, method), part in rows.groupby(["estimand", "method"], sort=False):
        found = part.set_index(["quantity", "horizon"])
        cells = [_cell(found.loc[key]) if key in found.index else "" for key in columns]
        lines.append(f"| {estimand} | {method} | {part['repeats'].iloc[0]} | {' | '.join(cells)} |")
    return lines


def _cell(row: pd.Series) -> str:
    return f"{100 * row['coverage']:.1f} (± {100 * row['coverage_error']:.1f})"


def into_page(page: str, block: str) -> str:
    """The page with what stands between the two marks replaced."""
    before, rest = page.split(START)
    return f"{before}{START}\n\n{block}\n\n{END}{rest.split(END)[1]}"


def stored(path: Path) -> pd.DataFrame:
    """A stored table without its heading."""
    table = pd.read_csv(path, comment="#")
    return table.assign(horizon=table["horizon"].fillna(""))


def main() -> int:
    parser = argparse.ArgumentParser(description="How often intervals hold the truth.")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--write", action="store_true", help="keep the tables")
    options = parser.parse_args()
    known = known_values(bundled_scenario(), seed=BUNDLED_SEED, patients=KNOWN_PATIENTS)
    estimates = simulated(range(1, options.repeats + 1), options.processes)
    summary = summarised(judged(estimates, known))
    print(summary[summary["therapy"] == EVERY].to_string())
    if options.write:
        first = estimates[estimates["seed"] <= FIRST]
        for path, table, digits in ((SUMMARY, summary, "%.6f"), (ESTIMATES, first, "%.9g")):
            text = table.to_csv(index=False, float_format=digits, lineterminator="\n")
            path.write_text(heading(options.repeats) + text, encoding="utf-8")
        page = ROOT / "docs" / "methods.md"
        block = table(stored(SUMMARY))
        page.write_text(into_page(page.read_text(encoding="utf-8"), block), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
