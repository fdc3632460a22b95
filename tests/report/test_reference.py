"""The reference: every public name has a page and words, and nothing in it depends on the machine."""

from __future__ import annotations

import html.parser
import itertools
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from analysis.report import reference
from analysis.report.reference import ROOMS, exported, read_rooms
from analysis.report.site import Answer, write_site

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def rooms():
    return read_rooms()


@pytest.fixture(scope="module")
def folder(rooms, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_site(folder, Answer(f"Trial of {HOSTILE}", True, "It helps."), [], rooms=rooms)
    return folder


@pytest.fixture(scope="module")
def pages(folder):
    return {path.name: Page(path) for path in sorted((folder / "reference").glob("*.html"))}


class Page(html.parser.HTMLParser):
    """Tags and names of places of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    @property
    def places(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for tag, attributes in self.tags if tag == "a"]


def of_all(rooms):
    return [
        (room, one) for room in rooms for entry in room.entries for one in (entry, *entry.members)
    ]  # fmt: skip


def test_every_part_of_analysis_has_a_page(pages):
    parts = {path.stem for path in (ROOT / "analysis").iterdir() if not path.name.startswith("_")}
    assert {name.split(".")[0] for name in ROOMS} == parts
    assert set(pages) == {"index.html", *(f"{name}.html" for name in ROOMS)}


@pytest.mark.parametrize("name", ROOMS)
def test_every_name_that_a_part_exports_is_on_its_page(pages, name):
    names = getattr(import_module(f"analysis.{name}"), "__all__", ())
    assert names or ROOMS[name] or not (ROOT / "analysis" / name).is_dir()
    assert set(names) <= set(pages[f"{name}.html"].places)
    assert len(pages[f"{name}.html"].places) > len(["content"])


def test_every_public_name_says_what_it_is(rooms):
    assert not [f"{room.name}: {one.name}" for room, one in of_all(rooms) if not one.doc]
    assert not [room.name for room in rooms if not room.doc or not room.lead]


def test_private_names_stay_out(rooms):
    assert not [one.name for _, one in of_all(rooms) if re.search(r"(^|\.)_", one.name)]


def test_every_link_leads_to_a_page_and_a_place_there(folder, pages):
    lost = []
    for name, page in pages.items():
        for link in page.links:
            address, _, place = link.partition("#")
            path = (folder / "reference" / address).resolve() if address else folder / "reference" / name
            if path.name in ("methods.html", "provenance.json"):
                continue  # pages of a whole report, beside which this folder lies
            if not path.is_file() or (place and place not in Page(path).places):
                lost.append((name, link))
    assert not lost


def test_what_analysis_itself_exports_leads_the_list(pages):
    assert set(exported()) == set(import_module("analysis").__all__)
    assert set(exported().values()) <= set(pages["index.html"].links)


def test_names_in_docstrings_are_links(pages):
    assert '<a href="describe.html#observed_course"><code>analysis.describe.observed_course</code></a>' in (
        pages["figures.html"].source
    )


def test_pages_have_one_first_heading_no_level_is_left_out_and_places_are_named_once(pages):
    for name, page in pages.items():
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
        assert levels.count(1) == 1, name
        assert levels[0] == 1, name
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), name
        assert len(page.places) == len(set(page.places)), name


def test_no_script_and_no_request(pages):
    for name, page in pages.items():
        assert not [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "img")], name
        assert not [link for link in page.links if ":" in link], name
        assert "<script" not in page.source.lower(), name


def test_signatures_hold_no_address_of_an_object_and_no_folder_of_this_computer(pages):
    for name, page in pages.items():
        assert not re.search(r"0x[0-9a-f]{6,}|<function|<object", page.source), name
        assert str(ROOT) not in page.source, name
        assert str(Path.home()) not in page.source, name


def test_the_reference_is_the_same_twice(rooms):
    assert read_rooms() == rooms


def test_a_signature_stands_as_in_the_source(rooms):
    figures = next(room for room in rooms if room.name == "figures")
    shown = next(entry for entry in figures.entries if entry.name == "plot_responders")
    assert shown.signature == (
        "plot_responders(\n    frame: pd.DataFrame,\n    labels: Labels,\n"
        '    horizon: str = "long",\n    definition: str | None = None,\n'
        "    axes: Sequence[Axes] | None = None,\n) -> list[Axes]"
    )
    assert shown.module == "analysis.figures"


def test_html_and_addresses_of_scripts_in_a_docstring_are_text():
    shown = reference._html(f"Reads {HOSTILE} & [this](javascript:alert(1)), not `<b>`.", {}, "figures")
    assert "<script" not in shown
    assert "javascript:" not in shown
    assert "&lt;script&gt;" in shown
    assert "<code>&lt;b&gt;</code>" in shown


def test_a_docstring_keeps_its_parts_and_its_example():
    parameters = "Parameters\n----------\na : int\nb : int\n    The other."
    text = f"Add.\n\n{parameters}\n\nExamples\n--------\n>>> add(1, 2)\n3\n"
    shown = reference._html(text, {}, "figures")
    assert shown.count('<p class="part">') == 2
    assert "<strong>a</strong> (int)" in shown
    assert "<strong>b</strong> (int):\nThe other." in shown
    assert "<pre><code>&gt;&gt;&gt; add(1, 2)\n</code></pre>" in shown


def test_the_builder_of_a_reference_is_loaded_only_when_one_is_made():
    code = "import analysis.report.build, sys; print('pdoc' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert shown.stdout.strip() == "False"
