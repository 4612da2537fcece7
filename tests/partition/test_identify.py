"""What a volume holds, by its first sectors."""

from __future__ import annotations

import pytest

from bootmend.source import MemorySource
from bootmend.volume import identify
from tests.partition.table_writer import disk_with, fat_boot, ntfs_boot
from tests.support import shared_files, unpacked

TO_GO = bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")


@pytest.mark.parametrize(
    ("pieces", "name"),
    [
        ({0: ntfs_boot()}, "NTFS"),
        ({0: fat_boot(4084)}, "FAT12"),
        ({0: fat_boot(4085)}, "FAT16"),
        ({0: fat_boot(65524)}, "FAT16"),
        ({0: fat_boot(65525)}, "FAT32"),
        ({0: fat_boot(70000), 424: TO_GO}, "BitLocker"),
        ({3: b"-FVE-FS-"}, "BitLocker"),
        ({3: b"EXFAT   "}, "exFAT"),
        ({3: b"ReFS\0\0\0\0"}, "ReFS"),
        ({1080: b"\x53\xef"}, "ext"),
        ({4086: b"SWAPSPACE2"}, "swap"),
        ({512: b"LABELONE".ljust(24, b"\1") + b"LVM2 001"}, "LVM"),
        ({0: b"LUKS\xba\xbe"}, "LUKS"),
        ({}, "empty"),
        ({0: b"hello"}, "unknown"),
        ({0: b"\xeb\x3c\x90MSDOS5.0"}, "unknown"),
    ],
)
def test_names(pieces: dict[int, bytes], name: str) -> None:
    assert identify(MemorySource(disk_with(8192, pieces))) == name


@pytest.mark.parametrize("size", [0, 1, 511, 512, 1000])
def test_short_volumes(size: int) -> None:
    assert identify(MemorySource(bytes(size))) == "empty"


@pytest.mark.parametrize("path", shared_files("disks", "dissect-f*.bin.gz"), ids=lambda path: path.name)
def test_real_volumes(path: object) -> None:
    from pathlib import Path

    assert isinstance(path, Path)
    expected = "BitLocker" if "fve" in path.name else path.name.split("-")[2].split(".")[0].upper()
    assert identify(MemorySource(unpacked(path)[:4096])) == expected
