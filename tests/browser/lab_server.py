"""JupyterLab on a copy of the project's notebooks, with no settings of whoever runs the tests."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import nbformat
import psutil
from page_trial import write_page_trial

ROOT = Path(__file__).resolve().parents[2]
# Reference results of R and SAS are read by the notebook on methods.
NEEDED = ("notebooks", "data", "tests/reference")
OWN_FOLDERS = (
    "HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
)  # fmt: skip
# JupyterLab asks at its first start whether it may fetch news.
NO_NEWS = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
# Only a server that never answers waits this long.
START_SECONDS, STOP_SECONDS = 300, 60


@dataclass(frozen=True, slots=True)
class Lab:
    """A running server: where it answers, what opens it, and the folder that it shows."""

    address: str
    token: str
    folder: Path

    def url(self, path: str) -> str:
        """Address of something on the server, with the token."""
        return f"{self.address}/{path}?token={self.token}"


def copy_notebooks(folder: Path) -> None:
    """Copy the notebooks and what they read, without outputs: what is then seen was made anew.

    A smaller trial lies where the bundled one is. The numbers of that one are compared elsewhere.
    """
    for name in NEEDED:
        shutil.copytree(ROOT / name, folder / name)
    for path in (folder / "notebooks").rglob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, path)
    write_page_trial(folder / "data" / "simulated")


@contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """JupyterLab on a folder, for this computer only; server and kernels end with the block."""
    own = folder / ".own"
    variables = {name: str(own / name.lower()) for name in OWN_FOLDERS}
    for path in variables.values():
        Path(path).mkdir(parents=True)
    settings = Path(variables["JUPYTER_CONFIG_DIR"]) / "labconfig"
    settings.mkdir()
    (settings / "page_config.json").write_text(json.dumps(NO_NEWS), encoding="utf-8")
    # Another home would have every kernel look for fonts anew.
    variables["MPLCONFIGDIR"] = matplotlib.get_cachedir()
    port, token = _free_port(), secrets.token_hex()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--KernelManager.transport_encryption=auto",
    ]  # fmt: skip
    log = own / "log.txt"
    with log.open("w", encoding="utf-8") as written:
        server = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **variables}, stdout=written, stderr=written
        )
    try:
        lab = Lab(f"http://127.0.0.1:{port}", token, folder)
        _wait_for(lab, server, log)
        yield lab
    finally:
        _stop(server)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _wait_for(lab: Lab, server: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(lab.url("api/status"), timeout=10):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")


def _stop(server: subprocess.Popen) -> None:
    """End the server, which ends its kernels; what does not end by itself is ended."""
    processes = [psutil.Process(server.pid)] if server.poll() is None else []
    processes += [child for one in processes for child in one.children(recursive=True)]
    server.terminate()
    _, left = psutil.wait_procs(processes, timeout=STOP_SECONDS)
    for process in left:
        process.kill()
    server.wait()
    assert not left, f"did not end with JupyterLab: {left}"
