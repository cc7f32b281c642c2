"""What is written reads back as the same values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core import toml
from visq.core.errors import InputError
from visq.core.toml_text import toml_text

KEYS = st.from_regex(r"[a-z_][a-z0-9_-]{0,6}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    TEXTS,
    st.lists(st.integers(0, 9)),
)
TABLES = st.recursive(
    st.dictionaries(KEYS, PLAIN, max_size=3),
    lambda inner: st.dictionaries(
        KEYS, st.one_of(PLAIN, inner, st.lists(inner, min_size=1, max_size=2)), max_size=3
    ),
    max_leaves=8,
)


@given(TABLES)
def test_written_tables_read_back(table):
    assert toml.loads(toml_text(table)) == table


def test_none_is_left_out_and_lists_nest():
    assert toml.loads(toml_text({"a": None, "bands": [[1.5, 2.0], []]})) == {"bands": [[1.5, 2.0], []]}


def test_what_toml_cannot_hold_is_refused_with_its_place():
    with pytest.raises(InputError, match=r"'a\.b' is object"):
        toml_text({"a": {"b": object()}})
    with pytest.raises(InputError, match=r"'a\.b c' is no key"):
        toml_text({"a": {"b c": 1}})
