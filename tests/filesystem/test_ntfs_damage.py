"""Damaged NTFS volumes: each fault is named with its place, and nothing hangs."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import BootmendError, CorruptError, TruncatedError
from bootmend.filesystem.ntfs import NtfsTree
from bootmend.filesystem.ntfs.runs import decode_runs
from bootmend.source import MemorySource
from tests.filesystem.build_ntfs import DATA, HOLE, Attr, NtfsBuilder
from tests.filesystem.small_volume import record_at, small_volume

if TYPE_CHECKING:
    from collections.abc import Callable


def bcd(tree: NtfsTree) -> bytes:
    return tree.read("\\Boot\\BCD")


def failure(image: bytes | bytearray, action: Callable[[NtfsTree], object]) -> str:
    with pytest.raises(CorruptError) as caught:
        action(NtfsTree(MemorySource(bytes(image))))
    return str(caught.value)


# -- boot sector ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset", "fault", "named"),
    [
        (3, b"NTFX", "signature"),
        (11, b"\x00\x03", "768 bytes a sector"),
        (13, b"\x00", "0x0 sectors a cluster"),
        (13, b"\x03", "0x3 sectors a cluster"),
        (13, b"\x85", "0x85 sectors a cluster"),
        (13, b"\xf1", "clusters of 16777216 bytes"),
        (0x30, b"\xff\xff", "outside the volume"),
        (0x30, bytes(8), "outside the volume"),
        (0x28, bytes(8), "outside the volume"),
        (0x40, b"\x00", "size code 0 of a file record"),
        (0x40, b"\x80", "size code -128 of a file record"),
        (0x40, b"\x03", "size code 3 of a file record"),
        (0x44, b"\xf8", "size code -8 of an index block"),
    ],
)
def test_a_damaged_boot_sector_names_the_field_and_the_good_backup(offset: int, fault: bytes, named: str) -> None:
    _, image = small_volume()
    image[offset : offset + len(fault)] = fault
    with pytest.raises(CorruptError, match=named) as caught:
        NtfsTree(MemorySource(bytes(image)))
    assert "NTFS boot sector" in str(caught.value)
    assert caught.value.hint is not None
    assert "backup boot sector" in caught.value.hint
    image[-512 + offset : len(image) - 512 + offset + len(fault)] = fault
    with pytest.raises(CorruptError) as caught:
        NtfsTree(MemorySource(bytes(image)))
    assert caught.value.hint is None


@pytest.mark.parametrize("size", [0, 1, 511])
def test_a_volume_smaller_than_a_sector(size: int) -> None:
    with pytest.raises(TruncatedError, match=f"only {size} bytes"):
        NtfsTree(MemorySource(bytes(size)))


def read_all(image: bytes) -> None:
    tree = NtfsTree(MemorySource(image))
    for path in ("Boot\\BCD", "listed", "$UpCase"):
        tree.read(path)


def test_a_volume_that_ends_early() -> None:
    builder, image = small_volume()
    for size in range(512, record_at(builder, "listed"), 40000):
        with pytest.raises(BootmendError):
            read_all(bytes(image[:size]))


# -- file records -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "number"),
    [(0, 0), (5, 5), ("Boot", 24), ("Boot\\BCD", 25)],
)
@pytest.mark.parametrize("end", [510, 1022])
def test_a_torn_record_is_named(who: str | int, number: int, end: int) -> None:
    builder, image = small_volume()
    image[record_at(builder, who) + end] ^= 0x55
    text = failure(image, bcd)
    assert "torn: sector" in text
    assert ("$MFT" if number == 0 else f"file record {number:#x}") in text


@pytest.mark.parametrize(
    ("offset", "fault", "named"),
    [
        (0, b"BAAD", "BAAD"),
        (0, b"INDX", "begins with"),
        (4, b"\x01\x00", "update sequence array"),
        (4, b"\xfc\x01", "update sequence array"),
        (6, b"\x09\x00", "update sequence array"),
        (0x10, b"\x07\x00", "belongs to no file or to another one"),
        (0x14, b"\xff\x7f", "do not fit"),
        (0x16, b"\x00\x00", "belongs to no file or to another one"),
        (0x18, b"\xff\xff\xff\x7f", "do not fit"),
        (0x20, b"\x01", "belongs to no file or to another one"),
        (0x3C, b"\x00\x00\x00\x00", "does not fit"),
        (0x3C, b"\xff\xff\xff\xff", "does not fit"),
        (0x3C, b"\x08\x00\x00\x00", "does not fit"),
    ],
)
def test_a_damaged_record_is_named(offset: int, fault: bytes, named: str) -> None:
    builder, image = small_volume()
    at = record_at(builder, "Boot\\BCD") + offset
    image[at : at + len(fault)] = fault
    text = failure(image, bcd)
    assert named in text
    assert "\\Boot\\BCD" in text
    assert "file record 0x19" in text


def test_a_record_beyond_the_mft_is_named() -> None:
    builder = NtfsBuilder()
    builder.add("file", Attr(DATA, b"x"))
    key, _ = builder.names[5][-1]
    builder.names[5][-1] = (key, 5000 | 1 << 48)
    assert "file record 0x1388: lies beyond the $MFT's 0x60 records" in failure(builder.finish(), lambda tree: tree.read("file"))


def test_a_file_without_data_is_named() -> None:
    builder = NtfsBuilder()
    builder.add("file")
    assert "no data attribute" in failure(builder.finish(), lambda tree: tree.read("file"))


# -- run lists ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "ends at VCN"),
        (b"\0", "ends at VCN"),
        (b"\x11\x02\x10\0", "ends at VCN 0x2"),
        (b"\x11\x0a", "impossible header"),
        (b"\x10\x0a", "impossible header|ends"),
        (b"\x99" + bytes(20), "impossible header"),
        (b"\x1f" + bytes(20), "impossible header"),
        (b"\x11\x00\x10", "outside"),
        (b"\x11\x80\x10", "outside"),
        (b"\x11\x0b\x10", "outside"),
        (b"\x11\x0a\xff", "outside"),
        (b"\x11\x0a\x60", "outside"),
        (b"\x18" + b"\xff" * 7 + b"\x7f\x10", "outside"),
        (b"\x81\x0a" + b"\xff" * 7 + b"\x7f", "outside"),
        (b"\x11\x05\x50\x11\x05\x10", "outside"),
    ],
)
def test_impossible_run_lists_are_named(data: bytes, named: str) -> None:
    with pytest.raises(CorruptError, match=named):
        decode_runs(data, 0, 9, 100)


def test_run_lists_of_the_documentation() -> None:
    """The example of the NTFS documentation: 0x30 at 0x20, 0x60 more at 0x80 after it, a hole, 0x10 before."""
    data = bytes.fromhex("2130 2000 2160 8000 0160 1110 e0 00".replace(" ", ""))
    assert [tuple(run) for run in decode_runs(data, 0, 0x30 + 0x60 + 0x60 + 0x10 - 1, 0x1000)] == [
        (0, 0x20, 0x30),
        (0x30, 0xA0, 0x60),
        (0x90, -1, 0x60),
        (0xF0, 0x80, 0x10),
    ]


def test_a_run_list_shorter_than_the_file() -> None:
    builder = NtfsBuilder()
    builder.add("file", Attr(DATA, runs=[(builder.allocate(1), 1)], size=9000))
    assert "maps 0x1000 bytes" in failure(builder.finish(), lambda tree: tree.read("file"))


def test_extents_with_a_gap_between() -> None:
    builder = NtfsBuilder()
    runs = builder.store(b"x" * 12288, pieces=3)
    builder.add("file", extensions=[[Attr(DATA, runs=runs[:1], size=12288)], [Attr(DATA, runs=runs[2:], lowest=2)]])
    assert "VCN 0x1 is next" in failure(builder.finish(), lambda tree: tree.read("file"))


def test_a_missing_first_extent() -> None:
    builder = NtfsBuilder()
    builder.add("file", extensions=[[Attr(DATA, runs=[(builder.allocate(1), 1)], lowest=2)]])
    assert "first extent" in failure(builder.finish(), lambda tree: tree.read("file"))


def test_a_file_of_an_impossible_size_reads_nothing() -> None:
    builder = NtfsBuilder()
    builder.add("huge", Attr(DATA, runs=[(HOLE, 1 << 40)], size=1 << 52, flags=0x8000))
    tree = NtfsTree(MemorySource(builder.finish()))
    assert tree.open("huge").read_at((1 << 52) - 10, 10) == bytes(10)
    with pytest.raises(BootmendError, match="larger"):
        tree.read("huge")


def test_an_attribute_list_that_names_its_own_record_twice() -> None:
    builder = NtfsBuilder()
    number = builder.add("file", Attr(DATA, runs=[(builder.allocate(1), 1)], size=4096))
    attrs = builder.records[number].attrs
    lines = [(attr, number, instance) for instance, attr in enumerate(attrs)]
    builder._add_list(attrs, [*lines, lines[-1], lines[-1]], clustered=False)
    assert "an extent maps VCN 0x0, but VCN 0x1 is next" in failure(builder.finish(), lambda tree: tree.read("file"))


def test_an_attribute_list_that_leads_back_to_a_list() -> None:
    builder = NtfsBuilder()
    runs = builder.store(b"x" * 8192, pieces=2)
    first = builder.add("first", extensions=[[Attr(DATA, runs=runs[:1], size=8192)]])
    second = builder.add("second", extensions=[[Attr(DATA, runs=runs[1:], size=8192)]])
    for one, other in ((first, second), (second, first)):  # each claims the other's extension
        builder.records[one + 1].base = other | 1 << 48
    assert "not one of its own" in failure(builder.finish(), lambda tree: tree.read("first"))


def test_an_mft_whose_list_lies_where_it_leads() -> None:
    builder = NtfsBuilder()
    builder.mft_pieces, builder.moved_mft_extents = 4, True
    image = bytearray(builder.finish())
    base = builder.mft_places[0] * 4096
    at = image.index(struct.pack("<IH", DATA, 0x20) + b"\0\x1a" + struct.pack("<Q", 6), base)
    image[at + 16 : at + 24] = struct.pack("<Q", 60 | 1 << 48)  # the second extent's record: only later extents reach it
    assert "$MFT -> file record 0x3c" in failure(image, lambda tree: tree)


# -- indexes ------------------------------------------------------------------------------------------------


def reindexed(builder: NtfsBuilder, image: bytearray, block: int, change: Callable[[bytearray], None]) -> None:
    """Change an index block under its update sequence."""
    at = builder.index_places[builder.paths["Boot"]][block]
    data = image[at : at + 4096]
    words = [(sector * 512 - 2, 0x28 + 2 * sector) for sector in range(1, 9)]
    for end, kept in words:
        data[end : end + 2] = data[kept : kept + 2]
    change(data)
    for end, kept in words:
        data[kept : kept + 2] = data[end : end + 2]
        data[end : end + 2] = data[0x28:0x2A]
    image[at : at + 4096] = data


def test_a_torn_index_block_is_named() -> None:
    builder, image = small_volume()
    for at in builder.index_places[builder.paths["Boot"]]:
        image[at + 2046] ^= 0xFF
    text = failure(image, bcd)
    assert "index of directory 0x18 -> index block" in text
    assert "torn" in text


def test_a_misplaced_index_block_is_named() -> None:
    builder, image = small_volume()
    for block in range(len(builder.index_places[builder.paths["Boot"]])):
        reindexed(builder, image, block, lambda data: struct.pack_into("<Q", data, 0x10, 77))
    assert "says of itself to be block 0x4d" in failure(image, bcd)


def test_an_index_that_comes_back_to_itself_ends() -> None:
    builder, image = small_volume()

    def loop(data: bytearray) -> None:
        vcn = struct.unpack_from("<Q", data, 0x10)[0]
        last = struct.pack("<QHHIQ", 0, 24, 0, 3, vcn)
        data[0x40 : 0x40 + 24] = last
        struct.pack_into("<II", data, 0x18, 0x28, 0x28 + 24)

    for block in range(len(builder.index_places[builder.paths["Boot"]])):
        reindexed(builder, image, block, loop)
    assert "levels deep" in failure(image, bcd)
    assert "reached twice" in failure(image, lambda tree: list(tree.list("Boot")))


@pytest.mark.parametrize(
    ("offset", "fault", "named"),
    [
        (0x18, b"\x04\x00\x00\x00", "do not fit"),
        (0x1C, b"\xff\xff\x00\x00", "do not fit"),
        (0x48, b"\x00\x00", "index entry at 0x40 does not fit"),
        (0x48, b"\xf0\xff", "index entry at 0x40 does not fit"),
        (0x4A, b"\xff\x7f", "index entry at 0x40 does not fit"),
        (0x90, b"\xff", "name in the index entry at 0x40"),
    ],
)
def test_damaged_index_blocks_are_named(offset: int, fault: bytes, named: str) -> None:
    builder, image = small_volume()

    def change(data: bytearray) -> None:
        data[offset : offset + len(fault)] = fault

    for block in range(len(builder.index_places[builder.paths["Boot"]])):
        reindexed(builder, image, block, change)
    assert named in failure(image, bcd)
    with pytest.raises(CorruptError):
        list(NtfsTree(MemorySource(bytes(image))).list("Boot"))
