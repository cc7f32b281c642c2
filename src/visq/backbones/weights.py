"""Weights from a hub, through huggingface_hub: pinned to a commit, no code, no pickles. Loads no model."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visq.backbones.model_name import Source, shown_name
from visq.core import toml
from visq.core.errors import InputError, MissingExtra, ModelError, first_line
from visq.core.fields import Fields
from visq.core.toml_text import toml_text

if TYPE_CHECKING:
    from collections.abc import Sequence

FILES = (
    "*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.toml", "*.md", "LICENSE*",
)  # fmt: skip
"""What is fetched: weights, settings, vocabularies, words. Code only where asked for, pickles never."""

ORIGIN = "origin.toml"
"""Of a folder that was pulled or merged: what it was made from."""


@dataclass(frozen=True)
class Pulled:
    """A model or an adapter of a hub, on this machine.

    Attributes:
        name: ORG/NAME.
        revision: the commit that a branch or tag stood for.
        folder: where its files are; in the hub's cache its last part is the commit.
    """

    name: str
    revision: str
    folder: Path


def locate(source: Source, *, cache: str | None = None, remote_code: bool = False) -> Path:
    """The folder of a model or adapter: one that is here, or one of a hub, fetched where it is not yet.

    Args:
        source: of kind `folder` or `hub`.
        cache: as for `pull`.
        remote_code: as for `pull`.

    Raises:
        InputError: a server has no folder, and a shipped model is found by its name.
        ModelError: as `pull`.
    """
    if source.kind == "folder":
        return Path(source.name)
    if source.kind != "hub":
        raise InputError(f"{str(source)!r} is no folder and is on no hub; give a folder or ORG/NAME[@REV]")
    return pull(source.name, source.revision, cache=cache, remote_code=remote_code).folder


def pull(
    name: str,
    revision: str | None = None,
    *,
    cache: str | None = None,
    out: Path | None = None,
    remote_code: bool = False,
) -> Pulled:
    """Fetch a model or an adapter from the hub; what is here already is not fetched again.

    Args:
        name: ORG/NAME.
        revision: branch, tag or commit; None: the newest of its main branch.
        cache: folder of a hub's cache; None: huggingface_hub's own (HF_HOME).
        out: copy the files there, as a folder that serves on machines without a network.
        remote_code: fetch its code, too; nothing of it runs here.

    Raises:
        InputError: `out` exists.
        MissingExtra: huggingface_hub is not installed.
        ModelError: the hub cannot be reached or does not give it; it holds no safetensors; the disk is full.
    """
    if out is not None and out.exists():
        raise InputError(f"{str(out)!r} exists; choose another --out", kind="output")
    folder = _snapshot(name, revision, cache, (*FILES, "*.py") if remote_code else FILES)
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"model {name!r} holds no safetensors, and visq loads no pickles; use a version that has them"
        )
    commit = folder.name
    if out is not None:
        _copy(folder, out, {"name": name, "revision": commit})
    return Pulled(name, commit, folder if out is None else out)


def read_origin(folder: Path) -> Fields | None:
    """What whoever pulled or merged a model noted in its folder; None where it came another way.

    A note that somebody wrote into counts as none.
    """
    try:
        return Fields(toml.loads((folder / ORIGIN).read_text(encoding="utf-8")), ORIGIN)
    except (OSError, ValueError):
        return None


def read_config(folder: Path) -> dict[str, Any]:
    """The config.json of a model's folder.

    Raises:
        ModelError: there is none, or it is no JSON object.
    """
    try:
        found = json.loads((folder / "config.json").read_bytes())
    except FileNotFoundError as error:
        raise ModelError(
            f"no model in {str(folder)!r}: it has no config.json; give a folder of transformers' kind"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f"model {shown_name(folder)!r}: cannot read config.json: {error}") from error
    if not isinstance(found, dict):
        raise ModelError(f"model {shown_name(folder)!r}: config.json is no object; download it again")
    return found


def _snapshot(name: str, revision: str | None, cache: str | None, files: Sequence[str]) -> Path:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise MissingExtra(error.name or "huggingface_hub", "vlm") from error
    about = f"model {name!r}"
    errors: Any = huggingface_hub.errors  # also those of its transport, which it does not list
    try:
        return Path(
            huggingface_hub.snapshot_download(
                name, revision=revision, cache_dir=cache, allow_patterns=list(files)
            )
        )
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{about} has terms of use: accept them at https://huggingface.co/{name}, then run: hf auth login"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"{about} is not on the hub, and no folder here; check its spelling, or run: hf auth login"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(
            f"{about} has no revision {revision!r}; give a branch, tag or commit of it"
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise ModelError(f"{about} is not on this machine, and {_unreachable(name)}") from error
    except (errors.HTTPError, errors.XetDownloadError, OSError, ValueError) as error:
        raise ModelError(f"{about} cannot be fetched: {first_line(error)}; {_elsewhere(name)}") from error


def _unreachable(name: str) -> str:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return f"HF_HUB_OFFLINE is set; unset it, or {_elsewhere(name)}"
    return f"the hub cannot be reached; {_elsewhere(name)}"


def _elsewhere(name: str) -> str:
    return (
        f"run 'visq models pull {name} --out DIR' where there is a network, copy DIR here and name it as the "
        "model; or set HF_HOME to a cache that has it, or HTTPS_PROXY"
    )


def _copy(folder: Path, out: Path, origin: dict[str, str]) -> None:
    """Whole or not at all; the cache's links become files."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as partial:
            whole = Path(partial) / "whole"
            shutil.copytree(folder, whole)
            (whole / ORIGIN).write_text(toml_text(origin), encoding="utf-8")
            whole.rename(out)
    except OSError as error:
        raise ModelError(f"cannot write {str(out)!r}: {first_line(error)}") from error
