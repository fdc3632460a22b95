"""From data to LS means with contrasts, timed: one case in a process of its own.

    python tests/benchmarks/chains.py fev

prints what was measured as JSON. `bench_mmrm.py` calls it so that the memory is this case's own.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from cases import DRAWS, MANY, Case, Trial, case_named
from clock import Measured, children_seconds, peak_gigabytes, shortest
from trials import dropouts, reference, trial

from analysis.imputation import ancova, conditional_mean, dose, jackknife_tipping, lay_out, refit
from analysis.imputation.bootstrap import bootstrap_draws
from analysis.imputation.working import working_model
from analysis.mmrm import MMRM, SufficientStatistics
from analysis.mmrm.contrasts import Contrasts
from analysis.mmrm.results import MMRMResults

WARM = 200

# A copy of the largest frames would be counted as memory of the fit.
COPIED = 50_000


def frame_of(of: Trial) -> pd.DataFrame:
    """The data of a case."""
    return trial(of.patients) if of.patients else pd.read_csv(reference(of.name))


def head_of(data: pd.DataFrame, of: Trial) -> pd.DataFrame:
    """The first patients, to warm up with."""
    return data[data[of.subject].isin(data[of.subject].unique()[:WARM])]


def told(fit: MMRMResults, of: Trial) -> tuple[float, Contrasts]:
    """Every coefficient, LS means of the arms at each visit and all their contrasts, as frames."""
    fit.tidy()
    means = fit.lsmeans(of.arm, by=of.visit)
    contrasts = means.contrast()
    assert len(means.frame) and len(contrasts.frame)
    return fit.llf, contrasts


def whole(case: Case) -> Callable[[pd.DataFrame], tuple[float, Contrasts]]:
    """Data frame and formula to LS means with contrasts."""
    of = case.trial

    def run(data: pd.DataFrame) -> tuple[float, Contrasts]:
        model = MMRM.from_formula(
            of.formula, data, subject=of.subject, visit=of.visit, covariance=case.covariance
        )
        return told(model.fit(**case.options), of)

    return run


def chain(case: Case) -> Measured:
    """A fit of the first patients warms up; each run has a copy of the data."""
    data = frame_of(case.trial)
    run = whole(case)
    run(head_of(data, case.trial))
    fresh = data.copy if case.trial.patients <= COPIED else lambda: data
    return _measured(*shortest(run, case.runs, fresh))


def first(case: Case) -> Measured:
    """The first fit after importing: the formula has to be parsed."""
    data = frame_of(case.trial)
    return _measured(*shortest(whole(case), 1, lambda: data))


def leave_out(case: Case) -> Measured:
    """A refit without one patient: the mean over all patients, the fit of all included."""
    of, data = case.trial, frame_of(case.trial)
    model = MMRM.from_formula(of.formula, data, subject=of.subject, visit=of.visit)
    patients = len(list(model.leave_one_out()))
    wall, cpu, _ = shortest(lambda one: list(one.leave_one_out()), case.runs, lambda: model)
    return Measured(wall / patients, cpu / patients, peak_gigabytes())


def jackknife(case: Case) -> Measured:
    """Conditional means and a tipping point, with a refit without each patient."""
    of, data = case.trial, frame_of(case.trial)

    def run(frame: pd.DataFrame) -> tuple[float, ...]:
        panel = lay_out(
            frame, of.formula, subject=of.subject, visit=of.visit, arm=of.arm, reference="usual"
        )
        refits, analysis = refit(panel), ancova(panel, "y ~ arm + base")
        found = conditional_mean(refits, analysis)
        last = np.eye(len(analysis.names))[-1]
        jackknife_tipping(refits, analysis, last, {"all": dose(panel)})
        return tuple(found.std_errors()["frequentist"])

    run(head_of(data, of))
    wall, cpu, errors = shortest(run, case.runs, lambda: data)
    return Measured(wall, cpu, peak_gigabytes(), errors=errors)


def parquet(case: Case, path: Path) -> Measured:
    """From the batches of a Parquet file, never all of it in memory; reading is included."""
    import pyarrow.dataset as ds

    of = case.trial

    def run(file: Path) -> tuple[float, Contrasts]:
        statistics = SufficientStatistics.from_batches(
            of.formula, ds.dataset(file), subject=of.subject, visit=of.visit
        )
        return told(MMRM.from_statistics(statistics).fit(**case.options), of)

    whole(case)(trial(WARM))
    return _measured(*shortest(run, case.runs, lambda: path))


def many(case: Case) -> Measured:
    """Simulated trials on two processes, making each frame and starting Python included."""
    start = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        taken = pool.map(_one_of_many, range(MANY), chunksize=100)
    return Measured(time.perf_counter() - start, sum(taken))


def draws(case: Case) -> Measured:
    """Bootstrap draws of an imputation model on two processes, by the clock; the fit included."""
    outcome, design, arm = dropouts(case.trial.patients)
    start = time.perf_counter(), time.process_time()
    group = np.zeros(len(arm), dtype=np.int64)
    working = working_model(outcome, design, group, np.isfinite(outcome))
    found = bootstrap_draws(working, arm, DRAWS, seed=1, processes=2)
    assert len(found) == DRAWS
    wall, own = time.perf_counter() - start[0], time.process_time() - start[1]
    return Measured(wall, own + children_seconds())


def _one_of_many(seed: int) -> float:
    start = time.process_time()
    case = case_named("many")
    whole(case)(trial(case.trial.patients, seed))
    return time.process_time() - start


def _measured(wall: float, cpu: float, found: tuple[float, Contrasts]) -> Measured:
    llf, contrasts = found
    estimates, errors = (tuple(map(float, x)) for x in (contrasts.estimate, contrasts.std_error))
    return Measured(wall, cpu, peak_gigabytes(), llf, estimates, errors)


def measure(name: str, path: str = "") -> Measured:
    """Measure a case by its name; `path` is the Parquet file of the case that reads one."""
    case = case_named(name)
    if case.kind == "parquet":
        return parquet(case, Path(path))
    kinds = {"chain": chain, "first": first, "leave-out": leave_out, "jackknife": jackknife,
             "many": many, "draws": draws}  # fmt: skip
    return kinds[case.kind](case)


if __name__ == "__main__":
    print(json.dumps(asdict(measure(*sys.argv[1:]))))
