"""Pages of a report: one folder that opens from the file system, without scripts or requests."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from nbformat import NotebookNode

from analysis.report.blocks import Block, blocks_of, document_of, title_of

INDEX_NAME = "index.html"
INDEX_TITLE = "The answer"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the index page: `svg` as bytes, and in words what it shows."""

    svg: bytes
    caption: str

    @property
    def address(self) -> str:
        """The figure as a data address, so that the page needs no other file."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode("ascii")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the index page says. Text is escaped by the page; `Markup` is shown as it is.

    Attributes
    ----------
    title : str
        Title of the study.
    simulated : bool
        Said first and on every page.
    headline : str
        The answer in one sentence.
    sentences : sequence of str
        One a therapy.
    survival : sequence of str
        Whether each conclusion survives other assumptions about those not seen.
    method : str
        How it was computed, in a sentence or two.
    figures : sequence of Figure
    results, findings, account : sequence of Markup
        Tables: relief; what validation noticed; where rows and values went.
    about, limits : sequence of str
        What the study is, and what it cannot tell.
    warnings : sequence of str
        What the reader must know before relying on the numbers.
    files : sequence of (str, str)
        Address within the folder, and what it holds.
    source : str
        Citation and licence of the data.
    """

    title: str
    simulated: bool
    headline: str
    sentences: Sequence[str]
    survival: Sequence[str] = ()
    method: str = ""
    description: str = ""
    figures: Sequence[Figure] = ()
    results: Sequence[Markup] = ()
    findings: Sequence[Markup] = ()
    account: Sequence[Markup] = ()
    about: Sequence[str] = ()
    limits: Sequence[str] = ()
    warnings: Sequence[str] = ()
    files: Sequence[tuple[str, str]] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the navigation: where it leads, its short name, and the page's title."""

    address: str
    text: str
    title: str


def write_site(
    folder: Path,
    answer: Answer,
    notebooks: Sequence[tuple[str, NotebookNode]],
    drawn: Sequence[Figure] = (),
    documents: Sequence[tuple[str, str]] = (),
) -> None:
    """Write the index page, one page a notebook and one a document.

    Parameters
    ----------
    folder : Path
        Exists already; files of the same names are overwritten.
    answer : Answer
    notebooks : sequence of (str, NotebookNode)
        Name of the page without its ending, and the executed notebook.
    drawn : sequence of Figure
        Shown in place of the notebooks' pictures of the same caption, which are coarser.
    documents : sequence of (str, str)
        Name of the page without its ending, and the document as Markdown.
    """
    pages = _environment()
    links = [Link(INDEX_NAME, INDEX_TITLE, INDEX_TITLE)]
    links += [
        Link(f"{name}.html", _short(name), title_of(notebook)) for name, notebook in notebooks
    ]
    texts = [(name, *document_of(text)) for name, text in documents]
    links += [Link(f"{name}.html", _short(name), title) for name, title, _ in texts]
    shared = {"links": links, "study": answer.title, "simulated": answer.simulated}
    text = pages.get_template("index.html.j2").render(
        **shared, here=INDEX_NAME, title=INDEX_TITLE, answer=answer
    )
    _write(folder / INDEX_NAME, text)
    sharp = {figure.caption: figure.address for figure in drawn}
    for (name, notebook), link in zip(notebooks, links[1 : 1 + len(notebooks)], strict=True):
        text = pages.get_template("notebook.html.j2").render(
            **shared,
            here=link.address,
            title=link.title,
            blocks=_sharpened(blocks_of(notebook), sharp),
        )
        _write(folder / f"{name}.html", text)
    for name, title, body in texts:
        text = pages.get_template("document.html.j2").render(
            **shared, here=f"{name}.html", title=title, body=body
        )
        _write(folder / f"{name}.html", text)


def _sharpened(blocks: list[Block], sharp: dict[str, str]) -> list[Block]:
    """Blocks with a figure's picture replaced where a sharper one has the same caption."""
    return [replace(block, body=sharp.get(block.caption, block.body)) for block in blocks]


def _short(name: str) -> str:
    """`02_short_and_long` as people say it: "Short and long"."""
    words = name.lstrip("0123456789_").replace("_", " ")
    return words[:1].upper() + words[1:]


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("analysis.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
