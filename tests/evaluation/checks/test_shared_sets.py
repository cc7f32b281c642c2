"""The faults that published lists really have; figures of SPEC 1.2, 3.10, 5.2 and of the data's README."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from checked_tables import check_tables, findings_of, loud, of, one_of, write_csv

pytestmark = pytest.mark.shared


def rows_of(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_prompts_of_published_splits_are_all_in_train_too(shared):
    report = check_tables(shared / "labels/qalign/agiqa3k_splits.csv")
    found = of(report, "group-overlap")
    assert [f.figures["column"] for f in found] == [f"split{k}" for k in range(1, 6)]
    rows = rows_of(shared / "labels/qalign/agiqa3k_splits.csv")
    for finding in found:
        column = finding.figures["column"]
        prompts = {part: {r["image"][-7:-4] for r in rows if r[column] == part} for part in ("train", "test")}
        assert finding.severity == "error"
        assert finding.figures["n_tested_groups"] == len(prompts["test"])
        assert finding.figures["n_tested_groups_in_train"] == len(prompts["test"] & prompts["train"])
        assert finding.figures["share"] == 1.0
    draws = one_of(report, "split-draws")
    assert draws.severity == "warning"
    assert draws.figures["n_in_none"] > 500


@pytest.mark.parametrize("seed", range(3))
def test_a_random_row_split_of_agiqa3k_tears_prompts_its_folds_do_not(shared, tmp_path, seed):
    rows = rows_of(shared / "agiqa3k/labels.csv")
    assert not findings_of("group-overlap", shared / "agiqa3k/labels.csv")
    is_test = np.random.default_rng(seed).random(len(rows)) < 0.2
    for row, test in zip(rows, is_test.tolist(), strict=True):
        row["split"] = "test" if test else "train"
        del row["fold"]
    (found,) = findings_of("group-overlap", write_csv(tmp_path / "rows.csv", rows))
    assert found.figures["n_tested_groups"] > 190
    assert found.figures["n_tested_groups_in_train"] == found.figures["n_tested_groups"]


def test_clips_and_identities_of_the_forgery_index(shared):
    report = check_tables(shared / "labels/forensics/trainingset2_rows.csv")
    found = {f.figures["grouping"]: f.figures for f in of(report, "group-overlap")}
    clip, identity = found["clip"], found["identity"]
    assert (clip["n_leaking_0"], clip["n_tested_0"]) == (365, 750)
    assert (clip["n_leaking_1"], clip["n_tested_1"]) == (141, 750)
    assert round(100 * identity["share_0_directly"], 1) == 73.6
    assert round(100 * identity["share_1_directly"], 1) == 87.7
    assert identity["n_leaking_directly"] == 1210
    assert (identity["n_values"], identity["n_groups"]) == (6948, 3027)
    assert (identity["largest_group"], identity["n_single"]) == (3443, 1592)


def test_names_of_the_forgery_index_give_the_label_away(shared):
    folder = shared / "labels/forensics"
    report = check_tables(folder / "train_idx.sample200.json", folder / "val_idx.sample200.json")
    told = [f for f in of(report, "name-label") if f.severity == "warning"]
    assert len(told) == 2
    assert all("'image' 0" in f.message for f in told)
    assert {f.figures["grouping"] for f in of(report, "group-overlap")} == {"clip", "identity"}


def test_empty_bands_of_ava(shared):
    (found,) = findings_of("empty-bands", shared / "ava/labels.csv")
    assert "3.50..4.70 and 5.30..6.50 empty" in found.message
    for name in ("koniq", "spaq", "kadid"):
        assert not findings_of("empty-bands", shared / f"labels/qalign/{name}.csv")


def test_training_rows_of_ava_against_its_labels(shared):
    found = one_of(check_tables(shared / "ava/sft.jsonl", shared / "ava/labels.csv"), "picture-overlap")
    assert (found.severity, found.figures["n"], len(found.rows)) == ("note", 1195, 1195)


@pytest.mark.parametrize("name", ["test_jsons__live", "ft__live__train_split_1", "ft__live__test_split_1"])
def test_direction_of_live(shared, name):
    path = shared / f"labels/qalign/samples/{name}.json"
    found = one_of(check_tables(path, label_scale="0..100"), "direction")
    assert "LIVE has DMOS" in found.message
    right = of(check_tables(path, protocol="live"), "direction")
    assert ["level words are upside down" in f.message for f in right] == [True] * name.startswith("ft")


@pytest.mark.parametrize("name", ["test_jsons__csiq", "ft__csiq__train_split_1", "ft__csiq__test_split_1"])
def test_direction_of_csiq(shared, name):
    path = shared / f"labels/qalign/samples/{name}.json"
    found = one_of(check_tables(path), "direction")
    assert found.severity == "error"
    assert found.figures["strength_srcc"] == pytest.approx(1)
    right = of(check_tables(path, protocol="csiq"), "direction")
    assert ["level words are upside down" in f.message for f in right] == [True] * name.startswith("ft")


def test_contrast_of_csiq_holds_the_scores_of_noise(shared):
    found = one_of(check_tables(shared / "labels/qalign/samples/test_jsons__csiq.json"), "identical-groups")
    assert "'AWGN' and 'contrast'" in found.message
    assert len(found.rows) == 10


def test_words_of_kadid(shared):
    path = shared / "labels/qalign/kadid.csv"
    blank = next(f for f in findings_of("level-words", path) if f.severity == "error")
    assert len(blank.rows) == 18
    assert all(name.startswith("I65_") for name in blank.rows)
    rule = {f.figures["part"]: f for f in findings_of("level-rule", path, protocol="kadid")}
    assert len(rule["split 'test'"].rows) == 1013
    assert rule["split 'test'"].severity == "error"
    assert len(rule["split 'train'"].rows) == 4
    assert rule["split 'train'"].severity == "warning"
    assert not findings_of("group-overlap", path)


@pytest.mark.parametrize("name", ["koniq", "spaq"])
def test_clean_published_lists_are_silent(shared, name):
    assert loud(check_tables(shared / f"labels/qalign/{name}.csv", protocol=name)) == []


@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("ft__agi__train_split_1", {"id-folder", "values"}),
        ("ft__agiqa3k__test_split_1", {"values"}),
        ("ft__cgi__train_split_1", {"values"}),
        ("training_sft__train_spaq", {"image-tokens", "questions"}),
        ("test_jsons__test_lsvq", {"image-tokens", "questions"}),
        ("training_sft__train_koniq", set()),
        ("ft__livec__train_split_1", set()),
        ("test_jsons__test_ava", set()),
    ],
)
def test_published_samples(shared, name, checks):
    report = check_tables(shared / f"labels/qalign/samples/{name}.json")
    assert {f.check for f in report.findings if f.severity != "note"} == checks


def test_the_list_that_mini_was_trained_on(shared):
    from visq.backbones import find_model

    trained_on = find_model("mini").spec["trained_on"]
    for path, aspect in (("agiqa3k/labels.csv", "quality"), ("ava/labels.csv", "aesthetics")):
        found = of(
            check_tables(shared / path, aspect=aspect, label=None, trained_on=trained_on), "training-list"
        )
        assert [f.figures["same_file"] for f in found] == [1], path


def test_limits_of_agiqa3k(shared):
    report = check_tables(shared / "agiqa3k/labels.csv")
    floor = one_of(report, "group-floor")
    # SPEC 4.4: pooled out-of-fold .710 by prompt-disjoint folds, all rows; here the shared part, fixed folds.
    assert floor.figures["srcc"] == pytest.approx(0.709, abs=0.001)
    assert floor.figures["low"] < 0.709 < floor.figures["high"]
    gaps = {f.figures["n_pairs"]: f for f in of(report, "rater-ceiling") if "n_pairs" in f.figures}
    assert list(gaps) == [9]  # six pairs, and three black pictures
