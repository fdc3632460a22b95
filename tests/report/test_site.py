"""The pages: what they show, and that nothing from a user does harm in them."""

from __future__ import annotations

import base64
import html.parser
import itertools
import re

import nbformat.v4 as v4
import pandas as pd
import pytest

from analysis.report.blocks import blocks_of, figures_in, render_markdown, table_block, title_of
from analysis.report.drawings import Figure
from analysis.report.html_tables import breakable, tables_in
from analysis.report.site import Answer, Section, notebook_page, write_site
from analysis.tables import Table

HOSTILE = "<script>alert(1)</script>"
PIXEL = "iVBORw0KGgo="
FOREST = Figure(b"<svg/>", b"png", f"Forest of {HOSTILE}")
RELIEF = table_block(Table(f"Relief of {HOSTILE}", ("therapy", "relief"), (("=1+1", "−0.3"),)))


class Page(html.parser.HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.links: list[str] = []
        self.in_link = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "a":
            self.links.append("")
            self.in_link = True

    def handle_endtag(self, tag):
        if tag == "a":
            self.in_link = False

    def handle_data(self, data):
        self.text += data
        if self.in_link:
            self.links[-1] += data

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
        "forest": FOREST.block,
        "sections": [
            Section("In plain words", "", [f"{HOSTILE} & others", "A second one."], [RELIEF]),
            Section("What was noticed", "Nothing.", more=[RELIEF], folded="All"),
        ],
        "warnings": [f"{HOSTILE} has few patients"],
        "files": [("results.csv", "all estimates")],
    }
    return Answer(**{**content, **changes})


@pytest.fixture
def pages(tmp_path):
    write_site(tmp_path, answer(), [notebook_page("01_the_data", notebook())])
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
    write_site(tmp_path, answer(simulated=False), [notebook_page("01_the_data", notebook())])
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
    assert page.named("details") == [{"class": "code"}]  # and none is open
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


def test_a_figure_drawn_for_print_is_shown_as_svg_and_given_as_files(tmp_path):
    drawn = v4.new_output(
        "display_data",
        {"image/png": PIXEL, "image/svg+xml": "<svg>sharp</svg>", "text/plain": "A course"},
    )
    book = v4.new_notebook(cells=[v4.new_code_cell("", outputs=[drawn])])
    assert list(figures_in(book)) == [("A course", b"<svg>sharp</svg>", base64.b64decode(PIXEL))]
    figure = Figure(b"<svg>sharp</svg>", b"", "A course")
    write_site(tmp_path, answer(), [notebook_page("01_the_data", book)], {"observed": figure})
    page = Page((tmp_path / "01_the_data.html").read_text(encoding="utf-8"))
    assert [image["src"] for image in page.named("img")] == [figure.block.body]
    files = [a["href"] for a in page.named("a") if "download" in a]
    assert files == ["figures/observed.svg", "figures/observed.png"]
    assert not list(figures_in(notebook()))


def test_every_table_is_a_file_that_no_spreadsheet_runs(tmp_path, pages):
    for name, page in pages.items():
        files = [a["href"] for a in page.named("a") if a.get("href", "").startswith("tables/")]
        assert len(files) == len(page.named("table")), name
        assert all((tmp_path / file).is_file() for file in files)
    first = (tmp_path / "tables" / "answer_1_relief_of_script_alert_1.csv").read_bytes()
    assert first.decode("utf-8-sig") == "therapy,relief\n'=1+1,−0.3\n"


def test_links_to_files_say_which_table_or_figure_they_are_of(pages):
    for page in pages.values():
        said = [text for text in page.links if text.endswith(("CSV", "SVG", "PNG"))]
        assert said
        assert len(said) == len(set(said))


def test_headings_go_down_one_level_at_a_time(pages):
    for page in pages.values():
        levels = [int(tag[1]) for tag, _ in page.tags if tag in {"h1", "h2", "h3", "h4"}]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_a_table_of_pandas_gets_a_name_for_every_row_and_column():
    frame = pd.Series({"a": "1", "b": "2"}, name="version").rename_axis("package").to_frame()
    shown = v4.new_output("display_data", {"text/html": frame.to_html()})
    (_, block) = blocks_of(v4.new_notebook(cells=[v4.new_code_cell("", outputs=[shown])]))
    heads = Page(block.body).named("th")
    assert [head["scope"] for head in heads] == ["col", "col", "row", "row"]
    assert tables_in(block.body) == [
        ("package, version", [["package", "version"], ["a", "1"], ["b", "2"]])
    ]


def test_every_column_and_row_of_a_table_has_a_header_with_its_direction(pages):
    for page in pages.values():
        assert all("scope" in cell for cell in page.named("th"))


def test_long_words_of_a_table_may_break_and_stay_the_same_words():
    address = "https://example.org/a/long-way?to=it&amp;back"
    html = f'<table class="{address}"><tr><td>short.word</td><td>{address} &lt;i&gt;</td></tr></table>'
    broken = breakable(html)
    assert "/<wbr>long-<wbr>way?<wbr>to=<wbr>it&amp;back" in broken
    assert "short.word" in broken and f'class="{address}"' in broken
    assert str(broken).replace("<wbr>", "") == html
    assert tables_in(broken) == tables_in(html)
