from __future__ import annotations

import pytest

from checked_tables import set_of
from visq.evaluation.checks.groups import domains, groupings


def rows(**columns):
    n = len(next(iter(columns.values())))
    table = {"image": [f"{i}.jpg" for i in range(n)], "mos": [1 + i % 7 / 2 for i in range(n)]} | columns
    return [dict(zip(table, cells, strict=True)) for cells in zip(*table.values(), strict=True)]


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("prompt", "prompt"),
        ("reference", "reference"),
        ("video_id", "clip"),
        ("scene", "scene"),
        ("photographer", "author"),
    ],
)
def test_columns_that_name_groups(tmp_path, column, name):
    one = set_of(tmp_path, rows(**{column: [f"g{i // 3}" for i in range(30)]}))
    found = groupings(one)
    assert [(g.name, g.source, g.is_sure) for g in found] == [(name, f"column {column!r}", True)]
    assert found[0].values[:4] == ["g0", "g0", "g0", "g1"]


def test_a_group_that_was_named_is_the_only_one(tmp_path):
    table = rows(prompt=[str(i // 2) for i in range(30)], burst=[str(i // 5) for i in range(30)])
    assert [g.name for g in groupings(set_of(tmp_path, table, group="burst"))] == ["group"]


def test_a_column_of_groups_comes_first_and_hides_only_what_lies_inside_it(tmp_path):
    prompts, scenes = [str(i // 2) for i in range(30)], [str(i % 4) for i in range(30)]
    table = rows(prompt=prompts, scene=scenes, group=[str(i // 6) for i in range(30)])
    found = groupings(set_of(tmp_path, table))
    assert [g.name for g in found] == ["group", "scene"]
    assert found[0].values[5:7] == ["0", "1"]
    alone = [{**row, "group": i} for i, row in enumerate(table)]
    assert [g.name for g in groupings(set_of(tmp_path, alone))] == ["prompt", "scene"]


def test_two_columns_of_one_kind_are_both_kept_unless_they_say_the_same(tmp_path):
    table = rows(scene=[str(i // 3) for i in range(30)], burst_id=[str(i % 10) for i in range(30)])
    assert [g.source for g in groupings(set_of(tmp_path, table))] == ["column 'scene'", "column 'burst_id'"]
    same = [{**row, "burst_id": f"b{row['scene']}"} for row in table]
    assert len(groupings(set_of(tmp_path, same))) == 1


def test_a_column_filled_in_for_some_rows_groups_these(tmp_path):
    table = rows(prompt=[str(i // 2) if i < 20 else "" for i in range(30)])
    (found,) = groupings(set_of(tmp_path, table))
    assert (found.name, found.n_groups) == ("prompt", 20)


def test_rows_joined_into_one_group_are_told_only_where_asked_for(tmp_path):
    one = set_of(tmp_path, rows(id_a=["p", "q", "r"], id_b=["q", "r", "p"]))
    assert groupings(one) == []
    assert [g.name for g in groupings(one, may_be_one=True)] == ["identity"]


def test_prompts_named_as_groups_are_joined_with_them(tmp_path):
    table = rows(said=["x", "y", "y", "z"], group=["1", "1", "2", "3"])
    one = set_of(tmp_path, table, prompt="said")
    assert len(set(groupings(one)[0].values)) == 2


def test_ids_in_two_columns_link_rows(tmp_path):
    table = rows(id_a=["p", "q", "r", "s"], id_b=["q", "", "t", ""])
    found = {g.name: g for g in groupings(set_of(tmp_path, table))}
    assert found["identity"].values == ["p", "p", "r", "s"]
    assert found["identity"].links[0] == {"p", "q"}


def test_frames_by_columns_are_clips(tmp_path):
    table = rows(id_a=["p", "p", "r", "s"], id_b=["q", "q", "t", ""], frame=["1", "9", "1", "1"])
    found = {g.name: g for g in groupings(set_of(tmp_path, table))}
    assert found["clip"].values == ["p__q", "p__q", "r__t", "s__"]


@pytest.mark.parametrize(
    "values",
    [["a"] * 30, [str(i) for i in range(30)], [""] * 20 + [str(i) for i in range(10)]],
    ids=["one group", "all alone", "mostly empty"],
)
def test_what_puts_nothing_together_is_no_grouping(tmp_path, values):
    assert not groupings(set_of(tmp_path, rows(scene=values)))


def test_groups_that_may_be_chance_are_not_sure(tmp_path):
    names = [f"{place}_{i:03d}.jpg" for place in ("beach", "town", "wood", "lake", "hill") for i in range(20)]
    table = [{"image": name, "mos": i % 9} for i, name in enumerate(names)]
    assert [(g.name, g.is_sure) for g in groupings(set_of(tmp_path, table))] == [("prompt", False)]
    few = [row for row in table if row["image"] < "c" or row["image"].startswith("town_01")]
    assert not groupings(set_of(tmp_path, few))


def test_kinds_by_column_name_and_folder(tmp_path):
    one = set_of(
        tmp_path, [{"image": f"k{i % 2}/{i}.jpg", "mos": i, "generator": f"g{i % 3}"} for i in range(12)]
    )
    assert [what for what, _ in domains(one)] == ["column 'generator'", "the folder"]
    one = set_of(tmp_path, [{"image": f"I{i:02d}_{i % 3}_1.png", "mos": i} for i in range(12)])
    assert [(what, values[:3]) for what, values in domains(one)] == [
        ("the distortion in the file name", ["0", "1", "2"])
    ]
    assert not list(domains(set_of(tmp_path, [{"image": "a.jpg", "mos": 1}])))
