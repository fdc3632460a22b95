"""What is wrong with a page as a browser shows it: each check gives faults in words, none if all is well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page, Route

# Differences of layout below a pixel are no overflow.
ROUNDING = 1
GRAVE = {"serious", "critical"}
NOT_PRINTED = ("nav", ".skip", ".files", "details.code", "details.more > summary")
PRINTED = ("h1", "h2", "table", "figure img", "details.more table")

_OVERFLOW = """() => {
  const root = document.documentElement, over = root.scrollWidth - root.clientWidth;
  if (over < 1) return [over, []];
  const wide = [...document.body.querySelectorAll('*')].filter(one => {
    if (one.getBoundingClientRect().right <= root.clientWidth + 1) return false;
    for (let up = one; up !== document.body; up = up.parentElement)
      if (getComputedStyle(up).overflowX !== 'visible') return false;
    return true;
  });
  return [over, wide.slice(0, 3).map(one => one.outerHTML.slice(0, 90))];
}"""
_IMAGES = """() => [...document.images].map(one => [
  one.complete && one.naturalWidth > 0, (one.getAttribute('alt') || '').trim(), one.outerHTML.slice(0, 60),
])"""
_LINKS = """() => [...document.querySelectorAll('a[href]')].map(one => {
  const [address, place] = one.href.split('#');
  return [address, decodeURIComponent(place || '')];
})"""
_PLACES = "() => [...document.querySelectorAll('[id]')].map(one => one.id)"
_LISTEN = """() => {
  document.querySelectorAll('details').forEach(one => one.open = true);
  const all = [...document.querySelectorAll('a[href], summary, [tabindex="0"]')];
  window.unseen = new Set(all);
  window.faults = [];
  document.addEventListener('focusin', event => {
    const one = event.target, style = getComputedStyle(one), box = one.getBoundingClientRect();
    window.unseen.delete(one);
    if (style.outlineStyle === 'none' || !parseFloat(style.outlineWidth) || !box.width || box.right < 0)
      window.faults.push('focus cannot be seen on ' + one.outerHTML.slice(0, 90));
  });
  return all.length;
}"""
_FOCUSED = """() => [
  ...window.faults, ...[...window.unseen].map(one => 'Tab does not come to ' + one.outerHTML.slice(0, 90)),
]"""


def watch(context: BrowserContext) -> list[str]:
    """A list that fills with errors, dialogs and requests of pages; nothing but files is let through."""
    faults: list[str] = []

    def answer(route: Route) -> None:
        if route.request.url.startswith("file:"):
            route.continue_()
        else:
            faults.append(f"asks for {route.request.url}")
            route.abort()

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            faults.append(f"console: {message.text}")

    def dialog(shown: Dialog) -> None:
        faults.append(f"opens a dialog: {shown.message}")
        shown.dismiss()

    context.route("**/*", answer)
    context.on("console", console)
    context.on("dialog", dialog)
    context.on("weberror", lambda error: faults.append(f"script: {error.error.message}"))
    context.on("requestfailed", lambda request: faults.append(f"cannot load {request.url}"))
    return faults


def overflow_faults(page: Page) -> list[str]:
    """The page is wider than its window, and what makes it so."""
    over, elements = page.evaluate(_OVERFLOW)
    return [f"runs {over} px out of the window: {elements}"] if over > ROUNDING else []


def image_faults(page: Page) -> list[str]:
    """Images that did not load or say nothing to those who cannot see them."""
    faults = []
    for loaded, alt, start in page.evaluate(_IMAGES):
        if not loaded:
            faults.append(f"image did not load: {start}")
        if not alt:
            faults.append(f"image without words: {start}")
    return faults


def axe_faults(page: Page, dark: bool = False, within: str | None = None) -> list[str]:
    """Serious and critical violations of accessibility that axe finds; in the dark those of colours."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    # Formulas have thousands of elements, the colour of their line, and no rules of their own; the rows
    # of a table are alike.
    left_out = [["math"], ["tbody tr:nth-child(n+4)"]]
    if dark:
        options["runOnly"] = ["color-contrast"]
    found = Axe().run(page, within or {"exclude": left_out}, options).response["violations"]
    return [
        f"axe: {one['id']} ({one['impact']}): {one['help']}: "
        f"{[node['target'] for node in one['nodes'][:3]]}"
        for one in found if one["impact"] in GRAVE
    ]  # fmt: skip


def print_faults(page: Page) -> list[str]:
    """Navigation or code on paper, folded tables that are not, and what runs off the paper."""
    page.emulate_media(media="print")
    faults = [f"prints {one}" for one in NOT_PRINTED if any(_shown(page, one))]
    faults += [f"does not print all of {one}" for one in PRINTED if not all(_shown(page, one))]
    return faults + overflow_faults(page)


def _shown(page: Page, selector: str) -> list[bool]:
    """Of each such element whether it can be seen."""
    seen = "one => one.checkVisibility({contentVisibilityAuto: true})"
    return page.locator(selector).evaluate_all(f"all => all.map({seen})")


def link_faults(page: Page, paths: Sequence[Path]) -> list[str]:
    """Links between these pages, and from them to files, that lead to nothing."""
    links, places = [], {}
    for path in paths:
        page.goto(path.as_uri())
        links += [(path.name, *split) for split in page.evaluate(_LINKS)]
        places[path.as_uri()] = set(page.evaluate(_PLACES))
    faults = [] if links else ["there is no link at all"]
    for start, address, place in links:
        if not address.startswith("file:"):
            # What a paper is found by is for the reader to open.
            if not address.startswith("https://"):
                faults.append(f"{start} leads to {address}")
        elif not Path(url2pathname(urlsplit(address).path)).is_file():
            faults.append(f"{start} leads to {address}, which is not there")
        elif place and place not in places.get(address, set()):
            faults.append(f"{start} leads to #{place} of {address}, which is not there")
    return faults


def focus_faults(page: Page) -> list[str]:
    """Links, folds and scrollable regions that Tab does not come to, or does not show that it did."""
    count = page.evaluate(_LISTEN)
    # To the last one and out of the page.
    for _ in range(count):
        page.keyboard.press("Tab")
    return page.evaluate(_FOCUSED)
