"""Pictures that are the same, planted in every way; pictures that are not, left alone."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from checked_tables import write_csv
from visq.backbones import BACKBONES, find_model
from visq.data.sources import set_names
from visq.evaluation.checks import CHECKS
from visq.evaluation.checks.check import CheckOptions, read_set
from visq.evaluation.checks.duplicates import similar_pairs
from visq.evaluation.checks.pictures import picture_facts, unit

SHIPPED = sorted((find_model("mini").path / "pictures").iterdir())


def different(seed):
    """A picture of large soft spots, another for each seed."""
    small = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((180, 140), Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path):
    """Eight different pictures, one copied, one with its pixels elsewhere, one compressed and halved."""
    for i in range(8):
        different(i).save(tmp_path / f"{i}.png")
    shutil.copy(tmp_path / "0.png", tmp_path / "copy-of-0.png")
    Image.open(tmp_path / "1.png").save(tmp_path / "pixels-of-1.bmp")
    Image.open(tmp_path / "2.png").resize((90, 70)).save(tmp_path / "small-2.jpg", quality=60)
    return tmp_path


def found_by(check, *manifests, embed=None):
    names = set_names([str(path) for path in manifests])
    sets = [
        read_set(path, name, None, CheckOptions(embed=embed))
        for path, name in zip(manifests, names, strict=True)
    ]
    return list(CHECKS.get(check)(sets))


def manifest(folder, name="ratings.csv", files=None, **columns):
    files = files or sorted(p.name for p in folder.iterdir() if p.suffix != ".csv")
    rows = [
        {"image": file, "mos": i % 5} | {k: v(file) for k, v in columns.items()}
        for i, file in enumerate(files)
    ]
    return write_csv(folder / name, rows)


def groups_of(finding):
    return sorted(sorted(group) for group in finding.figures["groups"])


def test_equal_bytes_and_equal_pixels_are_told_apart(folder):
    by_bytes, by_pixels = found_by("exact-duplicates", manifest(folder))
    assert groups_of(by_bytes) == [["0.png", "copy-of-0.png"]]
    assert groups_of(by_pixels) == [["1.png", "pixels-of-1.bmp"]]
    assert {by_bytes.severity, by_pixels.severity} == {"warning"}
    labels = {
        row: i % 5 for i, row in enumerate(sorted(p.name for p in folder.iterdir() if p.suffix != ".csv"))
    }
    assert by_bytes.figures["label_gap"] == abs(labels["0.png"] - labels["copy-of-0.png"])


def test_a_copy_compressed_again_is_near(folder):
    (found,) = found_by("near-duplicates", manifest(folder))
    assert groups_of(found) == [["2.png", "small-2.jpg"]]


def test_copies_of_pictures_with_plain_borders_are_all_found(tmp_path):
    for i in range(80):
        canvas = Image.new("RGB", (300, 300), "white")
        canvas.paste(different(i), (60, 80))
        canvas.save(tmp_path / f"{i:02d}.png")
        canvas.save(tmp_path / f"{i:02d}-again.jpg", quality=60)
    (found,) = found_by("near-duplicates", manifest(tmp_path))
    assert groups_of(found) == [[f"{i:02d}-again.jpg", f"{i:02d}.png"] for i in range(80)]


def test_a_pair_across_a_split_is_an_error(folder):
    table = manifest(folder, split=lambda file: "test" if "-" in file else "train")
    for check in ("exact-duplicates", "near-duplicates"):
        assert {finding.severity for finding in found_by(check, table)} == {"error"}


def test_a_pair_across_two_manifests_is_an_error(folder):
    one = manifest(folder, "train.csv", [f"{i}.png" for i in range(8)])
    two = manifest(folder, "held.csv", ["copy-of-0.png", "small-2.jpg"])
    (exact,) = found_by("exact-duplicates", one, two)
    assert exact.severity == "error"
    assert groups_of(exact) == [["held/copy-of-0.png", f"{set_names([str(one), str(two)])[0]}/0.png"]]


def test_two_lists_of_the_same_pictures_are_no_duplicates(folder):
    files = [f"{i}.png" for i in range(8)]
    lists = [manifest(folder, name, files) for name in ("quality.csv", "consistency.csv")]
    assert found_by("exact-duplicates", *lists) == found_by("near-duplicates", *lists) == []
    lists[1] = manifest(folder, "consistency.csv", [*files, "copy-of-0.png"])
    (found,) = found_by("exact-duplicates", *lists)
    assert found.severity == "warning", "neither is a list to learn from"


def test_different_pictures_are_left_alone(tmp_path):
    for i in range(40):
        different(100 + i).save(tmp_path / f"{i}.png")
    table = manifest(tmp_path)
    assert found_by("exact-duplicates", table) == found_by("near-duplicates", table) == []


def test_a_mirrored_copy_is_found_by_features(tmp_path):
    shipped = find_model("mini")
    mini = BACKBONES.get(shipped.backbone)(shipped, threads=1)
    for path in SHIPPED:
        if "coffee" in path.name:
            continue  # there is a blurred copy of it
        shutil.copy(path, tmp_path)
    source = Image.open(tmp_path / "rocket.jpg").convert("RGB")
    source.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "mirrored.png")
    table = manifest(tmp_path)

    def embed(picture):
        return mini.embed([mini.prepare(picture)])[0]

    assert found_by("near-duplicates", table) == []
    (found,) = found_by("feature-duplicates", table, embed=embed)
    assert groups_of(found) == [["mirrored.png", "rocket.jpg"]]
    assert found.severity == "note", "features are no proof"
    assert found_by("feature-duplicates", table) == [], "no features were asked for"
    mini.close()


def test_similar_pairs_are_nearly_all_there_are():
    rng = np.random.default_rng(3)
    base = rng.normal(size=(3000, 64)) + 2  # all point somewhat the same way, as features do
    near = base[:100] + rng.normal(scale=0.3, size=(100, 64))
    features = np.stack([unit(row.astype(np.float32)) for row in np.vstack([base, near])])
    wanted = set(
        zip(*(at.tolist() for at in np.nonzero(np.triu(features @ features.T >= 0.95, 1))), strict=True)
    )
    found = set(similar_pairs(features, 0.95))
    assert len(wanted) >= 100
    assert found <= wanted
    assert len(found) >= 0.98 * len(wanted)


def test_thousands_of_plain_pictures_make_no_millions_of_pairs():
    features = np.tile(unit(np.ones(16, np.float32)), (3000, 1))
    assert len(set(similar_pairs(features, 0.95))) < 8 * 32 * 3000 / 10


def test_facts_of_what_cannot_be_used_say_why(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(SHIPPED[0].read_bytes()[:2000])
    (tmp_path / "text.png").write_text("no picture")
    facts = picture_facts([str(tmp_path / "broken.jpg"), str(tmp_path / "text.png"), None, str(SHIPPED[0])])
    assert [one.kind for one in facts] == ["truncated", "not-a-picture", "missing", None]
    assert facts[3].format == "JPEG"
    with Image.open(SHIPPED[0]) as image:
        assert (facts[3].width, facts[3].height) == image.size
        assert facts[3].jpeg_luma_sum == sum(image.quantization[0])


@pytest.mark.shared
def test_the_equal_pictures_of_agiqa3k_are_found(shared):
    import csv

    table = shared / "agiqa3k/labels.csv"
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["duplicate_set"]]
    wanted = sorted(
        sorted(row["image"] for row in rows if row["duplicate_set"] == mark)
        for mark in {row["duplicate_set"] for row in rows}
    )
    facts = picture_facts([str(shared / "agiqa3k" / row["image"]) for row in rows])
    by_hash = {}
    for row, one in zip(rows, facts, strict=True):
        by_hash.setdefault(one.sha256, []).append(row["image"])
    assert sorted(sorted(group) for group in by_hash.values()) == wanted
