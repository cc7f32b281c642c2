"""Files that are not what their row says, and labels that a file gives away; clean sets stay silent."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from checked_tables import write_csv
from visq.backbones import find_model
from visq.evaluation.checks import CHECKS
from visq.evaluation.checks.check import CheckOptions, read_set

SHIPPED = sorted((find_model("mini").path / "pictures").iterdir())


def findings(check, path, **options):
    return list(CHECKS.get(check)([read_set(path, "set", None, CheckOptions(**options))]))


@pytest.fixture
def folder(tmp_path):
    for path in SHIPPED:
        shutil.copy(path, tmp_path)
    return tmp_path


def test_missing_broken_misnamed_and_extra_files(folder):
    (folder / "broken.jpg").write_bytes(SHIPPED[0].read_bytes()[:1500])
    shutil.copy(folder / "chelsea.png", folder / "really-png.jpg")
    named = ["astronaut.jpg", "broken.jpg", "really-png.jpg", "gone.jpg"]
    table = write_csv(folder / "t.csv", [{"image": name, "mos": 1} for name in named])
    (missing,) = findings("missing-files", table)
    assert (missing.severity, missing.rows, missing.figures["n"]) == ("error", ("gone.jpg",), 1)
    broken, misnamed = findings("broken-files", table)
    assert (broken.rows, broken.severity) == (("broken.jpg",), "error")
    assert "truncated 1" in broken.message
    assert (misnamed.rows, misnamed.severity) == (("really-png.jpg",), "warning")
    (extra,) = findings("extra-files", table)
    assert (extra.severity, extra.figures["n"]) == ("note", len(SHIPPED) - 1)
    files = sorted(str(folder / path.name) for path in SHIPPED if path.name != "astronaut.jpg")
    assert [(found.file, found.row) for found in extra.at] == [(file, None) for file in files]


def test_a_clean_folder_has_no_such_findings(folder):
    table = write_csv(folder / "t.csv", [{"image": path.name, "mos": 1} for path in SHIPPED])
    for check in ("missing-files", "broken-files", "extra-files"):
        assert findings(check, table) == []


def pictures(folder, n, quality, rng):
    """n pictures of noise; `quality(i)` is the JPEG quality of each."""
    for i in range(n):
        noise = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{i:03d}.jpg", quality=quality(i))


@pytest.mark.parametrize("seed", range(4))
def test_a_set_without_shortcuts_is_left_alone(tmp_path, seed):
    rng = np.random.default_rng(seed)
    pictures(tmp_path, 80, lambda i: 90, rng)
    rows = [{"image": f"{i:03d}.jpg", "mos": round(float(rng.uniform(1, 5)), 3)} for i in range(80)]
    assert findings("shortcuts", write_csv(tmp_path / "t.csv", rows)) == []


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_one_picture_do_not_tell_each_others_label(tmp_path, seed):
    rng = np.random.default_rng(seed)
    pictures(tmp_path, 40, lambda i: 90, rng)
    shutil.copytree(tmp_path, tmp_path / "again")
    labels = rng.uniform(1, 5, 40)
    rows = [
        {
            "id": f"{i}{k}",
            "image": f"{where}{i:03d}.jpg",
            "prompt": f"{k} of {i}",
            "mos": round(float(label), 3),
        }
        for i, label in enumerate(labels)
        for k, where in enumerate(("", "", "again/"))
    ]
    assert findings("shortcuts", write_csv(tmp_path / "t.csv", rows), group="id") == []


def test_a_label_that_compression_tells_is_found(tmp_path):
    rng = np.random.default_rng(5)
    labels = rng.uniform(1, 5, 100)
    pictures(tmp_path, 100, lambda i: int(20 + 14 * labels[i]), rng)
    rows = [{"image": f"{i:03d}.jpg", "mos": round(float(label), 3)} for i, label in enumerate(labels)]
    (found,) = findings("shortcuts", write_csv(tmp_path / "t.csv", rows))
    assert found.figures["srcc"] > 0.8
    assert found.figures["low"] < found.figures["srcc"]
    assert abs(found.figures["alone_JPEG table"]) > 0.9


def test_a_label_that_names_tell_is_found_without_pictures(tmp_path):
    rng = np.random.default_rng(6)
    rows = [
        {"image": f"{'real' if i % 2 else 'made'}-{rng.integers(10**6)}.png", "label": i % 2}
        for i in range(80)
    ]
    (found,) = findings("shortcuts", write_csv(tmp_path / "t.csv", rows), pictures=False)
    assert "its name tells" in found.message
    assert found.figures["auroc"] == 1.0


@pytest.mark.parametrize("form", ["{tens}_{i:04d}.jpg", "{rank:05d}.jpg", "{i}-mos{tens}.jpg"])
def test_a_label_that_numbers_in_names_tell_is_found(tmp_path, form):
    labels = np.random.default_rng(6).uniform(1, 5, 100).round(3)
    ranks = labels.argsort().argsort()
    rows = [
        {"image": form.format(i=i, tens=round(10 * label), rank=rank), "mos": label}
        for i, (label, rank) in enumerate(zip(labels.tolist(), ranks.tolist(), strict=True))
    ]
    (found,) = findings("shortcuts", write_csv(tmp_path / "t.csv", rows), pictures=False)
    assert found.figures["srcc"] > 0.9
    assert found.figures["strongest"].startswith("number ")


def test_of_very_many_rows_some_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr("visq.evaluation.checks.shortcuts._MOST_ROWS", 100)
    rows = [{"image": f"{i}.jpg", "mos": 1 + i / 100} for i in range(400)]
    (found,) = findings("shortcuts", write_csv(tmp_path / "t.csv", rows), pictures=False)
    assert (found.figures["n"], len(found.rows)) == (100, 100)


@pytest.mark.parametrize("seed", range(6))
def test_numbers_of_names_that_tell_nothing_are_left_alone(tmp_path, seed):
    rng = np.random.default_rng(seed)
    for names in (
        [f"{i:04d}.jpg" for i in range(150)],
        [f"IMG_{rng.integers(20200101, 20241231)}_{rng.integers(10**6):06d}.jpg" for i in range(150)],
        [f"{rng.integers(1 << 60):016x}.jpg" for i in range(150)],
    ):
        rows = [{"image": name, "mos": round(float(rng.normal(3, 0.6)), 3)} for name in names]
        assert findings("shortcuts", write_csv(tmp_path / "t.csv", rows), pictures=False) == []


@pytest.mark.shared
def test_the_shortcuts_of_casia_are_found(shared):
    found = findings("shortcuts", shared / "forgery/casia1/labels.csv", label="label", aspect="authenticity")
    by_file = next(finding for finding in found if "the file tells" in finding.message)
    assert by_file.figures["auroc"] > 0.9
    assert by_file.figures["alone_bytes"] == pytest.approx(0.833, abs=0.001)
    assert by_file.figures["alone_JPEG table"] == pytest.approx(0.314, abs=0.001)
