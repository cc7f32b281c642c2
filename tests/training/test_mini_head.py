"""The whole recipe, small: same bytes twice, resumed after a kill, figures by hand, wrong settings."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from small_world import edit_rows, make_world
from visq.backbones.mini import open_graph
from visq.core import toml
from visq.core.errors import DataError, InputError, ModelError, UnknownName, VisqError
from visq.metrics import srcc
from visq.scoring.check import check_model
from visq.training import read_recipe, run
from visq.training.features import prepare
from visq.training.mini_head import train
from visq.training.recipe import Paths
from visq.training.start import shipped_pictures
from visq.training.trunk_onnx import feature_graph, read_trunk

SHIPPED = shipped_pictures().parent


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with `data/`, `trunk.safetensors` and `recipes/`, small enough to train in half a second."""
    return make_world(tmp_path)


def paths(world: Path, out: str = "out", cache: str = "cache") -> Paths:
    return Paths(world / "data", world / "trunk.safetensors", world / out, shipped_pictures(), world / cache)


def train_small(world: Path, out: str = "out", cache: str = "cache") -> Path:
    return train(read_recipe(world / "recipes/mini-head.toml"), paths(world, out, cache), lambda line: None)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_two_runs_give_the_same_bytes_with_and_without_a_cache(world):
    one = contents(train_small(world, "one"))
    assert one == contents(train_small(world, "two"))
    assert one == contents(train_small(world, "three", cache="another"))
    assert {"model.onnx", "model.toml", "goldens.toml", "README.md", "pictures/coffee.jpg"} <= set(one)


def test_nothing_of_this_machine_is_written(world):
    for name, content in contents(train_small(world)).items():
        assert str(world).encode() not in content, name


def test_the_folder_describes_itself(world):
    out = train_small(world)
    spec, goldens = (toml.loads((out / name).read_text()) for name in ("model.toml", "goldens.toml"))
    graph = (out / "model.onnx").read_bytes()
    assert spec["weights"]["sha256"] == hashlib.sha256(graph).hexdigest()
    assert spec["trained_on"][0]["n"] == 30
    assert (
        spec["provenance"]["trunk_sha256"]
        == hashlib.sha256((world / "trunk.safetensors").read_bytes()).hexdigest()
    )
    session = open_graph(graph)
    for golden in goldens["picture"]:
        content = (out / golden["file"]).read_bytes()
        assert golden["sha256"] == hashlib.sha256(content).hexdigest()
        logits = session.run(["quality"], {"pixels": prepare(content, (32, 32))[None]})[0][0].astype(float)
        shares = np.exp(logits) / np.exp(logits).sum()
        assert golden["quality"] == pytest.approx(float(shares @ [1, 2, 3, 4, 5]), abs=1e-4)
    y, x, c = np.indices((32, 32, 3))
    pixels = ((7 * y + 13 * x + 101 * c + (y * x) // 16) % 256).astype(np.uint8)
    assert goldens["tensor"][0]["quality"] == pytest.approx(
        session.run(["quality"], {"pixels": pixels[None]})[0][0].tolist(), abs=1e-4
    )


def test_the_folder_passes_its_own_check(world):
    """`visq models show FOLDER --check` reads what training writes."""
    report = check_model(str(train_small(world)))
    assert report.passed, report.lines
    assert sum("coffee.jpg" in line for line in report.lines) == 2
    assert sum("golden tensor" in line for line in report.lines) == 2


def test_figures_are_those_of_fits_on_the_other_folds(world):
    """Everything again by hand: naive standardisation, normal equations, softmax, folds, rank."""
    out = train_small(world)
    spec = toml.loads((out / "model.toml").read_text())
    session = open_graph(feature_graph(read_trunk(world / "trunk.safetensors")[0], 32))
    i = np.arange(30)
    files = [(world / f"data/ava/images/{k}.png").read_bytes() for k in i]
    x = np.concatenate([session.run(None, {"pixels": prepare(f, (32, 32))[None]})[0] for f in files])
    x = x[:, : 712 + 1280].astype(float)  # aesthetics reads the means
    mos, folds, values = (
        1 + (np.array([2.0, 4.6, 7.0])[i % 3] + 0.8 * i / 30 - 1) * 4 / 9,
        i // 2 % 5,
        np.empty(30),
    )
    for fold in range(5):
        fit, test = folds != fold, folds == fold
        mean, std = x[fit].mean(0), x[fit].std(0)
        z = (x - mean) / np.where(x[fit].min(0) < x[fit].max(0), std, np.inf)
        normal = z[fit].T @ z[fit] + 3000 * np.eye(len(std))
        scores = z[test] @ np.linalg.solve(normal, z[fit].T @ (mos[fit] - mos[fit].mean())) + mos[fit].mean()
        shares = np.exp(-((scores[:, None] - np.arange(1, 6)) ** 2) / (2 * 0.55**2))
        values[test] = (shares * np.arange(1, 6)).sum(1) / shares.sum(1)
    found, residuals = spec["figures"]["aesthetics"], np.sort(np.abs(values - mos))
    assert found["srcc"] == pytest.approx(srcc(values, mos), abs=1e-4)
    assert found["lowest"] == pytest.approx(values.min(), abs=1e-4)
    assert spec["calibration"]["aesthetics"]["half_width"] == pytest.approx(
        residuals[28 - 1],
        abs=1e-4,  # ceil(0.9 * 31) = 28th
    )
    scores = (mos - 1) * 9 / 4 + 1
    bands = []
    for part in found["within"]["part"]:
        low, high = map(float, part["name"].split(".."))
        inside = (scores > low - 1e-9) & (scores < high - 1e-9)
        bands.append(srcc(values[inside], mos[inside]))
        assert part["srcc"] == pytest.approx(bands[-1], abs=1e-4)
    assert len(bands) > 2
    assert found["within"]["mean"] == pytest.approx(np.mean(bands), abs=1e-4)
    # The head that is shipped is fitted on all folds.
    z = (x - x.mean(0)) / np.where(x.min(0) < x.max(0), x.std(0), np.inf)
    whole = z @ np.linalg.solve(z.T @ z + 3000 * np.eye(x.shape[1]), z.T @ (mos - mos.mean())) + mos.mean()
    shipped = open_graph((out / "model.onnx").read_bytes())
    logits = shipped.run(["aesthetics"], {"pixels": prepare(files[4], (32, 32))[None]})[0][0]
    assert (logits[4] - logits[0]) * 0.55**2 / 4 + 3 == pytest.approx(whole[4], abs=1e-4)


def test_byte_identical_pictures_share_a_group(world):
    labels = world / "data/agiqa3k/labels.csv"

    def mark(first, second):
        edit_rows(
            labels,
            lambda rows: [
                {**row, "duplicate_set": "x" if i in (first, second) else ""} for i, row in enumerate(rows)
            ],
        )

    mark(0, 10)  # groups p0 and p5, both in fold 0
    spec = toml.loads((train_small(world) / "model.toml").read_text())
    assert spec["trained_on"][0]["n_groups"] == 14
    assert spec["trained_on"][0]["n_joined"] == 1
    mark(0, 2)  # folds 0 and 1: pictures on both sides
    with pytest.raises(DataError, match="stands in folds"):
        train_small(world)


KILLED = """
import sys
sys.path[:0] = {tests!r}
from pathlib import Path
import visq.training.features as features
features.CHUNK = 4
from test_mini_head import train_small
train_small(Path({world!r}))
"""


def test_a_killed_run_goes_on_where_it_was(world, monkeypatch):
    script = KILLED.format(
        tests=[str(Path(__file__).parent), str(Path(__file__).parents[1])], world=str(world)
    )
    child = subprocess.Popen([sys.executable, "-c", script])
    kept: list[Path] = []
    deadline = time.monotonic() + 60
    while len(kept) < 2 and time.monotonic() < deadline and child.poll() is None:
        kept = list((world / "cache").glob("*.npz"))
    child.kill()
    child.wait()
    before = {path: path.stat().st_mtime_ns for path in kept}
    assert len(before) >= 2
    monkeypatch.setattr("visq.training.features.CHUNK", 4)
    resumed = contents(train_small(world))
    assert {path: path.stat().st_mtime_ns for path in kept} == before
    assert resumed == contents(train_small(world, "fresh", cache="fresh-cache"))


def test_half_a_cache_file_is_computed_again(world):
    first = contents(train_small(world, "one"))
    for path in (world / "cache").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    assert contents(train_small(world, "two")) == first


def settings(world: Path, **changes: str) -> dict[str, str]:
    made = {"data": str(world / "data"), "trunk": str(world / "trunk.safetensors"), "out": str(world / "out")}
    return {**made, **changes}


def test_wrong_settings_are_said_in_one_line_before_any_work(world, tmp_path):
    cases = [
        ("mini-haed", settings(world), UnknownName, "did you mean 'mini-head'"),
        ("mini-head", settings(world, dat="x"), UnknownName, "unknown setting 'dat'; did you mean 'data'"),
        ("mini-head", {"trunk": "x"}, InputError, "needs data=PATH"),
        ("mini-head", {"data": str(world / "data")}, InputError, "needs trunk=PATH"),
        ("mini-head", settings(world, data="nowhere"), InputError, "data='nowhere': no such folder"),
        ("mini-head", settings(world, trunk="nothing"), InputError, "trunk='nothing': no such file"),
        ("mini-head", settings(world, pictures="none"), InputError, "pictures='none': no such folder"),
        ("mini-head", settings(world, out=str(world / "data")), InputError, "is no model folder"),
        ("mini-head", settings(world, data=str(world / "recipes")), InputError, "no such label file"),
        ("mini-head", settings(world, pictures=str(world / "data")), InputError, "check picture of recipe"),
    ]
    for name, given, error, message in cases:
        with pytest.raises(error, match=message) as caught:
            run(name, given)
        assert isinstance(caught.value, VisqError)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("quality", None, "no column 'quality'"),
        ("fold", None, "no column 'fold'"),
        ("generator", None, "no column 'generator'"),
        ("group", None, "no column 'group'"),
        ("fold", "first", "'first' is no number of a fold"),
        ("group", "", "column 'group': empty"),
        ("quality", "", "no row has a label"),
    ],
)
def test_unusable_label_files_are_refused(world, column, value, message):
    def change(rows):
        kept = [{k: v for k, v in row.items() if k != column} for row in rows]
        return kept if value is None else [{**row, column: value} for row in rows]

    edit_rows(world / "data/agiqa3k/labels.csv", change)
    with pytest.raises(DataError, match=message):
        train_small(world)


def test_a_labelled_picture_that_cannot_be_read_is_named(world):
    (world / "data/ava/images/3.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"3\.png.*labelled picture"):
        train_small(world)
    (world / "data/ava/images/3.png").unlink()
    with pytest.raises(DataError, match=r"3\.png.*labelled picture"):
        train_small(world)


def test_a_wrong_trunk_is_refused(world):
    (world / "trunk.safetensors").write_bytes(b"GIF89a")
    with pytest.raises(ModelError, match="not a safetensors file"):
        train_small(world)


def test_recipes_say_what_they_lack(world):
    path = world / "recipes/mini-head.toml"
    whole = path.read_text()
    for old, new, message in (
        ("format = 1", "format = 2", "has format 2"),
        ('label = "score"', "", "no 'label'"),
        ('features = "means"', 'features = "all"', "not 'all'"),
        ('kind = "file"', 'kind = "guess"', "floor of kind 'guess'"),
        ("size = [32, 32]", "size = [32, 48]", "takes squares"),
        ("seed = 9", "", "no 'seed'"),
        ("seed = 9", "seed =", "cannot be read"),
    ):
        assert old in whole
        path.write_text(whole.replace(old, new))
        with pytest.raises(DataError, match=message):
            train_small(world)


def test_the_public_door_trains_and_trains_again(world, monkeypatch):
    """With the small recipe in place of the shipped one; that one is run by the long test."""
    small = {"mini-head": world / "recipes/mini-head.toml"}
    monkeypatch.setattr("visq.training.start.recipes_available", lambda: small)
    lines: list[str] = []
    out = run("mini-head", settings(world), lines.append)
    assert out == world / "out"
    assert any("features for quality: 0 of 30" in line for line in lines)
    assert (world / "out.cache/.gitignore").read_text() == "*\n"
    assert run("mini-head", settings(world)) == out  # over the folder it made itself


@pytest.mark.shared
@pytest.mark.long
def test_training_again_gives_the_figures_beside_the_shipped_model(shared, tmp_path):
    trunk = shared / "weights/mobilenet_v2_imagenet.safetensors"
    out = run("mini-head", {"data": str(shared), "trunk": str(trunk), "out": str(tmp_path / "mini")})
    made = toml.loads((out / "model.toml").read_text())
    beside = toml.loads((SHIPPED / "model.toml").read_text())["beside"]
    for aspect, figures in made["figures"].items():
        # Decoders and float32 kernels differ between machines by far less than this.
        assert figures["srcc"] == pytest.approx(beside[aspect][0]["srcc"], abs=0.002)
    assert made["figures"]["quality"]["srcc"] == pytest.approx(0.789, abs=0.002)  # measured with other code
    assert made["figures"]["aesthetics"]["srcc"] == pytest.approx(0.726, abs=0.002)
    shutil.rmtree(tmp_path / "mini.cache")
