"""Weights of a hub: pinned, without code and pickles; a hub that does not answer is one line. No network."""

from __future__ import annotations

import fnmatch
import sys
from pathlib import Path
from typing import Any

import pytest

from visq.backbones.model_name import Source
from visq.backbones.weights import locate, pull, read_config
from visq.core.errors import InputError, MissingExtra, ModelError

huggingface_hub = pytest.importorskip("huggingface_hub")
httpx = pytest.importorskip("httpx2")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Answers for the hub: writes a snapshot as its cache holds one, links and all, or raises."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.files = {
            "config.json": "{}",
            "model.safetensors": "w",
            "evil.py": "raise",
            "pytorch_model.bin": "p",
        }
        self.error: Exception | None = None
        self.asked: list[tuple[str, str | None]] = []

    def snapshot_download(
        self, name: str, *, revision: str | None, cache_dir: str | None, allow_patterns: list[str]
    ) -> str:
        self.asked.append((name, revision))
        if self.error is not None:
            raise self.error
        root = Path(cache_dir or self.cache) / f"models--{name.replace('/', '--')}"
        (root / "blobs").mkdir(parents=True, exist_ok=True)
        folder = root / "snapshots" / COMMIT
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in self.files.items():
            if any(fnmatch.fnmatch(file, pattern) for pattern in allow_patterns):
                (root / "blobs" / file).write_text(text, encoding="utf-8")
                if not (folder / file).exists():
                    (folder / file).symlink_to(Path("../../blobs") / file)
        return str(folder)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    found = Hub(tmp_path / "cache")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", found.snapshot_download)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return found


def http(kind: type[Exception], status: int) -> Exception:
    """An error of the hub as it raises it, in its many lines."""
    request = httpx.Request("GET", "https://huggingface.co/api/models/org/name")
    made: Any = kind
    found: Exception = made(
        f"{status} Client Error.\n\nmany lines", response=httpx.Response(status, request=request)
    )
    return found


def test_a_branch_becomes_a_commit_and_neither_code_nor_pickles_come(hub: Hub) -> None:
    found = pull("org/name", "main")

    assert (found.name, found.revision) == ("org/name", COMMIT)
    assert {file.name for file in found.folder.iterdir()} == {"config.json", "model.safetensors"}
    assert hub.asked == [("org/name", "main")]


def test_code_comes_where_it_is_asked_for(hub: Hub) -> None:
    files = {file.name for file in pull("org/name", remote_code=True).folder.iterdir()}
    assert "evil.py" in files
    assert "pytorch_model.bin" not in files


def test_a_copy_serves_elsewhere_and_says_where_it_is_from(hub: Hub, tmp_path: Path) -> None:
    found = pull("org/name", out=tmp_path / "some" / "copy")

    assert found.folder == tmp_path / "some" / "copy"
    assert not any(file.is_symlink() for file in found.folder.iterdir())
    assert (found.folder / "model.safetensors").read_text() == "w"
    origin = (found.folder / "origin.toml").read_text()
    assert origin == f'name = "org/name"\nrevision = "{COMMIT}"\n'
    assert {path.name for path in found.folder.parent.iterdir()} == {"copy"}
    with pytest.raises(InputError, match="exists; choose another --out"):
        pull("org/name", out=tmp_path / "some" / "copy")
    assert len(hub.asked) == 1


def test_another_cache(hub: Hub, tmp_path: Path) -> None:
    assert pull("org/name", cache=str(tmp_path / "other")).folder.is_relative_to(tmp_path / "other")


def test_a_copy_that_cannot_be_written_leaves_nothing(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copytree", full)
    with pytest.raises(ModelError, match=r"cannot write .*No space left"):
        pull("org/name", out=tmp_path / "out" / "copy")
    assert not list((tmp_path / "out").iterdir())


def test_pickles_alone_are_refused(hub: Hub) -> None:
    hub.files = {"config.json": "{}", "pytorch_model.bin": "p"}
    with pytest.raises(ModelError, match="'org/name' holds no safetensors, and visq loads no pickles"):
        pull("org/name")


ERRORS = pytest.importorskip("huggingface_hub.errors")
OFFLINE = ERRORS.LocalEntryNotFoundError("Cannot find\nmany lines")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OFFLINE,
            "is not on this machine, and the hub cannot be reached; run 'visq models pull org/name --out",
        ),
        (ERRORS.IncompleteSnapshotError("half\nof it", snapshot_path="s"), "HF_HOME"),
        (http(ERRORS.GatedRepoError, 403), "accept them at https://huggingface.co/org/name"),
        (
            http(ERRORS.RepositoryNotFoundError, 401),
            "is not on the hub, and no folder here; check its spelling",
        ),
        (http(ERRORS.RevisionNotFoundError, 404), "has no revision 'v9'; give a branch"),
        (http(ERRORS.HfHubHTTPError, 500), "cannot be fetched: 500 Client Error"),
        (httpx.ProxyError("407 Proxy\nmore"), "cannot be fetched: 407 Proxy; run 'visq models pull"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (ERRORS.HFValidationError("Repo id must\nbe"), "Repo id must"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_hub_that_does_not_give_it_is_one_line(hub: Hub, error: Exception, said: str) -> None:
    hub.error = error
    with pytest.raises(ModelError) as found:
        pull("org/name", "v9")
    assert said in str(found.value)
    assert "\n" not in str(found.value)


def test_a_machine_that_is_told_to_stay_offline_says_so(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.error = OFFLINE
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set; unset it, or run"):
        pull("org/name")


def test_the_hubs_own_client_offline_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing replaced: huggingface_hub itself, told to stay offline, with an empty cache."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="is not on this machine") as found:
        pull("org/name", cache=str(tmp_path))
    assert "\n" not in str(found.value)


def test_a_folder_is_itself_and_a_hub_is_pulled(hub: Hub, tmp_path: Path) -> None:
    assert locate(Source("folder", str(tmp_path))) == tmp_path
    assert locate(Source("hub", "org/name", "main")).name == COMMIT
    with pytest.raises(InputError, match="'http://h/v1#m' is no folder and is on no hub"):
        locate(Source("server", "http://h/v1", served="m"))


def test_without_the_hubs_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(
        MissingExtra, match=r"huggingface_hub is not installed; run: pip install 'visq\[vlm\]'"
    ):
        pull("org/name")


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "has no config.json"), ("{", "cannot read config.json"), ("[]", "config.json is no object")],
)
def test_a_config_that_is_none_is_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=said):
        read_config(tmp_path)
