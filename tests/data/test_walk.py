"""Tests of what folders and globs yield, on real trees with real faults."""

import contextlib
import functools
import glob
import io
import os
import re
import tracemalloc
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from visq.data.walk import (
    glob_base,
    matches,
    natural_key,
    numbered,
    walk_folder,
    walk_glob,
)
from visq.media import READABLE, signature


def plant(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.touch()
    return root


def walked(root):
    tally = Counter()
    return [name for name, _ in walk_folder(str(root), tally)], dict(tally)


def globbed(pattern):
    tally = Counter()
    return [name for name, _ in walk_glob(str(pattern), tally)], dict(tally)


@contextlib.contextmanager
def without_privileges():
    """Root may read everything; for a while nobody does the work."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def naive_key(name):
    """By definition: a list of characters, with whole numbers standing where the digits stand."""
    parts = re.findall("[0-9]+|[^0-9]", name.casefold())
    return [(ord("0"), int(part)) if part.isdecimal() else (ord(part), 0) for part in parts], name


NAME = st.text(alphabet="abAB019.é-_", max_size=8)


@given(st.lists(NAME, unique=True))
@example(["a10", "a2", "A02", "a", "a-", "B1", "b"])
def test_names_are_ordered_naturally(names):
    assert sorted(names, key=natural_key) == sorted(names, key=naive_key)


@given(st.integers(0, 10**30), st.integers(0, 10**30), st.text(alphabet="ab.", max_size=3))
def test_numbers_are_ordered_by_value(a, b, text):
    assert (natural_key(f"{text}{a}x") < natural_key(f"{text}{b}x")) == (a < b)


def test_folders_and_files_are_sorted_together(tmp_path):
    plant(tmp_path, "a10.jpg", "a2/z.png", "A1.JPG", "b.webp", "a2/c/y.gif", "a3.tif")
    assert walked(tmp_path) == (["A1.JPG", "a2/c/y.gif", "a2/z.png", "a3.tif", "a10.jpg", "b.webp"], {})


def test_what_is_no_picture_is_counted(tmp_path):
    plant(tmp_path, ".a.jpg", ".git/x.jpg", "Thumbs.db", "x.txt", "sub/.DS_Store", "ok.jpg", "empty/")
    assert walked(tmp_path) == (["ok.jpg"], {"hidden": 3, "other": 2})


@pytest.mark.parametrize(
    "ending", ["HEIC", "heif", "avif", "jxl", "jp2", "jfif", "Jpe", "dib", "mpo", "bmp", "TIFF"]
)
def test_pictures_are_known_by_their_ending(tmp_path, ending):
    assert walked(plant(tmp_path, f"x.{ending}"))[0] == [f"x.{ending}"]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
def test_pictures_without_an_ending_are_known_by_their_signature(tmp_path, form):
    Image.new("RGB", (3, 2)).save(tmp_path / "x", format=form)
    (tmp_path / "y.nef").write_bytes((tmp_path / "x").read_bytes())
    assert walked(tmp_path) == (["x"], {"other": 1})


@given(st.binary(max_size=16))
@example(b"BM")
@example(b"BMW 3 and 5 news")
@example(b"RIFF\0\0\0\0WAVEfmt ")
@example(b"%PDF-1.7\n")
def test_other_bytes_are_no_picture(head):
    with contextlib.suppress(OSError):
        Image.open(io.BytesIO(head))  # Pillow must not know better
        return
    if head[:2] not in (b"\xff\xd8", b"\x89P", b"GI", b"II", b"MM", b"RI"):
        assert signature(head) not in READABLE


def test_only_unknown_endings_are_opened(tmp_path, audited):
    plant(tmp_path, "a.jpg", "b.txt", "c.nef", ".d")
    with audited() as events:
        walked(tmp_path)
    assert [os.path.basename(path) for path in events["open"]] == ["b.txt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no fifos here")
def test_fifos_do_not_hang(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "b")
    assert walked(tmp_path) == (["a.jpg"], {"other": 1})


def test_links_are_rows_but_not_ways(tmp_path):
    plant(tmp_path, "real/a.jpg")
    for name, target in [
        ("dangling.jpg", "gone.jpg"),
        ("loop.jpg", "loop.jpg"),
        ("to-file.png", "real/a.jpg"),
        ("up", "."),
        ("x.jpg", "real"),
        ("loop", "loop"),
    ]:
        (tmp_path / name).symlink_to(target)
    found, tally = walked(tmp_path)
    assert found == ["dangling.jpg", "loop.jpg", "real/a.jpg", "to-file.png"]
    assert tally == {"folder_links": 2, "other": 1}


def test_a_folder_named_like_a_picture_is_a_folder(tmp_path):
    assert walked(plant(tmp_path, "x.jpg/y.jpg"))[0] == ["x.jpg/y.jpg"]


def test_an_unreadable_folder_is_one_row(tmp_path, monkeypatch):
    plant(tmp_path, "a.jpg", "locked/b.jpg", "z.jpg")
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    (tmp_path / "locked").chmod(0)
    with without_privileges():
        found = list(walk_folder(".", Counter()))
        top = list(walk_folder("./locked", Counter()))
        matched = list(walk_glob("*/*.jpg", Counter()))
    (tmp_path / "locked").chmod(0o755)
    assert found == [("a.jpg", "./a.jpg"), ("locked/", "./locked"), ("z.jpg", "./z.jpg")]
    assert top == [("locked/", "./locked")]
    assert matched == [("locked/", "locked")]


def test_a_tree_deeper_than_a_path_may_be_ends_in_one_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(30):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    (found,) = walk_folder(str(tmp_path), Counter())
    assert found[0].endswith("d/")
    assert len(found[1]) > 4000


def test_hostile_names_have_printable_ids_of_their_own(tmp_path):
    names = [b"a\xff.jpg", b"a\\xff.jpg", b"n\nl.jpg", b"d\xff/x.jpg", b"d\\xff/x.jpg"]
    for name in names:
        path = os.path.join(os.fsencode(tmp_path), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT))
    found = list(walk_folder(str(tmp_path), Counter()))
    assert {name for name, _ in found} == {
        r"a\xff.jpg",
        r"a\xff.jpg#2",
        r"n\nl.jpg",
        r"d\xff/x.jpg",
        r"d\xff#2/x.jpg",
    }
    assert {os.path.relpath(os.fsencode(path), os.fsencode(tmp_path)) for _, path in found} == set(names)


def test_the_first_picture_comes_before_the_rest_is_listed(tmp_path, audited):
    for i in range(50):
        (tmp_path / f"s{i}").mkdir()
        for j in range(100):
            (tmp_path / f"s{i}" / f"{j}.jpg").touch()
    with audited() as events:
        walk = walk_folder(str(tmp_path), Counter())
        assert next(walk)[0] == "s0/0.jpg"
        assert events["os.scandir"] == [str(tmp_path), str(tmp_path / "s0")]
        assert sum(1 for _ in walk) == 4999
    assert len(events["os.scandir"]) == 51


def test_memory_does_not_grow_with_the_tree(tmp_path):
    def peak(n_folders):
        tracemalloc.start()
        assert sum(1 for _ in walk_folder(str(tmp_path), Counter())) == n_folders * 200
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    def grow(folders):
        for i in folders:
            (tmp_path / f"s{i}").mkdir()
            for j in range(200):
                (tmp_path / f"s{i}" / f"{j}.jpg").touch()

    grow(range(5))
    few = peak(5)
    grow(range(5, 100))
    assert (
        peak(100) < few + 50_000
    )  # 20,000 names; the 95 names of folders are held, their 19,000 pictures not


@given(st.lists(NAME, max_size=5), NAME)
def test_numbered_names_are_free(taken, name):
    free = numbered(name, set(taken))
    assert free not in taken
    assert free == name or name in taken


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["a2.jpg", "a10.jpg"]),
        ("a?.jpg", ["a2.jpg"]),
        ("a[0-2].*", ["a2.jpg"]),
        ("*/x.png", ["s/x.png", "t/x.png"]),
        ("s*", ["s/u/y.png", "s/x.png"]),
        ("**/*.png", ["s/u/y.png", "s/x.png", "t/x.png"]),
        ("s/**/y.png", ["u/y.png"]),
        ("**/s/**/*.png", ["s/u/y.png", "s/x.png"]),
        (".*.jpg", [".h.jpg"]),
        ("s/.d*", [".deep/in.png"]),
        ("*/", ["s/u/y.png", "s/x.png", "t/x.png"]),
        ("./*0.jpg", ["a10.jpg"]),
        ("s/../*2.jpg", ["a2.jpg"]),
        ("no/*", []),
    ],
)
def test_globs_are_read_as_by_a_shell(tmp_path, monkeypatch, pattern, expected):
    plant(
        tmp_path, "a10.jpg", "a2.jpg", ".h.jpg", "n.txt", "s/x.png", "s/u/y.png", "s/.deep/in.png", "t/x.png"
    )
    monkeypatch.chdir(tmp_path)
    for prefix in ("", f"{tmp_path}/"):
        assert globbed(prefix + pattern)[0] == expected


def test_a_double_star_at_the_end_is_the_folder(tmp_path, monkeypatch):
    plant(tmp_path, "p/a.jpg", "p/q/b.jpg", "p/.h")
    assert globbed(tmp_path / "p/**") == (["a.jpg", "q/b.jpg"], {"hidden": 1})
    monkeypatch.chdir(tmp_path)
    assert globbed("**") == (["p/a.jpg", "p/q/b.jpg"], {"hidden": 1})


def test_double_stars_do_not_follow_links_and_end(tmp_path):
    plant(tmp_path, "a.jpg", "s/b.jpg")
    for name in ("up", "s/up", "s/again"):
        (tmp_path / name).symlink_to(tmp_path)
    assert globbed(tmp_path / "**/*") == (["a.jpg", "s/b.jpg"], {"folder_links": 3})
    assert globbed(tmp_path / "**/**/**/*.jpg") == (["a.jpg", "s/b.jpg"], {})


def test_a_link_named_by_a_glob_is_walked(tmp_path):
    plant(tmp_path, "real/a.jpg")
    (tmp_path / "link").symlink_to("real")
    assert globbed(tmp_path / "l*") == (["link/a.jpg"], {})


def test_a_glob_yields_pictures_only(tmp_path):
    plant(tmp_path, "a.jpg", "a.txt", "a.nef")
    assert globbed(tmp_path / "a.*") == (["a.jpg"], {"other": 2})


PART = st.sampled_from(["*", "a", "?", "[ab]", "a*", "b", "**"])


@given(st.lists(PART, min_size=1, max_size=4))
def test_matches_agree_with_pythons_glob(tree, parts):
    folders_only = parts[-1] == "**"  # at the end it means the folder before it, which is walked
    pattern = "/".join([str(tree), *parts])
    theirs = glob.glob(pattern.removesuffix("/**"), recursive=True)
    assert set(matches(pattern)) == {
        path.rstrip("/") for path in theirs if os.path.isdir(path) or not folders_only
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("tree"), "a/a/b", "a/b/ab", "b/a/a/a", "ab", "c/b")


def test_the_base_of_a_glob_is_what_stands_before_the_wildcard():
    bases = functools.partial(map, glob_base)
    assert list(bases(["a/b/*.jpg", "a*/b", "*", "/x/*", "a/b[1]/c"])) == ["a/b", "", "", "/x", "a"]
