"""The trunk's graph: against numpy loops by definition, against ImageNet goldens, and with wrong weights."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from safetensors.numpy import save_file

from naive_mobilenet import features as naive_features
from naive_mobilenet import random_trunk
from visq.backbones.mini import open_graph
from visq.core.errors import InputError, MissingExtra, ModelError
from visq.core.scales import gaussian_levels
from visq.training.trunk_onnx import (
    N_FEATURES,
    N_MEANS,
    LinearHead,
    feature_graph,
    model_graph,
    read_trunk,
)


@pytest.fixture(scope="module")
def trunk():
    return random_trunk()


def pictures(n, side):
    return np.random.default_rng(side).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def run(graph, pixels, output="features"):
    return open_graph(graph).run([output], {"pixels": pixels})[0]


@pytest.mark.parametrize("side", [64, 45])
def test_features_are_those_of_the_definition(trunk, side):
    """45 is odd at the stem and even later: both paddings are met."""
    pixels = pictures(1, side)
    found = run(feature_graph(trunk, side), pixels)
    wanted = naive_features(trunk, pixels[0])
    assert found.shape == (1, N_FEATURES)
    assert wanted.std() > 0.1
    # float32 sums of up to 960 terms through 52 layers.
    np.testing.assert_allclose(found[0], wanted, atol=2e-4, rtol=2e-4)


def test_symmetric_padding_gives_other_features(trunk):
    """The trap: torch's padding=1 has the same shapes and nearly the same classes."""
    pixels = pictures(1, 64)
    found = run(feature_graph(trunk, 64), pixels)[0]
    assert np.abs(found - naive_features(trunk, pixels[0], symmetric=True)).max() > 0.05


def test_a_picture_gives_the_same_features_in_a_batch(trunk):
    graph, pixels = feature_graph(trunk, 32), pictures(3, 32)
    alone = np.concatenate([run(graph, pixels[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(run(graph, pixels), alone, atol=1e-5)


def test_logits_are_the_closed_form_of_the_linear_score(trunk):
    rng = np.random.default_rng(5)
    heads = {
        "quality": LinearHead(0.02 * rng.normal(size=N_FEATURES), 2.5, 0.55),
        "aesthetics": LinearHead(0.02 * rng.normal(size=N_MEANS), 3.5, 0.7),
    }
    pixels = pictures(2, 32)
    graph, pooled = model_graph(trunk, 32, heads), run(feature_graph(trunk, 32), pixels).astype(float)
    for name, head in heads.items():
        logits = run(graph, pixels, name)
        assert logits.dtype == np.float32
        score = pooled[:, : head.weights.size] @ head.weights + head.bias
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(shares, gaussian_levels(score, head.level_std), atol=1e-4)
        # By hand: l = 5 and l = 1 differ by (4 s - 12) / v.
        again = (logits[:, 4] - logits[:, 0]) * head.level_std**2 / 4 + 3
        np.testing.assert_allclose(again, score, atol=1e-4)


def test_the_file_is_small_readable_by_old_runtimes_and_the_same_each_time(trunk):
    heads = {"quality": LinearHead(np.zeros(N_FEATURES), 3.0, 0.55)}
    one, two = (model_graph(trunk, 320, heads) for _ in range(2))
    assert one == two
    assert len(one) < 4.6e6  # 2.2 M half-precision weights
    model = onnx.load_from_string(one)
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version <= 21  # what ONNX Runtime 1.18 reads
    assert model.ir_version <= 10
    kinds = {t.name: t.data_type for t in model.graph.initializer}
    assert kinds["head.c.weight.f16"] == onnx.TensorProto.FLOAT16
    assert kinds["quality.weight"] == onnx.TensorProto.FLOAT


def test_heads_that_do_not_fit_are_refused(trunk):
    with pytest.raises(ModelError, match="'quality' reads"):
        model_graph(trunk, 32, {"quality": LinearHead(np.zeros(7), 0.0, 0.55)})


def test_wrong_trunks_are_refused_in_one_line(trunk, tmp_path):
    path = tmp_path / "trunk.safetensors"
    with pytest.raises(InputError, match="no such trunk"):
        read_trunk(path)
    path.write_bytes(b"not tensors")
    with pytest.raises(ModelError, match="not a safetensors file"):
        read_trunk(path)
    save_file({k: v for k, v in trunk.items() if k != "blocks.3.l.1.c.bias"}, path)
    with pytest.raises(ModelError, match=r"no tensor 'blocks\.3\.l\.1\.c\.bias'"):
        read_trunk(path)
    save_file({**trunk, "stem.c.weight": np.zeros((16, 3, 3, 3), np.float16)}, path)
    with pytest.raises(ModelError, match=r"'stem\.c\.weight' has shape \(16, 3, 3, 3\), .* \(32, 3, 3, 3\)"):
        read_trunk(path)
    save_file(trunk, path)
    assert sorted(read_trunk(path)[0]) == sorted(trunk)


@pytest.mark.parametrize(("package", "call"), [("onnx", "graph"), ("safetensors", "read")])
def test_missing_packages_name_the_extra(monkeypatch, trunk, tmp_path, package, call):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingExtra, match=rf"{package} .*visq\[train\]"):
        feature_graph(trunk, 32) if call == "graph" else read_trunk(tmp_path / "x")


# From another implementation of the same network: scikit-image pictures, Pillow bicubic to 224, float32.
# Class without background, logit,
# probability, and the logit that symmetric padding gives (the class is the same).
GOLDENS = {"chelsea": (285, 10.2964, 0.7861, 9.9233), "coffee": (967, 9.8128, 0.8792, 8.8295)}


@pytest.mark.shared
@pytest.mark.parametrize("name", GOLDENS)
@pytest.mark.parametrize("symmetric", [False, True])
def test_imagenet_goldens(shared, name, symmetric):
    path = shared / "weights" / "mobilenet_v2_imagenet.safetensors"
    weights, _ = read_trunk(path)
    graph = feature_graph(weights, 224)
    image = scikit_image_picture(name).convert("RGB").resize((224, 224), Image.BICUBIC)
    pooled = run(_symmetric(graph) if symmetric else graph, np.asarray(image)[None])[0].astype(float)
    logits = weights["fc.weight"].astype(float) @ pooled[712:1992] + weights["fc.bias"]
    place, logit, share, wrong = GOLDENS[name]
    assert logits.argmax() == place
    assert logits.max() == pytest.approx(wrong if symmetric else logit, abs=2e-3)
    if not symmetric:
        assert np.exp(logits - logits.max()).sum() == pytest.approx(1 / share, rel=1e-3)


def scikit_image_picture(name: str) -> Image.Image:
    """A picture that scikit-image carries, out of the archive that `make demo` fetched."""
    packages = Path(__file__).parents[2] / "demo" / "packages"
    for archive in packages.glob("scikit_image-*.whl"):
        return Image.open(io.BytesIO(zipfile.ZipFile(archive).read(f"skimage/data/{name}.png")))
    pytest.skip("needs the pictures that `make demo` fetches")


def _symmetric(graph):
    """The same graph with torch's padding=1 in place of TensorFlow's SAME."""
    model = onnx.load_from_string(graph)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "pads" and list(attribute.ints) == [0, 0, 1, 1]:
                attribute.ints[:] = [1, 1, 1, 1]
    return model.SerializeToString()
