"""Types and style are checked by programs, each in one run over everything it is meant for."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CACHE = ".mypy_cache"


def _complaints(tool: str, *options: str) -> str:
    """What the tool finds in the project, empty where that is nothing."""
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed: requirements.lock has it")
    call = [sys.executable, "-m", tool, *options]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.slow
def test_mypy_finds_nothing_in_the_package(tmp_path):
    # What git ignores is kept from run to run, which saves most of the time.
    cache = ROOT / CACHE if os.access(ROOT, os.W_OK) else tmp_path / CACHE
    assert not _complaints("mypy", "--cache-dir", str(cache))


def test_ruff_finds_nothing_in_code_tests_and_notebooks():
    assert not _complaints("ruff", "check", "--no-cache", ".")
