"""Run mutants one after the other, within limits, and say how each ended (a JSON line each).

`python worker.py FOLDER FIRST STEP LAST`: mutants FIRST, FIRST + STEP, … below LAST, in FOLDER.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl  # noqa: F401 - imported before memory is counted, as the readers' libraries are
import pyarrow.parquet  # noqa: F401
import pyreadstat  # noqa: F401
import rdata  # noqa: F401
from mutate import mutant

from analysis.describe import baseline_table, events_table, flow, missingness, observed_course
from analysis.errors import ConvergenceWarning, ReliefError
from analysis.harms import estimate_harms
from analysis.intake import read_trial
from analysis.relief import estimate_relief
from analysis.responders import estimate_responders
from analysis.sensitivity import compare_strategies
from analysis.sentences import headline
from analysis.tables import findings_table
from analysis.validate.readable import readable, summary

# Of the processor, so that a busy machine makes no mutant slow.
SECONDS = 10
BYTES = 1_000_000_000
# Imputation under every assumption for every so many mutants: it takes seconds.
WHOLE_EVERY = 200
# Responders and harms for every so many: they take longer than reading and relief together. Words and
# descriptions for more: together they take as long as relief.
MORE_EVERY, DESCRIBED_EVERY = 32, 4
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
FORBIDDEN = ("os.system", "os.exec", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link",
             "os.symlink", "os.chmod", "os.truncate", "socket.connect", "socket.getaddrinfo",
             "shutil.rmtree", "pty.spawn", "urllib.Request")  # fmt: skip


class TooSlow(BaseException):
    """The mutant took longer than it may; not an Exception, so that nothing catches it."""


class Watch:
    """Notes what the code under test writes, removes, starts or calls."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open":
            path, _, flags = arguments
            # A process that tries a file speaks to the null device.
            if path != os.devnull and (flags or 0) & WRITES:
                self.seen.append(f"wrote {path}")
        elif event == "subprocess.Popen" and "pyreadstat" not in str(arguments[1]):
            self.seen.append(f"started {arguments[1]}")
        elif event.startswith(FORBIDDEN):
            self.seen.append(f"{event} {arguments}")


def outcome(number: int, folder: Path, watch: Watch) -> dict[str, Any]:
    """How one mutant ended: "result", "refused", or anything else with where it went wrong."""
    spoilt = mutant(number)
    folder.mkdir()
    for name, raw in spoilt.files.items():
        (folder / name).write_bytes(raw)
    before = _digests(folder)
    told: dict[str, Any] = {"number": number, "seed": spoilt.seed, "done": spoilt.done}
    start = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    watch.seen, watch.on = [], True
    try:
        _analyse(folder / "study.yml", number)
        told["ended"] = "result"
    except ReliefError as error:
        told |= {"ended": "refused", "message": str(error)}
    except TooSlow:
        told |= {"ended": "too slow", "message": traceback.format_exc()}
    except BaseException as error:
        told |= {"ended": type(error).__name__, "message": traceback.format_exc()}
    finally:
        watch.on = False
        signal.setitimer(signal.ITIMER_PROF, 0)
    told |= {"seconds": time.process_time() - start, "acts": watch.seen}
    told["changed"] = _digests(folder) != before
    shutil.rmtree(folder)
    return told


def _analyse(study_file: Path, number: int) -> None:
    with warnings.catch_warnings():
        # A report shows what a fit complains about; any other warning would be noise to its reader.
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        trial = read_trial(study_file)
        readable(trial.findings)
        if number % DESCRIBED_EVERY == 0:
            findings_table(summary(trial.findings))._repr_html_()
            for describe in (baseline_table, events_table, flow, missingness, observed_course):
                describe(trial)
        relief = estimate_relief(trial)
        headline(relief.frame, trial.study)
        if number % MORE_EVERY == 0:
            estimate_harms(trial)
            estimate_responders(relief.data.trial, relief.model)
        if number % WHOLE_EVERY == 1:
            compare_strategies(trial)


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip


def _too_slow(_signal: int, _frame: object) -> None:
    raise TooSlow


def _limit_memory() -> None:
    """Allow `BYTES` on top of what Python and its libraries have mapped."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def outcomes(folder: Path, numbers: range) -> Iterator[dict[str, Any]]:
    """Outcome of each mutant; its number comes first, so that a crash can be laid to it."""
    watch = Watch()
    for number in numbers:
        yield {"begun": number}
        yield outcome(number, folder / str(number), watch)


if __name__ == "__main__":
    home, first, step, last = Path(sys.argv[1]), *map(int, sys.argv[2:])
    signal.signal(signal.SIGPROF, _too_slow)
    # Modules are imported when they are used, and byte code of a new environment is no act of a mutant's.
    sys.dont_write_bytecode = True
    _limit_memory()
    for line in outcomes(home, range(first, last, step)):
        print(json.dumps(line), flush=True)
