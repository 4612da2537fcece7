"""Files, memory and windows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import MissingError, ReadError, RefusedError, TruncatedError, UsageError
from bootmend.source import Extent, FileSource, MemorySource, Window

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_reads_at_any_place_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(200)))
    with FileSource(path) as source:
        assert source.size == 200
        assert source.read_at(10, 5) == bytes([10, 11, 12, 13, 14])
        assert source.read_at(200, 0) == b""
        assert (source.bytes_read, source.reads) == (5, 1)
        for offset, length in ((199, 2), (-1, 2), (0, -1), (201, 0)):
            with pytest.raises(TruncatedError):
                source.read_at(offset, length)
        with pytest.raises(RefusedError):
            source.write_at(0, b"x")
    with pytest.raises(ReadError):
        source.read_at(0, 1)
    source.close()


def test_a_file_that_shrinks_is_an_error_not_a_signal(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(10_000))
    with FileSource(path) as source:
        os.truncate(path, 100)
        with pytest.raises(TruncatedError, match="before its own length"):
            source.read_at(0, 10_000)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        FileSource(tmp_path / "absent")
    with pytest.raises(MissingError):
        FileSource("a\0b")
    with pytest.raises(UsageError, match="directory"):
        FileSource(tmp_path)
    with pytest.raises(UsageError, match="neither"):
        FileSource("/dev/null")
    with pytest.raises(ReadError):
        FileSource(tmp_path / ("x" * 5000))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read anything")
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(ReadError, match="permission"):
        FileSource(path)


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(UsageError, match="neither"):
        FileSource(path)


def test_memory_is_read_only_unless_made_writable() -> None:
    with pytest.raises(RefusedError):
        MemorySource(b"abc").write_at(0, b"x")
    source = MemorySource(b"abc", writable=True)
    source.write_at(1, b"x")
    assert source.read_at(0, 3) == b"axc"
    with pytest.raises(TruncatedError):
        source.write_at(2, b"xy")


def test_a_window_never_leaves_its_stretch() -> None:
    base = MemorySource(bytes(range(100)), writable=True)
    window = Window(Window(base, 10, 50), 5, 20)
    assert (window.size, window.offset) == (20, 5)
    assert window.read_at(0, 3) == bytes([15, 16, 17])
    assert window.locate(2, 4) == [Extent(base, 17, 4)]
    assert window.locate(0, 0) == []
    window.write_at(0, b"z")
    window.barrier()
    assert base.data[15:16] == b"z"
    for offset, length in ((0, 21), (20, 1), (-1, 1)):
        with pytest.raises(TruncatedError):
            window.read_at(offset, length)
        with pytest.raises(TruncatedError):
            window.locate(offset, length)
    with pytest.raises(TruncatedError):
        window.write_at(19, b"zz")
    with pytest.raises(TruncatedError):
        Window(base, 90, 11)
