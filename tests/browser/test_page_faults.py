"""The checks of pages find what is wrong with a page that has everything wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_faults import (
    axe_faults,
    focus_faults,
    image_faults,
    link_faults,
    overflow_faults,
    print_faults,
    watch,
)
from playwright.sync_api import Page

BAD = """<!DOCTYPE html>
<html><head><title>Bad</title><style>
a:focus { outline: none; } .pale { color: #ccc; background: #fff; } .wide { width: 2000px; }
</style></head><body>
<nav><a href="#nowhere">Nowhere</a> <a href="none.html">None</a> <a href="javascript:void 0">Script</a></nav>
<a href="bad.html" tabindex="-1">Not reached</a>
<h1>Bad</h1>
<p class="pale">Pale words</p>
<p class="wide">Wide words</p>
<p style="display: none"><a href="https://example.org/">Hidden</a></p>
<details class="more"><summary>More</summary><table><tr><td>Folded</td></tr></table></details>
<img src="none.png" alt="Nothing">
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==">
<script>
  console.error('said aloud');
  fetch('https://example.org/asked').catch(() => null);
  setTimeout(() => { throw new Error('thrown'); });
  alert('asked');
</script>
</body></html>"""


@pytest.fixture(scope="module")
def bad(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("bad") / "bad.html"
    path.write_text(BAD, encoding="utf-8")
    return path


@pytest.fixture
def page(browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 400, "height": 900}, offline=True)
    yield context.new_page()
    context.close()


def test_what_a_page_says_and_asks_for_is_heard(page, bad):
    heard = watch(page.context)
    page.goto(bad.as_uri())
    for words in (
        "console: said aloud", "asks for https://example.org/asked", "script: thrown",
        "opens a dialog: asked", "cannot load " + bad.with_name("none.png").as_uri(),
    ):  # fmt: skip
        assert any(words in fault for fault in heard), words


def test_wide_elements_and_bad_images_are_found(page, bad):
    watch(page.context)
    page.goto(bad.as_uri())
    (fault,) = overflow_faults(page)
    assert 'class="wide"' in fault
    assert [fault.split(":")[0] for fault in image_faults(page)] == [
        "image did not load", "image without words",
    ]  # fmt: skip


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_pale_words(page, bad, dark):
    watch(page.context)
    page.goto(bad.as_uri())
    assert any("color-contrast (serious)" in fault for fault in axe_faults(page, dark=dark))


def test_dead_links_are_found(page, bad):
    watch(page.context)
    faults = link_faults(page, [bad])
    assert len(faults) == 3
    for end in ("#nowhere", "none.html", "javascript:void 0"):
        assert any(end in fault for fault in faults), end


def test_focus_that_cannot_be_had_or_seen_is_found(page, bad):
    watch(page.context)
    page.goto(bad.as_uri())
    faults = focus_faults(page)
    assert any("cannot be seen" in fault and "Nowhere" in fault for fault in faults)
    assert any("does not come to" in fault and "Not reached" in fault for fault in faults)
    assert not any("summary" in fault for fault in faults)


def test_what_paper_shows_and_leaves_out_is_found(page, bad):
    watch(page.context)
    page.goto(bad.as_uri())
    faults = print_faults(page)
    assert faults[:2] == ["prints nav", "prints details.more > summary"]
    assert "does not print all of details.more table" in faults
    assert "runs" in faults[-1]
