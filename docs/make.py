"""Makes the pages that can drift: `docs/walk.md`, `docs/reference.md`, and every block marked to be run.

    python docs/make.py            write them
    python docs/make.py --check    write nothing; exit 1 if a page says something else than the program does

Numbers are compared with a tolerance, since another machine's decoder may move the last digit of a score.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import make_blocks
import make_reference
import make_walk

DOCS = Path(__file__).parent
ROOT = DOCS.parent
WHOLE = (DOCS / "walk.md", DOCS / "reference.md")


def pages_with_blocks() -> list[Path]:
    """Pages written by hand that hold blocks to be run, or the table of figures."""
    by_hand = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted((DOCS / "how-to").glob("*.md"))]
    return [
        page
        for page in by_hand
        if page not in WHOLE and make_blocks.is_made(page.read_text(encoding="utf-8"))
    ]


def made(page: Path) -> str:
    """What a page should say now."""
    if page == DOCS / "walk.md":
        return make_walk.page()
    if page == DOCS / "reference.md":
        return make_reference.page()
    with tempfile.TemporaryDirectory() as scratch:
        text = make_blocks.with_outputs(page.read_text(encoding="utf-8"), Path(scratch))
    return make_blocks.with_figures(text)


def is_current(page: Path, before: str, text: str) -> bool:
    """Whether a page says what the program does; pixels on the walk may differ by two, by decoder."""
    return make_blocks.says_the_same(before, text, whole=2 if page == DOCS / "walk.md" else 0)


def pages() -> list[Path]:
    """All pages that are made, in whole or in part."""
    return [*WHOLE, *pages_with_blocks()]


def main(words: list[str]) -> int:
    """Write or check every page; the exit code."""
    if words not in ([], ["--check"]):
        print(__doc__)
        return 2
    code = 0
    for page in pages():
        before = page.read_text(encoding="utf-8") if page.exists() else ""
        text = made(page)
        if words and not is_current(page, before, text):
            print(f"{page.relative_to(ROOT)} is out of date; run: python docs/make.py")
            code = 1
        elif not words and text != before:
            page.write_text(text, encoding="utf-8")
            print(f"wrote {page.relative_to(ROOT)}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
