"""The system's Chromium, driven by Playwright, and the pages of a Locust of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from fanout.soak._web_locust import WebLocust
from helpers.paths import ROOT

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WAIT_MS = 30_000


def chromium() -> str:
    """The path of a Chromium. Skips the test if there is none, but never in CI."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = "no Chromium is on the PATH; on Debian: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    path = chromium()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield opened
        finally:
            opened.close()


class Lab:
    """The web UI of a Locust, in a browser. What the browser's console says is an error is kept."""

    def __init__(self, opened: Browser, url: str, results: Path) -> None:
        self.url = url
        self.results = results
        self.errors: list[str] = []
        self._browser = opened

    def page(self, **options: Any) -> Page:
        """A new tab with the start form."""
        page = self._browser.new_page(viewport={"width": 1280, "height": 900}, **options)
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(self.url)
        return page

    def start(self, page: Page) -> None:
        """Submits the form that is shown, and waits until the run is in progress."""
        page.get_by_role("button", name="Start", exact=True).click()
        page.wait_for_url("**/fanout/live")

    @staticmethod
    def wait_for(page: Page, state: str) -> None:
        page.wait_for_selector(f"#state[data-state={state}]")

    @staticmethod
    def violations(page: Page) -> list[tuple[str, str]]:
        """What axe-core finds on a page, by rule, with the first element."""
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": LEVELS}})
        return [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]]

    @property
    def runs(self) -> list[Path]:
        """The run directories, oldest first."""
        return sorted(found for found in self.results.iterdir() if (found / "run.json").exists())


@contextmanager
def lab(scenario: Path, results: Path) -> Iterator[Lab]:
    """A Locust with this scenario, and a browser."""
    results.mkdir()
    with browser() as opened, WebLocust(scenario, ROOT / "locustfiles" / "coordinator.py", results) as locust:
        yield Lab(opened, locust.url, results)
