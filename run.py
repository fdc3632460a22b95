#!/usr/bin/env python3
"""The door to Lasting Relief: make the environment, then run one task in it.

    python3 run.py report [study.yml] [--output DIR] [--download]
    python3 run.py test [pytest options]
    python3 run.py lab
    python3 run.py refresh

Standard library only. The environment (.venv) is made from requirements.lock, every package checked by
its hash, and made again whenever the lock changes.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
ENVIRONMENT = ROOT / ".venv"
TOOLS = ROOT / ".tools"
UV_VERSION = "0.13.9"
PYTHONS = ((3, 11), (3, 14))
WINDOWS = os.name == "nt"
SCRIPTS = "Scripts" if WINDOWS else "bin"
SUFFIX = ".exe" if WINDOWS else ""

TASKS = {
    "report": ["-m", "analysis.report"],
    "test": ["-m", "pytest"],
    "lab": ["-m", "jupyterlab", "--ip=127.0.0.1", "--ServerApp.root_dir=notebooks",
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"],
    "refresh": ["-m", "analysis.report.refresh"],
}  # fmt: skip


def python_of(environment):
    """The interpreter inside a virtual environment."""
    return environment / SCRIPTS / ("python" + SUFFIX)


def find_uv(variables):
    """Path of uv: the one on PATH, else one fetched once, at a fixed version, into .tools."""
    found = shutil.which("uv")
    if found:
        return found
    uv = TOOLS / SCRIPTS / ("uv" + SUFFIX)
    if not uv.exists():
        print("Fetching uv %s into .tools (once) ..." % UV_VERSION, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(TOOLS)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command = [str(python_of(TOOLS)), *install, "uv==" + UV_VERSION]
        subprocess.run(command, check=True, env=variables)
    return str(uv)


def interpreter():
    """The Python to build on: this one if it is in range, else a version for uv to find or fetch."""
    if PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        return sys.executable
    print("This is Python %d.%d; the analysis needs %d.%d to %d.%d, so uv looks for one."
          % (sys.version_info[:2] + PYTHONS[0] + PYTHONS[1]), flush=True)  # fmt: skip
    return "%d.%d" % PYTHONS[0]


def make_environment(variables):
    """Make .venv, unless it is there and was made from this lock."""
    stamp = ENVIRONMENT / "made-from"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest() + " " + str(ROOT)
    if stamp.exists() and stamp.read_text() == wanted and python_of(ENVIRONMENT).exists():
        return
    uv = find_uv(variables)
    print("Making the environment in .venv from requirements.lock ...", flush=True)
    target = str(python_of(ENVIRONMENT))
    steps = [
        [uv, "venv", "--quiet", "--clear", "--python", interpreter(), str(ENVIRONMENT)],
        [uv, "pip", "install", "--quiet", "--require-hashes", "--python", target, "-r", str(LOCK)],
        [uv, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--python", target, "--editable", str(ROOT)],
    ]  # fmt: skip
    for step in steps:
        subprocess.run(step, check=True, env=variables)
    # Written last, so that an interrupted start is made again.
    stamp.write_text(wanted)


def main(arguments):
    """Run one task; the exit code is the task's."""
    if not arguments or arguments[0] not in TASKS:
        print(__doc__)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    variables = dict(os.environ)
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        variables.pop(name, None)
    # One thread per kernel: notebooks run side by side, and small matrices lose time to threads.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        variables.setdefault(name, "1")
    variables["PYTHONUTF8"] = "1"
    try:
        make_environment(variables)
    except subprocess.CalledProcessError as error:
        print("The environment could not be made: %s ended with %d. The first run needs a connection to "
              "a package index; run the same command again." % (error.cmd[0], error.returncode),
              file=sys.stderr)  # fmt: skip
        return 1
    here, words = os.getcwd(), list(arguments[1:])
    if arguments[0] == "report":
        # Paths are meant from where the command was typed, tasks run from the project's folder.
        words = [os.path.join(here, w) if os.path.exists(w) else w for w in words]
    command = [str(python_of(ENVIRONMENT)), *TASKS[arguments[0]], *words]
    return subprocess.run(command, cwd=str(ROOT), env=variables).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(130)
