"""The Scorer and its table: resume, identity, scale, every input a row."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

import tiny_model
import visq
from photos import make_photos
from visq.core.errors import DataError, InputError, ModelError, UnknownName
from visq.core.types import Sample
from visq.scoring import Table, load
from visq.scoring.options import RunOptions


def by_id(table: Table) -> dict[str, float | None]:
    return {r.id: r.scores["quality"].value if r.scores else None for r in table.rows}


def score(tiny: Path, inputs: object, **options: object) -> Table:
    return visq.score(inputs, model=str(tiny), **options)  # type: ignore[arg-type]


def test_every_input_is_a_row_in_order(tiny: Path, photos: Path) -> None:
    (photos / "trip" / "4.jpg").write_bytes(b"")
    with score(tiny, photos) as table:
        ids = [row.id for row in table.rows]
        assert ids == [
            *(f"home/{i}.png" for i in (0, 2, 4, 6, 8, 10)),
            *(
                "trip/1.png",
                "trip/3.png",
                "trip/4.jpg",
                "trip/5.png",
                "trip/7.png",
                "trip/9.png",
                "trip/11.png",
            ),
        ]
        assert (len(table), table.n_ok, table.n_failed) == (13, 12, 1)
        failed = next(row for row in table.rows if row.status == "failed")
        assert (failed.id, failed.kind, dict(failed.scores)) == ("trip/4.jpg", "empty", {})


def test_a_score_carries_interval_distribution_and_scale(tiny: Path, photos: Path) -> None:
    with score(tiny, photos / "home" / "0.png") as table:
        found = next(table.rows).scores["quality"]
    assert sum(found.distribution.values()) == pytest.approx(1, abs=1e-5)
    assert found.value == pytest.approx(
        sum(v * p for v, p in zip((1, 2, 3, 4, 5), found.distribution.values(), strict=True)), abs=1e-4
    )
    assert found.low == pytest.approx(found.value - 0.5, abs=1e-6)
    assert found.high == pytest.approx(found.value + 0.5, abs=1e-6)
    assert found.outside is None


def test_another_scale_is_the_same_score(tiny: Path, photos: Path) -> None:
    with score(tiny, photos) as five, score(tiny, photos, scale="0..100") as hundred:
        for a, b in zip(five.rows, hundred.rows, strict=True):
            one, other = a.scores["quality"], b.scores["quality"]
            assert other.value == pytest.approx((one.value - 1) * 25, abs=1e-4)
            assert other.spread == pytest.approx(one.spread * 25, abs=1e-4)
            assert other.high == pytest.approx((one.high - 1) * 25, abs=1e-4)  # type: ignore[operator]
            assert other.distribution == one.distribution
            assert str(other.scale) == "0..100"


def test_a_model_without_calibration_gives_no_interval(tmp_path: Path, photos: Path) -> None:
    model = tiny_model.make(tmp_path / "bare", calibrated=False)
    with score(model, photos, out=tmp_path / "s.csv") as table:
        assert next(table.rows).scores["quality"].low is None
    row = next(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    assert row["quality_low"] == row["quality_high"] == ""


def test_a_model_that_gives_nan_makes_failures_never_numbers(tmp_path: Path, photos: Path) -> None:
    model = tiny_model.make(tmp_path / "broken", constant=float("nan"))
    with score(model, photos) as table:
        assert table.n_ok == 0
        assert {row.kind for row in table.rows} == {"not-a-number"}


def test_resume_takes_over_what_is_unchanged(tiny: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    score(tiny, photos, out=out, limit=5).close()
    with score(tiny, photos, out=out) as table:
        assert table.taken_over == 5
        resumed = out.read_bytes()
    score(tiny, photos, out=tmp_path / "once.csv").close()
    assert resumed == (tmp_path / "once.csv").read_bytes()
    with score(tiny, photos, out=out) as table:
        assert table.taken_over == len(table) == 12


def test_a_changed_picture_is_scored_again_and_a_touched_one_is_not(
    tiny: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "s.csv"
    with score(tiny, photos, out=out) as table:
        before = by_id(table)
    bright, dark = photos / "trip" / "11.png", photos / "home" / "0.png"
    dark.write_bytes(bright.read_bytes())
    os.utime(bright, ns=(1, 1))
    with score(tiny, photos, out=out) as table:
        after = by_id(table)
        assert table.taken_over == 11
    assert after["home/0.png"] == after["trip/11.png"] == before["trip/11.png"]
    assert after["home/2.png"] == before["home/2.png"]


def test_a_vanished_input_leaves_the_table_and_a_new_one_stands_in_its_place(
    tiny: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "s.csv"
    score(tiny, photos, out=out).close()
    (photos / "home" / "2.png").rename(photos / "home" / "1b.png")
    with score(tiny, photos, out=out) as table:
        assert table.vanished == 1
        assert [row.id for row in table.rows][:3] == ["home/0.png", "home/1b.png", "home/4.png"]


def test_a_limit_shows_its_rows_and_keeps_the_others_for_later(
    tiny: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "s.csv"
    score(tiny, photos, out=out).close()
    whole = out.read_bytes()
    (photos / "home" / "!new.png").write_bytes((photos / "home" / "4.png").read_bytes())  # now the first
    with score(tiny, photos, out=out, limit=3) as table:
        assert (len(table), table.n_ok, table.vanished, table.taken_over) == (3, 3, 0, 2)
        assert [row.id for row in table.rows] == ["home/!new.png", "home/0.png", "home/2.png"]
        assert [row.id for row in table.sorted_rows("quality")][-1] == "home/0.png"
    assert len(out.read_text().splitlines()) == 4
    (photos / "home" / "!new.png").unlink()
    with score(tiny, photos, out=out) as table:
        assert (table.taken_over, table.vanished) == (12, 1)
    assert out.read_bytes() == whole


def test_a_limit_that_meets_every_input_drops_vanished_rows(tiny: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    score(tiny, photos, out=out).close()
    (photos / "home" / "0.png").unlink()
    with score(tiny, photos, out=out, limit=11) as table:
        assert (len(table), table.vanished) == (11, 1)


def test_a_stopped_second_walk_shows_old_rows_behind_new_ones(
    tiny: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "s.csv"
    score(tiny, photos, out=out).close()
    (photos / "home" / "!new.png").write_bytes((photos / "home" / "4.png").read_bytes())
    done: list[int] = []
    with load(str(tiny)) as scorer:
        table = scorer.score(
            photos,
            RunOptions(out, batch=1, workers=1),
            on_progress=lambda n, _: done.append(n),
            stop=lambda: bool(done),
        )
    with table:
        ids = [row.id for row in table.rows]
        assert table.interrupted
        assert ids[: done[-1]] == ["home/!new.png", "home/0.png", "home/2.png", "home/4.png"][: done[-1]]
        assert sorted(ids) == sorted({*ids})
        assert len(ids) == 13 if done[-1] else 12


def test_a_picture_that_moves_forward_takes_its_row_along(tiny: Path, photos: Path, tmp_path: Path) -> None:
    out, names = tmp_path / "s.csv", [photos / "home" / f"{i}.png" for i in (0, 2, 4, 6)]
    score(tiny, names, out=out).close()
    with score(tiny, [names[3], names[1], names[0]], out=out) as table:
        assert (table.taken_over, table.vanished) == (3, 1)
        assert [row.id for row in table.rows] == ["6.png", "2.png", "0.png"]


def test_every_part_of_the_identity_is_compared(tiny: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    with load(str(tiny)) as scorer:
        scorer.score(photos, RunOptions(out)).close()
        assert set(scorer.identity) == {
            *("model", "model_hash", "readout", "preprocessing", "runtime", "version", "aspects", "scale"),
        }
        for key, value in list(scorer.identity.items()):
            scorer.identity[key] = [*value, "x"] if isinstance(value, list) else f"{value}x"
            with pytest.raises(InputError, match=f"was made with {key} "):
                scorer.score(photos, RunOptions(out))
            scorer.identity[key] = value
        with scorer.score(photos, RunOptions(out)) as table:
            assert table.taken_over == 12


def test_overwrite_over_nothing_to_score_keeps_what_was_done(
    tiny: Path, photos: Path, tmp_path: Path
) -> None:
    out, empty = tmp_path / "s.csv", tmp_path / "empty"
    empty.mkdir()
    score(tiny, photos, out=out).close()
    with pytest.raises(InputError, match="nothing to score"):
        score(tiny, empty, out=out, overwrite=True)
    with score(tiny, photos, out=out) as table:
        assert table.taken_over == 12
    with pytest.raises(InputError, match="nothing to score"):
        score(tiny, empty, out=tmp_path / "new.csv")
    assert not list(tmp_path.glob("new.csv*"))


def test_an_input_is_never_the_output(tiny: Path, photos: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text(f"path\n{photos / 'home' / '0.png'}\n")
    before = manifest.read_bytes()
    with pytest.raises(InputError, match=r"m\.csv' is an input and cannot be the output"):
        score(tiny, manifest, out=manifest, overwrite=True)
    assert manifest.read_bytes() == before


def test_a_closed_table_says_so(tiny: Path, photos: Path, tmp_path: Path) -> None:
    for out in (None, tmp_path / "s.csv"):
        table = score(tiny, photos, out=out)
        table.close()
        for use in (lambda t: list(t.rows), len, lambda t: list(t.sorted_rows("quality"))):
            with pytest.raises(InputError, match="is closed; read its rows before closing it"):
                use(table)


def test_scores_on_any_scale_keep_their_digits(tiny: Path, photos: Path) -> None:
    with score(tiny, photos, limit=3) as five, score(tiny, photos, limit=3, scale="-0.05..0.05") as small:
        for a, b in zip(five.rows, small.rows, strict=True):
            value = b.scores["quality"].value
            assert (value + 0.05) * 40 + 1 == pytest.approx(a.scores["quality"].value, abs=1e-5)
            assert str(b.scores["quality"].low)[:4] != "-0.0" or b.scores["quality"].low != 0


def test_failures_stay_until_asked_for_again(tiny: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    missing = photos / "later.png"
    names = [str(photos / "home" / "0.png"), str(missing)]
    manifest = tmp_path / "m.csv"
    manifest.write_text("path\n" + "\n".join(names) + "\n")
    with score(tiny, manifest, out=out) as table:
        assert table.n_failed == 1
    with score(tiny, manifest, out=out) as table:
        assert (table.n_failed, table.taken_over) == (1, 2)
    with score(tiny, manifest, out=out, retry_failed=True) as table:
        assert (table.n_failed, table.taken_over) == (1, 1)
    missing.write_bytes((photos / "home" / "2.png").read_bytes())
    with score(tiny, manifest, out=out) as table:  # the file has appeared: it is another file now
        assert table.n_failed == 0


def test_the_same_folder_named_from_elsewhere_resumes(
    tiny: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "s.csv"
    score(tiny, photos, out=out).close()
    monkeypatch.chdir(photos)
    with score(tiny, ".", out=out) as table:
        assert table.taken_over == 12
        assert next(table.rows).path == "./home/0.png"


@pytest.mark.parametrize("change", [{"aspect": "quality"}, {"scale": "0..1"}])
def test_another_identity_on_the_same_table_is_refused(
    tiny: Path, photos: Path, tmp_path: Path, change: dict[str, str]
) -> None:
    out = tmp_path / "s.csv"
    score(tiny, photos, out=out).close()
    before = out.read_bytes()
    with pytest.raises(InputError, match=r"was made with .*--overwrite"):
        score(tiny, photos, out=out, **change)
    assert out.read_bytes() == before
    score(tiny, photos, out=out, overwrite=True, **change).close()
    assert out.read_bytes() != before


def test_options_that_do_not_change_scores_may_differ(tiny: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    score(tiny, photos, out=out, batch=1, workers=1).close()
    before = out.read_bytes()
    with score(
        tiny, photos, out=out, batch=7, workers=3, sort="quality", report=tmp_path / "r.html"
    ) as table:
        assert table.taken_over == 12
    assert out.read_bytes() == before


def test_top_leaves_the_table_whole(tiny: Path, photos: Path, tmp_path: Path) -> None:
    with score(tiny, photos, top=2, sort="quality", report=tmp_path / "r.html") as table:
        assert len(table) == len(list(table)) == 12
    assert "Below are the 2 best by quality" in " ".join((tmp_path / "r.html").read_text("utf-8").split())
    with pytest.raises(InputError, match="top must be at least 1, not 0"):
        score(tiny, photos, top=0)


def test_a_table_that_visq_did_not_make_is_not_written_over(tiny: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.csv"
    out.write_text("precious\n")
    with pytest.raises(InputError, match="exists and has no journal"):
        score(tiny, photos, out=out)
    assert out.read_text() == "precious\n"


@pytest.mark.parametrize(
    ("out", "match"),
    [
        ("s.txt", r"ending of \.csv, \.jsonl, \.parquet"),
        ("no/s.csv", "no folder"),
        ("folder.csv", "it is a folder"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_scoring(
    tiny: Path, photos: Path, tmp_path: Path, out: str, match: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=match):
        score(tiny, photos, out=tmp_path / out)


def test_json_lines_and_csv_say_the_same(tiny: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "broken.png").write_bytes(b"x")
    score(tiny, photos, out=tmp_path / "s.csv").close()
    score(tiny, photos, out=tmp_path / "s.jsonl").close()
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    assert len(lines) == len(rows) == 13
    for line, row in zip(lines, rows, strict=True):
        assert [str(line[k] or "") for k in line if k != "scores"] == [row[k] for k in line if k != "scores"]
        for aspect, found in line["scores"].items():
            assert float(row[aspect]) == found["value"]
            assert float(row[f"{aspect}_low"]) == found["low"]
            assert json.loads(row[f"{aspect}_distribution"]) == found["distribution"]
            assert row[f"{aspect}_outside"] == ""
            assert row[f"{aspect}_scale"] == "1..5"
        if not line["scores"]:
            assert row["quality"] == row["quality_scale"] == ""


def test_the_words_of_the_contract(tiny: Path, photos: Path, tmp_path: Path) -> None:
    """Names and order are a promise to whoever reads the tables."""
    score(tiny, photos, out=tmp_path / "s.jsonl").close()
    line = json.loads((tmp_path / "s.jsonl").read_text().splitlines()[0])
    assert list(line) == [
        *("id", "path", "status", "error", "kind", "note", "sha256", "model", "model_hash", "readout"),
        *("preprocessing", "runtime", "version", "scores"),
    ]
    assert list(line["scores"]["quality"]) == [
        *("value", "low", "high", "scale", "distribution", "spread", "outside"),
    ]
    assert line["scores"]["quality"]["scale"] == [1, 5]
    assert line["readout"] == "levels"
    assert line["runtime"] == "onnxruntime"


def test_two_samples_with_one_id_are_refused(tiny: Path, photos: Path) -> None:
    one = Sample("a", str(photos / "home" / "0.png"))
    with pytest.raises(DataError, match="'a' stands twice"), load(str(tiny)) as scorer:
        scorer.score([one, one], RunOptions(batch=1))


def test_stream_gives_rows_as_they_come(tiny: Path, photos: Path) -> None:
    samples = (Sample(str(i), str(photos / "home" / f"{i}.png")) for i in (0, 2, 4))
    with load(str(tiny), aspects="quality") as scorer:
        rows = list(scorer.stream(samples, RunOptions(limit=2)))
    assert [row.id for row in rows] == ["0", "2"]
    assert list(rows[0].scores) == ["quality"]


def test_misspelt_and_unoffered_names(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown aspect 'qualty'"):
        load(str(tiny), aspects="qualty")
    with pytest.raises(UnknownName, match="unknown model"):
        load("minny")
    folder = tiny_model.make(tmp_path / "m")
    toml = (folder / "model.toml").read_text()
    (folder / "model.toml").write_text(toml[: toml.index("[aspects.aesthetics]")])
    with pytest.raises(UnknownName, match="does not score 'aesthetics'; it scores quality"):
        load(str(folder), aspects="aesthetics")
    (folder / "model.toml").write_text(toml.replace('readout = "levels"\n', ""))
    with pytest.raises(ModelError, match=r"no 'readout'"):
        load(str(folder))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"batch": 0}, "batch must be 1 to 4096"),
        ({"workers": -1}, "workers must be 1 to 1024"),
        ({"limit": 0}, "limit must be 1 to"),
        ({"overwrite": True}, "need --out"),
        ({"overwrite": True, "retry_failed": True, "out": "x.csv"}, "give one of them"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        RunOptions(**options)  # type: ignore[arg-type]


def test_pandas_and_arrow_have_the_columns_of_the_csv(tiny: Path, photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    with score(tiny, photos, out=tmp_path / "s.csv") as table:
        header = (tmp_path / "s.csv").read_text().splitlines()[0].split(",")
        frame, arrow = table.to_pandas(), table.to_arrow()
        assert list(frame.columns) == arrow.column_names == header
        assert frame["quality"].tolist() == arrow["quality"].to_pylist() == list(by_id(table).values())


def test_undecodable_names_are_scored_and_written(tiny: Path, tmp_path: Path) -> None:
    folder = make_photos(tmp_path / "p", 1)
    strange = os.fsencode(folder) + b'/h\xff\n,".png'
    os.rename(os.fsencode(folder / "home" / "0.png"), strange)
    for ending in (".csv", ".jsonl"):
        with score(tiny, folder, out=tmp_path / f"s{ending}", report=tmp_path / "r.html") as table:
            assert [row.id for row in table.rows] == ['h\\xff\\n,".png']
            assert table.n_ok == 1
        assert r"\xff" in (tmp_path / f"s{ending}").read_text(encoding="utf-8")
        assert "/9j/" in (tmp_path / "r.html").read_text(encoding="utf-8")  # its thumbnail: a JPEG in base64
