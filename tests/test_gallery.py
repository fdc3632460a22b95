"""The gallery shows every figure there is, each with the call that draws it."""

from __future__ import annotations

import ast
import json
from pathlib import Path

from analysis import figures

GALLERY = Path(__file__).resolve().parent.parent / "notebooks" / "gallery.ipynb"
FIGURES = {name for name in figures.__all__ if name.startswith("plot_")}


def _cells(kind: str) -> list[dict]:
    cells = json.loads(GALLERY.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == kind]


def _calls() -> list[ast.Call]:
    sources = ["".join(cell["source"]) for cell in _cells("code")]
    return [node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]


def test_every_public_figure_is_drawn_and_shown():
    shown = [
        call.args[0].func.attr for call in _calls()
        if getattr(call.func, "id", "") == "show" and isinstance(call.args[0], ast.Call)
    ]  # fmt: skip
    assert set(shown) == FIGURES
    pictures = [
        output
        for cell in _cells("code")
        for output in cell["outputs"]
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == len(shown)


def test_every_figure_is_named_with_when_to_use_it():
    prose = "\n".join("".join(cell["source"]) for cell in _cells("markdown"))
    assert not [name for name in FIGURES if f"**`{name}`**" not in prose]


def test_what_is_simulated_and_what_is_published_is_said_beside_every_figure():
    words = [call.args[1].value for call in _calls() if getattr(call.func, "id", "") == "show"]
    assert words
    assert not [text for text in words if not ("Simulated data." in text or "Published trials" in text)]
