"""A real browser for the tests of this folder: Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from hostile_study import hostile_report  # noqa: F401 - a fixture
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Nothing that the browser would ask of other places by itself.
QUIET = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip


def browser_or_reason() -> str:
    """Path of the browser; without one the test is skipped, or fails where CI promises one."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = f"no browser on PATH ({', '.join(NAMES)}); on Debian: apt-get install chromium"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(f"CI must run the tests in a browser, and there is {reason}")
        pytest.skip(f"tests in a browser need one: {reason}")
    return found


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser."""
    return browser_or_reason()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A browser without windows, for one module: while Playwright runs, no other loop can in this thread."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield running
        running.close()
