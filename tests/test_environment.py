"""environment.yml, requirements.lock and pyproject.toml describe one environment."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
MANDATED = {"jupyterlab", "pandas", "statsmodels", "matplotlib", "nbval"}
# Names of hosts that serve packages, put together here so that this file does not name one.
HOSTS = re.compile(r"https?://[\w.-]*(" + "|".join(["py" + "pi", "pythonhosted", "npm" + "js"]) + r")[\w.-]*")


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _direct() -> list[Requirement]:
    project = _project()
    return [Requirement(r) for r in project["project"]["dependencies"] + project["dependency-groups"]["test"]]


def _locked() -> dict[str, str]:
    text = (ROOT / "requirements.lock").read_text()
    found = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def _conda() -> tuple[str, list[str]]:
    content = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    python = next(part for part in content if isinstance(part, str) and part.startswith("python="))
    pip = next(part["pip"] for part in content if isinstance(part, dict))
    return python.removeprefix("python="), [line for line in pip if not line.startswith("--")]


def test_the_mandated_packages_are_there():
    assert {requirement.name for requirement in _direct()} >= MANDATED


@pytest.mark.parametrize("requirement", _direct(), ids=lambda r: r.name)
def test_the_lock_satisfies_each_requirement(requirement):
    assert requirement.specifier.contains(_locked()[canonicalize_name(requirement.name)])


def test_every_package_of_the_lock_is_checked_by_hash():
    text = (ROOT / "requirements.lock").read_text()
    blocks = re.split(r"^(?=[A-Za-z0-9_.-]+==)", text, flags=re.MULTILINE)
    unhashed = [block.split()[0] for block in blocks if "==" in block and "--hash=sha256:" not in block]
    assert not unhashed


def test_conda_users_get_the_versions_of_the_lock():
    python, pins = _conda()
    assert SpecifierSet(_project()["project"]["requires-python"]).contains(python)
    locked = _locked()
    assert {pin: locked[canonicalize_name(pin.split("==")[0])] for pin in pins} == {
        pin: pin.split("==")[1] for pin in pins
    }
    assert {canonicalize_name(pin.split("==")[0]) for pin in pins} == {
        canonicalize_name(requirement.name) for requirement in _direct()
    }


def test_run_py_knows_the_pythons_of_pyproject():
    text = (ROOT / "run.py").read_text()
    low, high = re.search(r"PYTHONS = \(\((\d+, \d+)\), \((\d+, \d+)\)\)", text).groups()
    wanted = SpecifierSet(_project()["project"]["requires-python"])
    assert wanted.contains(low.replace(", ", ".")) and wanted.contains(high.replace(", ", "."))
    assert not wanted.contains("3.10") and not wanted.contains("3.15")


def test_no_file_names_a_package_host_or_a_developers_folder():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout")
    # Not after a word: an address on the web may have a path of that name.
    places = "|".join(["/ho" + "me/", "[/\\\\]Us" + "ers[/\\\\]", "/ro" + "ot/"])
    folders = re.compile(rf"(?<!\w)(?:{places})")
    guilty = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.suffix == ".png" or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        if HOSTS.search(text) or folders.search(text):
            guilty.append(name)
    assert not guilty
