"""Draws of the parameters by refits to bootstrapped patients.

A bootstrap only weighs patients anew. Patients of a pattern are combinations of few rows (an arm, a
baseline value, the outcomes), found once, so that each refit works on a handful of rows.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.imputation.draws import Draws, Progress, refuse_counts, seeds_of
from analysis.imputation.working import Working
from analysis.mmrm.covariance import CovarianceModel
from analysis.mmrm.optimise import maximise
from analysis.mmrm.stack import Stack

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Seeds = list[np.random.SeedSequence]

# Bootstraps without a fit that are accepted in a row for one draw, and among all: beyond these the
# draws would be those of another population.
FAILED_IN_A_ROW = 20
FAILED_SHARE = 0.1
FEW_FAILED = 5
# Draws handed to a process at a time: enough to be worth the way, few enough to show progress.
AT_A_TIME = 20
# What OpenBLAS, MKL and OpenMP read.
THREADS = "OMP_NUM_THREADS"
# Singular values below this share of the largest are rounding.
RANK = 1e-12
# A direction of the design of which a bootstrap has less than this share is not estimated by it.
ALONE = 1e-10


@dataclass(frozen=True, slots=True)
class PatternRows:
    """Patients of a pattern as combinations, `left` (n_g, r), of few rows, `right` (r, m, p + 1).

    Attributes
    ----------
    members : ndarray of int, shape (n_g,)
    left, right : ndarray
    seen : ndarray of bool, shape (m,)
    group : int
    """

    members: Integers
    left: Array
    right: Array
    seen: NDArray[np.bool_]
    group: int


@dataclass(frozen=True, slots=True)
class Resampler:
    """All that a bootstrap and its fit need; small, and fit to be sent to another process.

    Attributes
    ----------
    patterns : tuple of PatternRows
    strata : tuple of ndarray of int
        Patients that are drawn among themselves.
    n : int
        Patients.
    model : CovarianceModel
    start : ndarray
        Search coordinates of the fit of all patients.
    reml : bool
    """

    patterns: tuple[PatternRows, ...]
    strata: tuple[Integers, ...]
    n: int
    model: CovarianceModel
    start: Array
    reml: bool


@dataclass(frozen=True, slots=True)
class _Part:
    beta: Array
    sigma: Array
    counts: Integers
    failed: int


def bootstrap_draws(
    working: Working, strata: Integers, n_draws: int, *, seed: int, processes: int = 1,
    progress: Progress | None = None,
) -> Draws:  # fmt: skip
    """Draw parameters by refitting to patients drawn with replacement (approximate Bayes).

    Parameters
    ----------
    working : Working
    strata : ndarray of int, shape (n,)
        Arm of each patient: the number of patients of an arm stays what it was.
    n_draws : int
    seed : int
        Each draw has a source of its own, so that digits do not depend on `processes`.
    processes : int
        Started afresh ("spawn"), so that it works on every system; a script needs its
        `if __name__ == "__main__"`.
    progress : callable, optional
        Called with draws done and wanted.

    Returns
    -------
    Draws
        With the counts of patients. Bootstraps that have no fit are drawn again, counted and noted.

    Raises
    ------
    ModelError
        Too many bootstraps have no fit (`FAILED_IN_A_ROW`, `FAILED_SHARE`).

    References
    ----------
    Little and Rubin 2002, Statistical Analysis with Missing Data; Rubin 1987, chapter 4.
    """
    refuse_counts(n_draws=n_draws, processes=processes)
    seeds = seeds_of(seed, n_draws)
    job = resampler(working, strata)
    parts: list[_Part] = []
    for part in _run(partial(_draw_many, job), seeds, processes):
        parts.append(part)
        _refuse_failures(sum(one.failed for one in parts), n_draws)
        if progress is not None:
            progress(sum(len(one.beta) for one in parts), n_draws)
    beta, sigma = working.in_the_formula(
        np.concatenate([one.beta for one in parts]), np.concatenate([one.sigma for one in parts])
    )
    failed = sum(one.failed for one in parts)
    note = f"{failed} bootstraps without a fit were drawn again, for {n_draws} with one."
    counts = np.concatenate([one.counts for one in parts])
    return Draws(beta, sigma, counts, failed, (note,) if failed else (), working.estimates)


def resampler(working: Working, strata: Integers) -> Resampler:
    """Take patients apart into patterns and combinations.

    Raises
    ------
    ModelError
        The strata are not one a patient.
    """
    n = len(working.rows)
    if np.shape(strata) != (n,):
        raise ModelError(f"Strata of shape {np.shape(strata)} do not go with {n} patients.")
    keys = np.column_stack([working.group, working.seen])
    kinds, which = np.unique(keys, axis=0, return_inverse=True)
    patterns = [
        _pattern(working.rows, np.flatnonzero(which.ravel() == k), kind)
        for k, kind in enumerate(kinds) if kind[1:].any()
    ]  # fmt: skip
    return Resampler(
        tuple(patterns), tuple(np.flatnonzero(strata == one) for one in np.unique(strata)), n,
        working.workspace.model, working.optimum.theta, working.workspace.reml,
    )  # fmt: skip


def reweighted(job: Resampler, counts: Integers) -> Stack:
    """Statistics of all patterns with each patient as often as `counts` says."""
    rows, seen, group, weight = [], [], [], []
    for pattern in job.patterns:
        own = counts[pattern.members]
        if not own.any():
            continue
        left = np.sqrt(own[own > 0])[:, None] * pattern.left[own > 0]
        if len(left) > left.shape[1]:
            # The stubs overlook mode="r".
            left = np.linalg.qr(left, mode="r")  # type: ignore[assignment]
        rows.append(np.tensordot(left, pattern.right, axes=1))
        seen.append(pattern.seen)
        group.append(pattern.group)
        weight.append(own.sum())
    sizes = np.array([len(one) for one in rows])
    return Stack(
        np.concatenate(rows), np.repeat(np.arange(len(rows)), sizes), np.cumsum(sizes) - sizes,
        np.array(seen), np.array(group), np.array(weight, dtype=np.float64), job.model.n_groups,
        0.0,
    )  # fmt: skip


def _pattern(rows: Array, members: Integers, kind: Integers) -> PatternRows:
    own = rows[members]
    flat = own.reshape(len(members), -1)
    length = np.linalg.norm(flat, axis=0)
    length = np.where(length > 0, length, 1.0)
    left, values, right = np.linalg.svd(flat / length, full_matrices=False)
    rank = max(1, int((values > RANK * values[0]).sum()))
    right = (values[:rank, None] * right[:rank] * length).reshape(rank, *own.shape[1:])
    return PatternRows(members, left[:, :rank], right, kind[1:].astype(bool), int(kind[0]))


def _run(
    work: Callable[[Seeds], _Part], seeds: Seeds, processes: int
) -> Iterator[_Part]:
    portions = [seeds[k : k + AT_A_TIME] for k in range(0, len(seeds), AT_A_TIME)]
    if processes == 1:
        yield from map(work, portions)
        return
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
    try:
        with _single_threaded_children():
            futures = [pool.submit(_uninterrupted, work, portion) for portion in portions]
        for future in futures:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _single_threaded_children() -> Iterator[None]:
    """Processes started here inherit one thread for linear algebra, which reads this when loaded.

    Its threads would take the processes' cores from them: five times slower on two cores.
    """
    before = os.environ.get(THREADS)
    os.environ[THREADS] = before or "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[THREADS]


def _uninterrupted(work: Callable[[Seeds], _Part], seeds: Seeds) -> _Part:
    """Leave an interrupt to the process that waits; this one ends when it is no longer fed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return work(seeds)


def _draw_many(job: Resampler, seeds: Seeds) -> _Part:
    made = [_draw(job, np.random.Generator(np.random.PCG64(seed))) for seed in seeds]
    return _Part(
        np.array([one.beta for one in made]), np.array([one.sigma for one in made]),
        np.array([one.counts for one in made]), sum(one.failed for one in made),
    )  # fmt: skip


def _draw(job: Resampler, rng: np.random.Generator) -> _Part:
    """One draw; bootstraps without a fit go before it."""
    for failed in range(FAILED_IN_A_ROW + 1):
        counts = np.zeros(job.n, dtype=np.int64)
        for members in job.strata:
            size = len(members)
            counts[members] = np.bincount(rng.integers(0, size, size), minlength=size)
        found = _fit(job, counts)
        if found is not None:
            return _Part(*found, counts, failed)
    raise ModelError(
        f"{FAILED_IN_A_ROW + 1} bootstraps in a row have no fit. A visit or an arm has too few "
        "patients for this covariance: take a simpler one, one for all arms, or conditional-mean "
        "imputation."
    )


def _fit(job: Resampler, counts: Integers) -> tuple[Array, Array] | None:
    """Coefficients and covariance of a bootstrap; None where they are not determined."""
    stack = reweighted(job, counts)
    if job.model.name == "us":
        both = stack.seen[:, :, None] & stack.seen[:, None, :]
        if not stack.by_group(both.astype(np.float64)).all():
            return None
    design = stack.rows[..., :-1].reshape(-1, stack.n_columns)
    # Columns are orthonormal over all patients: this is what the bootstrap has of them.
    if np.linalg.eigvalsh(design.T @ design)[0] < ALONE:
        return None
    found = maximise(stack, job.model, job.start, job.reml)
    return (found.point.beta, found.point.sigma) if found.converged else None


def _refuse_failures(failed: int, n_draws: int) -> None:
    if failed > max(FEW_FAILED, FAILED_SHARE * n_draws):
        raise ModelError(
            f"{failed} bootstraps have no fit, more than {FAILED_SHARE:.0%} of the {n_draws} "
            "wanted. A visit or an arm has too few patients for this covariance: take a simpler "
            "one, one for all arms, or conditional-mean imputation."
        )
