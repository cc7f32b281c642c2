"""A fit of the causal model on made-up pictures: what it learns, and that a kill changes nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

SCRIPT = Path(__file__).parents[1] / "tiny_fit.py"


def _start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(SCRIPT), str(folder)])


def _weights(folder: Path) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in torch.load(folder / "stage1.pt").items()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit")
    assert _start(folder).wait() == 0
    return folder


@pytest.mark.parametrize("saved", ["stage0/checkpoint-2", "stage1/checkpoint-4"])
def test_a_killed_fit_goes_on_and_ends_equal(undisturbed, tmp_path, saved):
    process = _start(tmp_path)
    deadline = time.monotonic() + 120
    while not (tmp_path / saved / "trainer_state.json").exists():
        assert process.poll() is None, "the fit ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "stage1.pt").exists()

    assert _start(tmp_path).wait() == 0

    once, twice = _weights(undisturbed), _weights(tmp_path)
    assert all(np.isfinite(value).all() for value in once.values())  # nan would differ from itself
    assert once.keys() == twice.keys()
    assert all(np.array_equal(once[name], twice[name]) for name in once)


def test_a_half_written_checkpoint_is_not_gone_on_from(tmp_path):
    from visq.training.mini_fit_torch import last_checkpoint

    for step, whole in ((2, True), (10, True), (12, False)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if whole:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").touch()

    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")
    assert not (tmp_path / "checkpoint-12").exists()


def test_stem_and_first_blocks_keep_their_weights_and_the_others_do_not(undisturbed):
    start = {name: value.numpy() for name, value in torch.load(undisturbed / "stage0.pt").items()}
    end = _weights(undisturbed)
    moved = {name for name in end if not np.array_equal(start[name], end[name])}

    assert not [
        name for name in moved if name.startswith(("trunk.stem", "trunk.blocks.0.", "trunk.blocks.2."))
    ]
    assert "trunk.blocks.3.l.0.c.weight" in moved
    assert "language_model.layers.0.mlp.up_proj.weight" in moved


def test_what_is_left_out_changes_nothing(undisturbed, tmp_path):
    """Labels and pixels of rows that are not fitted on may be anything."""
    assert subprocess.run([sys.executable, str(SCRIPT), str(tmp_path), "--spoil"]).returncode == 0

    once, twice = _weights(undisturbed), _weights(tmp_path)
    assert all(np.array_equal(once[name], twice[name]) for name in once)


def test_the_weights_end_half_way_back_to_the_stage_before(undisturbed):
    from safetensors.torch import load_file

    last = max((undisturbed / "stage1").glob("checkpoint-*"), key=lambda found: int(found.name[11:]))
    start, end = torch.load(undisturbed / "stage0.pt"), load_file(last / "model.safetensors")
    name = "trunk.blocks.3.l.0.c.weight"

    assert not torch.equal(start[name], end[name])
    assert np.allclose(_weights(undisturbed)[name], (start[name] + end[name]) / 2, atol=1e-7)
