import numpy as np
import pytest

from photos import shipped_photograph
from visq.core import toml
from visq.core.errors import DataError
from visq.training.distortions import DISTORTIONS
from visq.training.ladders import Kind, read_kinds, rungs
from visq.training.recipe import read_recipe, recipes_available

KINDS = read_kinds(read_recipe(recipes_available()["mini"]).field("ladders", "kinds"))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_stronger_distortion_is_farther_from_the_picture(kind):
    photo = shipped_photograph()
    off = [
        np.abs(DISTORTIONS[kind.name](photo, strength, np.random.default_rng(0)).astype(float) - photo).mean()
        for strength in kind.test
    ]

    assert off[0] > 0
    assert off == sorted(off)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_distorted_picture_is_a_picture_of_the_same_size(kind):
    photo = shipped_photograph()
    made = DISTORTIONS[kind.name](photo, kind.test[-1], np.random.default_rng(0))

    assert (made.shape, made.dtype) == (photo.shape, np.uint8)


def test_every_kind_of_the_recipe_is_used_and_some_are_held_out():
    assert {kind.name for kind in KINDS} == set(DISTORTIONS)
    assert sum(kind.train is None for kind in KINDS) >= 2


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.train], ids=lambda kind: kind.name)
def test_training_strengths_rise_and_stay_inside(kind):
    drawn = kind.draw(5, np.random.default_rng(3))
    slightest, strongest = kind.train

    assert np.all(np.diff(drawn) * np.sign(strongest - slightest) > 0)
    assert min(kind.train) <= drawn.min() <= drawn.max() <= max(kind.train)
    assert all(map(kind.seen, drawn))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.train], ids=lambda kind: kind.name)
def test_the_strongest_test_is_stronger_than_training(kind):
    assert not kind.seen(kind.test[-1])


def test_a_kind_held_out_is_never_drawn():
    with pytest.raises(DataError, match="held out"):
        Kind("motion", None, (3.0,), ()).draw(3, np.random.default_rng(0))


def test_an_unknown_kind_is_refused():
    with pytest.raises(DataError, match="no distortion 'fog'"):
        read_kinds(toml.loads("[fog]\ntest = [1]"))


def test_rungs_are_distorted_before_they_are_squashed():
    photo = shipped_photograph()
    (rung,) = rungs(photo, "noise", [20.0], 16, np.random.default_rng(0))

    # Squashing averages the noise away; noise added after it would stand at 20.
    from visq.media import squash

    assert np.std(rung.astype(float) - squash(photo, 16, 16)) < 10
