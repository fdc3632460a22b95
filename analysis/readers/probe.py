"""Try a file in a process of its own: a damaged one can crash the library that reads it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from analysis.errors import DataError

# A damaged file may keep the library busy for ever; sound ones take seconds.
SECONDS = 300
# Larger files are tried by their header only, since reading them twice takes long.
WHOLE_BYTES = 50_000_000
_CODE = """
import sys, pyreadstat
getattr(pyreadstat, sys.argv[1])(sys.argv[2], metadataonly=bool(sys.argv[3:]))
"""


def refuse_crashing(path: Path, reader: str, *, seconds: float = SECONDS) -> None:
    """Refuse a file at which pyreadstat crashes; what it raises is left to the true reading.

    Parameters
    ----------
    path : Path
    reader : str
        Name of the function of pyreadstat.
    seconds : float
        After so long it is taken for damaged.

    Raises
    ------
    DataError
    """
    header_only = ["header"] if path.stat().st_size > WHOLE_BYTES else []
    command = [sys.executable, "-P", "-c", _CODE, reader, str(path.resolve()), *header_only]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise DataError("the file is damaged: reading it does not end. Export it again.") from None
    # Killed by a signal, or on Windows ended by an exception of the system.
    if done.returncode < 0 or done.returncode > 0xFFFF:
        raise DataError("the file is damaged and cannot be read. Export it again.")
