"""`read_bytes` and `signature` on real fifos, devices, links and permissions."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket

import pytest

import hostile
from visq.core.errors import InputError
from visq.media import MAX_FILE_BYTES, PICTURE_ENDINGS, READABLE, content_id, read_bytes, signature

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


def failure(path):
    with pytest.raises(InputError) as caught:
        read_bytes(path)
    return caught.value.kind, str(caught.value)


def test_a_file_is_read_whole(tmp_path):
    data = bytes(range(256)) * 999
    (tmp_path / "a.bin").write_bytes(data)
    assert read_bytes(tmp_path / "a.bin") == data
    assert read_bytes(str(tmp_path / "a.bin")) == data


def test_a_file_with_undecodable_bytes_in_its_name_is_read(tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    try:
        (tmp_path / name).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert read_bytes(tmp_path / name) == b"x"


def test_missing_files_are_missing(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    assert failure(tmp_path / "nothing.jpg") == ("missing", "no such file")
    assert failure(tmp_path / "file" / "below.jpg") == ("missing", "no such file")
    assert failure("a\0b.jpg") == ("missing", "no file can have this name")
    assert failure("") == ("missing", "no such file")


def test_an_empty_file_is_empty(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    assert failure(tmp_path / "a.jpg") == ("empty", "the file is empty")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    kind, message = failure(tmp_path / "a.jpg")
    assert kind == "too-large"
    assert message == "the file has 268435457 bytes, more than 268435456; make it smaller"


@posix_only
def test_what_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert failure(tmp_path / "pipe.jpg") == ("not-a-file", "a fifo, not a file")
    assert failure(tmp_path) == ("not-a-file", "a folder, not a file")
    assert failure("/dev/null") == ("not-a-file", "a device, not a file")


@posix_only
def test_a_socket_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # socket paths may have 107 bytes only
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.jpg")
        assert failure("s.jpg") == ("not-a-file", "a socket or device, not a file")


@posix_only
def test_a_link_loop_is_named(tmp_path):
    (tmp_path / "a.jpg").symlink_to("b.jpg")
    (tmp_path / "b.jpg").symlink_to("a.jpg")
    assert failure(tmp_path / "a.jpg") == ("link-loop", "the link points to itself in a loop")


@posix_only
def test_other_complaints_keep_the_systems_words(tmp_path):
    kind, message = failure(tmp_path / ("n" * 300))
    assert kind == "unreadable"
    assert message == f"the file cannot be read: {os.strerror(errno.ENAMETOOLONG)}"


@posix_only
def test_a_file_without_permission_is_unreadable(tmp_path):
    path = tmp_path / "locked.jpg"
    path.write_bytes(b"x")
    path.chmod(0)
    if os.geteuid() != 0:
        assert failure(path) == ("unreadable", "no permission to read the file")
        return
    # Root may read everything, so another user tries it in a process of its own.
    child = os.fork()
    if child == 0:
        try:
            os.setuid(65534)
            os._exit(0 if failure(path) == ("unreadable", "no permission to read the file") else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_no_handle_is_left_open(tmp_path):
    hostile.build(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for path in tmp_path.iterdir():
        with contextlib.suppress(InputError):
            read_bytes(path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_content_id_is_sha256():
    assert content_id(b"pixels") == hashlib.sha256(b"pixels").hexdigest()


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "AVIF"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypcrx \0\0\0\0crx isom", "camera raw"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", None),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x0a\xfa\x7f", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x4f\xff\x51\x00", "JPEG 2000"),
        (b"II*\0\x10\0\0\0CR\x02\0", "camera raw"),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"\0\0\0\0\0\0\0\0WEBP", None),
        (b"", None),
        (b"%PDF-1.7", None),
    ],
)
def test_signatures_name_kinds(head, kind):
    assert signature(head) == kind
    assert signature(head + bytes(100)) == kind


def test_signatures_of_files_pillow_writes():
    files = hostile.valid_files()
    assert {signature(data[:64]) for data in files.values()} == set(READABLE)
    for name in files:
        assert "." + name.rpartition(".")[2] in PICTURE_ENDINGS
