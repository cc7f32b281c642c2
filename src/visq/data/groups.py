"""Groups: rows that belong together, by one column or by several. Knows text only: no split, no label."""

from __future__ import annotations

from collections.abc import Sequence


def joined_groups(columns: Sequence[Sequence[str]]) -> list[str]:
    """The group of each row: rows that share a value in any column, or are linked by others that do.

    Values mean the same in every column, so that `id_a` of one row and `id_b` of another join the two (two
    faces of one video); an empty cell joins nothing. A row whose cells are all empty is a group of its own.

    Args:
        columns: one or more columns, each [n].

    Returns:
        [n], the group of each row: the first value met of it. A row without any value gets `row N`, N counted
        from 1 in the order given.

    Source:
        Connected components by union-find with path halving (Tarjan and van Leeuwen 1984).

    Example:
        >>> joined_groups([["a", "b", "c", ""], ["x", "", "x", ""]])
        ['a', 'b', 'a', 'row 4']
    """
    parent: dict[str, str] = {}

    def root(value: str) -> str:
        while parent[value] != value:
            parent[value] = parent[parent[value]]
            value = parent[value]
        return value

    order: dict[str, int] = {}
    for cells in zip(*columns, strict=True):
        values = [cell for cell in cells if cell]
        for value in values:
            parent.setdefault(value, value)
            order.setdefault(value, len(order))
        for value in values[1:]:
            one, other = sorted((root(values[0]), root(value)), key=order.__getitem__)
            parent[other] = one  # the value met first names the group
    firsts = [next((cell for cell in cells if cell), None) for cells in zip(*columns, strict=True)]
    return [f"row {i}" if first is None else root(first) for i, first in enumerate(firsts, start=1)]
