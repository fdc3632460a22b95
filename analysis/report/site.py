"""Pages of a report: one folder that opens from the file system, without scripts or requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from nbformat import NotebookNode

from analysis.report.blocks import Block, blocks_of, document_of, title_of
from analysis.report.downloads import with_files
from analysis.report.drawings import Figure
from analysis.report.html_tables import breakable
from analysis.report.reference import Room, exported

INDEX_NAME = "index.html"
INDEX_TITLE = "The answer"
REFERENCE_NAME = "reference"
REFERENCE_TITLE = "Reference: every public function and class"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the index page: sentences, one a therapy, and tables that belong to them.

    Attributes
    ----------
    title, lead : str
        What it is about, and how to read it.
    sentences : sequence of str
    blocks : sequence of Block
    more, folded : sequence of Block, str
        Further ones, folded under these words.
    """

    title: str
    lead: str = ""
    sentences: Sequence[str] = ()
    blocks: Sequence[Block] = ()
    more: Sequence[Block] = ()
    folded: str = "More"

    @property
    def says_something(self) -> bool:
        """Whether there is anything under its title."""
        return bool(self.lead or self.sentences or self.blocks or self.more)


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
    who : str
        Patients, in a sentence.
    forest : Block or None
        The figure of the answer.
    sections : sequence of Section
        In order.
    about, limits : sequence of str
        What the study is, and what it cannot tell.
    description, source : str
        As the study file has it; citation and licence of the data.
    warnings : sequence of str
        What the reader must know before relying on the numbers.
    files : sequence of (str, str)
        Address within the folder, and what it holds.
    """

    title: str
    simulated: bool
    headline: str
    who: str = ""
    forest: Block | None = None
    sections: Sequence[Section] = ()
    about: Sequence[str] = ()
    limits: Sequence[str] = ()
    description: str = ""
    source: str = ""
    warnings: Sequence[str] = ()
    files: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A page beside the index: its name without the ending, its title and its pieces.

    Attributes
    ----------
    name, title : str
    blocks : sequence of Block
    of : {"study", "examples"}
        Pages of examples are for those who write Python: their code is open, and they stand aside.
    """

    name: str
    title: str
    blocks: Sequence[Block]
    of: Literal["study", "examples"] = "study"


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the navigation: where it leads, its short name, and the page's title."""

    address: str
    text: str
    title: str


def notebook_page(name: str, notebook: NotebookNode, of: Literal["study", "examples"] = "study") -> Page:
    """The page of an executed notebook."""
    return Page(name, title_of(notebook), blocks_of(notebook), of)


def document_page(name: str, text: str) -> Page:
    """The page of a document of the project, written in Markdown."""
    title, body = document_of(text)
    return Page(name, title, [Block("prose", body)])


def write_site(
    folder: Path,
    answer: Answer,
    pages: Sequence[Page],
    figures: Mapping[str, Figure] | None = None,
    rooms: Sequence[Room] = (),
) -> None:
    """Write the index page, the other pages, the files of their tables, and the reference.

    Parameters
    ----------
    folder : Path
        Exists already; files of the same names are overwritten.
    answer : Answer
    pages : sequence of Page
    figures : mapping of str to Figure, optional
        Those in the folder, by the name of their files.
    rooms : sequence of Room
        Of `analysis.report.reference.read_rooms`.
    """
    templates, figures = _environment(), figures or {}
    links = [Link(INDEX_NAME, INDEX_TITLE, INDEX_TITLE), *_links(pages, "study")]
    aside = _links(pages, "examples")
    if rooms:
        aside.append(Link(f"{REFERENCE_NAME}/{INDEX_NAME}", "Reference", REFERENCE_TITLE))
    shared = {
        "links": links, "aside": aside, "study": answer.title, "simulated": answer.simulated,
        "root": "", "of": "study",
    }  # fmt: skip
    text = templates.get_template("index.html.j2").render(
        **shared, here=INDEX_NAME, title=INDEX_TITLE, answer=_with_files(answer, folder, figures)
    )
    _write(folder / INDEX_NAME, text)
    for page in pages:
        content = {
            **shared, "here": f"{page.name}.html", "title": page.title, "of": page.of,
            "blocks": with_files(page.name, page.blocks, folder, figures),
        }  # fmt: skip
        _write(folder / f"{page.name}.html", templates.get_template("blocks.html.j2").render(content))
    if rooms:
        _write_reference(folder / REFERENCE_NAME, rooms, templates, shared)


def _write_reference(
    folder: Path, rooms: Sequence[Room], templates: Environment, shared: Mapping[str, object]
) -> None:
    """A page for each room below the folder of the report, and one that lists them."""
    folder.mkdir(exist_ok=True)
    shared = {**shared, "root": "../", "of": "program", "rooms": rooms}
    text = templates.get_template("reference_index.html.j2").render(
        **shared, here=f"{REFERENCE_NAME}/{INDEX_NAME}", title=REFERENCE_TITLE, exported=exported()
    )
    _write(folder / INDEX_NAME, text)
    for room in rooms:
        text = templates.get_template("reference.html.j2").render(
            **shared, here=f"{REFERENCE_NAME}/{room.name}.html", title=f"analysis.{room.name}", room=room
        )
        _write(folder / f"{room.name}.html", text)


def _links(pages: Sequence[Page], of: str) -> list[Link]:
    return [Link(f"{page.name}.html", _short(page.name), page.title) for page in pages if page.of == of]


def _with_files(answer: Answer, folder: Path, figures: Mapping[str, Figure]) -> Answer:
    """The answer with the files of its tables and figures, numbered through the page."""
    lists: list[Sequence[Block]] = [[answer.forest] if answer.forest else []]
    for section in answer.sections:
        lists += [section.blocks, section.more]
    done = iter(with_files("answer", [block for blocks in lists for block in blocks], folder, figures))
    forest, *parts = [[next(done) for _ in blocks] for blocks in lists]
    pairs = zip(answer.sections, parts[::2], parts[1::2], strict=True)
    return replace(
        answer,
        forest=forest[0] if forest else None,
        sections=[replace(section, blocks=blocks, more=more) for section, blocks, more in pairs],
    )


def _short(name: str) -> str:
    """`02_short_and_long` as people say it: "Short and long"."""
    words = name.lstrip("0123456789_").replace("_", " ")
    return words[:1].upper() + words[1:]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("analysis.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["breakable"] = breakable
    return environment


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
