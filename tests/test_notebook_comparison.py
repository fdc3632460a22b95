"""tests/conftest.py sees what nbval alone lets pass, and never skips real data that should be here."""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from matplotlib.figure import Figure
from nbformat import v4

ROOT = Path(__file__).resolve().parent.parent
DRAW = """\
import base64, io
from IPython.display import display
from matplotlib.figure import Figure
figure = Figure(figsize=(3, 2), dpi=100)
figure.subplots().plot([1, 3, 2])
buffer = io.BytesIO()
figure.savefig(buffer, format="png", metadata={"Software": None})
picture = base64.b64encode(buffer.getvalue()).decode()
display({"image/png": picture, "text/plain": "a line"}, raw=True)
"""
WARN = "import warnings\nwarnings.warn('new', UserWarning)"
NEEDS_DATA = "def test_data_are_read(shared_data):\n    assert shared_data\n"


def _stored_picture(points: list[float]) -> nbformat.NotebookNode:
    figure, buffer = Figure(figsize=(3, 2), dpi=100), io.BytesIO()
    figure.subplots().plot(points)
    figure.savefig(buffer, format="png", metadata={"Software": None})
    data = {"image/png": base64.b64encode(buffer.getvalue()).decode(), "text/plain": "a line"}
    return v4.new_output("display_data", data)


def _pytest(folder: Path, *words: str, **variables: str) -> str:
    """Output of pytest in a project that has our conftest and nothing else of ours."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PAIN_DATA", "CI")}
    command = [sys.executable, "-m", "pytest", "-c", "empty.ini", "-p", "no:cacheprovider", "-rA"]
    done = subprocess.run(
        [*command, *words], cwd=folder, env={**kept, **variables}, text=True, check=False,
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "tests").mkdir(parents=True)
    (folder / "empty.ini").write_text("[pytest]\n")
    shutil.copy(ROOT / "tests" / "conftest.py", folder / "tests")
    return folder


def test_a_figure_of_other_data_and_a_new_warning_fail(project):
    cells = [
        v4.new_code_cell(DRAW, execution_count=1, outputs=[_stored_picture([1, 3, 2])]),
        v4.new_code_cell(DRAW, execution_count=2, outputs=[_stored_picture([1, 3, 2.1])]),
        v4.new_code_cell(WARN, execution_count=3),
        v4.new_code_cell(DRAW, execution_count=4),
    ]
    path = project / "tests" / "figures.ipynb"
    nbformat.write(v4.new_notebook(cells=cells), path)
    shown = _pytest(project, "--nbval", "--nbval-current-env", "--color=no", str(path))
    assert "1 passed" in shown and "3 failed" in shown
    assert "PASSED tests/figures.ipynb::Cell 0" in shown.replace("\\", "/")
    assert "figure 1 changed: RMS" in shown
    assert "1 figures drawn, 0 stored" in shown
    assert "stderr" in shown


@pytest.mark.parametrize(
    ("variables", "beside", "outcome"),
    [
        ({"CI": "false"}, False, "1 skipped"),
        ({"CI": "true"}, False, "1 error"),
        ({}, True, "1 error"),
    ],
    ids=["elsewhere", "own CI", "beside and empty"],
)
def test_real_data_are_skipped_only_where_nobody_promised_them(project, variables, beside, outcome):
    (project / "tests" / "test_data.py").write_text(NEEDS_DATA)
    if beside:
        (project.parent / "shared").mkdir()
    assert outcome in _pytest(project, "tests", **variables)
