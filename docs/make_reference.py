"""Makes `docs/reference.md` from the program: its help, its columns, its failure kinds, its docstrings.

What only a person can say (what a column means) stands in `reference.toml`; a column or a kind that is in the
program and not there, or the other way round, stops the making.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import visq
from visq.aspects import aspect, names
from visq.core import errors, toml
from visq.data.columns import FILE_COLUMNS, ID_COLUMNS
from visq.data.formats import FORMATS
from visq.evaluation.checks import CHECKS
from visq.media import MAX_FILE_BYTES, MAX_PIXELS, PICTURE_ENDINGS, READABLE
from visq.scoring.records import columns

SOURCE = Path(visq.__file__).parent
WORDS = toml.loads((Path(__file__).parent / "reference.toml").read_text(encoding="utf-8"))
COMMANDS = (
    *("", "score", "evaluate", "compare", "check", "split", "calibrate", "readouts"),
    *("show", "models", "models list", "models show", "models pull", "models merge", "train"),
)
MET = (
    ("Score", "visq.core.types"),
    ("Explanation", "visq.core.types"),
    ("Scale", "visq.core.scales"),
    ("RunOptions", "visq.scoring.scorer"),
)
"""Values that public calls take or give, and that `visq` itself does not export."""


def page() -> str:
    """The page's text."""
    inputs = WORDS["inputs"].format(**_facts())
    made = (_columns(), WORDS["json"], _checks(), _kinds(), _errors(), _aspects(), _python())
    return "\n".join((WORDS["head"], _commands(), _exit_codes(), inputs, *made))


def _facts() -> dict[str, str]:
    return {
        "endings": ", ".join(sorted(PICTURE_ENDINGS)),
        "readable": ", ".join(READABLE),
        "ids": " or ".join(f"`{name}`" for name in ID_COLUMNS),
        "files": ", ".join(f"`{name}`" for name in FILE_COLUMNS),
        "formats": ", ".join(f"`{name}`" for name in FORMATS),
        "pixels": f"{MAX_PIXELS:,}",
        "mib": str(MAX_FILE_BYTES // 2**20),
    }


# --- commands ------------------------------------------------------------------------------------------


def _commands() -> str:
    texts = [f"### {f'visq {words}'.strip()}\n\n```text\n{_help(words)}```\n" for words in COMMANDS]
    return "## Commands\n\n" + "\n".join(texts)


def _help(words: str) -> str:
    settings = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "visq", *words.split(), "--help"]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=True)
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.strip("\n").splitlines())


def _exit_codes() -> str:
    return "## Exit codes\n\n" + _table(("code", "meaning"), WORDS["exit_codes"].items())


# --- columns, kinds, errors, aspects -------------------------------------------------------------------


def _columns() -> str:
    told = WORDS["columns"]
    found = columns(["ASPECT"], explained=True)
    if found != list(told):
        raise SystemExit(f"a table has columns {found}, reference.toml tells of {list(told)}")
    rows = [(f"`{name}`", values, meaning) for name, (values, meaning) in told.items()]
    return WORDS["columns_head"] + "\n" + _table(("column", "values", "meaning"), rows)


def _checks() -> str:
    docs = [(name, inspect.cleandoc(CHECKS.get(name).__doc__ or "")) for name in CHECKS]
    rows = [(f"`{name}`", " ".join(doc.partition("\n\n")[0].split())) for name, doc in docs]
    return WORDS["checks_head"] + _table(("check", "what it looks for"), rows)


def _kinds() -> str:
    found, told = set(failure_kinds()), WORDS["kinds"]
    if found != set(told):
        raise SystemExit(f"failure kinds of the program and of reference.toml differ: {found ^ set(told)}")
    rows = [(f"`{name}`", meaning.format(**_facts())) for name, meaning in told.items()]
    return WORDS["kinds_head"] + "\n" + _table(("kind", "meaning"), rows)


def failure_kinds() -> Iterator[str]:
    """Every kind in the source: a `kind=`, its default, a `..._KIND`, or one of the system's errors."""
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _makes_failure(node):
                yield from _words((word.arg, word.value) for word in node.keywords)
            elif isinstance(node, ast.FunctionDef):
                yield from _words(
                    zip([a.arg for a in node.args.kwonlyargs], node.args.kw_defaults, strict=True)
                )
            elif isinstance(node, ast.Assign) and "_KIND" in ast.unparse(node.targets[0]):
                held = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                yield from _words(("kind", value) for value in held)
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_MEANING":
                yield from (ast.literal_eval(pair)[0] for pair in getattr(node.value, "values", []))


def _words(named: Iterable[tuple[str | None, ast.expr | None]]) -> Iterator[str]:
    for name, value in named:
        if name == "kind" and isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def _makes_failure(call: ast.Call) -> bool:
    """A call that makes an InputError, as itself or as the parent of another error, or a Row."""
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    return name in ("InputError", "Row", "__init__")


def _errors() -> str:
    tree = (errors.__doc__ or "").split("\n\n", 1)[1].strip("\n")
    return f"{WORDS['errors_head']}\n```text\n{tree}\n```\n"


def _aspects() -> str:
    found = [aspect(name) for name in names()]
    rows = [(f"`{a.name}`", a.about, str(a.scale), ", ".join(a.levels), str(a.version)) for a in found]
    heads = ("aspect", "what is asked for", "scale", "levels, worst to best", "version")
    return "## Aspects\n\n" + _table(heads, rows)


# --- Python --------------------------------------------------------------------------------------------


def _python() -> str:
    parts = [WORDS["python_head"]]
    for name in sorted(visq.__all__):
        thing = getattr(visq, name)
        parts.append(_module(name, thing) if inspect.ismodule(thing) else _thing(f"visq.{name}", thing))
    parts.append(WORDS["met_head"])
    parts += [_thing(f"{room}.{name}", getattr(importlib.import_module(room), name)) for name, room in MET]
    return "\n".join(parts)


def _module(name: str, module: Any) -> str:
    found = [_thing(f"visq.{name}.{function}", getattr(module, function)) for function in module.__all__]
    return f"### visq.{name}\n\n{_doc(module)}\n" + "\n".join(found)


def _thing(name: str, thing: Any) -> str:
    if not callable(thing):
        return f"### {name}\n\nThe version of visq, as text.\n"
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return f"### {name}\n\n{_doc(thing)}"
    text = f"### {name}\n\n```python\n{name}{_signature(thing)}\n```\n\n{_doc(thing)}"
    for member, signature, value in _members(thing):
        text += f"\n#### {name}.{member}\n\n```python\n{member}{signature}\n```\n\n{_doc(value)}"
    return text


def _members(thing: Any) -> Iterator[tuple[str, str, Any]]:
    """Name, signature and value of the public methods and properties that a class itself defines."""
    for member, value in vars(thing).items() if inspect.isclass(thing) else ():
        called = value.__func__ if isinstance(value, classmethod) else value
        if isinstance(value, property) and not member.startswith("_"):
            yield member, "", value
        elif inspect.isfunction(called) and not member.startswith("_"):
            yield member, _signature(called), called


def _signature(thing: Any) -> str:
    text = re.sub(r"<factory>|<function [^=]* at 0x[0-9a-f]+>", "...", str(inspect.signature(thing)))
    text = re.sub(r"([:>]) \"([^\"]*)\"", r"\1 \2", text)  # an annotation that holds quotes
    text = re.sub(r"([:>]) '([^']*)'", r"\1 \2", text)  # a default such as 'mini' keeps them
    return re.sub(r"\((self|cls)(, )?", "(", text)


def _doc(thing: Any) -> str:
    text = thing.__dict__.get("__doc__") if inspect.isclass(thing) else thing.__doc__
    return f"```text\n{inspect.cleandoc(text or '')}\n```\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return (
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        + "\n"
    )
