"""The result table: rows in the order of the inputs, kept in the journal, written as CSV, JSON or Parquet.

Knows rows and files; no model, no picture, no console.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from visq.core.errors import InputError, MissingExtra
from visq.core.optional import pyarrow
from visq.core.types import Row
from visq.scoring.files import atomic_write
from visq.scoring.journal import Journal
from visq.scoring.records import NUMBERS, columns, to_flat, to_json, to_row

FORMATS = (".csv", ".jsonl", ".parquet")
_BATCH = 4096  # rows of a Parquet file that are in memory at a time


class Table:
    """What a run made of its inputs; a view of the journal, so memory does not grow with the rows.

    Attributes:
        identity: what the scores depend on: model, model_hash, readout, preprocessing, runtime, version,
            aspects, scale; what is not as usual besides, such as temperature or explain.
        calibration: aspect -> what its 90 % interval holds for, in one line.
        command: the command that made it, or None.
        taken_over: rows of an earlier run that still hold.
        vanished: rows dropped because their inputs are gone.
        interrupted: the run was stopped before its last input.
    """

    def __init__(
        self,
        journal: Journal,
        identity: Mapping[str, Any],
        *,
        calibration: Mapping[str, str] | None = None,
        command: str | None = None,
    ) -> None:
        self._journal = journal
        self.identity = dict(identity)
        self.calibration = dict(calibration or {})
        self.command = command
        self.taken_over = 0
        self.vanished = 0
        self.interrupted = False

    @property
    def aspects(self) -> list[str]:
        """The aspects scored, in order."""
        return list(self.identity["aspects"])

    @property
    def n_ok(self) -> int:
        """Rows with scores."""
        return self._journal.counts()[0]

    @property
    def n_failed(self) -> int:
        """Rows with a failure."""
        return self._journal.counts()[1]

    def __len__(self) -> int:
        return sum(self._journal.counts())

    @property
    def rows(self) -> Iterator[Row]:
        """Every row, in the order of the inputs; a fresh iterator each time it is read."""
        return map(to_row, self._journal.rows())

    def __iter__(self) -> Iterator[Row]:
        return self.rows

    def sorted_rows(self, aspect: str) -> Iterator[Row]:
        """Every row, best first by one aspect; failures last."""
        return map(to_row, self._journal.rows(sort=aspect))

    def json_lines(self, *, sort: str | None = None) -> Iterator[str]:
        """Every row as one line of JSON."""
        return (to_json(record, self.identity) for record in self._journal.rows(sort=sort))

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the table, format by file ending, whole or not at all.

        Raises:
            InputError: the ending is unknown, or the file cannot be written.
            MissingExtra: Parquet without pyarrow.
        """
        target = Path(path)
        check_format(target)
        if target.suffix.lower() == ".parquet":
            with atomic_write(target) as partial:
                self._write_parquet(partial)
            return
        with atomic_write(target) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            if target.suffix.lower() == ".jsonl":
                file.writelines(line + "\n" for line in self.json_lines())
                return
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self._columns)
            writer.writerows(self._flat())

    def _write_parquet(self, path: Path) -> None:
        """A batch of rows at a time, so that memory does not grow with them."""
        schema = self._schema()
        with pyarrow().parquet.ParquetWriter(path, schema) as writer:
            rows = self._flat()
            while batch := list(islice(rows, _BATCH)):
                writer.write_table(self._to_arrow(batch, schema))

    def _schema(self) -> Any:
        pa = pyarrow()
        numbers = {aspect + part for aspect in self.aspects for part in NUMBERS}
        return pa.schema([(name, pa.float64() if name in numbers else pa.string()) for name in self._columns])

    def _to_arrow(self, rows: list[list[Any]], schema: Any) -> Any:
        by_column = zip(*rows, strict=True) if rows else ([] for _ in schema.names)
        arrays = dict(zip(schema.names, by_column, strict=True))
        return pyarrow().Table.from_pydict(arrays, schema=schema)

    def _flat(self) -> Iterator[list[Any]]:
        return (
            to_flat(record, self.identity, self.aspects, explained=self._is_explained)
            for record in self._journal.rows()
        )

    @property
    def _is_explained(self) -> bool:
        return bool(self.identity.get("explain"))

    @property
    def _columns(self) -> list[str]:
        return columns(self.aspects, explained=self._is_explained)

    def to_pandas(self) -> Any:  # a pandas DataFrame; pandas is optional
        """The flat form as a pandas DataFrame, columns as in the CSV.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtra("pandas", "tables") from error
        return pd.DataFrame(list(self._flat()), columns=self._columns)

    def to_arrow(self) -> Any:  # a pyarrow Table; pyarrow is optional
        """The flat form as an Arrow table, columns as in the CSV.

        Raises:
            MissingExtra: pyarrow is not installed.
        """
        return self._to_arrow(list(self._flat()), self._schema())

    def close(self) -> None:
        """Free the journal's file; rows cannot be read afterwards."""
        self._journal.close()

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_top(top: int | None) -> None:
    """Refuse a number of best rows that shows none.

    Raises:
        InputError: it is below 1.
    """
    if top is not None and top < 1:
        raise InputError(f"top must be at least 1, not {top}")


def check_format(path: Path) -> None:
    """Refuse an ending no table has, and Parquet where it cannot be written.

    Raises:
        InputError: it is not one of FORMATS.
        MissingExtra: Parquet without pyarrow.
    """
    if path.suffix.lower() == ".parquet":
        pyarrow()
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"cannot write a table as {path.name!r}; use an ending of {', '.join(FORMATS)}")
