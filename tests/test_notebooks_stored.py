"""Notebooks as they are stored: run top to bottom, complete, and made of calls, not of code."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
EXPECTED = (
    "00_your_own_data", "01_the_data", "02_short_and_long_term_relief", "03_how_sure",
    "04_who_gets_better_and_who_is_harmed", "05_published_evidence", "06_claims",
    "gallery", "case_studies/vickers2004", "methods/mmrm_against_r_and_sas",
)  # fmt: skip
NOTEBOOKS = sorted(p for p in FOLDER.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
CODE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.Try, ast.Lambda)
MOST_CELLS, MOST_LINES, MOST_BYTES = 25, 15, 400_000


def _cells(path: Path, kind: str = "code") -> list[dict]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == kind]


def test_the_notebooks_we_promise_are_there():
    names = {str(path.relative_to(FOLDER).with_suffix("")).replace("\\", "/") for path in NOTEBOOKS}
    assert names >= set(EXPECTED)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
class TestStored:
    def test_it_was_run_top_to_bottom(self, path):
        counts = [cell["execution_count"] for cell in _cells(path)]
        assert counts == list(range(1, len(counts) + 1))

    def test_it_holds_no_error_and_no_stderr(self, path):
        outputs = [output for cell in _cells(path) for output in cell["outputs"]]
        assert outputs
        assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]

    def test_every_figure_has_words_for_those_who_cannot_see_it(self, path):
        for cell in _cells(path):
            for output in cell["outputs"]:
                if "image/png" in output.get("data", {}):
                    assert len(output["metadata"]["image/png"]["alt"]) > 20

    def test_it_holds_calls_and_no_code(self, path):
        cells = _cells(path)
        assert len(cells) + len(_cells(path, "markdown")) <= MOST_CELLS
        for cell in cells:
            source = "".join(cell["source"])
            assert len(source.splitlines()) <= MOST_LINES
            assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, CODE)]

    def test_it_is_small_and_holds_no_times(self, path):
        assert path.stat().st_size <= MOST_BYTES
        assert not [cell for cell in _cells(path) if "execution" in cell["metadata"]]

    def test_only_the_versions_are_not_compared(self, path):
        tags = [cell["metadata"].get("tags", []) for cell in _cells(path)]
        ignored = [k for k, names in enumerate(tags) if any(name.startswith("nbval") for name in names)]
        assert ignored in ([], [len(tags) - 1])

    def test_it_holds_no_state_of_widgets(self, path):
        assert "widget" not in " ".join(json.loads(path.read_text(encoding="utf-8"))["metadata"])
        kinds = {kind for cell in _cells(path) for o in cell["outputs"] for kind in o.get("data", {})}
        assert not [kind for kind in kinds if "widget" in kind]
