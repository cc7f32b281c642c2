"""Makes `docs/report.png`, the picture in the README, from `demo/out/report.html`. Run `make demo` first.

    python docs/make_report_picture.py

Needs playwright and chromium, which the browser tests need too. It shows only pictures that the demo uses;
they are named in NOTICE.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
REPORT = DOCS.parent / "demo" / "out" / "report.html"
WIDTH, HEIGHT = 1280, 1850  # summary, folders, first row of pictures
COLOURS = 256  # flat areas and small photographs: a third of the bytes, hard to see


def screenshot(chromium: str) -> bytes:
    """The top of the report as PNG, in light colours."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(REPORT.resolve().as_uri())
        page.wait_for_function("[...document.images].slice(0, 8).every(i => i.complete && i.naturalWidth)")
        taken: bytes = page.screenshot()
        browser.close()
    return taken


def main() -> None:
    """Take it, make it small, write it."""
    chromium = shutil.which("chromium")
    if chromium is None or not REPORT.is_file():
        sys.exit("needs chromium, and demo/out/report.html from `make demo`")
    picture = Image.open(io.BytesIO(screenshot(chromium))).convert("RGB")
    picture.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=3).save(
        DOCS / "report.png", optimize=True
    )
    print(f"docs/report.png: {(DOCS / 'report.png').stat().st_size} bytes")


if __name__ == "__main__":
    main()
