from __future__ import annotations

import hashlib
import json
import sys
import tracemalloc

import numpy as np
import pytest

from checked_tables import (
    check_json,
    check_rows,
    check_tables,
    findings_of,
    loud,
    of,
    set_of,
    word_of,
    write_csv,
)
from visq.core.errors import DataError, InputError, MissingExtra, UnknownName
from visq.data.sources import set_names
from visq.evaluation.checks import CHECKS
from visq.evaluation.checks.check import CheckOptions, check_sets


def clean(kind, rng, n=240):
    """Sets without a fault, as people write them."""
    mos = np.clip(rng.normal(3, 0.7, n), 1, 5).round(3).tolist()
    random = rng.choice(["train", "train", "train", "test"], n).tolist()
    if kind == "plain":
        return [{"image": f"img_{i:04d}.jpg", "mos": m} for i, m in enumerate(mos)]
    if kind == "grades":
        return [{"image": f"photo-{i}.png", "score": round(m)} for i, m in enumerate(mos)]
    if kind == "hundred":
        return [
            {"image": f"{i}.jpg", "mos": m} for i, m in enumerate(rng.uniform(0, 100, n).round(2).tolist())
        ]
    if kind == "yes or no":
        return [{"image": f"{rng.integers(1 << 60):016x}.jpg", "label": int(m > 3)} for m in mos]
    if kind == "camera, split":
        return [
            {"image": f"IMG_2023{i % 1231:04d}_{i:06d}.jpg", "mos": m, "mos_std": 0.8, "split": part}
            for i, (m, part) in enumerate(zip(mos, random, strict=True))
        ]
    if kind == "clips":
        test = set(rng.permutation(40)[:8].tolist())
        base = rng.normal(3, 0.6, 40)
        return [
            {
                "image": f"frames/clip{c:02d}_frame{f:03d}.jpg",
                "mos": round(base[c] + rng.normal(0, 0.2), 3),
                "split": "test" if c in test else "train",
            }
            for c in range(40)
            for f in range(6)
        ]
    if kind == "distortions":
        test = set(rng.permutation(12)[:3].tolist())
        return [
            {
                "image": f"I{r:02d}_{d:02d}_{k:02d}.png",
                "mos": round(float(np.clip(4.9 - 0.7 * k + rng.normal(0, 0.3), 1, 5)), 2),
                "split": "test" if r in test else "train",
            }
            for r in range(12)
            for d in range(4)
            for k in range(1, 6)
        ]
    scores = rng.uniform(0, 100, n).round(4).tolist()  # levels
    return [
        {"image": f"{i}.jpg", "score": s, "level": word_of(s, 0, 100), "split": part}
        for i, (s, part) in enumerate(zip(scores, random, strict=True))
    ]


KINDS = ["plain", "grades", "hundred", "yes or no", "camera, split", "clips", "distortions", "levels"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_clean_sets_are_silent(tmp_path, kind, seed):
    assert loud(check_rows(tmp_path, clean(kind, np.random.default_rng(seed)))) == []


def test_two_clean_lists_are_silent_together(tmp_path):
    rng = np.random.default_rng(0)
    rows = clean("plain", rng)
    a, b = write_csv(tmp_path / "train.csv", rows[:200]), write_csv(tmp_path / "test.csv", rows[200:])
    assert loud(check_tables(a, b)) == []


def test_every_check_runs_and_says_its_own_name(tmp_path):
    report = check_rows(tmp_path, clean("plain", np.random.default_rng(0)))
    assert report.checks == tuple(CHECKS)
    for name in CHECKS:
        assert list(CHECKS.get(name)([])) == []
        assert CHECKS.get(name).__doc__
    assert {finding.check for finding in report.findings} <= set(CHECKS)


def test_findings_come_errors_first(tmp_path):
    rows = clean("levels", np.random.default_rng(0))
    rows[3]["score"], rows[4]["score"], rows[5]["level"] = "much", "", "nice"
    severities = [finding.severity for finding in check_rows(tmp_path, rows).findings]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert set(severities) == {"error", "warning", "note"}


def test_the_report_as_json_holds_all_rows(tmp_path):
    rows = clean("plain", np.random.default_rng(0))
    for row in rows[:30]:
        row["mos"] = "x"
    report = check_rows(tmp_path, rows)
    told = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert (told["format"], told["kind"], told["n_findings"]) == (1, "check", 1)
    assert told["findings"][0]["rows"] == [row["image"] for row in rows[:30]]
    assert set(told["findings"][0]) == {
        *("check", "severity", "message", "sets", "figures", "rows", "files", "row_numbers")
    }
    assert told["findings"][0]["files"] == [row["image"] for row in rows[:30]]
    assert told["findings"][0]["row_numbers"] == list(range(2, 32))
    about = told["sets"][0]
    assert (about["name"], about["n_rows"], about["n_labelled"], about["label_column"]) == (
        "table",
        240,
        210,
        "mos",
    )
    assert about["manifest_sha256"] == hashlib.sha256((tmp_path / "table.csv").read_bytes()).hexdigest()


def test_findings_of_a_whole_set_name_its_rows(tmp_path):
    rng = np.random.default_rng(0)
    rows = [{"image": f"{'real' if i % 2 else 'made'}-{i}.png", "label": i % 2} for i in range(80)]
    low, high = rng.uniform(1, 2, 150), rng.uniform(4, 5, 150)
    labels = rng.permutation([*low, *high]).round(3).tolist()
    bands = [{"image": f"{i}.jpg", "mos": label} for i, label in enumerate(labels)]
    told = {f.check: f for table in (rows, bands) for f in check_rows(tmp_path, table).findings}
    for check, n in (("shortcuts", 80), ("name-label", 80), ("empty-bands", 300)):
        assert len(told[check].rows) == n, check


def test_rows_of_one_id_are_told_apart_by_their_numbers(tmp_path):
    rows = [{"id": "a", "image": f"{i}.jpg", "mos": "?" if i in (3, 5) else i} for i in range(9)]
    found = next(f for f in check_rows(tmp_path, rows).findings if "no numbers" in f.message)
    assert [(f.name, f.file, f.row) for f in found.at] == [("a", "3.jpg", 5), ("a", "5.jpg", 7)]


def test_one_long_cell_does_not_make_all_cells_long(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        {"image": f"{i}.jpg", "prompt": f"p {i // 4}", "generator": f"g{i % 5}", "mos": round(m, 3)}
        for i, m in enumerate(rng.normal(3, 0.6, 600).tolist())
    ]
    rows[0]["generator"] = rows[4]["prompt"] = "x" * 100_000
    table = write_csv(tmp_path / "t.csv", rows)
    findings_of("group-floor", write_csv(tmp_path / "u.csv", rows[5:]))  # what is imported is no cell
    tracemalloc.start()
    for check in ("identical-groups", "group-floor", "level-rule"):
        findings_of(check, table)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6  # 600 cells of 100,000 characters would be 240 MB


def test_order_of_rows_changes_no_finding(tmp_path):
    rows = clean("levels", np.random.default_rng(1))
    rows[7]["level"] = "excellent" if rows[7]["score"] < 50 else "bad"
    rows[9]["score"] = "none"
    rows[11]["image"] = rows[12]["image"]

    def told(report):
        return sorted((f.check, f.severity, tuple(sorted(f.rows))) for f in report.findings)

    assert told(check_rows(tmp_path, rows)) == told(check_rows(tmp_path, rows[::-1]))


# --- what is read -------------------------------------------------------------------------------------


def test_label_columns(tmp_path):
    def label(row, **options):
        one = set_of(tmp_path, [{"image": "a.jpg", **row}], **options)
        return one.aspect, one.label_column

    assert label({"mos": 1}) == (None, "mos")
    assert label({"quality": 1, "consistency": 2}) == ("quality", "quality")
    assert label({"quality": 1, "consistency": 2}, aspect="consistency") == ("consistency", "consistency")
    assert label({"a": 1}) == (None, None)
    assert label({"a": 1}, label="A") == (None, "a")
    assert label({"mos": 1, "score": 2}, protocol="spaq") == ("quality", "mos")
    assert label({"gt_score": 1, "score": 2}) == (None, "gt_score")
    assert label({"label": "good", "score": 2}) == (None, "score")


def test_ambiguous_and_missing_columns_are_told(tmp_path):
    with pytest.raises(DataError, match=r"table\.csv: 3 columns could hold .*name one with --label"):
        check_rows(tmp_path, [{"image": "a.jpg", "score": 1, "mos": 2, "mean": 3}])
    for option in ("label", "group", "split", "prompt"):
        with pytest.raises(DataError, match=r"table\.csv: no column 'mo'"):
            check_rows(tmp_path, [{"image": "a.jpg", "mos": 2}], **{option: "mo"})


def test_unknown_names_are_told(tmp_path):
    for options in ({"aspect": "qualty"}, {"protocol": "konic"}, {"format": "qaling"}):
        with pytest.raises(UnknownName, match="did you mean"):
            check_rows(tmp_path, [{"image": "a.jpg", "mos": 2}], **options)
    with pytest.raises(InputError, match="no such file"):
        check_sets([tmp_path / "none.csv"])
    with pytest.raises(UnknownName, match="2 protocols for 1 manifests"):
        check_rows(tmp_path, [{"image": "a.jpg", "mos": 2}], protocol="koniq,spaq")


def test_scales_and_intervals(tmp_path):
    rows = [{"image": f"{i}.jpg", "mos": 10 + i} for i in range(60)]
    one = set_of(tmp_path, rows, protocol="spaq")
    assert (str(one.label_scale), str(one.intervals.scale)) == ("0..100", "0..94")
    assert set_of(tmp_path, rows, protocol="spaq", label_scale="0..80").intervals is None
    assert set_of(tmp_path, rows, label_scale="80..0").label_scale.direction == "down"
    assert set_of(tmp_path, rows).label_scale is None


def test_groups_by_the_protocols_pattern(tmp_path):
    rows = [{"image": f"xl2.2_normal_{p:03d}.jpg", "quality": p / 9} for p in range(30)]
    assert set_of(tmp_path, rows, protocol="agiqa3k").groups[:2] == ["000", "001"]


def test_names_of_sets_tell_them_apart():
    assert set_names(["a/train.csv", "a/test.csv"]) == ["a/train", "a/test"]
    assert set_names(["k/a/y.json", "k/b/y.json"]) == ["a/y", "b/y"]


def test_json_tables_are_read_as_their_format(tmp_path):
    report = check_json(tmp_path, [{"image": f"{i}.jpg", "gt_score": 1.5 + i} for i in range(12)])
    assert (report.sets[0].format, report.sets[0].labels[1]) == ("qalign", 2.5)


def test_names_that_are_no_text_are_escaped(tmp_path):
    path = tmp_path / "b\udcff.csv"
    path.write_text("image,mos\na.jpg,1\n", encoding="utf-8")
    report = check_sets([path], CheckOptions(pictures=False))
    json.dumps(report.to_json()).encode("utf-8")
    assert report.sets[0].name == "b\\xff"


def test_pictures_that_are_not_there_are_not_looked_at(tmp_path):
    report = check_rows(tmp_path, clean("plain", np.random.default_rng(0)), pictures=True)
    assert report.sets[0].facts == ()
    assert [finding.check for finding in report.findings if finding.severity != "note"] == ["missing-files"]


def test_split_columns_are_found_by_name(tmp_path):
    rows = [{"image": f"{i}.jpg", "mos": i, "split2": "a", "fold": i % 5, "set": f"x{i}"} for i in range(200)]
    assert list(set_of(tmp_path, rows).splits) == ["split2", "fold"]
    assert list(set_of(tmp_path, rows, split="set,fold").splits) == ["set", "fold"]


def test_what_is_not_installed_is_told_before_pictures_are_looked_at(tmp_path, monkeypatch):
    looked = []
    table = write_csv(tmp_path / "t.csv", [{"image": "a.jpg", "mos": 2}])
    for module, package in (("sklearn", "scikit-learn"), ("scipy", "scipy")):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            with pytest.raises(MissingExtra, match=rf"{package} is not installed.*visq\[eval\]"):
                check_sets([table], on_progress=looked.append)
    assert not looked


def test_a_check_of_nothing_has_no_findings():
    assert check_sets([]).findings == ()
    assert not of(check_sets([]), "values")
