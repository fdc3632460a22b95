"""Cells of an executed notebook as pieces of a page: prose, folded code, tables and figures."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import latex2mathml.converter
from markupsafe import Markup
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from analysis.report.execute import warnings_in
from analysis.report.html_tables import house_table
from analysis.tables import Table

PNG, SVG = "image/png", "image/svg+xml"
DEFAULT_ALT = "Figure; the table beside it holds its numbers."
_DIGEST = re.compile(r"\s*\[data [0-9a-f]+\]\s*$")
_HEAD = re.compile(r"<th(?=[ >])")
_TITLE = re.compile(r"\A\s*#\s+([^\n]+)\n?")


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a page.

    Attributes
    ----------
    kind : {"prose", "code", "html", "figure", "text", "warning"}
    body : Markup or str
        `Markup` for prose and html (tables), which are shown as they are; text, which the template
        escapes, for code, text and warning; a data address for a figure.
    caption : str
        What a figure shows, in words; the name of a table.
    files : tuple of (str, str)
        Files of the folder that hold the same: address, and what kind of file it is.
    number : int
        Place among the tables or figures of its page, from 1.
    """

    kind: Literal["prose", "code", "html", "figure", "text", "warning"]
    body: Markup | str
    caption: str = ""
    files: tuple[tuple[str, str], ...] = ()
    number: int = 0


def table_block(table: Table) -> Block:
    """A table as a piece of a page; tables escape every cell themselves."""
    return Block("html", Markup(table._repr_html_()), table.caption)


def prose_block(text: str, tag: str = "p") -> Block:
    """Plain text as a piece of a page, escaped, in an element of that name."""
    return Block("prose", Markup(f"<{tag}>{{}}</{tag}>").format(text))


class _Renderer(IPythonRenderer):
    """Markdown to HTML with formulas as MathML, which a browser draws without a script."""

    def inline_math(self, body: str) -> str:
        return _mathml(body, "inline")

    def block_math(self, body: str) -> str:
        return _mathml(body, "block")


def _mathml(latex: str, display: str) -> str:
    try:
        return latex2mathml.converter.convert(latex, display=display)
    except Exception:
        return f"<code>{Markup.escape(latex)}</code>"


def render_markdown(text: str) -> Markup:
    """HTML of Markdown text, with formulas as MathML.

    Raw HTML in the text is passed on: text from users must be escaped before it becomes Markdown
    (`analysis.display` does so).
    """
    renderer = _Renderer(escape=False, allow_harmful_protocols=False, exclude_anchor_links=True)
    return Markup(MarkdownWithMath(renderer=renderer)(text))


class _PlainRenderer(_Renderer):
    """The same for text that may hold HTML by chance: shown as text. Headings are small parts."""

    def __init__(self) -> None:
        super().__init__(escape=True, allow_harmful_protocols=False, exclude_anchor_links=True)

    def heading(self, text: str, level: int, **_: object) -> str:
        return f'<p class="part">{text}</p>\n'


def render_untrusted(text: str) -> Markup:
    """HTML of Markdown in which HTML is shown as text, and headings are lines of their own."""
    return Markup(MarkdownWithMath(renderer=_PlainRenderer())(text))


class _DocumentRenderer(_Renderer):
    """The same, with regions that scroll on a narrow screen for tables and formulas."""

    def __init__(self) -> None:
        super().__init__(escape=False, allow_harmful_protocols=False, exclude_anchor_links=True)
        self._count = {"Table": 0, "Equation": 0}

    def table(self, text: str) -> str:
        cells = _HEAD.sub('<th scope="col"', text)
        return self._region("Table", f"<table>\n{cells}</table>")

    def block_math(self, body: str) -> str:
        return self._region("Equation", super().block_math(body))

    def _region(self, kind: str, html: str) -> str:
        self._count[kind] += 1
        label = f"{kind} {self._count[kind]}"
        return f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">{html}</div>\n'


def document_of(text: str) -> tuple[str, Markup]:
    """Title and HTML of a document of the project, written in Markdown.

    Parameters
    ----------
    text : str
        Its first line is the title, `# …`.
    """
    found = _TITLE.match(text)
    title = found.group(1).strip() if found else "Document"
    return title, Markup(MarkdownWithMath(renderer=_DocumentRenderer())(_without_title(text)))


def blocks_of(notebook: NotebookNode) -> list[Block]:
    """Pieces of a page, in order, from an executed notebook.

    The title (a first line `# …`) is left to the page; see `title_of`. What a notebook wrote to its
    error stream becomes one warning each.
    """
    blocks = [Block("warning", line) for line in warnings_in(notebook)]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = _without_title(cell.source)
            if text.strip():
                blocks.append(Block("prose", render_markdown(text)))
        elif cell.cell_type == "code":
            blocks.append(Block("code", cell.source))
            for output in cell.outputs:
                blocks.extend(_output(output))
    return blocks


def title_of(notebook: NotebookNode) -> str:
    """First heading of the first level, or "Notebook" where there is none."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := _TITLE.match(cell.source)):
            return found.group(1).strip()
    return "Notebook"


def _without_title(source: str) -> str:
    return _TITLE.sub("", source, count=1)


def _output(output: NotebookNode) -> list[Block]:
    """The richest form of an output that a page without scripts can show."""
    if output.output_type == "stream":
        return [Block("text", output.text)] if output.name == "stdout" else []
    data = output.get("data", {})
    if PNG in data:
        return [Block("figure", _address(data), _alt(output))]
    if "text/html" in data:
        shown = Markup(house_table(_joined(data["text/html"])))
        return [Block("html" if "<table" in shown else "prose", shown)]
    if "text/markdown" in data:
        return [Block("prose", render_markdown(_joined(data["text/markdown"])))]
    if "text/plain" in data:
        return [Block("text", _joined(data["text/plain"]))]
    return []


def figures_in(notebook: NotebookNode) -> Iterator[tuple[str, bytes, bytes]]:
    """Figures that a notebook drew for print: in words what each shows, its SVG and its PNG."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    for output in outputs:
        data = output.get("data", {})
        if SVG in data and PNG in data:
            png = base64.b64decode(_joined(data[PNG]))
            yield _alt(output), _joined(data[SVG]).encode("utf-8"), png


def _alt(output: NotebookNode) -> str:
    """What a figure shows, in words."""
    alt = output.get("metadata", {}).get(PNG, {}).get("alt")
    text = _joined(output["data"].get("text/plain", ""))
    return alt or _DIGEST.sub("", text) or DEFAULT_ALT


def _address(data: NotebookNode) -> str:
    """The sharpest picture there is, as a data address."""
    if SVG in data:
        return data_address(_joined(data[SVG]).encode("utf-8"), SVG)
    return data_address(base64.b64decode(_joined(data[PNG])), PNG)


def data_address(content: bytes, kind: str = SVG) -> str:
    """A picture as a data address, so that a page needs no other file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
