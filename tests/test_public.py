"""What visq promises to those who import it: the names, what they load, what they need, and no network."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import visq
from visq.core import toml

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "src" / "visq" / "models" / "mini" / "pictures" / "coffee.jpg"
PUBLIC = {
    "DataError",
    "Evaluation",
    "InputError",
    "MissingExtra",
    "ModelError",
    "Preference",
    "Row",
    "RunOptions",
    "Sample",
    "Scale",
    "Score",
    "Scorer",
    "Table",
    "UnknownName",
    "VisqError",
    "__version__",
    "compare",
    "evaluate",
    "load",
    "metrics",
    "score",
}
_DATA = {"pandas", "pyarrow", "scipy", "sklearn", "matplotlib"}
NEVER = {"torch", "transformers", "onnx", "safetensors", "fastapi"} | _DATA
"""What scoring and printing a table must not load, installed or not."""
HEAVY = NEVER | {"numpy", "PIL", "onnxruntime", "jinja2", "rich"}
"""What `import visq` and finding a command must not load. (typer draws its help with rich.)"""


def loaded_by(code: str) -> set[str]:
    """Top-level modules that a process of its own holds after running code."""
    report = "\nimport json, sys\nprint(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", code + report], capture_output=True, text=True, check=True, timeout=120
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def cli(*words: str) -> str:
    """Code that runs the command as the console script does, and survives its exit."""
    return (
        f"import sys\nsys.argv = {['visq', *words]!r}\n"
        "from visq.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
    )


def test_the_public_names_are_these() -> None:
    assert set(visq.__all__) == PUBLIC
    assert len(visq.__all__) == len(PUBLIC)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_each_public_name_can_be_imported(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"from visq import {name}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'skore'"):
        visq.skore  # noqa: B018


@pytest.mark.parametrize("code", ["import visq", "import visq.cli.main"])
def test_importing_loads_nothing_heavy(code: str) -> None:
    assert loaded_by(code) & HEAVY == set()


@pytest.mark.parametrize(
    "words", [("--help",), ("score", "--help"), ("models", "show", "--help"), ("--version",)]
)
def test_help_loads_nothing_heavy(words: tuple[str, ...]) -> None:
    assert loaded_by(cli(*words)) & (HEAVY - {"rich"}) == set()


def test_scoring_loads_only_the_base() -> None:
    loaded = loaded_by(cli("score", str(PICTURE), "--quiet"))
    assert loaded & (NEVER | {"jinja2", "rich"}) == set()
    assert {"numpy", "PIL", "onnxruntime"} <= loaded  # else the test would look at nothing


def test_the_base_install_is_small() -> None:
    project = toml.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {
        "".join(c for c in line.split(";")[0] if c.isalnum() or c == "-") for line in project["dependencies"]
    }
    bare = {name.rstrip("0123456789") for name in names}
    assert bare == {"numpy", "pillow", "onnxruntime", "typer", "rich", "jinja", "tomli"}
    for extra in ("eval", "train", "tables"):
        assert not any(line.startswith("torch") for line in project["optional-dependencies"][extra])


def test_mini_scores_without_a_network() -> None:
    """Promise 7: Python may open no connection, and mini scores all the same. Native code is not watched."""
    guard = (
        "import socket, sys\n"
        "def hook(event, arguments):\n"
        "    if event.startswith(('socket.connect', 'socket.getaddrinfo', 'socket.sendto')):\n"
        "        raise RuntimeError(f'a connection was tried: {event} {arguments}')\n"
        "sys.addaudithook(hook)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", guard + cli("score", str(PICTURE), "--quiet", "--json")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "ok"
    tried = subprocess.run(
        [sys.executable, "-c", guard + "socket.create_connection(('127.0.0.1', 9), 1)"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "a connection was tried" in tried.stderr  # the guard works


def test_the_typed_user_code_uses_public_names_only() -> None:
    tree = ast.parse((ROOT / "tests" / "typing" / "user_code.py").read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "visq"
    }
    assert used <= PUBLIC
    assert {"score", "load", "Sample", "Row", "Table", "VisqError"} <= used
