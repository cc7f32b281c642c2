"""Tests of what the words on a command line stand for."""

import io
import os
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError, InputError
from visq.data import Inputs, Skipped


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Stands in an empty folder; called with names, makes these files."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir() if name.endswith("/") else path.touch()
        return tmp_path

    return make


def ids(*words, **options):
    return [sample.id for sample in Inputs(words, **options)]


def pairs(*words, **options):
    return [(sample.id, sample.path) for sample in Inputs(words, **options)]


def refused(*words, **options):
    with pytest.raises(InputError) as caught:
        Inputs(words, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_folder_is_walked_anew_each_time(here):
    here("p/b.jpg", "p/s/a.jpg", "p/n.txt", "p/.h")
    inputs = Inputs(["p/"])
    assert inputs.skipped == Skipped()
    assert [(s.id, s.path) for s in inputs] == [("b.jpg", "p/b.jpg"), ("s/a.jpg", "p/s/a.jpg")]
    assert inputs.skipped == Skipped(hidden=1, other=1)
    here("p/c.jpg")
    assert inputs.count() == 3


def test_a_broken_off_walk_leaves_the_counts_alone(here):
    here("p/.h", "p/a.jpg", "p/b.jpg")
    inputs = Inputs(["p"])
    next(iter(inputs))
    assert inputs.skipped == Skipped()


def test_one_word_need_not_be_in_a_list(here):
    here("p/a.jpg")
    assert [s.id for s in Inputs("p")] == [s.id for s in Inputs(here() / "p")] == ["a.jpg"]


def test_what_is_typed_is_taken(here):
    here(".h.jpg", ".d/a.jpg", "x.nef", "notes.txt")
    os.symlink("gone", "dangling")
    os.mkfifo("pipe")
    assert ids(".h.jpg", ".d", "x.nef", "notes.txt", "dangling", "pipe") == [
        *(".h.jpg", "a.jpg", "x.nef", "notes.txt", "dangling", "pipe"),
    ]


def test_a_typed_file_that_goes_away_stays_a_row(here):
    here("a.jpg")
    inputs = Inputs(["a.jpg"])
    os.remove("a.jpg")
    assert [s.id for s in inputs] == ["a.jpg"]


def test_a_typed_link_to_a_folder_is_walked(here):
    here("real/a.jpg")
    os.symlink("real", "link")
    assert pairs("link") == [("a.jpg", "link/a.jpg")]


def test_a_folder_named_like_a_table_is_a_folder(here):
    here("x.csv/a.jpg")
    assert ids("x.csv") == ["a.jpg"]


def test_a_glob_is_relative_to_its_fixed_part(here):
    here("p/2/a.jpg", "p/10/a.jpg", "p/10/n.txt")
    assert pairs("p/*/a.jpg") == [("2/a.jpg", "p/2/a.jpg"), ("10/a.jpg", "p/10/a.jpg")]
    assert ids("p/*") == ["2/a.jpg", "10/a.jpg"]


def test_a_file_of_that_very_name_is_no_glob(here):
    here("a[1].jpg", "a1.jpg")
    assert ids("a[1].jpg") == ["a[1].jpg"]


def test_a_manifest_gives_its_samples(here):
    here("m/a.jpg")
    (here() / "m/t.CSV").write_text("id,image,prompt\n7,a.jpg,a cat\n8,gone.jpg,\n9,a.jpg,a dog\n")
    found = list(Inputs(["m/t.CSV"]))
    assert [(s.id, s.path, s.prompt) for s in found] == [
        ("7", "m/a.jpg", "a cat"),
        ("8", "m/gone.jpg", None),
        ("9", "m/a.jpg", "a dog"),
    ]
    inputs = Inputs(["m/t.CSV", "m/t.CSV"])  # its own rows may share a picture; those of its twin are repeats
    assert (inputs.count(), inputs.skipped.repeated) == (3, 3)


def test_a_wrong_manifest_is_refused_before_anything_runs(here):
    (here() / "t.csv").write_text("id,n\na\n")
    with pytest.raises(DataError, match=r"t\.csv, row 2"):
        Inputs(["t.csv"])


@pytest.mark.parametrize("text", ["b/x.jpg\n\n  \na.jpg\r\ngone.jpg\n", "b/x.jpg\0a.jpg\0\0gone.jpg\0\n"])
def test_names_on_standard_input_can_be_walked_twice(here, text):
    here("b/x.jpg", "a.jpg")
    inputs = Inputs(["-"], stdin=io.StringIO(text))
    assert [s.id for s in inputs] == [s.path for s in inputs] == ["b/x.jpg", "a.jpg", "gone.jpg"]


def test_names_separated_by_nul_may_hold_line_breaks(here):
    assert pairs("-", stdin=io.StringIO("a\nb.jpg\0")) == [("a\\nb.jpg", "a\nb.jpg")]


def test_standard_input_need_not_be_utf8(here, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\xff.jpg\n"), encoding="utf-8"))
    ((name, path),) = pairs("-")
    assert (name, os.fsencode(path)) == (r"a\xff.jpg", b"a\xff.jpg")


def test_a_folder_on_standard_input_is_a_row(here):
    here("p/a.jpg")
    assert pairs("-", stdin=io.StringIO("p\n")) == [("p", "p")]


def test_an_empty_standard_input_yields_nothing(here):
    assert ids("-", stdin=io.StringIO("\n")) == []


def test_clashing_ids_are_prefixed_by_their_input(here):
    here("a/x.jpg", "b/x.jpg", "c/x.jpg", "d/x.jpg")
    (here() / "t.csv").write_text("id,image\nx.jpg,d/x.jpg\n")
    found = ids("a", "./b//", "c/x.jpg", "t.csv", f"{here()}/d/")
    assert found == ["x.jpg", "b/x.jpg", "c/x.jpg", "t.csv/x.jpg", f"{here()}/d/x.jpg"]


def test_prefixes_that_clash_too_are_numbered(here):
    here("a/x.jpg", "b/x.jpg", "x.jpg", "c/b/x.jpg")
    assert pairs("c", "a", "b", "./x.jpg") == [
        ("b/x.jpg", "c/b/x.jpg"),
        ("x.jpg", "a/x.jpg"),
        ("b/x.jpg#2", "b/x.jpg"),
        ("x.jpg#2", "./x.jpg"),
    ]


def test_the_same_path_is_yielded_once(here):
    here("p/a.jpg", "p/b.jpg")
    inputs = Inputs(["p", "p/a.jpg", "./p//b.jpg", "p/*.jpg", "-"], stdin=io.StringIO("p/a.jpg\nq\nq\n"))
    assert [s.id for s in inputs] == ["a.jpg", "b.jpg", "q"]
    assert inputs.skipped.repeated == 6


NAME = st.sampled_from(["x.jpg", "a/x.jpg", "b/x.jpg", "a/b/x.jpg", "x.jpg#2", "b/a/x.jpg", "-/x.jpg"])
WORD = st.sampled_from(
    ["a", "b", ".", "a/b", "x.jpg", "a/x.jpg", "b/", "./a/", "*/x.jpg", "**/x.jpg", "t.csv"]
)


@given(words=st.lists(WORD, min_size=1, max_size=6), names=st.lists(NAME, max_size=4))
def test_ids_and_typed_paths_are_unique_and_none_is_lost(tmp_path_factory, words, names):
    root = tmp_path_factory.mktemp("tree")
    for name in ("x.jpg", "a/x.jpg", "b/x.jpg", "a/b/x.jpg", "x.jpg#2"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "t.csv").write_text("id,image\nx.jpg,a/x.jpg\nb/x.jpg,b/x.jpg\n")
    before = os.getcwd()
    os.chdir(root)
    try:
        inputs = Inputs([*words, "-"], stdin=io.StringIO("\n".join(names)))
        found = [(s.id, os.path.normpath(s.path)) for s in inputs]
        alone = [os.path.normpath(s.path) for word in words for s in Inputs([word])] + names
    finally:
        os.chdir(before)
    assert len({name for name, _ in found}) == len(found)
    assert {path for _, path in found} == set(alone)
    assert len(found) + inputs.skipped.repeated == len(alone)
    assert max(Counter(path for _, path in found).values()) == 1


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("phots/", "no such file or folder: 'phots/'; did you mean 'photos/'?"),
        ("photos/IMG_1.JPG", "no such file or folder: 'photos/IMG_1.JPG'; did you mean 'photos/img_1.jpg'?"),
        (
            "photos/img_1.jpg/",
            "no such file or folder: 'photos/img_1.jpg/'; did you mean 'photos/img_1.jpg'?",
        ),
        ("tabel.csv", "no such file or folder: 'tabel.csv'; did you mean 'table.csv'?"),
        ("qqqq/zzz", "no such file or folder: 'qqqq/zzz'"),
        ("", "no such file or folder: ''"),
        ("a\nb\0", "no such file or folder: 'a\\nb\\x00'"),
        ("photos/*.gif", "no file matches 'photos/*.gif'"),
        ("nowhere/**/x", "no file matches 'nowhere/**/x'"),
    ],
)
def test_what_is_missing_is_refused_with_the_nearest_name(here, word, message):
    here("photos/img_1.jpg", "table.csv")
    error = refused("photos", word)
    assert (str(error), error.kind) == (message, "missing")


def test_no_words_are_refused():
    assert "no input; name files, folders or manifests" in str(refused())


def test_standard_input_is_read_once():
    assert "name - once" in str(refused("-", "-"))
