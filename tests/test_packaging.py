"""What `pip install visq` brings: the wheel is built from this tree and opened."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NEEDED = (
    "py.typed",
    "aspects/image.toml",
    "reports/score_report.html.j2",
    "training/recipes/mini-head.toml",
    "training/recipes/mini-head.md.j2",
    "training/recipes/mini.toml",
    "training/recipes/mini.md.j2",
    "models/mini/visual.onnx",
    "models/mini/decoder.onnx",
    "models/mini/model.safetensors",
    "models/mini/config.json",
    "models/mini/tokenizer.json",
    "models/mini/model.toml",
    "models/mini/README.md",
    "models/mini/goldens.toml",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline by the build backend of this environment."""
    pytest.importorskip("hatchling", reason="the build backend is not installed")
    out = tmp_path_factory.mktemp("wheel")
    code = "import sys, hatchling.build; hatchling.build.build_wheel(sys.argv[1])"
    run = subprocess.run([sys.executable, "-c", code, out], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    (built,) = out.glob("visq-*-py3-none-any.whl")
    return built


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return BytesParser().parsebytes(archive.read(name))


def test_the_wheel_holds_all_that_the_program_reads(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    pictures = [f"models/mini/pictures/{p.name}" for p in (ROOT / "src/visq/models/mini/pictures").iterdir()]
    assert pictures
    assert {f"visq/{name}" for name in (*NEEDED, *pictures)} <= names
    assert {name.rsplit("/", 1)[-1] for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}


def test_every_module_and_table_of_the_tree_is_in_the_wheel(wheel: Path) -> None:
    package = ROOT / "src" / "visq"
    files = [path for ending in ("py", "toml", "j2") for path in package.rglob(f"*.{ending}")]
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"visq/{path.relative_to(package).as_posix()}" for path in files} <= names


def test_the_wheel_holds_nothing_else_and_is_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = archive.infolist()
    outside = [
        f.filename for f in files if not f.filename.startswith("visq/") and ".dist-info/" not in f.filename
    ]
    assert outside == []
    assert [f.filename for f in files if "test" in f.filename or "__pycache__" in f.filename] == []
    assert max(f.file_size for f in files) < 20 * 10**6
    assert wheel.stat().st_size < 12 * 10**6


def test_the_base_needs_no_heavy_package(wheel: Path) -> None:
    found = metadata(wheel)
    base = [line for line in found.get_all("Requires-Dist", []) if "extra ==" not in line]
    names = {line.split(";")[0].rstrip("0123456789.<>=!~, ").lower() for line in base}
    assert "onnxruntime" in names
    assert names.isdisjoint({"torch", "scipy", "onnx", "pandas", "pyarrow", "safetensors"})
    assert found["Requires-Python"] == ">=3.10"


def test_the_wheel_has_the_version_of_the_code(wheel: Path) -> None:
    from visq import __version__

    assert metadata(wheel)["Version"] == __version__
