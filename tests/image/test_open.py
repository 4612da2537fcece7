"""Which image is this: by magic, never by name."""

from __future__ import annotations

import gzip
import lzma
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import CorruptError, RefusedError, TruncatedError, UnsupportedError
from bootmend.image import open_image
from bootmend.source import FileSource, MemorySource
from tests.image.vhd_writer import footer
from tests.image.vhdx_writer import MIB, Vhdx

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("magic", "name", "hint"),
    [
        (b"<<< Oracle VM VirtualBox Disk Image >>>\n".ljust(64, b"\0") + b"\x7f\x10\xda\xbe", "VDI", "qemu-img convert"),
        (b"EVF\x09\x0d\x0a\xff\x00", "E01", "raw image"),
        (b"AFF10\r\n\x00", "AFF", "raw image"),
        (gzip.compress(b"x", mtime=0), "gzip", "gunzip"),
        (lzma.compress(b"x"), "xz", "xz"),
        (b"PK\x03\x04\x14", "zip", "unzip"),
    ],
)
def test_other_formats_are_named_with_what_to_do(magic: bytes, name: str, hint: str) -> None:
    with pytest.raises(UnsupportedError, match=name) as caught:
        open_image(MemorySource(magic.ljust(4096, b"\0")))
    assert caught.value.hint is not None
    assert hint in caught.value.hint


def test_an_apple_image_is_known_by_its_end() -> None:
    with pytest.raises(UnsupportedError, match="DMG"):
        open_image(MemorySource(bytes(4096) + b"koly\x00\x00\x00\x04".ljust(512, b"\0")))


@pytest.mark.parametrize(("size", "words"), [(0, "empty"), (1, "only 1 bytes"), (511, "only 511 bytes")])
def test_too_short_for_a_disk(size: int, words: str) -> None:
    with pytest.raises(TruncatedError, match=words):
        open_image(MemorySource(bytes(size)))


def test_what_ends_like_a_vhd_and_begins_like_another_image() -> None:
    """The guest of a VHDX keeps a fixed VHD, and the end of that is the end of the last block: only a damaged footer tells."""
    disk = Vhdx(size=MIB, full={0: bytes(MIB - 512) + footer(4096, 2)}).build()
    with pytest.raises(CorruptError, match="which counts cannot be told"):
        open_image(MemorySource(disk))
    image = open_image(MemorySource(disk[:-500] + b"X" + disk[-499:]))
    assert image.format == "VHDX dynamic"


def test_anything_else_is_raw() -> None:
    data = bytes(range(256)) * 16
    base = MemorySource(data, writable=True)
    image = open_image(base)
    assert (image.format, image.size, image.remarks) == ("raw", 4096, [])
    assert image.read_at(100, 1000) == data[100:1100]
    assert image.locate(5, 10) == [(base, 5, 10)]
    image.write_at(7, b"new")
    assert base.data[7:10] == b"new"
    with pytest.raises(TruncatedError):
        image.write_at(4094, b"new")


def test_a_ragged_end_is_a_remark() -> None:
    assert open_image(MemorySource(bytes(1000))).remarks


def test_a_name_means_nothing(tmp_path: Path) -> None:
    path = tmp_path / "disk.vhdx"
    path.write_bytes(bytes(1024))
    with FileSource(path) as source:
        image = open_image(source)
        assert image.format == "raw"
        with pytest.raises(RefusedError):
            image.write_at(0, b"x")
        image.barrier()
