"""MBR tables, with their extended chains, and what only looks like one."""

from __future__ import annotations

import pytest

from bootmend.errors import CorruptError, RefusedError, TruncatedError, UsageError
from bootmend.partition import Partition, PartitionTable, mbr_with_signature, read_partitions, set_disk_id, type_name
from bootmend.source import MemorySource, Overlay
from tests.partition.table_writer import SECTOR, disk_with, fat_boot, logical_disk, mbr, ntfs_boot

MIB = 1 << 20


def read(data: bytes | bytearray) -> PartitionTable:
    return read_partitions(MemorySource(data))


def places(table: PartitionTable) -> list[tuple[int, int, int]]:
    return [(each.index, each.offset // SECTOR, each.size // SECTOR) for each in table.partitions]


def test_the_usual_two_partitions() -> None:
    table = read(disk_with(4 * MIB, {0: mbr((0x80, 7, 2048, 1000), (0, 7, 3048, 5000)), 2048 * SECTOR: ntfs_boot()}))
    assert (table.scheme, table.disk_id, table.signature, table.sector) == ("MBR", "0x5eed0067", 0x5EED0067, 512)
    assert table.partitions == (
        Partition(1, 1, 2048 * SECTOR, 1000 * SECTOR, 7, active=True),
        Partition(2, 2, 3048 * SECTOR, 5000 * SECTOR, 7),
    )
    assert table.remarks == []
    assert table.anchors() == [("MBR partition table", 440, 72)]
    assert table.partition_at(3048 * SECTOR) == table.partitions[1]
    assert table.partition_at(1) is None


def test_unused_entries_are_skipped_and_slots_kept() -> None:
    table = read(disk_with(MIB, {0: mbr((0, 0, 0, 0), (0, 7, 10, 20), (0, 0, 0, 0), (0, 0x27, 40, 20))}))
    assert [(each.index, each.slot) for each in table.partitions] == [(1, 2), (2, 4)]


def test_an_empty_table_is_a_table() -> None:
    table = read(disk_with(MIB, {0: mbr()}))
    assert (table.scheme, table.partitions) == ("MBR", ())


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([(0, 7, 10, 20), (0, 7, 29, 20)], "partitions 1 and 2 overlap"),
        ([(0, 7, 10, 100), (0, 7, 20, 20), (0, 7, 50, 20)], "partitions 1 and 3 overlap"),
        ([(0, 7, 10, 2048)], "behind the end of the disk"),
        ([(0x80, 7, 10, 20), (0x80, 7, 40, 20)], "more than one partition is marked active"),
    ],
)
def test_what_is_odd_is_a_remark(entries: list[tuple[int, int, int, int]], words: str) -> None:
    table = read(disk_with(MIB, {0: mbr(*entries)}))
    assert any(words in remark for remark in table.remarks)
    assert len(table.partitions) == len(entries)


def test_a_missing_signature_is_a_remark() -> None:
    assert any("signature" in remark for remark in read(disk_with(MIB, {0: mbr((0, 7, 10, 20), signature=0)})).remarks)


def test_a_partition_behind_the_end_says_how_much_is_missing() -> None:
    disk = MemorySource(disk_with(MIB, {0: mbr((0, 7, 100, 20), (0, 7, 2000, 148), (0, 7, 9000, 10))}))
    good, cut, gone = read_partitions(disk).partitions
    assert good.window(disk).size == 20 * SECTOR
    with pytest.raises(TruncatedError, match=f"partition 2: the disk ends {100 * SECTOR} bytes before"):
        cut.window(disk)
    with pytest.raises(TruncatedError, match=f"{10 * SECTOR} bytes"):
        gone.window(disk)


def test_sectors_of_4096_bytes_are_found_by_where_a_volume_begins() -> None:
    table = read(disk_with(4 * MIB, {0: mbr((0, 7, 256, 700)), 256 * 4096: ntfs_boot()}))
    assert (table.sector, table.partitions[0].offset, table.partitions[0].size) == (4096, MIB, 700 * 4096)
    table = read_partitions(MemorySource(disk_with(4 * MIB, {0: mbr((0, 7, 256, 700)), 256 * 512: ntfs_boot()})), sector=4096)
    assert table.sector == 512


# Logical partitions


def test_logical_partitions() -> None:
    table = read(logical_disk(4000, 500, [(500, 50), (700, 60), (600, 70)], [(0x80, 7, 100, 300)]))
    assert places(table) == [(1, 100, 300), (2, 502, 50), (3, 702, 60), (4, 602, 70)]
    assert [each.slot for each in table.partitions] == [1, 5, 6, 7]
    assert [each.logical for each in table.partitions] == [False, True, True, True]
    assert [offset // SECTOR for _, offset, _ in table.anchors()] == [0, 500, 700, 600]


def test_an_extended_partition_without_a_record_is_empty() -> None:
    table = read(disk_with(MIB, {0: mbr((0, 7, 10, 20), (0, 5, 100, 500))}))
    assert places(table) == [(1, 10, 20)]
    assert any("no boot record" in remark for remark in table.remarks)


def test_sixty_four_logical_partitions_and_no_more() -> None:
    volumes = [(100 + 10 * index, 5) for index in range(64)]
    assert len(read(logical_disk(2000, 100, volumes)).partitions) == 64
    with pytest.raises(CorruptError, match="more than 64"):
        read(logical_disk(2000, 100, [*volumes, (1500, 5)]))


@pytest.mark.parametrize("back_to", [500, 700])
def test_a_loop_is_an_error(back_to: int) -> None:
    data = logical_disk(4000, 500, [(500, 50), (700, 60), (back_to, 70)])
    data[500 * SECTOR : 501 * SECTOR] = mbr((0, 7, 2, 50), (0, 5, 200, 10))
    data[700 * SECTOR : 701 * SECTOR] = mbr((0, 7, 2, 60), (0, 5, back_to - 500, 10))
    with pytest.raises(CorruptError, match="loops"):
        read(data)


def test_a_link_that_leaves_the_disk_is_an_error() -> None:
    data = logical_disk(4000, 500, [(500, 50)])
    data[500 * SECTOR : 501 * SECTOR] = mbr((0, 7, 2, 50), (0, 5, 0xFFFFFFFF, 10))
    with pytest.raises(CorruptError, match="outside the disk"):
        read(data)


# What is no partition table


@pytest.mark.parametrize("boot", [ntfs_boot(), fat_boot(2000), fat_boot(20_000), fat_boot(100_000), fat_boot(2000, fill=b"\n")])
def test_a_file_system_without_a_table_is_one_partition(boot: bytes) -> None:
    table = read(disk_with(MIB, {0: boot}))
    assert (table.scheme, table.disk_id) == ("none", None)
    assert places(table) == [(1, 0, MIB // SECTOR)]
    assert table.anchors() == [("boot sector", 0, 512)]


def test_a_boot_loader_with_a_bpb_before_a_real_table_is_an_mbr() -> None:
    sector = fat_boot(2000)[:440] + mbr((0x80, 7, 63, 1000))[440:]
    assert read(disk_with(MIB, {0: sector})).scheme == "MBR"


def test_a_table_that_leads_outside_the_disk_does_not_beat_a_boot_sector() -> None:
    sector = fat_boot(2000)[:446] + mbr((0x80, 7, 0x20202020, 0x20202020))[446:]
    assert read(disk_with(MIB, {0: sector})).scheme == "none"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bytes(MIB), "all zeros"),
        (b"This is a text about disks. " * 100, "neither a partition table nor a boot sector"),
        (b"\xfa" * 510 + b"\x55\xaa" + bytes(4096), "55 AA"),
        (disk_with(MIB, {0: mbr((0x17, 7, 10, 20))}), "55 AA"),
        (disk_with(MIB, {0: mbr((0, 7, 0, 20))}), "55 AA"),
    ],
)
def test_not_a_disk(data: bytes, words: str) -> None:
    with pytest.raises(CorruptError, match=words):
        read(data)


def test_too_short() -> None:
    with pytest.raises(TruncatedError):
        read(bytes(511))


def test_types_have_names() -> None:
    assert type_name(7) == "NTFS, exFAT or ReFS"
    assert type_name(0x99) == "type 0x99"
    assert type_name("{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}") == "EFI system"
    assert type_name("{x}") == "type {x}"


# The disk's identity


def test_a_signature_is_four_bytes_and_nothing_else() -> None:
    base = MemorySource(disk_with(MIB, {0: mbr((0x80, 7, 10, 20))}))
    disk = Overlay(base, "disk")
    set_disk_id(disk, "0xDEADBEEF")
    assert read_partitions(disk).disk_id == "0xdeadbeef"
    after = disk.read_at(0, MIB)
    assert after[440:444] == bytes.fromhex("efbeadde")
    assert after[:440] + after[444:] == bytes(base.data[:440] + base.data[444:])
    assert mbr_with_signature(bytes(base.data[:512]), 0xDEADBEEF) == after[:512]


@pytest.mark.parametrize("text", ["0x0", "0x1_0000_0000", "-1", "", "zzz", "{5eed0067-1111-2222-3333}"])
def test_what_is_no_id_of_an_mbr_disk(text: str) -> None:
    disk = Overlay(MemorySource(disk_with(MIB, {0: mbr((0x80, 7, 10, 20))})), "disk")
    with pytest.raises((UsageError, RefusedError)):
        set_disk_id(disk, text)
    assert disk.patches() == []


def test_a_signature_may_lack_its_prefix() -> None:
    disk = Overlay(MemorySource(disk_with(MIB, {0: mbr((0x80, 7, 10, 20))})), "disk")
    set_disk_id(disk, "BCD")
    assert read_partitions(disk).disk_id == "0x00000bcd"


def test_an_id_of_the_other_scheme_is_refused() -> None:
    disk = Overlay(MemorySource(disk_with(MIB, {0: mbr((0x80, 7, 10, 20))})), "disk")
    with pytest.raises(RefusedError, match="MBR disk"):
        set_disk_id(disk, "{5eed0067-1111-2222-3333-444455556666}")
    volume = Overlay(MemorySource(disk_with(MIB, {0: ntfs_boot()})), "disk")
    with pytest.raises(RefusedError, match="no partition table"):
        set_disk_id(volume, "0x5eed0067")
