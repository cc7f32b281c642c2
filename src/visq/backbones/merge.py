"""A chat model with adapters, merged into a folder that loads without PEFT. Proves that it says the same."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from visq.aspects import Aspect, aspect, every_aspect
from visq.backbones.chat import Chat
from visq.backbones.chat_options import ChatOptions
from visq.backbones.families import known_dialect, trained_names
from visq.backbones.folder import shipped_models
from visq.backbones.model_name import shown_name
from visq.backbones.weights import ORIGIN, read_config
from visq.core.errors import InputError, ModelError, first_line
from visq.core.toml_text import toml_text
from visq.core.types import FloatArray, Picture, Prompted
from visq.media import decode

TOLERANCE = 1e-3
"""By how much a log-probability of an answer may differ in float32. Merging adds and rounds each weight once:
some 1e-6 of logits near 30, carried through the layers."""

TOLERANCES = {"float32": TOLERANCE, "float16": 0.2, "bfloat16": 1.0}
"""The same of what was written and read again: each weight was rounded once by 2^-24, 2^-11 or 2^-8."""

DROWNED, DULLED = 0.5, 0.1
"""Share of the adapters' effect that may be lost to rounding: from the one on a merge is refused, from the
other on it is said. Both are the largest differences of the same log-probabilities."""

KEPT = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.py", "LICENSE*")
"""Files of the base that stay: tokenizer, processor, template, code, terms; config is written anew."""

_FEW = 5

DTYPES = tuple(TOLERANCES)


@dataclass(frozen=True)
class Merged:
    """What `merge` wrote.

    Attributes:
        folder: of the model, in transformers' layout.
        adapters: what each adapter changed, a line each.
        dtype: of the weights in the files.
        in_memory: largest difference of a log-probability, merged against adapted, both in float32.
        written: the same, of the files read again, against adapted.
        effect: the same, of the model without adapters, against adapted.
        n: how many log-probabilities were compared.
    """

    folder: Path
    adapters: tuple[str, ...]
    dtype: str
    in_memory: float
    written: float
    effect: float
    n: int

    @property
    def note(self) -> str:
        """That rounding takes much of what the adapters do, a line for people; empty where it does not."""
        lost = self.written / self.effect
        if lost < DULLED:
            return ""
        moved = f"rounding to {self.dtype} moves answers by {lost:.0%} of what the adapters do"
        return f"{moved}; {_kept_by(self.dtype)}"


def merge(
    base: Path,
    adapters: Sequence[Path],
    out: Path,
    *,
    dtype: str | None = None,
    options: ChatOptions | None = None,
) -> Merged:
    """Merge adapters into their model, and write it where merged and adapted say the same.

    Args:
        base: folder of a chat model.
        adapters: one or more folders of PEFT, laid on one after another.
        out: the folder to write; it may not exist.
        dtype: of the weights to write, `float32`, `float16` or `bfloat16`; None: as the base has them.
        options: how the model is loaded; always in float32, whatever they say.

    Raises:
        InputError: `out` exists, there is no adapter, or no such dtype.
        ModelError: model and adapters do not load, the model is quantised, a weight does not fit the dtype,
            or the merged model says something else, in memory or read again; nothing is written.
    """
    if out.exists():
        raise InputError(f"{str(out)!r} exists; choose another --out", kind="output")
    if not adapters:
        raise InputError("there is no adapter to merge; name one, as MODEL+ADAPTER", kind="usage")
    dtype = _dtype(base, dtype)
    asked = _own_words(base, adapters)
    options = replace(
        options or ChatOptions(), dtype="float32", adapters=(), picture_first=asked.picture == "before"
    )
    chat = Chat(base, replace(options, adapters=tuple(map(str, adapters))))
    adapted = says(chat, asked)
    with chat.adapters.without():
        effect = _largest(says(chat, asked), adapted)
    chat.adapters.merge()
    in_memory = _largest(says(chat, asked), adapted)
    if not in_memory <= TOLERANCE:
        raise ModelError(
            f"merged, the model says something else: a log-probability differs by {in_memory:.2g} (may "
            f"{TOLERANCE:g}); nothing is written, use it with the adapter beside it"
        )
    with _beside(out) as partial:
        whole = Path(partial) / "whole"
        attached = chat.adapters.attached
        _write(chat, base, whole, dtype)
        chat.close()  # so that there is one model at a time
        written = _largest(says(Chat(whole, options), asked), adapted)
        _expect_kept(written, effect, dtype)
        whole.rename(out)
    return Merged(out, tuple(map(str, attached)), dtype, in_memory, written, effect, adapted.size)


def _expect_kept(written: float, effect: float, dtype: str) -> None:
    """Refuse a merge that says something else, by more than its dtype rounds or by much of what it is for."""
    if not written <= TOLERANCES[dtype]:
        raise ModelError(
            f"read again, the written model differs: a log-probability by {written:.2g} (may "
            f"{TOLERANCES[dtype]:g} in {dtype}); nothing is kept, {_kept_by(dtype)}"
        )
    if not written < DROWNED * effect:
        raise ModelError(
            f"read again, the written model differs by {written:.2g}, and the adapters' whole effect is "
            f"{effect:.2g}: rounding to {dtype} drowns it; nothing is kept, {_kept_by(dtype)}"
        )


def _kept_by(dtype: str) -> str:
    beside = "use the model with the adapter beside it"
    return beside if dtype == "float32" else f"write it with --dtype float32, or {beside}"


@contextmanager
def _beside(out: Path) -> Iterator[str]:
    """A folder next to the one to write, gone afterwards, and so are those above it that stay empty."""
    made = [folder for folder in out.parents if not folder.exists()]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as partial:
            yield partial
    except OSError as error:
        raise ModelError(f"cannot write {str(out)!r}: {first_line(error)}") from error
    finally:
        with suppress(OSError):  # the first that is not empty ends it
            for folder in made:
                folder.rmdir()


def shipped_pictures() -> dict[str, Picture]:
    """File name -> pixels of the pictures that came with visq."""
    folders = (folder / "pictures" for folder in shipped_models().values())
    files = sorted(file for folder in folders for file in folder.glob("*"))
    return {file.name: decode(file).picture for file in files}


def says(chat: Chat, asked: Aspect | None = None) -> FloatArray:
    """float32 [pictures, answers]: what a model says of each shipped picture.

    Args:
        chat: loaded.
        asked: what about; of many answers some are taken. None: quality in visq's words.
    """
    asked = asked or aspect("quality")
    answers = asked.answers[:: max(1, len(asked.answers) // _FEW)]
    pictures = [chat.prepare(picture) for picture in shipped_pictures().values()]
    batch = [
        Prompted(pixels, asked.name, asked.questions[0], asked.opening, asked.joint, end=asked.end)
        for pixels in pictures
    ]
    return chat.answer_logprobs(batch, answers)


def _own_words(base: Path, adapters: Sequence[Path]) -> Aspect:
    """Quality, or else what comes first, in the words that the model was trained with."""
    dialect = known_dialect(trained_names((base, *adapters))) or "visq"
    spoken = [one for one in every_aspect() if one.dialect == dialect]
    return next((one for one in spoken if one.name == "quality"), spoken[0])


def _largest(found: FloatArray, wanted: FloatArray) -> float:
    return float(np.abs(found.astype(np.float64) - wanted).max())


def _dtype(base: Path, wanted: str | None) -> str:
    """As wanted, else as the base's config says."""
    config = read_config(base)
    if config.get("quantization_config"):
        raise ModelError(f"model {shown_name(base)!r} is quantised; merge into the model that is not")
    dtype = wanted or str(config.get("dtype") or config.get("torch_dtype") or "float32")
    if dtype not in DTYPES:
        raise InputError(f"dtype {dtype!r} is none of: {', '.join(DTYPES)}", kind="usage")
    return dtype


def _write(chat: Chat, base: Path, whole: Path, dtype: str) -> None:
    origin = {
        "base": shown_name(base),
        "dtype": dtype,
        "adapter": [{"name": one.name, "sha256": one.sha256} for one in chat.adapters.attached],
    }
    try:
        whole.mkdir()
        for pattern in KEPT:
            for file in base.glob(pattern):
                if not file.name.endswith(".index.json"):
                    shutil.copyfile(file, whole / file.name)
        chat.adapters.save(whole, dtype)
        (whole / ORIGIN).write_text(toml_text(origin), encoding="utf-8")
    except OSError as error:
        raise ModelError(f"cannot write the merged model: {first_line(error)}") from error
