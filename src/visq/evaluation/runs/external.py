"""Tables of scores made elsewhere, and which labelled row each score belongs to. Knows rows, no figure."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from visq.core.errors import DataError
from visq.core.scales import Scale
from visq.core.types import Sample, printable
from visq.data.columns import FILE_COLUMNS, ID_COLUMNS
from visq.data.formats import brief
from visq.data.sources import file_sha256
from visq.data.tables import FlatTable, read_table
from visq.evaluation.figures.scored import NO_NUMBER_KIND, OUT_OF_SCALE_KIND
from visq.evaluation.runs.labelled import LabelledSet
from visq.evaluation.runs.score_forms import Cells, ScoreForm, number, score_form

PREDICTIONS = "predictions"
"""The format without names of pictures: rows stand in the order of the data set."""
LABEL_TOLERANCE = 0.005
"""Labels of a prediction are rounded to two decimals."""
TASKS = {"quality": ("quality", "iqa", "vqa"), "aesthetics": ("aesthetics", "aesthetic", "iaa")}
"""Words of a column `task` for the aspects that visq knows."""
MADE_BY = ("model", "model_hash", "readout", "preprocessing", "runtime")


@dataclass(frozen=True)
class ScoredRow:
    """One row of a table of scores: a score, or why there is none.

    Attributes:
        row: its number in the file.
        id: of the picture; empty where the table names none.
        path: of the picture; empty where the table names none.
        score: in the table's own unit; None where there is none.
        low, high, spread, outside: as in a Row of visq; None where the table has none.
        error: why there is no score; empty where there is one.
        kind: the failure in a word.
        sha256: of the picture's bytes; empty where not known.
        label: the label the table itself repeats; None where it does not.
    """

    row: int
    id: str
    path: str
    score: float | None
    low: float | None = None
    high: float | None = None
    spread: float | None = None
    outside: float | None = None
    error: str = ""
    kind: str = ""
    sha256: str = ""
    label: float | None = None


@dataclass(frozen=True)
class ScoreTable:
    """A table of scores.

    Attributes:
        path: of the file, as typed.
        sha256: of its bytes.
        format: what its shape is.
        form: the column or form that is the score.
        scale: what scores are measured on; None where nobody said.
        rows: in the order of the file.
        made_by: model, read-out and so on, where all rows agree on them.
        notes: what was met while reading.
    """

    path: str
    sha256: str
    format: str
    form: str
    scale: Scale | None
    rows: tuple[ScoredRow, ...]
    made_by: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pairing:
    """Which row of a table belongs to which row of a set.

    Attributes:
        rows: [kept rows of the set], None where the table has none.
        by: how many were found by `id`, `path`, `file name`, `stem`, `position`.
        n_extra: rows of the table that belong to no row of the manifest.
    """

    rows: tuple[ScoredRow | None, ...]
    by: Mapping[str, int]
    n_extra: int


def read_scores(
    path: str, aspect: str, *, score: str | None = None, scale: Scale | None = None
) -> ScoreTable:
    """Read a table of scores.

    Args:
        path: visq's own CSV, JSON lines or Parquet; pyiqa's CSV; Q-ReAlign's lines; Q-Bench's logits;
            LLaMA-Factory's predictions; or any table with a column of names and one of scores.
        aspect: what the scores are about.
        score: the column, or a form of logits; None takes what the columns leave no doubt about.
        scale: what scores are measured on; None takes what the table or the form says.

    Raises:
        InputError: the file cannot be read, or it is not clear which column holds the scores.
        DataError: a cell is wrong; the message gives row and column.
    """
    table = read_table(path)
    shown = printable(path)
    form = score_form(table.columns, aspect, score, shown)
    notes: list[str] = []
    found = list(_of_aspect(table, aspect, notes))
    rows = tuple(_row(number_, cells, form, aspect, shown) for number_, cells in found)
    if not rows:
        raise DataError(f"{shown}: no row of {aspect} in this table of scores")
    measured_on = scale or form.scale or _own_scale(found, form.name, shown)
    if table.format == PREDICTIONS and measured_on is not None:
        texts = [cells["predict"] for _, cells in found]
        rows = tuple(_inside(row, text, measured_on) for row, text in zip(rows, texts, strict=True))
    if score is None and form.name not in (aspect, "score"):
        notes.append(f"the score is {form.name}; --score names another")
    return ScoreTable(
        path=path,
        sha256=file_sha256(path),
        format=table.format,
        form=form.name,
        scale=measured_on,
        rows=_without_repeats(rows, table.format, shown, notes),
        made_by=_made_by([cells for _, cells in found]),
        notes=tuple(notes),
    )


def paired(table: ScoreTable, labelled: LabelledSet) -> Pairing:
    """The row of the table for each row of the set.

    Rows are found by id, then by path, by file name, and by file name without ending; only where one name
    stands for one row among all on either side. A file name serves where one side names no folder, or where
    one path ends with the other: a picture of the same name in another folder is another picture.
    Predictions, which name no picture, are paired by position, and only if there are as many as rows in the
    manifest and every label is the same to rounding.

    Raises:
        DataError: predictions are not those of the manifest, or no row was found at all.
    """
    if table.format == PREDICTIONS:
        rows = _by_position(table, labelled)
        found = {"position": len(labelled.kept)}
        return Pairing(tuple(rows[i] for i in labelled.kept), found, 0)
    pairs, by = _by_name(table.rows, labelled.rows, os.path.dirname(labelled.manifest))
    kept = tuple(pairs.get(i) for i in labelled.kept)
    if not pairs:
        first = table.rows[0]
        raise DataError(
            f"{printable(table.path)}: no row belongs to {printable(labelled.manifest)}; it names pictures "
            f"like {(first.id or first.path)!r}, the manifest like {labelled.rows[0].id!r}"
        )
    return Pairing(kept, by, len(table.rows) - len(pairs))


# --- reading -------------------------------------------------------------------------------------------


def _of_aspect(table: FlatTable, aspect: str, notes: list[str]) -> Iterator[tuple[int, Cells]]:
    """Rows of the aspect: a column `task` may hold others."""
    at = {name.casefold(): name for name in table.columns}
    task = at.get("task")
    n_others = 0
    for row, cells in table:
        named = dict(zip(table.columns, cells, strict=True))
        word = named[task].strip().casefold() if task else ""
        if word and word not in TASKS.get(aspect, (aspect,)):
            n_others += 1
            continue
        yield row, named
    if n_others:
        notes.append(f"rows of other tasks than {aspect}, passed over: {n_others}")


def _row(row: int, cells: Cells, form: ScoreForm, aspect: str, shown: str) -> ScoredRow:
    def cell(*names: str) -> str:
        return next((cells[name].strip() for name in names if cells.get(name, "").strip()), "")

    def value(*names: str) -> float | None:
        text = cell(*names)
        try:
            return number(text)
        except ValueError:
            raise DataError(f"{shown}, row {row}, column {names[0]!r}: {text!r} is not a number") from None

    try:
        score = form.read(cells)
    except ValueError as wrong:
        raise DataError(f"{shown}, row {row}: the score ({form.name}) is not a number: {wrong}") from None
    error = "" if score is not None else cell("error") or "the table has no score for it"
    # visq's own tables name the parts after the aspect, its run folders plainly.
    parts = {
        part: value(f"{form.name}_{part}", f"{aspect}_{part}", part) for part in ("low", "high", "spread")
    }
    return ScoredRow(
        row=row,
        id=_first(cells, ID_COLUMNS) or _first(cells, (*FILE_COLUMNS, "media", "name")),
        path=_first(cells, FILE_COLUMNS),
        score=score,
        **parts,
        outside=value(f"{form.name}_outside", f"{aspect}_outside", "outside"),
        error=error,
        kind="" if score is not None else _kind(cells, cell("kind")),
        sha256=cell("sha256"),
        label=value("label") if "predict" in cells else None,
    )


def _inside(row: ScoredRow, text: str, scale: Scale) -> ScoredRow:
    """The row; a failure where its answer names a number that is none of the scale."""
    if row.score is None or scale.low <= row.score <= scale.high:
        return row
    error = f"{row.score:g} lies outside {scale}: {brief(text)}"
    return replace(row, score=None, error=error, kind=OUT_OF_SCALE_KIND)


def _first(cells: Cells, names: Sequence[str]) -> str:
    folded = {name.casefold(): text for name, text in cells.items()}
    return next((folded[name].strip() for name in names if folded.get(name, "").strip()), "")


def _kind(cells: Cells, kind: str) -> str:
    return kind or (NO_NUMBER_KIND if "predict" in cells else "no-score")


def _own_scale(rows: Sequence[tuple[int, Cells]], column: str, shown: str) -> Scale | None:
    """The scale that visq's own tables give beside a score."""
    name = f"{column}_scale"
    texts = {cells[name] for _, cells in rows if cells.get(name, "").strip()}
    if len(texts) > 1:
        raise DataError(f"{shown}: column {name!r} holds several scales: {', '.join(sorted(texts)[:8])}")
    return Scale.parse(texts.pop()) if texts else None


def _made_by(rows: Sequence[Cells]) -> dict[str, str]:
    found = {}
    for name in MADE_BY:
        values = {cells.get(name, "") for cells in rows}
        if len(values) == 1 and "" not in values:
            found[name] = values.pop()
    return found


def _without_repeats(
    rows: tuple[ScoredRow, ...], format: str, shown: str, notes: list[str]
) -> tuple[ScoredRow, ...]:
    """Rows once each: a repeat of the same score is dropped and counted, another score is an error."""
    if format == PREDICTIONS:
        return rows
    first: dict[str, ScoredRow] = {}
    for row in rows:
        if not row.id:
            raise DataError(
                f"{shown}, row {row.row}: no name of a picture; a column has to hold ids or file names"
            )
        before = first.setdefault(row.id, row)
        if before.score != row.score:
            raise DataError(
                f"{shown}, rows {before.row} and {row.row}: {row.id!r} has two scores, {before.score} and "
                f"{row.score}; keep one"
            )
    if len(first) < len(rows):
        notes.append(f"rows that repeat a picture and its score, each counted once: {len(rows) - len(first)}")
    return tuple(first.values())


# --- pairing -------------------------------------------------------------------------------------------


def _by_position(table: ScoreTable, labelled: LabelledSet) -> tuple[ScoredRow, ...]:
    shown, manifest = printable(table.path), printable(labelled.manifest)
    if len(table.rows) != len(labelled.rows):
        raise DataError(
            f"{shown} has {len(table.rows)} predictions and {manifest} {len(labelled.rows)} rows; they "
            "name no picture, so both need the same rows in the same order"
        )
    for row, sample in zip(table.rows, labelled.rows, strict=True):
        label = sample.labels.get(labelled.aspect)
        if row.label is None or label is None or abs(row.label - label) > LABEL_TOLERANCE + 1e-9:
            said = "no label" if row.label is None else f"the label {row.label:g}"
            raise DataError(
                f"{shown}, row {row.row}: {said}, but {manifest} gives {sample.id!r} "
                f"{'no label' if label is None else f'{label:g}'}; these are not the predictions of its rows"
            )
    return table.rows


_Thing = TypeVar("_Thing")
_Key = Callable[[str, str], str]
_STEPS: tuple[tuple[str, _Key], ...] = (
    ("id", lambda id_, path: id_),
    ("path", lambda id_, path: os.path.normpath(path) if path else ""),
    ("file name", lambda id_, path: os.path.basename(path or id_)),
    ("stem", lambda id_, path: os.path.splitext(os.path.basename(path or id_))[0]),
)


def _by_name(
    rows: Sequence[ScoredRow], samples: Sequence[Sample], folder: str
) -> tuple[dict[int, ScoredRow], dict[str, int]]:
    """Position among the samples -> row, and how many were found in which way."""
    pairs: dict[int, ScoredRow] = {}
    taken: set[int] = set()
    by = {}
    for name, key in _STEPS:
        theirs = _alone((key(row.id, row.path), row) for row in rows)
        ours = _alone((key(sample.id, sample.path), i) for i, sample in enumerate(samples))
        new = {
            i: theirs[word]
            for word, i in ours.items()
            if i not in pairs and word in theirs and theirs[word].row not in taken
        }
        if name in ("file name", "stem"):
            new = {i: row for i, row in new.items() if _may_be_one(row, samples[i], folder)}
        pairs |= new
        taken |= {row.row for row in new.values()}
        if new:
            by[name] = len(new)
    return pairs, by


def _may_be_one(row: ScoredRow, sample: Sample, folder: str) -> bool:
    """Whether folders do not speak against it: one side names none, or one path ends with the other."""
    one, other = _folders(row.path or row.id), _folders(os.path.relpath(sample.path, folder or "."))
    n = min(len(one), len(other))
    return n == 0 or one[-n:] == other[-n:]


def _folders(path: str) -> list[str]:
    names = os.path.dirname(os.path.normpath(path)).split(os.sep)
    return [name for name in names if name not in ("", os.curdir, os.pardir)]


def _alone(named: Iterable[tuple[str, _Thing]]) -> dict[str, _Thing]:
    """Name -> thing, for the names that stand for one thing."""
    pairs = [(name, thing) for name, thing in named if name]
    count = Counter(name for name, _ in pairs)
    return {name: thing for name, thing in pairs if count[name] == 1}
