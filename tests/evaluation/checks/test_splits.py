from __future__ import annotations

import numpy as np
import pytest

from checked_tables import check_rows, check_tables, loud, of, one_of, write_csv


def prompts(seed=0, n_prompts=50, n_each=4, by="group"):
    """Rows of prompts, split at random by row or by prompt."""
    rng = np.random.default_rng(seed)
    test = set(rng.permutation(n_prompts)[: n_prompts // 5].tolist())
    rows = []
    for p in range(n_prompts):
        for k in range(n_each):
            part = "test" if (p in test if by == "group" else rng.random() < 0.2) else "train"
            rows.append(
                {
                    "image": f"a/{p}x{k}.jpg",
                    "prompt": f"p {p}",
                    "mos": round(rng.normal(3, 0.6), 3),
                    "split": part,
                }
            )
    return rows


def leaking(rows, column="prompt"):
    """By definition: rows outside train whose group is in train too."""
    return [
        row["image"]
        for row in rows
        if row["split"] != "train"
        and any(other["split"] == "train" and other[column] == row[column] for other in rows)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_a_split_by_group_is_silent(tmp_path, seed):
    assert not loud(check_rows(tmp_path, prompts(seed)))


@pytest.mark.parametrize("seed", range(4))
def test_a_split_by_row_tears_groups(tmp_path, seed):
    rows = prompts(seed, by="row")
    found = one_of(check_rows(tmp_path, rows), "group-overlap")
    expected = leaking(rows)
    assert found.severity == "error"
    assert found.rows == tuple(expected)
    n_tested = sum(row["split"] == "test" for row in rows)
    assert (found.figures["n_leaking"], found.figures["n_tested"]) == (len(expected), n_tested)
    assert found.figures["n_groups"] == 50
    assert f"{len(expected)} of {n_tested} rows outside train have their group in it" in found.message


def test_one_torn_group_is_enough(tmp_path):
    rows = prompts()
    moved = next(row for row in rows if row["split"] == "train")
    moved["split"] = "test"
    found = one_of(check_rows(tmp_path, rows), "group-overlap")
    assert (found.rows, found.figures["n_torn"]) == ((moved["image"],), 1)


def test_folds_that_tear_groups(tmp_path):
    rows = [{**row, "fold": i % 5} for i, row in enumerate(prompts())]
    for row in rows:
        del row["split"]
    found = one_of(check_rows(tmp_path, rows), "group-overlap")
    assert found.figures["n_torn"] == 50
    assert len(found.rows) == 200
    whole = [{**row, "fold": int(row["prompt"][2:]) % 5} for row in rows]
    assert not loud(check_rows(tmp_path, whole))


def test_a_split_column_by_another_name_is_named(tmp_path):
    rows = [{"part_of": row.pop("split"), **row} for row in prompts(by="row")]
    assert not of(check_rows(tmp_path, rows), "group-overlap")
    assert of(check_rows(tmp_path, rows, split="part_of"), "group-overlap")


def test_unsure_groups_are_a_note(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"{place}_{i:03d}.jpg" for place in ("beach", "town", "wood", "lake", "hill") for i in range(40)]
    rows = [
        {"image": n, "mos": round(rng.normal(), 3), "split": rng.choice(["train", "test"])} for n in names
    ]
    report = check_rows(tmp_path, rows)
    assert not loud(report)
    assert one_of(report, "group-overlap").severity == "note"


def test_identities_in_one_another(tmp_path):
    rows = [
        {"image": "0.jpg", "id_a": "p", "id_b": "q", "label": 1, "split": "train"},
        {"image": "1.jpg", "id_a": "q", "id_b": "r", "label": 1, "split": "val"},  # shares q with train
        {"image": "2.jpg", "id_a": "r", "id_b": "", "label": 0, "split": "val"},  # joined through row 1 only
        {"image": "3.jpg", "id_a": "z", "id_b": "", "label": 0, "split": "val"},
    ]
    found = one_of(check_rows(tmp_path, rows, split="split"), "group-overlap")
    assert found.rows == ("1.jpg", "2.jpg")
    figures = found.figures
    assert (figures["n_leaking"], figures["n_leaking_directly"], figures["n_tested"]) == (2, 1, 3)
    assert (figures["n_leaking_1"], figures["n_tested_0"], figures["n_leaking_0_directly"]) == (1, 2, 0)
    assert (figures["n_values"], figures["n_groups"], figures["largest_group"], figures["n_single"]) == (
        4,
        2,
        3,
        1,
    )


def test_a_prompt_torn_beside_whole_groups_is_found(tmp_path):
    rows = [{**row, "group": f"g{i}"} for i, row in enumerate(prompts(by="row"))]
    assert one_of(check_rows(tmp_path, rows), "group-overlap").figures["grouping"] == "prompt"
    assert not loud(check_rows(tmp_path, rows, group="group"))


@pytest.mark.parametrize("filled", [0.8, 0.3])
def test_groups_of_some_rows_are_torn_too(tmp_path, filled):
    rows = [{**row, "prompt": row["prompt"] if i < filled * 200 else ""} for i, row in enumerate(prompts())]
    assert not loud(check_rows(tmp_path, rows))
    torn = [{**row, "split": ("train", "test")[i % 2]} for i, row in enumerate(rows)]
    assert one_of(check_rows(tmp_path, torn), "group-overlap").figures["n_groups"] == filled * 50


def test_identities_that_are_all_joined_leak_where_they_are_shared(tmp_path):
    pairs = [(a, b) for a in range(12) for b in range(12) if a != b]
    part = np.random.default_rng(0).permutation(["train", "test"] * 66)
    rows = [
        {"image": f"{a}-{b}.jpg", "id_a": f"p{a}", "id_b": f"p{b}", "label": a % 2, "split": part[i]}
        for i, (a, b) in enumerate(pairs)
    ]
    found = one_of(check_rows(tmp_path, rows), "group-overlap")
    assert (found.severity, found.figures["n_groups"]) == ("error", 1)
    assert found.figures["n_leaking_directly"] == 66
    assert "66 share a value with it themselves" in found.message
    apart = [row for row in rows if int(row["id_a"][1:]) // 6 == int(row["id_b"][1:]) // 6]
    apart = [{**row, "split": "train" if int(row["id_a"][1:]) < 6 else "test"} for row in apart]
    assert not loud(check_rows(tmp_path, apart))


def test_groups_in_two_parts_outside_train_are_named(tmp_path):
    rows = prompts()
    moved = [row for row in rows if row["split"] == "test"][:6]
    for row in moved[:2]:
        row["split"] = "val"
    found = one_of(check_rows(tmp_path, rows), "group-overlap")
    assert found.rows == tuple(row["image"] for row in moved[:4])
    assert "0 of 40 rows outside train have their group in it, 4 in another part outside it" in found.message


def test_one_picture_in_two_spellings_on_both_sides(tmp_path):
    from PIL import Image

    rows = []
    for i in range(6):
        Image.new("RGB", (8, 8), (40 * i, 9, 9)).save(tmp_path / f"p{i}.png")
        rows.append({"image": f"p{i}.png", "mos": i, "split": "train" if i < 3 else "test"})
    assert not of(check_rows(tmp_path, rows, pictures=True), "picture-overlap")
    report = check_rows(tmp_path, [*rows, {"image": "p0", "mos": 0, "split": "test"}], pictures=True)
    assert one_of(report, "picture-overlap").rows == ("p0.png", "p0")
    assert "1 pictures stand in several rows" in one_of(report, "repeated").message


def test_one_picture_on_both_sides(tmp_path):
    rows = prompts()
    twice = {**rows[0], "split": "test" if rows[0]["split"] == "train" else "train"}
    found = one_of(check_rows(tmp_path, [*rows, twice]), "picture-overlap")
    assert (found.severity, found.rows) == ("error", (rows[0]["image"], rows[0]["image"]))


def test_draws_are_no_folds(tmp_path):
    rng = np.random.default_rng(0)
    rows = [{"image": f"{i}.jpg", "mos": i / 7} for i in range(60)]
    tests = [set(rng.permutation(60)[:12].tolist()) for _ in range(3)]
    for k, test in enumerate(tests, 1):
        for i, row in enumerate(rows):
            row[f"split{k}"] = "test" if i in test else "train"
    found = one_of(check_rows(tmp_path, rows), "split-draws")
    several = [i for i in range(60) if sum(i in test for test in tests) > 1]
    assert (found.severity, found.rows) == ("warning", tuple(f"{i}.jpg" for i in several))
    assert found.figures["split1&split3"] == len(tests[0] & tests[2])
    assert found.figures["n_in_none"] == 60 - len(set().union(*tests))


def test_one_split_in_two_columns_is_no_draw(tmp_path):
    rows = [{**row, "set": int(row["split"] == "test")} for row in prompts()]
    rows = [{**row, "subset": row["split"].replace("train", "training")} for row in rows]
    assert not loud(check_rows(tmp_path, rows))


def test_folds_in_columns_are_silent(tmp_path):
    rows = plain(range(60))
    for k in range(1, 6):
        for i, row in enumerate(rows):
            row[f"split{k}"] = "test" if i % 5 == k - 1 else "train"
    assert not loud(check_rows(tmp_path, rows))


# --- two lists ----------------------------------------------------------------------------------------


def two(tmp_path, a, b, names=("train", "test"), **options):
    paths = [write_csv(tmp_path / f"{name}.csv", rows) for name, rows in zip(names, (a, b), strict=True)]
    return check_tables(*paths, **options)


def plain(at, folder="", seed=0):
    rng = np.random.default_rng(seed)
    return [{"image": f"{folder}{i}.jpg", "mos": round(rng.normal(3, 0.6), 3)} for i in at]


def test_pictures_in_train_and_test(tmp_path):
    a = plain(range(100))
    found = one_of(two(tmp_path, plain(range(100, 150)) + a[:7], a), "picture-overlap")
    assert found.severity == "error"
    assert found.rows == tuple(f"{tmp_path.name}/test/{i}.jpg" for i in range(7))
    assert found.sets == (f"{tmp_path.name}/train", f"{tmp_path.name}/test")
    assert "share 7 pictures by their file names" in found.message


def test_two_lists_that_share_pictures_are_a_note(tmp_path):
    report = two(tmp_path, plain(range(50)), plain(range(50)), ("ratings", "answers"))
    assert not loud(report)
    assert one_of(report, "picture-overlap").severity == "note"


def test_other_folders_of_one_picture_count_as_one(tmp_path):
    a, b = plain(range(60), "koniq/"), plain(range(60), "images/")
    assert len(one_of(two(tmp_path, a, b), "picture-overlap").rows) == 60
    rescaled = [{**row, "mos": 10 * row["mos"] - 3} for row in b]
    assert len(one_of(two(tmp_path, a, rescaled), "picture-overlap").rows) == 60


@pytest.mark.parametrize("seed", range(5))
def test_equal_numbers_in_two_folders_are_two_pictures(tmp_path, seed):
    a, b = plain(range(60), "train/", 2 * seed), plain(range(60), "test/", 2 * seed + 1)
    assert not of(two(tmp_path, a, b), "picture-overlap")


def test_groups_between_lists(tmp_path):
    rows = prompts(by="row")
    a = [row for row in rows if row["split"] == "train"]
    b = [row for row in rows if row["split"] == "test"]
    for row in rows:
        row["part"] = row["split"]
    expected = leaking(rows)
    for row in rows:
        del row["split"], row["part"]
    found = one_of(two(tmp_path, b, a, ("test", "train")), "group-overlap")
    assert found.severity == "error"
    assert found.rows == tuple(f"{tmp_path.name}/test/{name}" for name in expected)
    assert not loud(two(tmp_path, a, b, ("ratings", "answers")))


def test_groups_of_single_rows_of_one_list(tmp_path):
    rows = [{"image": f"{i}.jpg", "prompt": f"p {i // 5}", "mos": 1 + i % 31 / 9} for i in range(100)]
    a, b = [row for i, row in enumerate(rows) if i % 5], rows[::5]
    found = one_of(two(tmp_path, a, b), "group-overlap")
    assert (found.severity, found.figures["n_leaking"], len(found.rows)) == ("error", 20, 20)
    stated = [{**row, "group": f"g{i // 4}"} for i, row in enumerate(a)]
    assert one_of(two(tmp_path, stated, b), "group-overlap").figures["grouping"] == "prompt"
    others = [{**row, "prompt": f"q {i}"} for i, row in enumerate(b)]
    assert not loud(two(tmp_path, a, others))


def test_one_prompt_for_all_is_no_group(tmp_path):
    a, b = ([{**row, "prompt": "rate it"} for row in plain(at)] for at in (range(50), range(50, 80)))
    assert not loud(two(tmp_path, a, b))


def references(sign=1):
    rng = np.random.default_rng(0)
    return [
        {"image": f"I{r:02d}_{d:02d}_{k}.png", "mos": round(sign * (5 - k / 2 + rng.normal(0, 0.3)), 3)}
        for r in range(8)
        for d in range(3)
        for k in range(1, 5)
    ]


def test_references_of_two_data_sets_are_two(tmp_path):
    tid = references()[::2]
    report = two(tmp_path, references(), tid, ("kadid_train", "tid2013_test"))
    assert {f.severity for f in of(report, "group-overlap")} == {"note"}
    assert "if they are of one collection" in of(report, "group-overlap")[0].message
    report = two(tmp_path, references(), tid, ("kadid/train", "tid2013/test"))
    assert {f.severity for f in of(report, "group-overlap")} == {"note"}


@pytest.mark.parametrize("folder", ["", "{}/"])
def test_references_of_one_data_set_are_one(tmp_path, folder):
    rows = references()
    a, b = (
        [{**row, "image": folder.format(part) + row["image"]} for row in rows[k::2]]
        for k, part in enumerate(("train", "test"))
    )
    for names in (("train", "test"), ("kadid_train", "kadid_test")):
        assert one_of(two(tmp_path, a, b, names), "group-overlap").severity == "error"


def test_yes_or_no_in_order_makes_no_equal_pictures(tmp_path):
    def rows(folder):
        return [{"image": f"{folder}/{i:04d}.jpg", "label": int(i >= 100)} for i in range(200)]

    assert not of(two(tmp_path, rows("train"), rows("test")), "picture-overlap")
    assert len(one_of(two(tmp_path, rows("all"), rows("all")), "picture-overlap").rows) == 200


def test_names_tell_of_pictures_whose_bytes_are_not_there(tmp_path):
    from PIL import Image

    rows = plain(range(40))
    for i in (0, 39):
        Image.new("RGB", (8, 8), (5 * i, 9, 9)).save(tmp_path / f"{i}.jpg")
    found = one_of(two(tmp_path, rows[:30], rows[20:], pictures=True), "picture-overlap")
    assert (found.figures["n"], found.figures["by"]) == (10, "name")
    found = one_of(two(tmp_path, rows[:30], [rows[0], *rows[20:]], pictures=True), "picture-overlap")
    assert (found.figures["n"], found.figures["by"]) == (11, "bytes and name")
    assert "(1 with the same bytes, 10 by their file names)" in found.message


def test_lists_without_names_of_pictures_share_none(tmp_path):
    rows = [{"id_a": f"x{i}", "label": i % 2} for i in range(30)]
    other = [{"id_a": f"y{i}", "label": i % 2} for i in range(30)]
    assert not of(two(tmp_path, rows, other), "picture-overlap")
