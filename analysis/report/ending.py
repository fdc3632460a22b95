"""How a command ends: in words, whatever happened, and with an exit code."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from analysis.errors import ReliefError
from analysis.readers.finding import printable

REFUSED, INTERRUPTED = 1, 130
# Exit codes of a process that a signal ended, as shells give them.
BY_SIGNAL = 128
PACKAGE = "analysis"


class Terminated(KeyboardInterrupt):
    """The system asks the command to end; treated as Ctrl-C, so that it can clear up.

    Parameters
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def ended(task: Callable[[], None], failed: str, stopped: str) -> int:
    """Run a task; say on the error stream why it ended early, without a traceback.

    Parameters
    ----------
    task : callable
    failed, stopped : str
        First line where it failed, and where it was stopped.

    Returns
    -------
    int
        0, 1 for a failure, 130 for Ctrl-C, 128 and its number for another signal.
    """
    try:
        with _signals():
            task()
    except Terminated as stop:
        tell(stopped)
        return BY_SIGNAL + stop.number
    except KeyboardInterrupt:
        tell(stopped)
        return INTERRUPTED
    except Exception as error:
        tell(f"{failed}\n{_why(error)}")
        return REFUSED
    return 0


def tell(text: str) -> None:
    """Print on the error stream, with every character that could steer a terminal escaped."""
    print("\n".join(map(printable, text.split("\n"))), file=sys.stderr, flush=True)


@contextmanager
def _signals() -> Iterator[None]:
    """Turn requests to end into an exception; a closed terminal (SIGHUP) is one too."""
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in names}
    for number in before:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _stop(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)


def _why(error: Exception) -> str:
    if isinstance(error, ReliefError):
        return str(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory. Close other programs, or keep fewer columns and rows."
    if isinstance(error, OSError) and error.strerror:
        place = f" ({error.filename})" if error.filename else ""
        return f"The system says: {error.strerror}{place}. Mend that and run the same command again."
    return _fault(error)


def _fault(error: Exception) -> str:
    """Where the program is wrong; the error's own text may hold patients' data and is left out."""
    places = [
        f"{Path(*parts[-parts[::-1].index(PACKAGE) - 1 :]).as_posix()}, line {frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if PACKAGE in (parts := Path(frame.filename).parts)
    ]
    where = f" in {places[-1]}" if places else ""
    return (
        f"This is a fault of the program and not of your data: {type(error).__name__}{where}. "
        "Please report this line; it holds no data."
    )
