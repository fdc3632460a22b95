"""Every page of a report as a reader meets it: on a phone and a wide screen, by keyboard, on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hostile_study import PAGE, TITLE
from page_faults import (
    axe_faults,
    focus_faults,
    image_faults,
    link_faults,
    overflow_faults,
    print_faults,
    watch,
)
from playwright.sync_api import Browser, Page

from analysis.report.build import DOCUMENTS, NOTEBOOKS

pytestmark = pytest.mark.slow

WIDTHS, HEIGHT = (400, 800, 1200), 900
SCHEMES = ("light", "dark")
# Colours move nothing, so the dark is looked at in one width.
LOOKS = (("dark", WIDTHS[0]), *product(("light",), WIDTHS))
ALIKE = 3
# A4 less the margins of style.css, at 96 pixels an inch.
PAPER_WIDTH = int(180 / 25.4 * 96)
# A wait ends as soon as what is waited for is there; a busy machine may need long.
WAIT_MS = 120_000


@pytest.fixture(scope="module")
def report(chromium, hostile_report) -> Path:
    return hostile_report("second")


@pytest.fixture(scope="module")
def pages(report) -> list[Path]:
    """Every page of the folder."""
    found = sorted(report.rglob("*.html"))
    assert {*NOTEBOOKS, *DOCUMENTS, "index"} <= {path.stem for path in found}
    return found


@pytest.fixture(scope="module")
def kinds(report, pages) -> list[Path]:
    """One page of each kind: all of the first level, and some of each folder of pages that are alike."""
    alike: dict[Path, list[Path]] = {}
    for path in pages:
        alike.setdefault(path.parent, []).append(path)
    return [path for folder, some in alike.items() for path in (some if folder == report else some[:ALIKE])]


@contextmanager
def opened(browser: Browser, width: int = WIDTHS[-1], **how: Any) -> Iterator[tuple[Page, list[str]]]:
    """A page that is not connected, and the list of what it should not have done."""
    context = browser.new_context(viewport={"width": width, "height": HEIGHT}, offline=True, **how)
    context.set_default_timeout(WAIT_MS)
    try:
        yield context.new_page(), watch(context)
    finally:
        context.close()


def test_no_page_errs_or_asks_for_anything_or_runs_out_of_the_window(browser, pages):
    found = {}
    with opened(browser) as (page, heard):
        for path in pages:
            page.goto(path.as_uri())
            for scheme, width in LOOKS:
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": HEIGHT})
                found[_name(path), scheme, width] = [*heard, *overflow_faults(page), *image_faults(page)]
                heard.clear()
    assert not _only_faulty(found)


def test_axe_finds_nothing_serious_in_the_light_or_in_the_dark(browser, kinds):
    found = {}
    # The pages forbid scripts, and axe is one.
    with opened(browser, bypass_csp=True) as (page, _):
        for path in kinds:
            page.goto(path.as_uri())
            # What is folded is part of the page as well.
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                found[_name(path), scheme] = axe_faults(page, dark=scheme == "dark")
    assert not _only_faulty(found)


def test_every_link_leads_to_a_file_and_a_place_that_are_there(browser, pages):
    with opened(browser) as (page, _):
        assert not link_faults(page, pages)


def test_hostile_words_of_a_study_are_shown_and_do_nothing(browser, report):
    with opened(browser) as (page, heard):
        page.goto((report / "index.html").as_uri())
        assert page.get_by_text(TITLE).first.is_visible()
        assert page.get_by_text(PAGE).first.is_visible()
        assert page.title() == f"The answer – {TITLE}"
        assert not heard


def test_without_scripts_every_page_says_the_same(browser, kinds):
    def texts(**how: Any) -> dict[str, str]:
        with opened(browser, **how) as (page, _):
            said = {}
            for path in kinds:
                page.goto(path.as_uri())
                said[_name(path)] = page.locator("main").text_content()
            return said

    without = texts(java_script_enabled=False)
    assert without == texts()
    assert all(without.values())


class TestKeyboard:
    def test_the_first_tab_reaches_a_skip_link_that_leads_past_the_navigation(self, browser, kinds):
        with opened(browser) as (page, _):
            for path in kinds:
                page.goto(path.as_uri())
                assert not page.locator(".skip").bounding_box()["x"] >= 0
                page.keyboard.press("Tab")
                skip = page.locator(":focus")
                assert skip.inner_text() == "Skip to the content", _name(path)
                assert skip.bounding_box()["x"] >= 0, _name(path)
                page.keyboard.press("Enter")
                assert page.evaluate("document.activeElement.id") == "content", _name(path)

    def test_tab_comes_to_every_link_and_region_and_shows_where_it_is(self, browser, kinds):
        found = {}
        with opened(browser, WIDTHS[0]) as (page, _):
            for path in kinds:
                page.goto(path.as_uri())
                found[_name(path)] = focus_faults(page)
        assert not _only_faulty(found)

    def test_what_is_folded_opens_with_enter(self, browser, report):
        with opened(browser) as (page, _):
            page.goto((report / "index.html").as_uri())
            folded = page.locator("details").first
            assert not folded.locator("table, img").first.is_visible()
            folded.locator("summary").focus()
            page.keyboard.press("Enter")
            assert folded.locator("table, img").first.is_visible()


def test_pages_print_what_is_to_be_read_and_nothing_runs_off_the_paper(browser, kinds):
    found = {}
    with opened(browser, PAPER_WIDTH) as (page, _):
        for path in kinds:
            page.goto(path.as_uri())
            found[_name(path)] = print_faults(page)
            pdf = page.pdf(prefer_css_page_size=True)
            assert pdf.startswith(b"%PDF-") and re.search(rb"/Type\s*/Page\b", pdf), _name(path)
    assert not _only_faulty(found)


def _name(path: Path) -> str:
    """As the report's links have it: two folders may have an index."""
    return path.as_posix().rpartition("/report/")[2]


def _only_faulty(found: Mapping[Any, Sequence[str]]) -> dict[Any, Sequence[str]]:
    return {where: faults for where, faults in found.items() if faults}
