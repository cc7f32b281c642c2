"""The whole causal recipe, small: from labels to a folder that scores and checks itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from small_world import N_PICTURES, make_world
from visq.core import toml
from visq.metrics import srcc
from visq.scoring import load
from visq.scoring.check import check_model
from visq.training import read_recipe
from visq.training.causal import fit_fold, identity, train
from visq.training.causal_data import read_data
from visq.training.causal_measured import measure_fold
from visq.training.recipe import Paths
from visq.training.start import shipped_pictures

N_FOLDS = 5


def _paths(world: Path, out: str) -> Paths:
    return Paths(
        world / "data", world / "trunk.safetensors", world / out, shipped_pictures(), world / "cache"
    )


def _fits(world: Path) -> Path:
    (folder,) = (world / "cache").glob("fits-*")
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def folder(world):
    return train(read_recipe(world / "recipes/mini.toml"), _paths(world, "out"), lambda line: None)


def _table(folder: Path):
    return toml.loads((folder / "model.toml").read_text())


def test_the_folder_passes_its_own_check(folder):
    report = check_model(str(folder))

    assert report.passed, report.lines
    assert any("golden tensor" in line for line in report.lines)


def test_it_scores_with_intervals_and_what_is_outside(folder):
    with load(str(folder)) as scorer:
        (scores,) = scorer.score_pictures([np.full((32, 32, 3), 90, np.uint8)])

    for score in scores.values():
        assert 1 <= score.low <= score.value <= score.high <= 5
        assert 0 <= score.outside <= 1


def test_the_card_shows_the_figures_of_model_toml(folder):
    table, card = _table(folder), (folder / "README.md").read_text()

    for figures in table["figures"].values():
        assert f"{figures['srcc']:.3f}" in card
        assert figures["n"] == N_PICTURES
        assert len(figures["fold_srcc"]) == N_FOLDS
    assert table["ladders"]["photographs"] == 2 * N_FOLDS
    assert table["sentences"]["n"] == 2 * N_FOLDS


def test_figures_are_those_of_the_folds_kept_scores(world, folder):
    table = _table(folder)
    kept = [np.load(_fits(world) / f"fold{fold}/measured.npz") for fold in range(N_FOLDS)]
    folds = np.array([i // 2 % 5 for i in range(N_PICTURES)])
    labels = np.array([i / N_PICTURES for i in range(N_PICTURES)])
    values = np.empty(N_PICTURES)
    for fold, found in enumerate(kept):
        values[folds == fold] = found["values"][: (folds == fold).sum(), 0]

    assert table["figures"]["quality"]["srcc"] == pytest.approx(srcc(values, labels), abs=1e-4)


def test_no_fold_sees_its_own_pictures(world, folder, tmp_path):
    """What each fit is given: all rows but those of its fold, which are the rows it is measured on."""
    recipe = read_recipe(world / "recipes/mini.toml")
    data = read_data(recipe, _paths(world, "other"), _silent)
    given = []

    def fits(rows, where):
        given.append(rows)
        raise KeyboardInterrupt

    for fold in (*range(N_FOLDS), None):
        with pytest.raises(KeyboardInterrupt):
            fit_fold(fold, recipe, data, fits, tmp_path)
    folds = np.array([i // 2 % N_FOLDS for i in range(N_PICTURES)] * 2)
    for fold, rows in enumerate(given[:-1]):
        kept = measure_fold(fold, _fits(world) / f"fold{fold}/model", recipe, data, _fits(world))
        assert sorted([*rows, *kept.rows]) == list(range(2 * N_PICTURES))
        assert not (folds[rows] == fold).any()
        assert (folds[kept.pairs] == fold).all()
    assert given[-1].tolist() == list(range(2 * N_PICTURES))


def test_the_card_says_what_the_other_answers_are_worth(folder):
    table = _table(folder)

    for row in table["answers"]:
        assert 0 <= row["right_low"] <= row["right"] <= row["right_high"] <= 1
        assert -1 <= row["integers_srcc"] <= 1
        assert row["n"] > 0
    assert [row["fold"] for row in table["without_chosen"]] == [1, 1]
    assert table["without_chosen"][0]["n"] == N_PICTURES * 4 // 5
    assert table["sentences"]["commonest"] >= 1 / 3
    assert [row["change"] for row in table["moved"]][-1] == "a quarter of the size"


def test_a_second_run_takes_everything_over(world, folder):
    again = train(read_recipe(world / "recipes/mini.toml"), _paths(world, "again"), lambda line: None)

    for path in sorted(folder.rglob("*")):
        if path.is_file():
            assert (again / path.relative_to(folder)).read_bytes() == path.read_bytes(), path.name


def test_nothing_of_this_machine_is_written(world, folder):
    for path in folder.rglob("*"):
        assert not path.is_file() or str(world).encode() not in path.read_bytes(), path.name


def test_another_recipe_takes_no_fit_over(world, folder):
    changed = world / "recipes" / "changed.toml"
    changed.write_text((world / "recipes/mini.toml").read_text().replace("margin = 0.1", "margin = 0.3"))
    changed.with_suffix(".md.j2").write_bytes((world / "recipes/mini.md.j2").read_bytes())
    paths = _paths(world, "other")
    plain, other = (identity(recipe, read_data(recipe, paths, _silent)) for recipe in _recipes(world))

    assert plain != other
    assert (world / f"cache/fits-{plain[:16]}").is_dir()
    assert not (world / f"cache/fits-{other[:16]}").exists()


def test_words_of_the_recipe_and_its_card_fit_nothing_anew(world):
    reworded = world / "recipes" / "reworded.toml"
    reworded.write_text(
        (world / "recipes/mini.toml").read_text().replace("[selection]", "[selection]\nnote = 'x'")
    )
    reworded.with_suffix(".md.j2").write_text("another card")
    paths = _paths(world, "other")
    plain, other = (read_recipe(world / f"recipes/{name}.toml") for name in ("mini", "reworded"))

    assert plain.sha256 != other.sha256
    assert identity(plain, read_data(plain, paths, _silent)) == identity(
        other, read_data(other, paths, _silent)
    )


def _recipes(world: Path):
    return [read_recipe(world / f"recipes/{name}.toml") for name in ("mini", "changed")]


def _silent(line: str) -> None:
    pass
