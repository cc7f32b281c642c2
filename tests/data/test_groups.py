"""Rows that belong together, against a flood fill by definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from visq.data.groups import joined_groups


def flood(columns: list[list[str]]) -> list[set[int]]:
    """Parts of rows reachable from each other by shared values, by definition."""
    rows = [{cell for cell in cells if cell} for cells in zip(*columns, strict=True)]
    left, parts = set(range(len(rows))), []
    while left:
        part, edge = set(), {min(left)}
        while edge:
            part |= edge
            edge = {i for i in left - part if any(rows[i] & rows[j] for j in part)}
        parts.append(part)
        left -= part
    return parts


@given(st.lists(st.tuples(*[st.sampled_from(["", "a", "b", "c", "d", "e"])] * 3), max_size=12))
def test_groups_are_what_a_flood_reaches(rows):
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], []]
    found = joined_groups(columns)
    parts = [{i for i, name in enumerate(found) if name == group} for group in dict.fromkeys(found)]
    assert parts == flood(columns)


def test_two_columns_share_their_values():
    assert joined_groups([["v1", "v2", "v3"], ["v2", "v4", ""]]) == ["v1", "v1", "v3"]


def test_rows_without_a_value_stand_alone():
    assert joined_groups([["", "", "a"]]) == ["row 1", "row 2", "a"]


def test_a_long_chain_is_one_group_in_no_time():
    n = 100_000
    found = joined_groups([[str(i) for i in range(n)], [str(i + 1) for i in range(n)]])
    assert set(found) == {"0"}
