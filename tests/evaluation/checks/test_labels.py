from __future__ import annotations

import numpy as np
import pytest

from checked_tables import check_json, check_rows, conversation, loud, of, one_of
from visq.evaluation.checks.labels import extreme_blocks


def rows(labels, **columns):
    found = []
    for i, label in enumerate(labels):
        found.append(
            {"image": f"{i}.jpg", "mos": label} | {name: cells[i] for name, cells in columns.items()}
        )
    return found


def natural(seed, n=200):
    return np.random.default_rng(seed).normal(3, 0.6, n).round(3).tolist()


def test_cells_that_are_no_numbers_are_named(tmp_path):
    labels = natural(0)
    labels[4], labels[9], labels[11] = "n/a", "3,5", "inf"
    found = one_of(check_rows(tmp_path, rows(labels)), "values")
    assert found.severity == "error"
    assert found.rows == ("4.jpg", "9.jpg", "11.jpg")
    assert "3 cells are no numbers, such as 'n/a' in row 6" in found.message


def test_rows_without_a_label_are_named(tmp_path):
    labels = natural(0)
    labels[7] = labels[8] = ""
    found = one_of(check_rows(tmp_path, rows(labels)), "values")
    assert (found.severity, found.rows) == ("warning", ("7.jpg", "8.jpg"))
    assert "2 of 200 rows have no label" in found.message


def test_a_part_without_labels_is_only_a_note(tmp_path):
    labels = [*natural(0, 100), *[""] * 20]
    split = ["train"] * 100 + ["test"] * 20
    found = one_of(check_rows(tmp_path, rows(labels, split=split)), "values")
    assert (found.severity, len(found.rows)) == ("note", 20)


def test_labels_outside_the_stated_scale_are_named(tmp_path):
    labels = [*natural(0), 5.5, 0.5]
    found = one_of(check_rows(tmp_path, rows(labels), label_scale="5..1"), "values")
    assert (found.severity, found.rows) == ("error", ("200.jpg", "201.jpg"))
    assert "outside 5..1, such as 5.5 in row 202" in found.message
    assert not of(check_rows(tmp_path, rows(labels), label_scale="0..6"), "values")


def test_a_protocol_does_not_take_one_wrong_label_for_another_scale(tmp_path):
    labels = [*natural(0), 45]
    table = [{**row, "image": f"{i:08d}.jpg"} for i, row in enumerate(rows(labels))]
    found = one_of(check_rows(tmp_path, table, protocol="koniq"), "values")
    assert (found.severity, found.rows) == ("error", ("00000200.jpg",))
    assert "outside 1..5" in found.message
    assert not loud(check_rows(tmp_path, table[:-1], protocol="koniq"))
    hundred = [{**row, "mos": 20 * row["mos"]} for row in table[:-1]]
    assert not loud(check_rows(tmp_path, hundred, protocol="koniq"))


def test_a_slipped_decimal_point_is_found_without_a_scale(tmp_path):
    labels = natural(0)
    labels[17] = 345.0
    found = one_of(check_rows(tmp_path, rows(labels)), "values")
    assert (found.severity, found.rows) == ("warning", ("17.jpg",))
    assert "lie far from all others, such as 345 in row 19" in found.message


@pytest.mark.parametrize("seed", range(5))
def test_long_tails_are_not_far(tmp_path, seed):
    labels = np.random.default_rng(seed).lognormal(0, 0.7, 500).round(4).tolist()
    assert not loud(check_rows(tmp_path, rows(labels)))


def test_scores_as_text_are_told_those_in_ids_are_not(tmp_path):
    text = [{"image": f"{i}.jpg", "gt_score": f"{1 + i / 9:.3f} "} for i in range(30)]
    found = one_of(check_json(tmp_path, text), "values")
    assert (found.severity, len(found.rows), found.figures["n_with_blanks"]) == ("warning", 30, 30)
    assert not of(
        check_json(tmp_path, [{**row, "gt_score": float(row["gt_score"])} for row in text]), "values"
    )
    named = [conversation(f"{i}.jpg", 1 + i / 9, "fair") for i in range(30)]
    assert not of(check_json(tmp_path, named), "values")


def test_one_picture_with_two_labels(tmp_path):
    table = [*rows(natural(0)), {"image": "./3.jpg", "mos": 1.25}]
    found = one_of(check_rows(tmp_path, table), "repeated")
    assert (found.severity, found.rows) == ("error", ("3.jpg", "./3.jpg"))
    assert "1 pictures stand in several rows with different labels" in found.message
    assert "keep one label each" in found.message
    assert found.figures["mean_gap"] == pytest.approx(abs(1.25 - table[3]["mos"]))


def test_one_picture_twice_with_one_label(tmp_path):
    table = rows(natural(0))
    found = one_of(check_rows(tmp_path, [*table, table[5]]), "repeated")
    assert (found.severity, found.rows) == ("warning", ("5.jpg", "5.jpg"))


def test_a_picture_for_two_prompts_is_two_things(tmp_path):
    table = [
        {"id": f"{i}{p}", "image": f"{i}.jpg", "prompt": f"{p} {i}", "score": i + 0.1 * len(p)}
        for i in range(30)
        for p in ("cat", "a dog")
    ]
    assert not of(check_rows(tmp_path, table, split=None), "repeated")


@pytest.mark.parametrize("column", ["caption", "Text_Prompt"])
def test_a_picture_for_several_captions_is_several_things(tmp_path, column):
    table = [
        {"id": f"{i}{k}", "image": f"{i}.jpg", column: f"caption {k} of {i}", "score": i + k / 3}
        for i in range(30)
        for k in range(3)
    ]
    assert not of(check_rows(tmp_path, table), "repeated")


def test_single_ratings_are_called_so(tmp_path):
    rng = np.random.default_rng(0)
    table = [{"image": f"{i}.jpg", "score": int(s)} for i in range(30) for s in rng.permutation(5)[:4] + 1]
    assert "take their mean" in one_of(check_rows(tmp_path, table), "repeated").message


def test_one_id_for_two_pictures(tmp_path):
    table = [{"id": f"k{i}", "image": f"{i}.jpg", "score": i} for i in range(30)]
    table[9]["id"] = "k2"
    found = one_of(check_rows(tmp_path, table), "repeated")
    assert (found.severity, found.rows) == ("error", ("k2",))
    assert "stands for another picture" in found.message
    assert "row 11" in found.message


def test_constant_labels(tmp_path):
    found = one_of(check_rows(tmp_path, rows([3.0] * 12)), "constant")
    assert (found.severity, len(found.rows)) == ("error", 12)
    assert not of(check_rows(tmp_path, rows([3.0])), "constant")


def test_empty_bands_are_given_with_their_ends(tmp_path):
    rng = np.random.default_rng(0)
    parts = [rng.uniform(1, 3.5, 200), rng.uniform(4.7, 5.3, 200), rng.uniform(6.5, 8, 200)]
    labels = np.concatenate(parts).round(6)
    found = one_of(check_rows(tmp_path, rows(labels.tolist())), "empty-bands")
    assert found.severity == "warning"
    ends = [found.figures[f"gap_{k}_{end}"] for k in (1, 2) for end in ("low", "high")]
    below = [labels[labels < 4].max(), labels[(labels > 4) & (labels < 6)].max()]
    above = [labels[labels > 4].min(), labels[labels > 6].min()]
    assert ends == pytest.approx([below[0], above[0], below[1], above[1]])
    assert "and 5." in found.message


@pytest.mark.parametrize("seed", range(6))
def test_natural_labels_leave_no_band_empty(tmp_path, seed):
    rng = np.random.default_rng(seed)
    for labels in (rng.normal(3, 0.7, 400), rng.uniform(0, 100, 400), rng.lognormal(0, 0.6, 400)):
        assert not of(check_rows(tmp_path, rows(labels.round(4).tolist())), "empty-bands")


@pytest.mark.parametrize("seed", range(6))
def test_frames_of_few_clips_leave_no_band_empty(tmp_path, seed):
    rng = np.random.default_rng(seed)
    means = rng.normal(3, 0.7, 30)
    table = [
        {"image": f"clip{c:02d}_frame{f:03d}.jpg", "mos": round(means[c] + rng.normal(0, 0.1), 4)}
        for c in range(30)
        for f in range(10)
    ]
    assert not of(check_rows(tmp_path, table), "empty-bands")
    for row in table:  # frames of a clip nearly alike: the gaps are between 30 clips, not between 300 labels
        row["mos"] = round(means[int(row["image"][4:6])] + rng.normal(0, 0.01), 5)
    assert not of(check_rows(tmp_path, table), "empty-bands")


def distorted(labels, kinds):
    return [
        {"image": f"{i:03d}.png", "distortion": kind, "mos": label}
        for i, (label, kind) in enumerate(zip(labels, kinds, strict=True))
    ]


def test_two_distortions_with_the_same_scores(tmp_path):
    rng = np.random.default_rng(0)
    a, b = rng.uniform(1, 5, 25).round(3), rng.uniform(1, 5, 25).round(3)
    labels = [value for trio in zip(a, b, a, strict=True) for value in trio]
    kinds = ["noise", "blur", "contrast"] * 25
    found = one_of(check_rows(tmp_path, distorted(labels, kinds)), "identical-groups")
    assert found.severity == "error"
    assert found.rows == tuple(f"{i:03d}.png" for i in range(75) if i % 3 != 1)
    assert "'contrast' and 'noise' (column 'distortion') have the same 25 scores" in found.message


@pytest.mark.parametrize("seed", range(5))
def test_coarse_scores_agree_by_chance(tmp_path, seed):
    rng = np.random.default_rng(seed)
    kinds = [f"kind{i % 150}" for i in range(600)]
    report = check_rows(tmp_path, distorted(rng.integers(1, 6, 600).tolist(), kinds))
    assert not of(report, "identical-groups")


def test_most_scores_alike_are_not_all(tmp_path):
    rng = np.random.default_rng(0)
    a = rng.uniform(1, 5, 25).round(3)
    b = np.where(np.arange(25) == 20, 3.3333, a)
    labels = [value for pair in zip(a, b, strict=True) for value in pair]
    assert not of(check_rows(tmp_path, distorted(labels, ["noise", "contrast"] * 25)), "identical-groups")


def test_a_block_of_ties_at_an_end_is_a_note(tmp_path):
    labels = [*natural(0, 100), *[5.0] * 20]
    found = one_of(check_rows(tmp_path, rows(labels)), "blocks")
    assert (found.severity, len(found.rows)) == ("note", 20)
    assert "exactly 5, the highest" in found.message


def test_steps_of_a_scale_are_no_block():
    labels = np.repeat([1.0, 2, 3, 4, 5], [40, 60, 80, 60, 40])
    assert not list(extreme_blocks(labels))
    assert not list(extreme_blocks(np.repeat(np.arange(20.0), 10)))
    assert not list(extreme_blocks(np.array([])))
    assert not list(extreme_blocks(np.ones(50)))
    assert [what for what, _ in extreme_blocks(np.array([*np.linspace(1, 2, 40), *[0.0] * 5]))] == ["lowest"]
