"""Shortest times of several runs, and the memory a process took."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Made = TypeVar("Made")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Measured:
    """What a program took, and what it found, to see that others found the same.

    Attributes
    ----------
    wall, cpu : float
        Seconds by the clock and of the processor; the latter is to be compared where other jobs
        share the machine.
    memory : float or None
        Largest resident memory of the process in GB; None where the system does not say.
    llf : float or None
        (Restricted) log-likelihood.
    estimates, errors : tuple of float
        Differences between arms at each visit, and their standard errors.
    converged : bool
        What the program says of its search.
    """

    wall: float
    cpu: float
    memory: float | None = None
    llf: float | None = None
    estimates: tuple[float, ...] = ()
    errors: tuple[float, ...] = ()
    converged: bool = True


def shortest(
    run: Callable[[Made], Found], times: int, fresh: Callable[[], Made]
) -> tuple[float, float, Found]:
    """Shortest wall-clock and processor time of several runs in seconds, and what the last gave.

    Parameters
    ----------
    run : callable
        What is timed; it is given what `fresh` makes.
    times : int
        At least one.
    fresh : callable
        Makes the data of a run outside the clock.
    """
    walls, cpus = [], []
    for _ in range(times):
        data = fresh()
        start = time.perf_counter(), time.process_time()
        found = run(data)
        walls.append(time.perf_counter() - start[0])
        cpus.append(time.process_time() - start[1])
    return min(walls), min(cpus), found


def children_seconds() -> float:
    """Processor time of the processes that this one started and that have ended."""
    spent = os.times()
    return spent.children_user + spent.children_system


def peak_gigabytes() -> float | None:
    """Largest resident memory of this process so far; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1e9 if sys.platform == "darwin" else 1e9 / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
