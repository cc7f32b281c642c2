"""Names of files as text that any file can hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.types import printable


@given(st.binary(min_size=1, max_size=40))
def test_any_file_name_becomes_storable_text(name: bytes) -> None:
    text = printable(name.decode("utf-8", "surrogateescape"))
    assert text.isprintable()
    text.encode("utf-8")


def test_ordinary_names_stay_as_they_are() -> None:
    assert printable("Ferien 2026/Zoë - été (1).jpg") == "Ferien 2026/Zoë - été (1).jpg"


def test_two_undecodable_names_stay_different() -> None:
    assert printable("a\udcff.jpg") != printable("a\udcfe.jpg")


@pytest.mark.parametrize(
    ("half", "shown"), [("\ud800", "\\ud800"), ("\udc7f", "\\udc7f"), ("\udfff", "\\udfff")]
)
def test_half_a_character_that_is_no_byte_is_an_escape(half: str, shown: str) -> None:
    assert printable(f"a{half}b\udcff") == f"a{shown}b\\xff"
