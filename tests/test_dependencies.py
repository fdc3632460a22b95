"""Every package of the lock is there for a reason, and its licence is known."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from analysis.report.licences import ELSEWHERE, NOT_STATED, licence_of, locked

ROOT = Path(__file__).resolve().parent.parent
# Used without being imported, and where that is seen.
TOOLS = {
    "jupyterlab": ("run.py", '"-m", "jupyterlab"'),
    "ipykernel": ("analysis/report/kernels.py", 'kernel_name="python3"'),
    "nbval": ("pyproject.toml", "--nbval"),
    "pytest": ("run.py", '"-m", "pytest"'),
    "pytest-cov": ("CONTRIBUTING.md", "--cov-config=pyproject.toml"),
    "pytest-xdist": ("run.py", "--numprocesses=2"),
    "setuptools": ("pyproject.toml", 'build-backend = "setuptools'),
    "mypy": ("tests/test_types.py", '"mypy", "--cache-dir"'),
    "types-pyyaml": ("analysis/studies/yaml_text.py", "import yaml"),
    "ruff": ("tests/test_types.py", '"ruff", "check"'),
}
COPYLEFT = ("AGPL", "GPL-2", "GPL-3", "GPLv2", "GPLv3", "General Public License v")


def _direct() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"].values()
    named = [*project["project"]["dependencies"], *[line for group in groups for line in group]]
    return {canonicalize_name(r.name): r for r in map(Requirement, named)}


def _imported() -> set[str]:
    """Names of the packages that the project's code imports."""
    names: set[str] = set()
    for folder in ("analysis", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names.add(node.module.split(".")[0])
    distributions = packages_distributions()
    return {
        canonicalize_name(one)
        for name in names - set(sys.stdlib_module_names)
        for one in distributions.get(name, [])
    }


def _needs(name: str, extras: set[str]) -> list[Requirement]:
    """What an installed package requires on any system, with those extras."""
    try:
        found = [Requirement(text) for text in requires(name) or []]
    except PackageNotFoundError:
        return []
    return [
        one for one in found
        if "extra" not in str(one.marker) or any(one.marker.evaluate({"extra": extra}) for extra in extras)
    ]  # fmt: skip


def test_every_direct_dependency_is_used():
    imported = _imported()
    unused = [
        name for name in _direct()
        if name not in imported
        and not (name in TOOLS and TOOLS[name][1] in (ROOT / TOOLS[name][0]).read_text(encoding="utf-8"))
    ]  # fmt: skip
    assert not unused


def test_every_package_of_the_lock_is_direct_or_required_by_one_that_is():
    lock = locked((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    reached: set[tuple[str, frozenset[str]]] = set()
    waiting = [(name, frozenset(one.extras)) for name, one in _direct().items()]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) not in reached:
            reached.add((name, extras))
            needs = _needs(name, set(extras))
            waiting += [(canonicalize_name(one.name), frozenset(one.extras)) for one in needs]
    assert not set(lock) - {name for name, _ in reached}


def test_what_the_code_imports_is_in_the_lock():
    lock = locked((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    assert not _imported() - set(lock) - {"lasting-relief"}


def test_the_page_of_licences_is_that_of_the_lock():
    text = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    rows = [line.strip("| \n").split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    lock = locked((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    assert {row[0]: row[1] for row in rows} == lock
    for name, _, licence in rows:
        assert licence_of(name) in (licence, ELSEWHERE) or licence == ELSEWHERE, name
        assert licence != NOT_STATED, name


def test_no_package_binds_the_project_to_its_own_licence():
    text = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    bound = [line for line in text.splitlines() if any(word in line for word in COPYLEFT)]
    assert not bound
