"""What was given to score, as Samples: names of files and folders, or Samples. Opens no picture."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import chain, islice
from typing import cast

from visq.core.errors import InputError
from visq.core.types import Sample
from visq.data import Inputs


def samples_of(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Iterable[Sample],
) -> Iterable[Sample]:
    """Samples as they are; names of files, folders and manifests as Inputs."""
    if isinstance(inputs, Inputs):
        return inputs
    if isinstance(inputs, str | os.PathLike):
        return Inputs([os.fspath(inputs)])
    first, items = _peek(inputs)
    if isinstance(first, Sample):
        return cast("Iterable[Sample]", items)
    return Inputs([os.fspath(cast("str | os.PathLike[str]", item)) for item in items])


def not_empty(samples: Iterable[Sample]) -> Iterable[Sample]:
    """The samples, if there is one: a run over nothing leaves no journal and no table behind."""
    if isinstance(samples, Inputs):
        for _ in samples:
            return samples  # walked anew by the run
        skipped = samples.skipped
        raise InputError(
            f"nothing to score: no picture among the inputs ({skipped.other} files of other kinds, "
            f"{skipped.hidden} hidden); a manifest has to be named itself, not its folder",
            kind="missing",
        )
    first, items = _peek(samples)
    if first is None:
        raise InputError("nothing to score: no samples", kind="missing")
    return cast("Iterable[Sample]", items)


def _peek(items: Iterable[object]) -> tuple[object, Iterable[object]]:
    """The first item, and all of them; a generator of a million Samples is not listed for it."""
    walk = iter(items)
    head = list(islice(walk, 1))
    return (head[0] if head else None), chain(head, walk)
