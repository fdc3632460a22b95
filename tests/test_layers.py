"""The way data flow: a module imports only what stands above it."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = (
    "errors", "distributions", "schema", "instruments", "studies", "readers", "trial", "simulate",
    "validate", "intake", "draft", "describe", "proportions", "estimands", "mmrm", "relief", "imputation",
    "sensitivity", "responders", "harms", "evidence", "parity", "tables", "figures", "sentences",
    "display", "widgets", "report",
)  # fmt: skip
LONGEST = 400
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc"}
MODULES = sorted((ROOT / "analysis").rglob("*.py"))


def _layer(path: Path) -> str:
    part = path.relative_to(ROOT / "analysis").parts[0]
    return part.removesuffix(".py")


def _imports(path: Path, at_run_time: bool = False) -> list[tuple[str, int]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        node for block in ast.walk(tree)
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(block)
    }  # fmt: skip
    found = []
    for node in ast.walk(tree):
        if at_run_time and node in for_types:
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno} imports relatively"
            names = [f"analysis.{alias.name}" for alias in node.names]
            found += [(name, node.lineno) for name in names if node.module == "analysis"]
            found.append((node.module or "", node.lineno))
        elif isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
    return [(name, line) for name, line in found if name.startswith("analysis.")]


def test_every_room_is_in_the_list():
    rooms = {_layer(path) for path in MODULES} - {"__init__"}
    assert rooms == set(LAYERS)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_stands_above_it(path):
    layer = _layer(path)
    if layer == "__init__":
        return
    place = LAYERS.index(layer)
    below = [
        f"line {line}: {name}" for name, line in _imports(path) if LAYERS.index(name.split(".")[1]) > place
    ]
    assert not below


def test_no_module_imports_itself_by_a_detour():
    names = {}
    for path in MODULES:
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[path] = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    graph = {names[path]: {name for name, _ in _imports(path, at_run_time=True)} for path in MODULES}
    order = list(TopologicalSorter(graph).static_order())
    assert set(names.values()) <= set(order)


@pytest.mark.parametrize("path", [*MODULES, *sorted((ROOT / "tests").rglob("*.py")), ROOT / "run.py"],
                         ids=lambda p: str(p.relative_to(ROOT)))  # fmt: skip
def test_a_module_is_short_and_has_a_name_of_its_own(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST
    assert path.stem not in DRAWERS


def test_import_analysis_is_quick():
    code = "import analysis, sys; print(any(m in sys.modules for m in ('pandas', 'matplotlib', 'scipy')))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert shown.stdout.strip() == "False"
