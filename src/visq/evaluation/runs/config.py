"""config.toml of an evaluation: all it takes to run it again, and what may not change. Knows no figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visq.core import toml
from visq.core.errors import DataError, InputError
from visq.core.toml_text import toml_text
from visq.core.types import printable
from visq.core.version import __version__
from visq.evaluation.figures.label_scale import parse_label_scale
from visq.evaluation.figures.measured import Settings
from visq.evaluation.runs.external import ScoreTable
from visq.evaluation.runs.folder import CONFIG
from visq.evaluation.runs.labelled import LabelChoice, LabelledSet
from visq.scoring import atomic_write
from visq.scoring.asked import Wanted
from visq.scoring.model import Machine

FORMAT = 1
KIND = "evaluation"
_OPTIONS = (
    "aspect",
    "resamples",
    "level",
    "seed",
    "limit",
    "label",
    "group",
    "label_scale",
    "score",
    "score_scale",
    "readout",
    "dialect",
    "temperature",
    "dtype",
    "attention",
    "pixels",
)

_OF_A_MODEL = ("readout", "dialect", "temperature", "dtype", "attention", "pixels", "device", "device_map")
"""What a table of scores has no use for."""


@dataclass(frozen=True)
class EvaluateOptions:
    """What is evaluated, and how; the words of `visq evaluate`.

    Attributes:
        manifests: one labelled set each.
        model: a shipped model or a model folder; None with tables of scores, else as `visq.load` takes it.
        scores: tables of scores made elsewhere, one for each manifest, in order.
        aspect: what is scored; None takes what protocol or columns say.
        protocol: names separated by commas, one for all sets or one for each.
        labels: column, group and scale of the labels.
        score: column or form of the scores in the tables.
        score_scale: `0..1`, or `100..0` where a lower score is better.
        limit: rows of each set; the others are failures of kind `limit`.
        readout: how answers become a number; None takes what the model is made for.
        dialect: whose words the question is asked in; None takes the model's own.
        temperature: of the read-out; None takes the environment's, else 1.
        dtype: of a chat model's weights; None leaves it to the device.
        attention: of a chat model; None leaves it to transformers.
        pixels: of a picture, as `Machine` has them; None takes the environment's, else the model's own.
        device: of a chat model; None takes a GPU where there is one.
        device_map: how a chat model is spread over devices, in place of `device`.
        remote_code: code that comes with the model may run. No config says so for another run.
        settings: how intervals are made.
        out: run folder; None keeps nothing.
        overwrite: start anew where the folder holds a run.
        retry_failed: try the failures of an earlier run again.
        batch: pictures handed to the model at a time.
        workers: threads that decode; None takes as many as there are CPUs.
    """

    manifests: tuple[str, ...]
    model: str | None = None
    scores: tuple[str, ...] = ()
    aspect: str | None = None
    protocol: str | None = None
    labels: LabelChoice = field(default_factory=LabelChoice)
    score: str | None = None
    score_scale: str | None = None
    limit: int | None = None
    readout: str | None = None
    dialect: str | None = None
    temperature: float | None = None
    dtype: str | None = None
    attention: str | None = None
    pixels: str | None = None
    device: str | None = None
    device_map: str | None = None
    remote_code: bool = False
    settings: Settings = field(default_factory=Settings)
    out: Path | None = None
    overwrite: bool = False
    retry_failed: bool = False
    batch: int | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        if not self.manifests:
            raise InputError("nothing to evaluate: name a manifest of labelled pictures")
        if self.scores and len(self.scores) != len(self.manifests):
            raise InputError(
                f"{len(self.scores)} tables of scores for {len(self.manifests)} manifests; give one "
                "--scores for each, in order"
            )
        if self.limit is not None and self.limit < 1:
            raise InputError(f"limit must be 1 or more, not {self.limit}")
        for scale in (self.labels.label_scale, self.score_scale):
            if scale is not None:
                parse_label_scale(scale)
        self._check_effects()
        _ = self.machine  # refuses what no machine has, and no read-out
        Wanted(None, self.readout, self.dialect, self.temperature)

    @property
    def machine(self) -> Machine:
        """What a chat model is to run on."""
        dtype, attention = self.dtype or "auto", self.attention or "auto"
        return Machine(self.device, dtype, attention, self.pixels, self.remote_code, self.device_map)

    def wanted(self, aspect: str) -> Wanted:
        """Which words and which read-out.

        Raises:
            UnknownName: there is no such aspect, read-out or dialect.
        """
        return Wanted((aspect,), self.readout, self.dialect, self.temperature)

    def _check_effects(self) -> None:
        """Refuse options that contradict each other, or would do nothing."""
        if self.scores and self.model is not None:
            raise InputError("--model scores pictures and --scores takes a table: give one of them")
        without: dict[str, object] = {"score": self.score, "score-scale": self.score_scale}
        if self.scores:
            without = {
                "batch": self.batch,
                "workers": self.workers,
                "retry-failed": self.retry_failed or None,
                "remote-code": self.remote_code or None,
                **{name.replace("_", "-"): getattr(self, name) for name in _OF_A_MODEL},
            }
        for name, value in without.items():
            if value is not None:
                other = "a model" if self.scores else "--scores"
                raise InputError(f"--{name} is for {other} and has no effect here")
        if self.out is None and (self.overwrite or self.retry_failed):
            raise InputError("--overwrite and --retry-failed need --out: without it there is no earlier run")
        if self.overwrite and self.retry_failed:
            raise InputError("--overwrite starts anew and --retry-failed goes on: give one of them")


def config_of(
    options: EvaluateOptions,
    aspect: str,
    sets: Sequence[LabelledSet],
    tables: Sequence[ScoreTable],
    model: Mapping[str, str] | None,
) -> dict[str, Any]:
    """What config.toml holds.

    Args:
        options: as asked for.
        aspect: what is scored.
        sets: the labelled sets.
        tables: their tables of scores; empty with a model.
        model: `name` and `sha256`; None with tables.
    """
    one_each: list[ScoreTable | None] = list(tables) or [None] * len(sets)
    return {
        "format": FORMAT,
        "kind": KIND,
        "visq": __version__,
        "aspect": aspect,
        "resamples": options.settings.resamples,
        "level": options.settings.level,
        "seed": options.settings.seed,
        "limit": options.limit,
        "label": options.labels.label,
        "group": options.labels.group,
        "label_scale": options.labels.label_scale,
        "score": options.score,
        "score_scale": options.score_scale,
        "readout": options.readout,
        "dialect": options.dialect,
        "temperature": options.temperature,
        "dtype": options.dtype,
        "attention": options.attention,
        "pixels": options.pixels,
        "model": model,
        "set": [_set(one, table) for one, table in zip(sets, one_each, strict=True)],
    }


def _set(one: LabelledSet, table: ScoreTable | None) -> dict[str, Any]:
    return {
        "name": one.name,
        "manifest": printable(one.manifest),
        "sha256": one.sha256,
        "protocol": None if one.protocol is None else one.protocol.name,
        "scores": None if table is None else printable(table.path),
        "scores_sha256": None if table is None else table.sha256,
    }


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write config.toml, before there is anything to keep by it.

    Raises:
        InputError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {str(folder)!r}: {error.strerror or error}", kind="output") from error
    with atomic_write(folder / CONFIG) as partial:
        partial.write_text(toml_text(config), encoding="utf-8")


def read_config(path: Path) -> dict[str, Any]:
    """Read a config.toml, or that of a run folder.

    Raises:
        InputError: there is none.
        DataError: it is none of an evaluation, or a value is missing or of the wrong kind.
    """
    file = path / CONFIG if path.is_dir() else path
    try:
        found = toml.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"no such config: {str(file)!r}", kind="missing") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{str(file)!r} cannot be read as a config: {error}") from error
    if found.get("kind") != KIND or found.get("format") != FORMAT:
        raise DataError(f"{str(file)!r} is no config of visq evaluate that this visq reads")
    for name, value, kind in _kinds(found):
        if not _is_of_kind(value, kind):
            raise DataError(f"{str(file)!r}: {name} is {value!r}; wanted {kind}")
    return found


_TEXT, _WHOLE, _TABLE = "text", "a whole number", "a table"
_KINDS = {
    "aspect": _TEXT,
    "resamples": _WHOLE,
    "level": "a number",
    "seed": _WHOLE,
    "limit": _WHOLE,
    "label": _TEXT,
    "group": _TEXT,
    "label_scale": _TEXT,
    "score": _TEXT,
    "score_scale": _TEXT,
    "readout": _TEXT,
    "dialect": _TEXT,
    "temperature": "a number",
    "dtype": _TEXT,
    "attention": _TEXT,
    "pixels": _TEXT,
    "model": _TABLE,
}
_NEEDED = ("aspect", "resamples", "level", "seed")
_OF_SET = ("name", "manifest", "sha256", "protocol", "scores", "scores_sha256")


def _kinds(config: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    """Where a value stands, the value (None where it is missing), and what kind it has to be of."""
    for name, kind in _KINDS.items():
        if name in config or name in _NEEDED:
            yield repr(name), config.get(name), kind
    if isinstance(config.get("model"), Mapping):
        for name in ("name", "sha256"):
            yield repr(f"model.{name}"), config["model"].get(name), _TEXT
    yield "'set'", config.get("set"), "tables, each written [[set]]"
    for i, one in enumerate(config["set"]):
        for name in _OF_SET:
            if name in one or name in ("name", "manifest"):
                yield repr(f"set[{i}].{name}"), one.get(name), _TEXT


def _is_of_kind(value: object, kind: str) -> bool:
    if kind == _TEXT:
        return isinstance(value, str)
    if kind == _TABLE:
        return isinstance(value, Mapping)
    if kind == _WHOLE:
        return type(value) is int and value >= 0
    if kind == "a number":
        return isinstance(value, float | int) and not isinstance(value, bool)
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def options_from(config: Mapping[str, Any], **run: Any) -> EvaluateOptions:
    """The options that a config was written with.

    Args:
        config: as `read_config` gives it.
        run: options that change no figure (`out`, `overwrite`, ...).

    Raises:
        DataError: only some of its sets have a protocol.
        InputError: the values make no evaluation.
    """
    sets = config["set"]
    protocols = [one.get("protocol") for one in sets]
    if None in protocols and any(protocols):
        raise DataError("the config has a protocol for some sets and not for all; evaluate them one by one")
    return EvaluateOptions(
        manifests=tuple(one["manifest"] for one in sets),
        model=config["model"]["name"] if "model" in config else None,
        scores=tuple(one["scores"] for one in sets if "scores" in one),
        aspect=config["aspect"],
        protocol=",".join(protocols) if any(protocols) else None,
        labels=LabelChoice(config.get("label"), config.get("group"), config.get("label_scale")),
        score=config.get("score"),
        score_scale=config.get("score_scale"),
        limit=config.get("limit"),
        readout=config.get("readout"),
        dialect=config.get("dialect"),
        temperature=config.get("temperature"),
        dtype=config.get("dtype"),
        attention=config.get("attention"),
        pixels=config.get("pixels"),
        settings=Settings(config["resamples"], config["level"], config["seed"]),
        **run,
    )


def refuse_other(where: str, old: Mapping[str, Any], new: Mapping[str, Any], advice: str) -> None:
    """Refuse to go on where what was evaluated, or how, has changed.

    Args:
        where: how the error calls the earlier evaluation.
        old: its config.
        new: the config of what is asked for now.
        advice: what to do.

    Raises:
        InputError: they differ; the message names the option or the file.
    """
    for name, one, other in _differences(old, new):
        raise InputError(
            f"{where} was made with {name} {_shown(one)}, this run has {_shown(other)}; {advice}",
            kind="output",
        )


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, object, object]]:
    found: list[tuple[str, object, object]] = [("visq", old.get("visq"), new.get("visq"))]
    found += [(f"--{name.replace('_', '-')}", old.get(name), new.get(name)) for name in _OPTIONS]
    models = [config.get("model") or {} for config in (old, new)]
    found += [("--model", models[0].get("name"), models[1].get("name"))]
    found += [("a model of hash", models[0].get("sha256"), models[1].get("sha256"))]
    sets = [old["set"], new["set"]]
    names = [[one["name"] for one in each] for each in sets]
    found.append(("manifests", names[0], names[1]))
    for one, other in zip(*sets, strict=False):
        about = f"for {other['name']}"
        found += [
            (f"a manifest {about} of hash", one.get("sha256"), other.get("sha256")),
            (f"--protocol {about}", one.get("protocol"), other.get("protocol")),
            (f"a table of scores {about} of hash", one.get("scores_sha256"), other.get("scores_sha256")),
        ]
    return [(name, one, other) for name, one, other in found if one != other]


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = str(value)
    return text[:12] if len(text) == 64 else text
