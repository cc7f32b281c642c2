"""One run written as CSV, JSON lines and Parquet: the same rows, with types where a file has them."""

from __future__ import annotations

import csv
import json
import os
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

import visq
from photos import VisqRun
from visq.core.errors import InputError, MissingExtra
from visq.data.tables import read_table
from visq.scoring import Table
from visq.scoring.records import NUMBERS, columns

parquet = pytest.importorskip("pyarrow.parquet")
ASPECTS = ["quality", "aesthetics"]
NUMBERS_OF = {aspect + part for aspect in ASPECTS for part in NUMBERS}


@pytest.fixture
def run(tiny: Path, photos: Path, tmp_path: Path) -> dict[str, Path]:
    """Ending -> a table of twelve pictures, a broken one among them, written three ways by one run."""
    (photos / "trip" / "ü, “4”.jpg").write_bytes(b"")
    paths = {ending: tmp_path / f"s.{ending}" for ending in ("csv", "jsonl", "parquet")}
    with visq.score(photos, model=str(tiny)) as table:
        for path in paths.values():
            table.write(path)
    return paths


def of_csv(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {key: (float(cell) if key in NUMBERS_OF else cell) if cell else None for key, cell in row.items()}
            for row in csv.DictReader(file)
        ]


def of_json(path: Path) -> list[dict[str, Any]]:
    """Lines of JSON in the words of the CSV, by the contract and not by visq's own reader."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        scores = row.pop("scores")
        for aspect in ASPECTS:
            score = scores.get(aspect, {})
            for part in ("low", "high", "spread", "outside"):
                row[f"{aspect}_{part}"] = score.get(part)
            row[aspect] = score.get("value")
            row[f"{aspect}_distribution"] = json.dumps(score["distribution"]) if score else None
            row[f"{aspect}_scale"] = "{}..{}".format(*score["scale"]) if score else None
        rows.append(row)
    return rows


def test_three_ways_of_writing_hold_the_same_rows(run: dict[str, Path]) -> None:
    rows = parquet.read_table(run["parquet"]).to_pylist()
    assert len(rows) == 13
    assert [row["status"] for row in rows].count("failed") == 1
    assert rows == of_csv(run["csv"])
    assert rows == of_json(run["jsonl"])


def test_parquet_has_the_columns_of_the_csv_and_types(run: dict[str, Path]) -> None:
    schema = parquet.read_schema(run["parquet"])
    assert schema.names == columns(ASPECTS)
    assert schema.names == run["csv"].read_text(encoding="utf-8").splitlines()[0].split(",")
    assert {field.name for field in schema if str(field.type) == "double"} == NUMBERS_OF
    assert {str(field.type) for field in schema} == {"double", "string"}


def test_visq_reads_all_three_again(run: dict[str, Path]) -> None:
    def cells(ending: str) -> list[dict[str, str]]:
        table = read_table(run[ending])
        return [dict(zip(table.columns, row, strict=True)) for _, row in table]

    assert cells("csv") == cells("parquet")
    read = [{key: row[key] for key in columns(ASPECTS)} for row in cells("jsonl")]
    assert [_as_numbers(row) for row in read] == [_as_numbers(row) for row in cells("csv")]


def _as_numbers(row: dict[str, str]) -> dict[str, Any]:
    """JSON may write 3 where a CSV has 3.0."""
    return {key: float(cell) if cell and key in NUMBERS_OF else cell for key, cell in row.items()}


def test_arrow_in_memory_is_the_file(tiny: Path, photos: Path, tmp_path: Path) -> None:
    with visq.score(photos, model=str(tiny)) as table:
        table.write(tmp_path / "s.parquet")
        assert table.to_arrow().equals(parquet.read_table(tmp_path / "s.parquet"))


def test_a_run_without_rows_is_a_table_without_rows(
    tiny: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Table, "_flat", lambda _: iter(()))
    with visq.score(photos, model=str(tiny)) as table:
        table.write(tmp_path / "s.parquet")
        assert table.to_arrow().num_rows == 0
    assert parquet.read_table(tmp_path / "s.parquet").num_rows == 0
    assert parquet.read_schema(tmp_path / "s.parquet").names == columns(ASPECTS)


def test_rows_are_written_a_batch_at_a_time(
    tiny: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with visq.score(photos, model=str(tiny)) as table:
        first = next(iter(table._flat()))
        n = 40_000
        monkeypatch.setattr(Table, "_flat", lambda _: ([f"{i}", *first[1:]] for i in range(n)))
        table.write(tmp_path / "warm.parquet")
        tracemalloc.start()
        table.write(tmp_path / "s.parquet")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    ids = parquet.read_table(tmp_path / "s.parquet", columns=["id"])["id"].to_pylist()
    assert ids == [f"{i}" for i in range(n)]
    assert peak < 8_000_000, "the rows alone take more than 15 MB"


def test_a_failed_write_leaves_the_table_before(
    tiny: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.parquet"
    with visq.score(photos, model=str(tiny)) as table:
        table.write(path)
        before = path.read_bytes()

        def broken(_: Table) -> Any:
            raise OSError(28, "No space left on device")
            yield

        monkeypatch.setattr(Table, "_flat", broken)
        with pytest.raises(InputError, match=r"cannot write .*s\.parquet': No space left"):
            table.write(path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(".s.parquet*"))


def test_without_pyarrow_the_extra_is_named(
    tiny: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"visq\[eval\]"):
        visq.score(photos, model=str(tiny), out=tmp_path / "s.parquet")
    assert not list(tmp_path.glob("s.parquet*")), "refused before a picture is read"


def test_score_writes_and_reads_parquet(visq: VisqRun, tiny: Path, photos: Path, tmp_path: Path) -> None:
    for ending in ("csv", "parquet"):
        done = visq("score", "photos", "--model", os.fspath(tiny), "--out", f"s.{ending}", "--quiet")
        assert (done.returncode, done.stderr) == (0, "")
    rows = parquet.read_table(tmp_path / "s.parquet").to_pylist()
    assert rows == of_csv(tmp_path / "s.csv")
    again = visq("score", "s.parquet", "--model", os.fspath(tiny), "--out", "again.csv", "--quiet")
    assert again.returncode == 0
    assert [row["quality"] for row in of_csv(tmp_path / "again.csv")] == [row["quality"] for row in rows]
    refused = visq("score", "s.parquet", "--model", os.fspath(tiny), "--out", "s.parquet", "--overwrite")
    assert refused.returncode == 1
    assert "is an input and cannot be the output" in refused.stderr
