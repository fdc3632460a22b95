"""The methods page: a document of the project as a page of the report, and true to the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_site import Page

from analysis.report.blocks import document_of
from analysis.report.site import Answer, document_page, write_site

ROOT = Path(__file__).resolve().parents[2]
METHODS = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
CITATION = re.compile(r"docs/methods\.md\s+(?:#\s*)?section\s+(\d+(?:\.\d+)?)")
MODULES = sorted((ROOT / "analysis").rglob("*.py"))


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    folder = tmp_path_factory.mktemp("site")
    answer = Answer(title="A trial", simulated=False, headline="Some relief.")
    write_site(folder, answer, [document_page("methods", METHODS)])
    assert Page((folder / "index.html").read_text(encoding="utf-8")).text.count("Methods") == 2
    return Page((folder / "methods.html").read_text(encoding="utf-8"))


def test_the_methods_are_a_page_with_the_navigation_of_the_report(page):
    assert [a["href"] for a in page.named("a") if "aria-current" in a] == ["methods.html"]
    assert len(page.named("h1")) == 1
    assert not page.named("script")


def test_every_formula_is_drawn_and_none_is_left_as_source(page):
    formulas = len(re.findall(r"\$\$.+?\$\$|\$[^$]+\$", METHODS, re.DOTALL))
    assert len(page.named("math")) == formulas > 50
    assert "$" not in page.text
    assert "\\" not in page.text


def test_tables_and_formulas_scroll_by_themselves_under_names_of_their_own(page):
    regions = [a for _, a in page.tags if a.get("role") == "region"]
    names = [a["aria-label"] for a in regions]
    assert len(names) == len(set(names))
    assert names.count("Table 1") == 1
    shown = [a for a in page.named("math") if a.get("display") == "block"]
    assert len(names) == len(page.named("table")) + len(shown)


def test_every_section_that_code_cites_is_there():
    sections = set(re.findall(r"^#{2,3} (\d+(?:\.\d+)?)", METHODS, re.MULTILINE))
    cited = [
        (path.name, number)
        for path in MODULES
        for number in CITATION.findall(path.read_text(encoding="utf-8"))
    ]
    assert len(cited) > 10
    assert not [pair for pair in cited if pair[1] not in sections]


def test_a_document_without_a_title_gets_one():
    title, body = document_of("Words only, $x$.")
    assert title == "Document"
    assert "<math" in body
