"""Chromium for the pages' tests: opened once a file; every page is watched for what goes wrong or out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Page = Any  # playwright's page; playwright is optional


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window; skipped where it or playwright is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def open_file(browser: Any) -> Iterator[Callable[..., Page]]:
    """Open a page from its file; at the end nothing may have gone wrong or out."""
    wrong: list[str] = []
    contexts: list[Any] = []

    def look(path: Path, *, width: int = 1280, theme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda alert: (wrong.append(f"alert: {alert.message}"), alert.dismiss()))
        page.on("request", lambda request: _note_request(request.url, wrong))
        page.goto(path.as_uri())
        return page

    yield look
    for context in contexts:
        context.close()
    assert wrong == []


def _note_request(url: str, wrong: list[str]) -> None:
    if not url.startswith(("file://", "data:")):
        wrong.append(f"request: {url}")
