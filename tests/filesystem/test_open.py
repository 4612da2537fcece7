"""Which file system a volume has, and what is said where there is none of ours."""

from __future__ import annotations

import pytest

from bootmend.errors import UnsupportedError
from bootmend.filesystem.open import open_volume
from bootmend.source import MemorySource
from tests.filesystem.fat_volumes import BCD, esp

BITLOCKER = (b"\xeb\x58\x90-FVE-FS-" + bytes(499) + b"\x55\xaa").ljust(65536, b"\0")


@pytest.mark.parametrize("bits", [12, 16, 32])
def test_a_fat_volume_is_opened(bits: int) -> None:
    tree = open_volume(MemorySource(bytes(esp(bits).build())))
    assert tree.kind == f"FAT{bits}"
    assert tree.read(r"\EFI\Microsoft\Boot\BCD") == BCD


@pytest.mark.parametrize(
    ("data", "sentence"),
    [(BITLOCKER, "BitLocker"), (bytes(65536), "empty"), (b"no file system" * 5000, "no file system is recognised")],
    ids=["bitlocker", "empty", "unknown"],
)
def test_what_is_not_read_is_said(data: bytes, sentence: str) -> None:
    with pytest.raises(UnsupportedError, match=sentence):
        open_volume(MemorySource(data))
