"""Patients' data cannot enter git by accident: what is ignored, and what the hook refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOOK = ROOT / ".githooks" / "pre-commit"

BELONGS = ("data/simulated/", "data/published/", "data/examples/", "tests/reference/", "tests/simulation/")

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def git(tmp_path, monkeypatch):
    """Run git in a new repository that has the hook and the project's .gitignore."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)

    def run(*words: str) -> subprocess.CompletedProcess:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        return subprocess.run(
            ["git", *who, *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    run("init", "-q")
    shutil.copytree(HOOK.parent, tmp_path / ".githooks")
    shutil.copy(ROOT / ".gitignore", tmp_path)
    run("config", "core.hooksPath", ".githooks")
    return run


def commit(git, folder: Path, name: str, *, force: bool = False) -> subprocess.CompletedProcess:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("id,pain\nP1,3\n")
    git("add", *(["-f"] if force else []), "--", name)
    return git("commit", "-m", "Add a file")


@pytest.mark.parametrize(
    "name",
    [
        "export.csv", "data/my trial.XLSX", "data/open/trial.sav", "notebooks/Patienten-Übersicht.dta",
        "a/b/c/scores.parquet", "visits.sas7bdat", "backup.zip", "data/simulated2/outcomes.csv",
    ],
)  # fmt: skip
def test_a_data_file_is_refused_wherever_it_lies(git, tmp_path, name):
    done = commit(git, tmp_path, name)
    assert done.returncode == 1
    assert "never enter git" in done.stderr and "git restore --staged" in done.stderr
    assert git("log").returncode != 0


@pytest.mark.parametrize("name", ["data/patients/export.csv", "data/patients/notes.yml"])
def test_the_folder_of_patients_is_ignored_and_refused_even_when_forced(git, tmp_path, name):
    commit(git, tmp_path, name)
    assert git("diff", "--cached", "--name-only").stdout == ""
    assert commit(git, tmp_path, name, force=True).returncode == 1


@pytest.mark.parametrize(
    "name",
    ["data/simulated/outcomes.csv", "data/published/trials.csv", "analysis/new.py", "data/open/trial.yml",
     "tests/reference/fits.json", "data/patients/README.md"],
)  # fmt: skip
def test_what_belongs_to_the_project_is_committed(git, tmp_path, name):
    done = commit(git, tmp_path, name)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this copy of the project is no repository")
def test_nothing_the_project_holds_would_be_refused():
    held = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    odd = [
        name for name in held.stdout.splitlines()
        if name.endswith((".csv", ".xlsx", ".sav", ".dta", ".parquet", ".xpt", ".sas7bdat"))
        and not name.startswith(BELONGS)
    ]  # fmt: skip
    assert not odd


def test_the_hook_can_be_run():
    assert HOOK.read_bytes().startswith(b"#!/bin/sh\n")
    assert os.name == "nt" or os.access(HOOK, os.X_OK)
