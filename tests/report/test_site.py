"""The pages: what they show, and that nothing from a user does harm in them."""

from __future__ import annotations

import html.parser
import re

import nbformat.v4 as v4
import pytest
from markupsafe import Markup

from analysis.report.blocks import blocks_of, render_markdown, title_of
from analysis.report.site import Answer, Figure, write_site

HOSTILE = "<script>alert(1)</script>"
PIXEL = "iVBORw0KGgo="


class Page(html.parser.HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def named(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def notebook():
    table = v4.new_output("display_data", {"text/html": "<table><tr><td>7</td></tr></table>"})
    figure = v4.new_output(
        "display_data",
        {"image/png": PIXEL, "text/plain": "A figure [data abc123]"},
        metadata={"image/png": {"alt": f"Course of {HOSTILE}"}},
    )
    complaint = v4.new_output(
        "stream", name="stderr", text="/made/up/ipykernel_1/2.py:3: ConvergenceWarning: flat\n  fit()\n"
    )
    code = v4.new_code_cell("x = 1 < 2", outputs=[table, figure, complaint], execution_count=1)
    prose = v4.new_markdown_cell("# How much?\n\nThe effect $\\beta_1$ of *care*.")
    return v4.new_notebook(cells=[prose, code])


def answer(**changes):
    content = {
        "title": f"Trial of {HOSTILE}",
        "simulated": True,
        "headline": f"{HOSTILE} helps.",
        "sentences": [f"{HOSTILE} & others", "A second one."],
        "results": [Markup("<table><caption>Relief</caption></table>")],
        "figures": [Figure(b"<svg/>", f"Forest of {HOSTILE}")],
        "warnings": [f"{HOSTILE} has few patients"],
        "files": [("results.csv", "all estimates")],
    }
    return Answer(**{**content, **changes})


@pytest.fixture
def pages(tmp_path):
    write_site(tmp_path, answer(), [("01_the_data", notebook())])
    return {p.name: Page(p.read_text(encoding="utf-8")) for p in tmp_path.glob("*.html")}


def test_a_page_is_written_for_the_index_and_for_each_notebook(pages):
    assert sorted(pages) == ["01_the_data.html", "index.html"]


def test_a_therapy_that_is_a_script_is_shown_as_text_on_every_page(pages):
    for page in pages.values():
        assert not page.named("script")
        assert HOSTILE in page.text


def test_pages_ask_for_nothing_outside_their_folder(pages):
    for page in pages.values():
        addresses = [a[k] for _, a in page.tags for k in ("href", "src") if k in a]
        assert addresses
        for address in addresses:
            assert address.startswith("data:image/") or re.fullmatch(r"#?[\w./]+", address)


def test_the_content_policy_allows_no_script_and_no_request(pages):
    for page in pages.values():
        policy = [m["content"] for m in page.named("meta") if "http-equiv" in m]
        assert len(policy) == 1
        assert "default-src 'none'" in policy[0]
        assert "script-src" not in policy[0]


def test_simulated_is_said_on_every_page_and_only_then(tmp_path, pages):
    assert all("Simulated data." in page.text for page in pages.values())
    write_site(tmp_path, answer(simulated=False), [("01_the_data", notebook())])
    for path in tmp_path.glob("*.html"):
        assert "Simulated data." not in path.read_text(encoding="utf-8")


def test_the_answer_stands_before_the_sentences_and_the_findings(pages):
    text = pages["index.html"].text
    order = [text.index(part) for part in ("helps.", "A second one.", "What was noticed")]
    assert order == sorted(order)


def test_the_navigation_marks_the_page_one_is_on(pages):
    for name, page in pages.items():
        current = [a["href"] for a in page.named("a") if "aria-current" in a]
        assert current == [name]


def test_each_page_has_one_first_heading_a_language_and_a_skip_link(pages):
    for page in pages.values():
        assert len(page.named("h1")) == 1
        assert page.named("html") == [{"lang": "en"}]
        assert page.named("a")[0]["href"] == "#content"
        assert [m["id"] for m in page.named("main")] == ["content"]


def test_every_figure_says_in_words_what_it_shows(pages):
    for page in pages.values():
        assert page.named("img")
        assert all(image["alt"] for image in page.named("img"))


def test_regions_that_scroll_have_names_of_their_own(pages):
    for page in pages.values():
        names = [a["aria-label"] for _, a in page.tags if a.get("role") == "region"]
        assert names
        assert len(names) == len(set(names))


def test_code_is_folded_and_formulas_need_no_script(pages):
    page = pages["01_the_data.html"]
    assert page.named("details") == [{"class": "code"}]
    assert len(page.named("math")) == 1
    assert "x = 1 < 2" in page.text


def test_a_warning_of_a_notebook_is_shown_without_its_place():
    shown = [block.body for block in blocks_of(notebook()) if block.kind == "warning"]
    assert shown == ["ConvergenceWarning: flat"]


def test_the_fingerprint_of_a_figure_is_no_part_of_its_caption():
    bare = v4.new_output("display_data", {"image/png": PIXEL, "text/plain": "Forest [data ab12]"})
    book = v4.new_notebook(cells=[v4.new_code_cell("", outputs=[bare])])
    assert [b.caption for b in blocks_of(book) if b.kind == "figure"] == ["Forest"]


def test_the_title_of_a_notebook_is_not_repeated_in_its_prose():
    prose = [block.body for block in blocks_of(notebook()) if block.kind == "prose"]
    assert title_of(notebook()) == "How much?"
    assert "How much?" not in prose[0]
    assert "<em>care</em>" in prose[0]


def test_a_formula_that_cannot_be_read_stays_as_it_was_written():
    assert "\\frac" in render_markdown("$\\frac$")


def test_a_link_that_would_run_code_is_made_harmless():
    assert "javascript:" not in render_markdown("[press](javascript:alert(1))")


def test_a_sharper_figure_of_the_same_caption_takes_the_place_of_a_notebooks_picture(tmp_path):
    sharp = Figure(b"<svg>sharp</svg>", f"Course of {HOSTILE}")
    other = Figure(b"<svg>other</svg>", "Something else")
    write_site(tmp_path, answer(), [("01_the_data", notebook())], [other, sharp])
    page = Page((tmp_path / "01_the_data.html").read_text(encoding="utf-8"))
    assert [image["src"] for image in page.named("img")] == [sharp.address]
