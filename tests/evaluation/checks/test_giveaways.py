from __future__ import annotations

import numpy as np
import pytest

from checked_tables import check_rows, of, one_of


def rows(name, n=60, **columns):
    return [
        {"image": name(i, i % 2), "label": i % 2} | {c: of_row(i, i % 2) for c, of_row in columns.items()}
        for i in range(n)
    ]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        (lambda i, y: f"{'fake' if y else 'real'}/{i}.jpg", "the folder"),
        (lambda i, y: f"a/{'gan' if y else 'image'}__{i}.jpg", "part 1 of the file name"),
        (lambda i, y: f"a/x_{i}_{i}.jpg" if y else f"a/x_{i}.jpg", "the number of parts of the file name"),
        (lambda i, y: f"a/{i}.{'png' if y else 'jpg'}", "the file's ending"),
        (lambda i, y: f"a/{'image' if not y else 1 + i % 5}__{i}.jpg", "part 1 of the file name"),
    ],
)
def test_names_that_tell_the_label(tmp_path, name, what):
    found = one_of(check_rows(tmp_path, rows(name)), "name-label")
    assert found.severity == "warning"
    assert f"{what} tells the label of all 60 rows" in found.message


@pytest.mark.parametrize("seed", range(5))
def test_names_that_do_not_are_silent(tmp_path, seed):
    rng = np.random.default_rng(seed)
    table = rows(lambda i, y: f"{'ab'[rng.integers(2)]}/{rng.integers(1 << 40):x}_{i}.jpg")
    assert not of(check_rows(tmp_path, table), "name-label")


def test_one_exception_is_enough(tmp_path):
    table = rows(lambda i, y: f"{'fake' if y else 'real'}/{i}.jpg")
    table[0]["image"] = "fake/0.jpg"
    assert not of(check_rows(tmp_path, table), "name-label")


def test_columns_that_tell_the_label_are_a_note(tmp_path):
    table = rows(
        lambda i, y: f"{i}.jpg",
        kind=lambda i, y: "xyz"[i % 2],
        size=lambda i, y: "" if y else f"{i}x{i}",
        thirds=lambda i, y: i % 3,
    )
    found = one_of(check_rows(tmp_path, table), "name-label")
    assert (found.severity, found.figures["columns"]) == ("note", "kind, size")


def test_opinions_are_not_classes(tmp_path):
    table = [{"image": f"{i // 30}/{i}.jpg", "mos": 1 + i // 30} for i in range(60)]
    table += [{"image": f"{i}/{i}.jpg", "mos": i / 7} for i in range(60)]
    assert not of(check_rows(tmp_path, table), "name-label")
