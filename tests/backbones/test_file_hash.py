"""SHA-256 of files: of their bytes, and by the name that a hub's cache gives them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from visq.backbones.file_hash import sha256_of


@pytest.mark.parametrize("size", [0, 1, 2**20, 2**20 + 7])
def test_the_digest_is_that_of_all_bytes(tmp_path: Path, size: int) -> None:
    data = bytes(k % 251 for k in range(size))
    (tmp_path / "weights").write_bytes(data)
    assert sha256_of(tmp_path / "weights") == hashlib.sha256(data).digest()


def test_a_blob_of_a_hubs_cache_is_not_read(tmp_path: Path) -> None:
    name = "ab" * 32  # another digest than that of its bytes: it can only come from the name
    snapshot = tmp_path / "models--org--name" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    blobs = tmp_path / "models--org--name" / "blobs"
    blobs.mkdir()
    (blobs / name).write_bytes(b"15 GB")
    (blobs / ("c" * 40)).write_bytes(b"{}")  # small files are named by git's hash, which is another one
    (snapshot / "model.safetensors").symlink_to(blobs / name)
    (snapshot / "config.json").symlink_to(blobs / ("c" * 40))
    (snapshot / "gone.safetensors").symlink_to(blobs / ("d" * 64))
    assert sha256_of(snapshot / "model.safetensors").hex() == name
    assert sha256_of(snapshot / "config.json") == hashlib.sha256(b"{}").digest()
    with pytest.raises(OSError, match="No such file"):
        sha256_of(snapshot / "gone.safetensors")
