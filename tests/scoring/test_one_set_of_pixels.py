"""A large JPEG gives one model one set of pixels, whichever door it comes in by."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hostile
from visq import load
from visq.backbones import find_model
from visq.core import toml
from visq.core.types import Sample
from visq.evaluation.checks.pictures import picture_facts
from visq.media import decode, preprocessing_id, squash
from visq.training.features import prepare
from visq.training.pixels import file_sizes, read_picture
from visq.training.recipe import read_recipe, recipes_available

SIZE = (1300, 1500)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JPEG that mini reads at half its size; its grain makes that visible in the pixels."""
    rng = np.random.default_rng(4)
    grainy = np.clip(hostile.picture(*SIZE) + rng.normal(0, 25, (*SIZE, 3)), 0, 255).astype(np.uint8)
    path = tmp_path_factory.mktemp("large") / "large.jpg"
    path.write_bytes(hostile.encode(grainy, "JPEG", quality=90))
    return path


def test_every_door_gives_mini_the_same_pixels(large: Path) -> None:
    wanted = decode(large, at_least=640).picture
    assert wanted.shape == (650, 750, 3)
    assert not np.array_equal(squash(wanted, 320, 320), squash(decode(large).picture, 320, 320))
    np.testing.assert_array_equal(read_picture(large, 320), wanted)
    np.testing.assert_array_equal(prepare(large.read_bytes(), (320, 320)), squash(wanted, 320, 320))
    seen: list[Any] = []
    picture_facts([str(large)], rate=lambda picture: seen.append(picture), at_least=640, workers=1)
    np.testing.assert_array_equal(seen[0], wanted)


def test_a_run_scores_these_pixels(large: Path) -> None:
    with load(threads=1) as scorer:
        assert scorer.at_least == 640
        (row,) = scorer.stream([Sample("a", str(large))])
        decoded = decode(large, at_least=640).picture
        (scores,) = scorer.score_pictures([scorer.prepare(decoded)])
        (whole,) = scorer.score_pictures([scorer.prepare(decode(large).picture)])
    assert row.scores == scores
    assert row.scores != whole


def test_facts_are_of_the_whole_picture(large: Path) -> None:
    (facts,) = picture_facts([str(large)], rate=lambda _: 1.0, at_least=640)
    assert (facts.height, facts.width) == SIZE
    assert facts == picture_facts([str(large)], rate=lambda _: 1.0)[0]
    assert file_sizes([large])[0, 1:].tolist() == list(SIZE)


def test_a_model_trained_on_whole_jpegs_keeps_getting_them(large: Path, tmp_path: Path) -> None:
    folder = tmp_path / "whole"
    shutil.copytree(find_model("mini").path, folder)
    description = folder / "model.toml"
    text = description.read_text(encoding="utf-8").replace("srgb;draft640;squash320", "srgb;squash320")
    description.write_text(text, encoding="utf-8")
    with load(str(folder), threads=1) as scorer:
        assert scorer.at_least is None
        (row,) = scorer.stream([Sample("a", str(large))])
        (whole,) = scorer.score_pictures([scorer.prepare(decode(large).picture)])
    assert row.scores == whole


def test_recipes_and_the_shipped_model_name_what_training_does() -> None:
    for path in recipes_available().values():
        recipe = read_recipe(path)
        size = recipe.field("preprocessing", "size")
        assert recipe.field("preprocessing", "id") == preprocessing_id(*size), recipe.name
    shipped = toml.loads((find_model("mini").path / "model.toml").read_text(encoding="utf-8"))
    assert shipped["preprocessing"]["id"] == "srgb;draft640;squash320-bicubic"
