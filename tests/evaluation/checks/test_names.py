from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.evaluation.checks.names import _table as table
from visq.evaluation.checks.names import folder_of, name_parts, roles, stem_of


def parts(names):
    return {name: values for one in name_parts(names) for name, values in one.parts.items()}


def code(text):
    return hashlib.md5(text.encode()).hexdigest()


def test_frames_with_identities():
    a, b, c = code("a"), code("b"), code("c")
    found = parts([f"x/3__{a}__{b}__frame00012.jpg", f"x/image__19__{c}__frame00001.jpg"])
    assert found["clip"] == [f"3__{a}__{b}", f"image__19__{c}"]
    assert (found["identity_a"], found["identity_b"]) == ([a, c], [b, ""])
    assert found["method"] == ["3", "19"]


@pytest.mark.parametrize(
    ("names", "part", "values"),
    [
        (["I04_01_02.png", "I05_01_02.png"], "reference", ["I04", "I05"]),
        (["I04_01_02.png", "I05_11_02.png"], "distortion", ["01", "11"]),
        (["1600.AWGN.3.png", "sun.JPEG.1.png"], "reference", ["1600", "sun"]),
        (["walk_frame00012.jpg", "run-2_frame_3.jpg"], "clip", ["walk", "run-2"]),
        (["video_0001_017.jpg", "video_0002_001.jpg"], "clip", ["video_0001", "video_0002"]),
        (["a/scene07-12.jpg", "b/scene08-1.jpg"], "clip", ["scene07", "scene08"]),
        (["Sp_D_NNN_A_nat0020_nat0017_0321.jpg", "Au_nat_0020.jpg"], "identity_a", ["nat0020", "nat0020"]),
    ],
)
def test_known_forms(names, part, values):
    assert parts(names)[part] == values


@pytest.mark.parametrize(
    "names",
    [
        [f"IMG_2023{i:04d}_{i * 7919 % 240000:06d}.jpg" for i in range(50)],
        [f"{i * 99991}.jpg" for i in range(50)],
        [f"photo-{i}.png" for i in range(50)],
        [f"screenshot_{i}.png" for i in range(50)],
        ["", "a", "."],
        [],
    ],
)
def test_names_that_say_nothing(names):
    assert not name_parts(names)


def test_few_odd_names_do_not_hide_a_form():
    names = [f"I{i:02d}_01_01.png" for i in range(19)]
    assert parts([*names, "cover.png"])["reference"][-2:] == ["I18", ""]
    assert not name_parts([*names, *["cover.png"] * 4])


def test_hashes_link_pictures_dates_do_not():
    names = [f"{code(str(i))[:12]}_{code(str(i // 2))[:12]}.jpg" for i in range(20)]
    found = parts(names)
    assert found["identity_0"] == [code(str(i))[:12] for i in range(20)]
    assert found["identity_1"] == [code(str(i // 2))[:12] for i in range(20)]


def test_generators_that_share_numbers():
    names = [
        f"{maker}_{p:03d}.jpg" for maker in ("sd1.5_normal", "DALLE2_normal", "glide") for p in range(40)
    ]
    found = name_parts(names)
    assert len(found) == 1
    assert found[0].is_known
    assert found[0].parts["prompt"][:2] == ["000", "001"]
    assert set(found[0].parts["generator"]) == {"sd1.5_normal", "DALLE2_normal", "glide"}
    albums = [f"{maker}_{p:03d}.jpg" for maker in ("beach", "forest", "town") for p in range(40)]
    assert not name_parts(albums)[0].is_known
    apart = [f"{maker}_{40 * k + p:03d}.jpg" for k, maker in enumerate(("sd1", "glide")) for p in range(40)]
    assert not name_parts(apart)


def test_patterns_use_known_parts_only():
    known = {*roles()[0], *roles()[1]}
    patterns = [p for form in table()["form"] for p in form["patterns"]] + [table()["generated"]["pattern"]]
    for pattern in patterns:
        assert {re.sub("_[ab]$", "", name) for name in re.compile(pattern).groupindex} <= known


@given(st.lists(st.text(max_size=60), max_size=12))
def test_any_names_are_read(names):
    for found in name_parts(names):
        assert all(len(values) == len(names) for values in found.parts.values())


@given(st.sampled_from(["video_", "clip-", "a.scene", "I1_1_", "x.y.", "frame"]), st.integers(100, 3000))
def test_long_names_do_not_hang(start, n):
    name_parts([start + "a_1.-" * (n // 5) + "!"] * 3)


def test_folders_and_stems():
    assert (stem_of(r"a\b\c.d.png"), folder_of(r"a\b\c.d.png")) == ("c.d", "a/b")
    assert (stem_of("x"), folder_of("x"), folder_of("/x")) == ("x", "", "")
