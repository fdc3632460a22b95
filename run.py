#!/usr/bin/env python3
"""The door to Lasting Relief: make the environment if need be, then run one task in it.

    python3 run.py report [study.yml] [--output DIR] [--download]
    python3 run.py compare REPORT REPORT [--all]
    python3 run.py test [pytest options, from the project's folder; none: all tests, on two cores]
    python3 run.py draft my_data.xlsx [--sheet NAME] [--patients FILE] [--output FILE] [...]
    python3 run.py check my_study.yml [--download]
    python3 run.py lab [JupyterLab options], python3 run.py refresh

Needs Python 3.8 or later and nothing else. The environment (.venv) has Python 3.11 to 3.14 and the
packages of requirements.lock, each checked by its hash; it is made again when the lock changes.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK, ENVIRONMENT, TOOLS = ROOT / "requirements.lock", ROOT / ".venv", ROOT / ".tools"
UV_VERSION = "0.13.9"
PYTHONS = ((3, 11), (3, 14))
SCRIPTS, SUFFIX = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
PYTHON = ENVIRONMENT / SCRIPTS / ("python" + SUFFIX)
HERE, QUIET = {"cwd": str(ROOT)}, {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
LAB = ["--ip=127.0.0.1", "--ServerApp.root_dir=notebooks", "--LabApp.news_url=None",
       "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]  # fmt: skip
WHOLE = {"test": ["--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder"]}
TASKS = {
    # -P: a file called pandas.py in the folder of the data must not be imported.
    "report": ["-P", "-m", "analysis.report"], "compare": ["-P", "-m", "analysis.report.compare"],
    "draft": ["-P", "-m", "analysis.draft"], "check": ["-P", "-m", "analysis.draft.check"],
    "test": ["-m", "pytest"], "lab": ["-m", "jupyterlab", *LAB], "refresh": ["-m", "analysis.report.refresh"],
}


def say(line):
    """Print a line of progress at once, apart from what the task itself prints."""
    print(line, file=sys.stderr, flush=True)


def find_uv(variables):
    """Path of uv: the one on PATH if it works, else one fetched once, at a fixed version."""
    uv, room = TOOLS / ("uv" + SUFFIX), TOOLS / "fetched"
    for candidate in filter(None, (shutil.which("uv"), shutil.which(str(uv)))):
        # A shim of a version manager may stand on PATH and yet not work.
        if not subprocess.run([candidate, "--version"], **QUIET, **HERE).returncode:
            return candidate
    say(f"Fetching uv {UV_VERSION} into .tools (once) ...")
    shutil.rmtree(TOOLS, ignore_errors=True)
    python, where = str(room / SCRIPTS / ("python" + SUFFIX)), []
    if subprocess.run([sys.executable, "-m", "venv", str(room)], **QUIET, env=variables).returncode:
        # Debian keeps the pip of new environments in a package of its own; pip may still be here.
        python, where = sys.executable, ["--target", str(room)]
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *where]
    subprocess.run([*install, "uv==" + UV_VERSION], check=True, env=variables, **HERE)
    # Moved into place last, so that a broken-off download is never taken for uv.
    os.replace(next(p for p in room.glob("*/uv" + SUFFIX) if p.parent.name in ("bin", SCRIPTS)), uv)
    shutil.rmtree(room, ignore_errors=True)
    return str(uv)


def base_python():
    """The Python to build on: this one if it is in range, else a range for uv to find or fetch."""
    if PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        # Started from inside .venv, sys.executable would be removed before it is used.
        return getattr(sys, "_base_executable", None) or sys.executable
    here, low, high = (".".join(map(str, pair)) for pair in (sys.version_info[:2], *PYTHONS))
    say(f"This is Python {here}; the analysis needs {low} to {high}, so uv looks for one.")
    return f">={low},<={high}.99"


def make_environment(variables):
    """Make .venv, unless it is there and was made from this lock in this folder."""
    stamp = ENVIRONMENT / "made-from"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest() + " " + str(ROOT)
    if PYTHON.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    uv = find_uv(variables)
    say("Making the environment in .venv from requirements.lock ...")
    if ENVIRONMENT.exists():
        # The stamp goes first and comes last: whatever is broken off in between is made again.
        stamp.unlink(missing_ok=True)
        shutil.rmtree(str(ENVIRONMENT))
    install = [uv, "pip", "install", "--quiet", "--python", str(PYTHON)]
    for step in (
        [uv, "venv", "--quiet", "--python", base_python(), str(ENVIRONMENT)],
        [*install, "--require-hashes", "-r", str(LOCK)],
        [*install, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
    ):
        subprocess.run(step, check=True, env=variables, **HERE)
    stamp.write_text(wanted, encoding="utf-8")


def variables_for_tasks():
    """The caller's variables without those that would lead Python astray."""
    # Without byte code every kernel compiles the packages anew: a start takes twice as long.
    astray = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_USER")
    variables = {name: value for name, value in os.environ.items() if name not in astray}
    if variables.get("PAIN_DATA"):
        variables["PAIN_DATA"] = os.path.abspath(variables["PAIN_DATA"])
    # One thread: sums come in the same order on every machine, kernels run side by side, and
    # matrices of this size lose time to threads. Set the variables to have it otherwise.
    chosen = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    # The certificates pip trusts: hospitals' proxies bring their own. Older uv knows the second.
    return {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true", **chosen, **variables}


def run_task(task, words, variables):
    """Run a task to its end; Ctrl-C is left to it, so that it can stop its kernels."""
    # Files are meant from where the command was typed; other tasks belong to the project.
    folder = os.getcwd() if task in ("report", "compare", "draft", "check") else str(ROOT)
    child = subprocess.Popen([str(PYTHON), *TASKS[task], *words], cwd=folder, env=variables)
    # Asked to end, it passes that on: else the task would run on without it.
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    interrupted = False
    while True:
        try:
            code = child.wait()
            return 130 if interrupted else code if code >= 0 else 128 - code
        except KeyboardInterrupt:
            if interrupted:
                child.terminate()
            interrupted = True


def main(arguments):
    """Run one task; the exit code is the task's, 130 after Ctrl-C, 2 for an unknown task."""
    if not arguments or arguments[0] not in TASKS:
        print(__doc__)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    if sys.version_info < (3, 8):  # noqa: UP036 - this file meets whatever Python is there
        say(f"This is Python {sys.version.split()[0]}; run this with Python 3.11 to 3.14.")
        return 1
    variables = variables_for_tasks()
    try:
        make_environment(variables)
    except (subprocess.CalledProcessError, OSError, StopIteration) as error:
        say(f"The environment could not be made: {error}\nThe first run needs a connection to a "
            "package index, and pip in this Python (Debian, Ubuntu: apt install python3-venv). "
            "Mend that and run the same command again.")  # fmt: skip
        return 1
    return run_task(arguments[0], arguments[1:] or WHOLE.get(arguments[0], []), variables)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("Stopped.")
        sys.exit(130)
