"""The docs against the program: outputs, links, names, columns and failure kinds are what they say."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import visq

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))
make: Any = importlib.import_module("make")
blocks: Any = importlib.import_module("make_blocks")

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
TESTED_PAGES = make.pages_with_blocks()
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
needs_bash = pytest.mark.skipif(os.name != "posix" or not shutil.which("bash"), reason="needs bash")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", make.WHOLE, ids=name)
def test_a_page_made_whole_is_up_to_date(page: Path) -> None:
    assert make.is_current(page, text_of(page), make.made(page)), "run: python docs/make.py"


@needs_bash
@pytest.mark.parametrize("page", TESTED_PAGES, ids=name)
def test_every_marked_block_runs_and_prints_what_the_page_says(page: Path, tmp_path: Path) -> None:
    text = text_of(page)
    found = blocks.with_figures(blocks.with_outputs(text, tmp_path))
    assert blocks.says_the_same(text, found), f"run: python docs/make.py\n{found}"


def test_readme_and_first_walk_have_commands_that_run() -> None:
    for page, least in ((ROOT / "README.md", 1), (DOCS / "first-walk.md", 7)):
        assert sum(command.startswith("visq ") for command in blocks.commands(text_of(page))) >= least


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("quality 2.86 fair", "quality 2.87  fair", True),
        ("quality 2.86 fair", "quality 2.96 fair", False),
        ("quality 2.86 fair", "quality 2.86 good", False),
        ("5 scored", "6 scored", False),
        ("version 0.1.0", "version 0.1.1", False),
        ("mini (cf5633ee), quality", "mini (00000000), quality", True),
        ("mini (cf5633ee), quality", "mini, quality", False),
        ("differs by 1e-05", "differs by 0", True),
        ("scale 1..5, 2 threads", "scale 1..5, 16 threads", True),
        ("scale 1..5, 2 threads", "scale 1..10, 2 threads", False),
    ],
)
def test_the_comparison_sees_what_matters(before: str, after: str, same: bool) -> None:
    assert blocks.says_the_same(before, after) is same


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_to_a_file_or_heading_resolves(page: Path) -> None:
    for target in LINK.findall(CODE.sub("", text_of(page))):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        meant = (page.parent / file).resolve() if file else page
        assert meant.exists(), f"{name(page)} links to {target}"
        assert meant.is_relative_to(ROOT), f"{name(page)} links out of the repository: {target}"
        if anchor:
            assert anchor in headings(meant), f"{name(page)} links to {target}"


def headings(page: Path) -> set[str]:
    """Anchors of a page's headings, by GitHub's rule."""
    found = re.findall(r"^#+ (.+)$", CODE.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in found}


def test_every_public_name_is_in_the_reference() -> None:
    reference = text_of(DOCS / "reference.md")
    for public in visq.__all__:
        assert re.search(rf"^### visq\.{re.escape(public)}$", reference, re.MULTILINE), public
    for function in visq.metrics.__all__:
        assert f"### visq.metrics.{function}\n" in reference


def test_every_failure_kind_of_the_source_is_in_the_reference() -> None:
    """A plain search, where the page itself is made by walking the syntax tree."""
    source = "\n".join(text_of(file) for file in (ROOT / "src" / "visq").rglob("*.py"))
    system = re.search(r"^_MEANING = \{.*?^\}", source, re.DOTALL | re.MULTILINE)
    assert system is not None
    kinds = set(re.findall(r'(?<!\.argsort\()\bkind(?:: str)? ?= ?"([a-z-]+)"', source)) - {"stable"}
    kinds |= set(re.findall(r'\("([a-z-]+)", "', system[0]))
    assert {"missing", "truncated", "corrupt", "link-loop", "input", "not-a-number"} <= kinds
    reference = text_of(DOCS / "reference.md")
    told = set(re.findall(r"^\| `([a-z-]+)` \|", reference.split("## Failure kinds")[1], re.MULTILINE))
    assert kinds <= told


def test_every_column_of_a_real_table_is_in_the_reference(tiny: Path, photos: Path, tmp_path: Path) -> None:
    with visq.score(photos, model=str(tiny), aspect="quality", out=tmp_path / "t.csv"):
        header = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    reference = text_of(DOCS / "reference.md")
    for column in header:
        assert f"| `{re.sub('^quality', 'ASPECT', column)}` |" in reference


def test_every_option_in_the_docs_exists() -> None:
    known = set(re.findall(r"--[a-z-]+", text_of(DOCS / "reference.md").split("## Exit codes")[0]))
    for page in PAGES:
        for line in text_of(page).splitlines():
            if "visq " in line and "pip install" not in line:
                assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", line)) <= known, f"{name(page)}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_holds_a_path_of_a_machine(page: Path) -> None:
    assert not re.search(r"(?<![\w.])/(?:home|root|work|tmp|Users)/", text_of(page))


def test_the_picture_of_the_report_is_small() -> None:
    assert (DOCS / "report.png").stat().st_size < 300_000
