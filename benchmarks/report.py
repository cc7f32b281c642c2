"""How the report of `visq score` opens, scrolls, filters and sorts in chromium, and what its page weighs.

What this cannot show: a screen (chromium draws without a window, and no GPU helps it), a phone, another
browser. Rows are made up and written through the journal and the table; no model runs. 200 small pictures
stand for all, each decoded as often as it is named.

    python benchmarks/report.py                     12, 1,000 and 10,000 rows, 3 rounds each
    python benchmarks/report.py --page report.html  a page that is there already
    python benchmarks/report.py --keep folder       leave the pages in a folder, to look at them

load     until the browser has read the page and run its script
shown    until the first cards are drawn, counted from the start like load
nodes    elements after scrolling to the end
block    the longest task while it loads: how long a click could wait
frame    the longest wait between two frames while scrolling 300 px a frame, and the share of waits over 50 ms
end      from the End key to a picture in the window
filter, sort   from the change until the new cards are drawn; the slowest of several
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visq.core.scales import LEVEL_WORDS, MOS
from visq.core.types import Row, Score
from visq.reports import write_report
from visq.scoring import Table
from visq.scoring.journal import Journal
from visq.scoring.records import to_record

SIZES = (12, 1_000, 10_000)
N_PICTURES = 200
IDENTITY = {
    "model": "made up",
    "model_hash": "0" * 64,
    "readout": "levels",
    "preprocessing": "none",
    "runtime": "none",
    "version": "none",
    "aspects": ["quality", "aesthetics"],
    "scale": str(MOS),
}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

# Runs before the page's own script: notes long tasks, and when the first cards stand in a frame.
WATCH = """
window.seen = { tasks: [], shown: null };
new PerformanceObserver((list) => { for (const task of list.getEntries()) seen.tasks.push(task.duration); })
  .observe({ type: "longtask", buffered: true });
const look = () => {
  if (document.querySelector("#gallery .card")) {
    requestAnimationFrame(() => { seen.shown = performance.now(); });
  } else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
SCROLL = """
() => new Promise((done) => {
  const waits = [];
  let last = performance.now(), n = 0;
  document.documentElement.style.scrollBehavior = "auto";
  document.getElementById("pictures").scrollIntoView();
  const step = (now) => {
    waits.push(now - last);
    last = now;
    if (++n > 240) return done(waits.slice(1));
    scrollBy(0, 300);
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})
"""
CHANGE = """
([id, value]) => new Promise((done) => {
  const field = document.getElementById(id), begun = performance.now();
  field.value = value;
  field.dispatchEvent(new Event(field.tagName === "INPUT" ? "input" : "change", { bubbles: true }));
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
})
"""
END = """
() => new Promise((done) => {
  document.querySelector("#gallery .card").focus();
  const begun = performance.now();
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
})
"""


def make_pictures(folder: Path) -> list[Path]:
    """Small JPEGs with shapes and grain, so that their thumbnails weigh as those of photographs do."""
    rng = np.random.default_rng(0)
    paths = []
    for i in range(N_PICTURES):
        shapes = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        picture = np.asarray(Image.fromarray(shapes).resize((320, 240), Image.Resampling.BICUBIC))
        grain = rng.normal(0, 8, (240, 320, 1))
        paths.append(folder / f"{i:03}.jpg")
        Image.fromarray(np.clip(picture + grain, 0, 255).astype(np.uint8)).save(paths[-1], quality=90)
    return paths


def make_table(paths: list[Path], n: int) -> Table:
    """A table of n rows in 40 folders at most, one in a hundred failed."""
    rng = np.random.default_rng(n)
    journal = Journal(None, IDENTITY)
    with journal.transaction():
        for i in range(n):
            journal.put(i, None, to_record(_row(rng, i, n, paths)))
    calibration = dict.fromkeys(("quality", "aesthetics"), "nothing: these scores are made up")
    return Table(journal, IDENTITY, calibration=calibration, command=f"benchmarks/report.py, {n} rows")


def _row(rng: np.random.Generator, i: int, n: int, paths: list[Path]) -> Row:
    name = f"holiday-{i * 40 // n:02}/IMG_{i:05}.jpg"
    if i % 100 == 7:
        return Row(name, name, "failed", error="the file is cut off: 512 of 20480 bytes", kind="truncated")
    digest = rng.bytes(32).hex()
    scores = {"quality": _score(rng), "aesthetics": _score(rng)}
    return Row(name, str(paths[i % len(paths)]), "ok", sha256=digest, scores=scores)


def _score(rng: np.random.Generator) -> Score:
    value = float(1 + 4 * rng.beta(4, 3))
    shares = rng.dirichlet(np.ones(len(LEVEL_WORDS))).tolist()
    low, high = max(1.0, value - 0.6), min(5.0, value + 0.6)
    return Score(value, low, high, MOS, dict(zip(LEVEL_WORDS, shares, strict=True)), 0.8, None)


def measure(browser: Any, page_file: Path) -> dict[str, float]:
    """One round: open the page in a fresh context, use it as a person would, note the times."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(page_file.resolve().as_uri())
    page.wait_for_function("seen.shown !== null", timeout=120_000)
    page.wait_for_timeout(1500)  # what goes on after the first cards counts as loading
    load, shown, block = page.evaluate(
        "[performance.getEntriesByType('navigation')[0].loadEventEnd, seen.shown, Math.max(0, ...seen.tasks)]"
    )
    waits = page.evaluate(SCROLL)
    end = page.evaluate(END)
    nodes = page.evaluate("document.getElementsByTagName('*').length")
    words = ["1", "12", "holiday-1", ""]
    filtered = [page.evaluate(CHANGE, ["filter", text]) for text in words]
    sorts = ["best:0", "worst:1", "name", "given"]
    ordered = [page.evaluate(CHANGE, ["sort", text]) for text in sorts]
    context.close()
    return {
        "load, ms": load,
        "shown, ms": shown,
        "block, ms": block,
        "frame, ms": max(waits),
        "over 50 ms, %": 100 * sum(wait > 50 for wait in waits) / len(waits),
        "nodes": nodes,
        "end, ms": end,
        "filter, ms": max(filtered),
        "sort, ms": max(ordered),
    }


def print_line(browser: Any, page_file: Path, n_rounds: int, *, first: bool) -> None:
    """Medians over the rounds, with the lowest and the highest; the head of the table before the first."""
    rounds = [measure(browser, page_file) for _ in range(n_rounds)]
    if first:
        print(
            "| rows | page, MB | " + " | ".join(rounds[0]) + " |\n| --- | --- |" + " --- |" * len(rounds[0])
        )
    cells = []
    for key in rounds[0]:
        values = [found[key] for found in rounds]
        cells.append(f"{statistics.median(values):.0f} ({min(values):.0f}..{max(values):.0f})")
    print(
        f"| {page_file.stem} | {page_file.stat().st_size / 1e6:.1f} | " + " | ".join(cells) + " |", flush=True
    )


def main() -> None:
    """Make the pages and measure them, or measure one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--page", type=Path, action="append", help="measure this page; make none")
    parser.add_argument("--keep", type=Path, help="folder for the pages")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("needs chromium and playwright, as the browser tests do")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as driver:
        pages = options.page or make_pages(options.keep or Path(scratch), Path(scratch))
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        print(f"chromium {browser.version}, 1280 x 800, medians of {options.rounds} (lowest..highest)\n")
        for page in pages:
            print_line(browser, page, options.rounds, first=page is pages[0])
        browser.close()


def make_pages(folder: Path, scratch: Path) -> list[Path]:
    """One page a size; says how long each took to write."""
    paths = make_pictures(scratch)
    pages = []
    for n in SIZES:
        pages.append(folder / f"{n}.html")
        begun = time.perf_counter()
        with make_table(paths, n) as table:
            write_report(table, pages[-1])
        print(f"{n} rows: written in {time.perf_counter() - begun:.1f} s", flush=True)
    return pages


if __name__ == "__main__":
    main()
