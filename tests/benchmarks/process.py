"""Processes of their own: memory that is theirs, and one thread for linear algebra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from clock import Measured
from trials import ROOT

HERE = Path(__file__).resolve().parent
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

# Seconds after which a peer is no longer waited for.
PATIENCE = 1800


class FailedError(Exception):
    """A process that ended without a measurement, and its last words."""


def run(command: Sequence[object]) -> str:
    """What a command prints, with one thread and this checkout on Python's path.

    Raises
    ------
    FailedError
        The command failed or took too long.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": path}
    try:
        done = subprocess.run(
            [str(part) for part in command], env=environment, capture_output=True, text=True,
            check=True, timeout=PATIENCE,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise FailedError(f"not finished after {PATIENCE} s") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or ["no message"]
        raise FailedError(said[-1]) from error
    return done.stdout


def measured(script: str, *asked: object) -> Measured:
    """What a Python script of this folder measures."""
    found = json.loads(run([sys.executable, HERE / script, *asked]))
    return Measured(**found)
