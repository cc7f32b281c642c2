"""The run folder of an evaluation: what is in it, written and read. Computes no figure.

config.toml      what was evaluated: sets, model or tables of scores, settings; enough to run it again
scores.parquet   one row a labelled picture: label, group, score, interval, failure
report.json      every figure, with n, interval and protocol
report.html      the same for people
events.jsonl     what happened when: begun, rows scored, done
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from visq.core import toml
from visq.core.errors import DataError, InputError
from visq.core.optional import pyarrow
from visq.core.scales import Scale
from visq.core.toml_text import toml_text
from visq.core.types import printable
from visq.evaluation.figures.label_scale import parse_label_scale
from visq.evaluation.figures.scored import ScoredSet
from visq.scoring import atomic_write

CONFIG, SCORES, REPORT, PAGE, EVENTS = (
    "config.toml",
    "scores.parquet",
    "report.json",
    "report.html",
    "events.jsonl",
)
FORMAT = 1
_NUMBERS = ("label", "std", "score", "low", "high", "spread", "outside")
_TEXTS = ("set", "id", "path", "group", "status", "error", "kind", "sha256")
_EXTRA = "extra."


@dataclass(frozen=True)
class Run:
    """A run as it lies on disk.

    Attributes:
        path: the folder.
        config: config.toml.
        report: report.json.
        sets: the scored sets, in the order of the report.
    """

    path: Path
    config: Mapping[str, Any]
    report: Mapping[str, Any]
    sets: tuple[ScoredSet, ...]

    @property
    def name(self) -> str:
        """What tables call the run: the folder's name."""
        return self.path.resolve().name


def write_run(
    path: Path, config: Mapping[str, Any], report: Mapping[str, Any], sets: Sequence[ScoredSet]
) -> None:
    """Write config, scores and report, each whole or not at all; the report comes last.

    Args:
        path: the folder; made if it is not there.
        config: values that TOML holds.
        report: values that JSON holds; nan is written as null.
        sets: the scored sets; `report["sets"]` tells their scales and group columns.

    Raises:
        InputError: the folder cannot be written.
        MissingExtra: pyarrow is not installed.
    """
    parquet = pyarrow().parquet
    path.mkdir(parents=True, exist_ok=True)
    with atomic_write(path / CONFIG) as partial:
        partial.write_text(toml_text(config), encoding="utf-8")
    with atomic_write(path / SCORES) as partial:
        parquet.write_table(_to_arrow(sets), partial)
    with atomic_write(path / REPORT) as partial:
        text = json.dumps(without_nan(report), indent=1, ensure_ascii=False, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")


def read_run(path: str | Path) -> Run:
    """Read a run folder.

    Raises:
        InputError: there is no run in the folder, or one that did not finish.
        DataError: a file of it is damaged, or written by a visq that wrote otherwise.
        MissingExtra: pyarrow is not installed.
    """
    folder = Path(path)
    for name in (CONFIG, SCORES, REPORT):
        if not (folder / name).is_file():
            raise InputError(
                f"{str(folder)!r} is no finished run: it has no {name}; make one with visq evaluate --out",
                kind="missing",
            )
    try:
        config = toml.loads((folder / CONFIG).read_text(encoding="utf-8"))
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        if report["format"] != FORMAT:
            raise DataError(f"{folder / REPORT}: format {report['format']}; this visq reads {FORMAT}")
        _check_report(report)
        table = pyarrow().parquet.read_table(folder / SCORES)
        sets = tuple(_from_arrow(table, about, report["aspect"]) for about in report["sets"])
    except (ValueError, KeyError, TypeError, pyarrow().ArrowException) as error:
        said = f"no {error}" if isinstance(error, KeyError) else error
        raise DataError(f"{str(folder)!r} is a damaged run ({said}); evaluate again") from error
    return Run(folder, config, report, sets)


def _check_report(report: Mapping[str, Any]) -> None:
    """Raise ValueError where a part that others read is not of its kind."""
    kinds: tuple[tuple[Any, str, type | tuple[type, ...]], ...] = (
        (report, "aspect", str),
        (report, "sets", list),
        (report, "source", (dict, type(None))),
        (report, "cost", (dict, type(None))),
    )
    for table, name, kind in kinds:
        if not isinstance(table.get(name), kind):
            raise ValueError(f"{name!r} in {REPORT} is {table.get(name)!r}")
    if not report["sets"] or not all(isinstance(one, dict) for one in report["sets"]):
        raise ValueError(f"'sets' in {REPORT} holds no sets")


def without_nan(value: Any) -> Any:  # any JSON value
    """A value as JSON can hold it: nan and infinities become None, numpy's numbers Python's."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _to_arrow(sets: Sequence[ScoredSet]) -> Any:
    pa = pyarrow()
    extra = list(dict.fromkeys(name for one in sets for name in one.columns))
    texts = [(name, pa.string()) for name in _TEXTS]
    numbers = [(name, pa.float64()) for name in _NUMBERS]
    schema = pa.schema([*texts, *numbers, *((_EXTRA + name, pa.string()) for name in extra)])
    parts = [pa.Table.from_pydict(_columns(one, extra), schema=schema) for one in sets]
    return pa.concat_tables(parts) if parts else schema.empty_table()


def _columns(one: ScoredSet, extra: Sequence[str]) -> dict[str, Any]:
    n = len(one)
    columns: dict[str, Any] = {
        "set": [one.name] * n,
        "id": one.ids.tolist(),
        "path": [printable(path) for path in one.paths],
        "group": one.groups.tolist(),
        "status": ["failed" if error else "ok" for error in one.errors],
        "error": [error or None for error in one.errors],
        "kind": [kind or None for kind in one.kinds],
        "sha256": [digest or None for digest in one.hashes],
        "label": one.labels,
    }
    for name, array in zip(_NUMBERS[1:], _arrays(one), strict=True):
        columns[name] = [None if value != value else value for value in array.tolist()]
    for name in extra:
        found = one.columns.get(name)
        columns[_EXTRA + name] = [None] * n if found is None else found.tolist()
    return columns


def _arrays(one: ScoredSet) -> tuple[Any, ...]:
    return one.stds, one.scores, one.low, one.high, one.spread, one.outside


def _from_arrow(table: Any, about: Mapping[str, Any], aspect: str) -> ScoredSet:
    rows = table.filter(pyarrow().compute.equal(table["set"], about["name"])).to_pydict()
    numbers = {name: _floats(rows[name]) for name in _NUMBERS}
    extra = {name.removeprefix(_EXTRA): rows[name] for name in rows if name.startswith(_EXTRA)}
    label_scale, score_scale = about["label_scale"], about["score_scale"]
    return ScoredSet(
        name=about["name"],
        aspect=aspect,
        ids=np.array(rows["id"], dtype=np.str_),
        paths=tuple(rows["path"]),
        groups=np.array(rows["group"], dtype=np.str_),
        labels=numbers["label"],
        stds=numbers["std"],
        scores=numbers["score"],
        low=numbers["low"],
        high=numbers["high"],
        spread=numbers["spread"],
        outside=numbers["outside"],
        errors=tuple(text or "" for text in rows["error"]),
        kinds=tuple(text or "" for text in rows["kind"]),
        hashes=tuple(text or "" for text in rows["sha256"]),
        columns={
            name: np.array([cell or "" for cell in cells], dtype=np.str_)
            for name, cells in extra.items()
            if any(cell is not None for cell in cells)
        },
        label_scale=None if label_scale is None else parse_label_scale(label_scale),
        score_scale=None if score_scale is None else Scale.parse(score_scale),
        group_column=about["group_column"],
        n_unlabelled=about["n_unlabelled"],
        n_excluded=about["n_excluded"],
    )


def _floats(cells: Sequence[float | None]) -> Any:
    return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
