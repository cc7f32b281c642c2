"""Protocols: every table is whole, agrees with the level intervals, and says where it is from."""

from __future__ import annotations

import pytest

from visq.core.errors import UnknownName
from visq.core.scales import level_intervals
from visq.evaluation.figures.protocols import names, protocol, protocols_for

WANTED = [
    *("koniq", "spaq", "kadid", "livec", "ava", "aadb", "tad66k", "agiqa3k", "lsvq", "konvid", "realqa"),
    *("live", "csiq"),
]
DOWN = {"live", "csiq"}


def test_the_sets_of_the_field_are_there():
    assert sorted(names()) == sorted(WANTED)


@pytest.mark.parametrize("name", WANTED)
def test_each_protocol_says_what_it_rests_on(name):
    one = protocol(name)
    assert one.name == name
    assert one.version >= 1
    for text in (one.title, one.population, one.split, one.plcc, *one.sources):
        assert text.strip() == text != ""
    assert one.sources
    assert set(one.label_columns) == set(one.aspects)
    assert all(column == column.casefold() for column in (*one.group_columns, *one.within))
    for form in one.forms:
        assert (form.scale.direction == "down") == (name in DOWN)
        assert form.intervals is None or form.intervals.scale.direction == form.scale.direction
    assert len({row_list.n for row_list in one.lists}) == len(one.lists)
    assert set(one.derive) <= {*one.group_columns, *one.within}
    assert one.floor is None or one.floor in one.within
    assert list(one.bands) == sorted(one.bands)


@pytest.mark.parametrize(
    ("name", "n"),
    [
        *(("koniq", 2015), ("koniq", 2010), ("spaq", 2224), ("kadid", 2000), ("livec", 1162), ("ava", 19930)),
        *(("aadb", 41), ("agiqa3k", 2982), ("lsvq", 7186), ("lsvq", 3573), ("konvid", 1200)),
    ],
)
def test_lists_that_figures_are_published_on(name, n):
    assert protocol(name).list_of(n) is not None
    assert protocol(name).list_of(n - 1) is None


def test_the_form_is_the_shortest_that_holds_all_labels():
    koniq = protocol("koniq")
    assert str(koniq.form_of([1.1, 4.31]).scale) == "1..5"
    assert koniq.form_of([1.1, 4.31]).intervals == level_intervals("koniq_mos")
    assert str(koniq.form_of([6.7, 85.1]).scale) == "0..100"
    assert str(koniq.form_of([-3, 200]).scale) == "0..100"
    assert protocol("tad66k").form_of([3.0]) is None


@pytest.mark.parametrize(
    ("name", "column", "file", "value"),
    [
        ("kadid", "reference", "I01_05_03", "I01"),
        ("agiqa3k", "group", "sd1.5_lowcorr_007", "007"),
        ("agiqa3k", "generator", "sd1.5_lowcorr_007", "sd1.5_lowcorr"),
    ],
)
def test_columns_that_file_names_hold(name, column, file, value):
    match = protocol(name).derive[column].fullmatch(file)
    assert match is not None
    assert match.group(1) == value
    assert protocol(name).derive[column].fullmatch("holiday") is None


def test_one_protocol_for_all_sets_or_one_for_each():
    assert protocols_for(None, 2) == [None, None]
    assert [one.name for one in protocols_for("koniq", 2)] == ["koniq", "koniq"]
    assert [one.name for one in protocols_for(["koniq", "spaq"], 2)] == ["koniq", "spaq"]
    with pytest.raises(UnknownName, match="2 protocols for 3 manifests"):
        protocols_for("koniq,spaq", 3)
    with pytest.raises(UnknownName, match=r"unknown protocol 'konik'; did you mean 'koniq'\?"):
        protocols_for("konik", 1)


def test_the_bands_of_ava_are_one_wide():
    assert protocol("ava").bands == tuple(float(i) for i in range(1, 11))
