"""Runs the blocks of a page that are marked, and puts what they print under them. Knows no page by name.

A block to be run follows a line `<!-- run -->`. A `console` block holds commands, each on a line that begins
with `$ `; a `python` block is followed by a `text` block with what it prints. A page's blocks run one after
another in one folder. It holds the shipped check pictures twice: where they lie in a clone, and as photos/.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visq.backbones import find_model

MARK = "<!-- run -->"
_CONSOLE = re.compile(re.escape(MARK) + r"\n```console\n(.*?)```\n", re.DOTALL)
_PYTHON = re.compile(re.escape(MARK) + r"\n```python\n(.*?)```\n\n```text\n(.*?)```\n", re.DOTALL)
_ANY = re.compile(f"{_CONSOLE.pattern}|{_PYTHON.pattern}", re.DOTALL)
_FIGURES = re.compile(r"<!-- figures -->\n.*?<!-- /figures -->\n", re.DOTALL)
_HASH = re.compile(r"[0-9a-f]{64}|[0-9a-f]{8}\.\.\.|\([0-9a-f]{8}\)")
_TOKEN = re.compile(_HASH.pattern + r"|\d+(?:\.\d+){2,}|-?\d+\.\d+(?:e-?\d+)?|-?\d+e-\d+|\d+")
_THREADS = re.compile(r"\b\d+ threads?\b")  # as many as the machine has
_PICTURES = Path("src/visq/models/mini/pictures")
_TOP = ("astronaut.jpg", "coffee.jpg")
_TIMEOUT_S = 120
LADDERS = {"seen": "kinds trained on", "held_out": "kinds not trained on"}


def is_made(text: str) -> bool:
    """Whether a page has parts that are made here."""
    return MARK in text or _FIGURES.search(text) is not None


def prepare(scratch: Path) -> None:
    """The folder a page's blocks run in."""
    shipped = find_model("mini").path / "pictures"
    shutil.copytree(shipped, scratch / _PICTURES)
    for picture in sorted(shipped.iterdir()):
        folder = scratch / "photos" if picture.name in _TOP else scratch / "photos" / "trip"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, folder)


def with_outputs(text: str, scratch: Path) -> str:
    """A page with every marked block run anew."""
    prepare(scratch)

    def anew(match: re.Match[str]) -> str:
        console, code, _ = match.groups()
        if console is not None:
            return f"{MARK}\n```console\n{_run_console(console, scratch)}```\n"
        printed = _run([sys.executable, "-c", code], scratch)[1]
        return f"{MARK}\n```python\n{code}```\n\n```text\n{printed}```\n"

    return _ANY.sub(anew, text)


def commands(text: str) -> list[str]:
    """The commands of a page's marked console blocks, in order."""
    return [
        line[2:] for block in _CONSOLE.findall(text) for line in block.splitlines() if line.startswith("$ ")
    ]


def _run_console(block: str, scratch: Path) -> str:
    out, code = "", 0
    for line in block.splitlines():
        if line.startswith("$ "):
            code, printed = _run(["bash", "-c", f"(exit {code}); {line[2:]}"], scratch)
            out += f"{line}\n{printed}"
    return out


def _run(command: list[str], scratch: Path) -> tuple[int, str]:
    """Exit code and everything printed, standard error among it, in the order it came."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    settings = {"PATH": path, "PYTHONUNBUFFERED": "1", "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    done = subprocess.run(
        command,
        cwd=scratch,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        timeout=_TIMEOUT_S,
        check=False,
    )
    if "Traceback" in done.stdout:
        raise SystemExit(f"{command[-1]} ends in a traceback:\n{done.stdout}")
    return done.returncode, "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def with_figures(text: str) -> str:
    """A page with the table of mini's figures as model.toml has them."""
    return _FIGURES.sub(lambda _: f"<!-- figures -->\n{figures()}<!-- /figures -->\n", text)


def figures() -> str:
    """Model and command, then the table of figures: what was measured, one line each."""
    spec = find_model("mini").spec
    lines = [
        f"Of `{spec['name']}` {spec['version']}; command: `{spec['provenance']['command']}`.",
        "",
        "| what | data | n (groups) | split | figure [95 % interval] | floor that sees no pixels |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for aspect, found in spec["figures"].items():
        data = f"{found['data']} | {found['n']} ({found['n_groups']})"
        folds = "5 fixed folds by group, out of fold"
        for measure in ("srcc", "plcc"):
            floor = f"{_span(found['floor'], measure)}: {found['floor']['about']}"
            figure = _span(found, measure)
            lines.append(f"| {aspect}, {measure.upper()} | {data} | {folds} | {figure} | {floor} |")
        other = spec["beside"][aspect][0]
        more = f"{aspect}, SRCC more than {other['name']}, paired"
        lines.append(f"| {more} | {data} | {folds} | {_span(other, 'difference')} | - |")
        within = f"{aspect}, mean SRCC {found['within']['about']}"
        lines.append(f"| {within} | {data} | {folds} | {_span(found['within'], 'mean')} | - |")
        lines.append(
            f"| {within}, more than {other['name']}, paired | {data} | {folds} | "
            f"{_span(other, 'inside_difference')} | - |"
        )
        coverage = found["coverage"]
        folds, figure = coverage["protocol"], _span(coverage, "pooled")
        lines.append(f"| {aspect}, share inside the 90 % interval | {data} | {folds} | {figure} | - |")
    lines += [_ladder(row) for row in spec["ladders"]["part"] if row["part"] in LADDERS]
    return "\n".join(lines) + "\n"


def _ladder(row: Mapping[str, Any]) -> str:
    """One line of how often a score falls as damage grows."""
    what = f"{row['aspect']}, share of steps of more damage at which it falls, {LADDERS[row['part']]}"
    data = f"photographs of the AVA subset, {row['n_steps']} steps | {row['n']} ({row['n']})"
    figure = f"{row['share']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
    return f"| {what} | {data} | by the fit without the photograph's fold | {figure} | 0.5 by chance |"


def _span(table: Mapping[str, Any], name: str) -> str:
    value, low, high = (table[key] for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def says_the_same(before: str, after: str, *, whole: int = 0) -> bool:
    """Whether two texts say the same: words exactly, decimals nearly, hashes not at all.

    Args:
        before: a text.
        after: another.
        whole: by how much whole numbers may differ (pixels of another decoder).
    """
    before, after = (_THREADS.sub("threads", text) for text in (before, after))
    if [" ".join(part.split()) for part in _TOKEN.split(before)] != [
        " ".join(part.split()) for part in _TOKEN.split(after)
    ]:
        return False
    pairs = zip(_TOKEN.findall(before), _TOKEN.findall(after), strict=True)
    return all(_near(one, other, whole) for one, other in pairs)


def _near(one: str, other: str, whole: int) -> bool:
    if one == other or (_HASH.fullmatch(one) and _HASH.fullmatch(other)):
        return True
    if any(_HASH.fullmatch(text) or text.count(".") > 1 for text in (one, other)):
        return False
    a, b = float(one), float(other)
    if one.isdigit() and other.isdigit():
        return abs(a - b) <= whole
    return math.isclose(a, b, rel_tol=0.01, abs_tol=0.02)
