"""What all pages share: JSON in a page, places that are refused, writing whole."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visq.core.errors import InputError
from visq.reports.page import check_page, json_text, number, template, write_page


@settings(max_examples=50)
@given(st.recursive(st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.none(), st.lists))
def test_json_in_a_page_reads_back_and_has_no_character_of_html(value: object) -> None:
    text = str(json_text(value))
    assert json.loads(text) == value
    assert text.isascii()
    assert not set("<>&") & set(text)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_no_number_is_null(value: float | None) -> None:
    assert number(value) is None


def test_the_policy_names_the_hash_of_the_very_style_and_script() -> None:
    for name in ("evaluation_report", "comparison_report", "score_report"):
        source = resources.files("visq.reports").joinpath(f"{name}.html.j2").read_text(encoding="utf-8")
        assert '{% include "_head.html.j2" %}' in source
    page = template("_head.html.j2").render(style="a { color: red }", script="let a;")
    for text in ("a { color: red }", "let a;"):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page


def test_an_unknown_name_in_a_template_is_an_error() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        template("_head.html.j2").render(style="")


def test_places_where_no_page_can_be(tmp_path: Path) -> None:
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "diary.html").write_text("<html>dear diary")
    for name, why in (
        ("report.txt", "does not end in .html"),
        ("missing/report.html", "no folder"),
        ("folder.html", "it is a folder"),
        ("diary.html", "exists and is no report of visq"),
    ):
        with pytest.raises(InputError, match=re.escape(why)):
            check_page(tmp_path / name)
    check_page(tmp_path / "new.html")
    head = template("_head.html.j2").render(style="", script="")
    (tmp_path / "old.html").write_text(f"<!doctype html><html><head>{head}")
    check_page(tmp_path / "old.html")


def test_half_characters_are_written_as_escapes(tmp_path: Path) -> None:
    write_page(tmp_path / "a.html", "a\udcff\ud800")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == "a\\udcff\\ud800"
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
