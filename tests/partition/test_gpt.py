"""GPT: primary, backup, checksums, sizes of sectors, and a disk's GUID."""

from __future__ import annotations

import struct
import uuid
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import CorruptError, RefusedError, UsageError
from bootmend.partition import read_partitions, set_disk_id
from bootmend.source import MemorySource, Overlay
from tests.partition.table_writer import DATA, DISK, ESP, gpt_disk, mbr, usual_gpt

if TYPE_CHECKING:
    from bootmend.partition import PartitionTable

LAST = 4095


def read(data: bytes | bytearray, sector: int = 512) -> PartitionTable:
    return read_partitions(MemorySource(data), sector)


def check_usual(table: PartitionTable, sector: int = 512) -> None:
    assert (table.scheme, table.disk_id, table.signature, table.sector) == ("GPT", f"{{{DISK}}}", None, sector)
    first, second = table.partitions
    assert (first.index, first.slot, first.offset, first.size) == (1, 1, 40 * sector, 260 * sector)
    assert (first.type, first.guid, first.name) == (f"{{{ESP}}}", f"{{{uuid.UUID(int=1)}}}", "EFI system partition")
    assert (second.offset, second.size, second.name) == (300 * sector, 3700 * sector, "Daten \u00e4\U0001f600")
    assert (second.type, second.guid) == (f"{{{DATA}}}", "{00000000-0000-0000-abcd-ef0123456789}")
    assert not first.active


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("guess", [512, 4096])
def test_a_sound_table(sector: int, guess: int) -> None:
    table = read(usual_gpt(sector=sector), guess)
    check_usual(table, sector)
    assert table.remarks == []


@pytest.mark.parametrize(("count", "entry_size"), [(4, 128), (128, 256), (12, 512), (1000, 128)])
def test_other_shapes_of_the_array(count: int, entry_size: int) -> None:
    table = read(usual_gpt(count=count, entry_size=entry_size))
    check_usual(table)


@pytest.mark.parametrize(
    "at", [512, 512 + 16, 512 + 56, 512 + 80, 1024, 1024 + 5000], ids=["magic", "crc", "guid", "count", "entry", "unused"]
)
def test_a_damaged_primary_copy_is_replaced_by_the_backup(at: int) -> None:
    data = usual_gpt()
    data[at] ^= 0xFF
    table = read(data)
    check_usual(table)
    assert [remark for remark in table.remarks if "primary GPT is damaged" in remark]
    assert [what for what, _, _ in table.anchors()] == ["protective MBR", "backup GPT header", "backup GPT entries"]


@pytest.mark.parametrize("at", [LAST * 512, LAST * 512 + 60, (LAST - 32) * 512 + 3])
def test_a_damaged_backup_is_a_remark(at: int) -> None:
    data = usual_gpt()
    data[at] ^= 0xFF
    table = read(data)
    check_usual(table)
    assert [remark for remark in table.remarks if "backup GPT is damaged" in remark]


def test_both_copies_damaged() -> None:
    data = usual_gpt()
    data[512 + 60] ^= 1
    data[LAST * 512 + 60] ^= 1
    with pytest.raises(CorruptError, match="both copies"):
        read(data)


def test_a_protective_mbr_alone() -> None:
    data = usual_gpt()
    data[512:1024] = bytes(512)
    data[LAST * 512 :] = bytes(512)
    with pytest.raises(CorruptError, match="neither it nor its backup"):
        read(data)


def test_a_disk_that_was_enlarged() -> None:
    data = usual_gpt() + bytes(1 << 20)
    table = read(data)
    check_usual(table)
    assert [remark for remark in table.remarks if "enlarged" in remark]
    data[512 + 60] ^= 1  # now only the protective MBR knows where the backup is
    check_usual(read(data))


def test_a_disk_that_was_cut() -> None:
    data = usual_gpt()[: 2000 * 512]
    table = read(data)
    check_usual(table)
    assert [remark for remark in table.remarks if "outside the disk" in remark]
    assert [remark for remark in table.remarks if "partition 2 ends" in remark]


def test_no_protective_mbr() -> None:
    data = usual_gpt()
    data[:512] = bytes(512)
    table = read(data)
    check_usual(table)
    assert [remark for remark in table.remarks if "protective MBR is missing" in remark]


def test_an_old_gpt_below_a_real_mbr_is_not_used() -> None:
    data = usual_gpt()
    data[:512] = mbr((0x80, 7, 100, 200))
    assert read(data).scheme == "MBR"


def test_a_hybrid_mbr_is_a_remark() -> None:
    data = usual_gpt()
    data[:512] = mbr((0, 0xEE, 1, 39), (0x80, 7, 300, 3700))
    table = read(data)
    check_usual(table)
    assert [remark for remark in table.remarks if "hybrid" in remark]


@pytest.mark.parametrize(("first", "last", "kept"), [(500, 400, 0), (1, 300, 1), (3000, 4090, 1), (3000, 1 << 60, 1)])
def test_strange_entries(first: int, last: int, kept: int) -> None:
    table = read(gpt_disk((DATA, uuid.UUID(int=9), first, last, "x")))
    assert len(table.partitions) == kept
    assert [remark for remark in table.remarks if "outside the usable" in remark]


def test_overlapping_partitions() -> None:
    table = read(gpt_disk((DATA, uuid.UUID(int=9), 100, 200, "x"), (DATA, uuid.UUID(int=8), 200, 300, "y")))
    assert "partitions 1 and 2 overlap" in table.remarks


@pytest.mark.parametrize(
    ("offset", "value"),
    [(12, 91), (12, 513), (80, 0), (80, 0xFFFFFFFF), (84, 64), (84, 129), (84, 1 << 30), (24, 7), (72, 1 << 60), (8, 0x20000)],
)
def test_impossible_headers_with_right_checksums(offset: int, value: int) -> None:
    data = usual_gpt()
    wide = offset in (24, 72)
    struct.pack_into("<Q" if wide else "<I", data, 512 + offset, value)
    size = struct.unpack_from("<I", data, 512 + 12)[0]
    struct.pack_into("<I", data, 512 + 16, 0)
    import binascii

    struct.pack_into("<I", data, 512 + 16, binascii.crc32(data[512 : 512 + min(size, 512)]))
    table = read(data)
    check_usual(table)
    assert [remark for remark in table.remarks if "primary GPT is damaged" in remark]


NEW = "{ABCDEF01-2345-6789-abcd-ef0123456789}"


@pytest.mark.parametrize("sector", [512, 4096])
def test_a_disk_gets_its_guid_back(sector: int) -> None:
    base = MemorySource(usual_gpt(sector=sector))
    disk = Overlay(base, "disk")
    set_disk_id(disk, NEW)
    table = read_partitions(disk)
    assert (table.disk_id, table.remarks) == (NEW.lower(), [])
    data = disk.read_at(0, disk.size)
    for lba in (1, LAST):
        assert data[lba * sector + 56 : lba * sector + 72] == uuid.UUID(NEW).bytes_le
    patches = disk.patches()
    assert {patch.step for patch in patches if patch.offset > sector * 2} == {0}  # the backup first
    assert {patch.step for patch in patches if patch.offset < sector * 2} == {1}
    changed = [at for at, (old, new) in enumerate(zip(base.data, data, strict=True)) if old != new]
    headers = (sector, LAST * sector)
    assert all(any(head + 16 <= at < head + 20 or head + 56 <= at < head + 72 for head in headers) for at in changed)
    set_disk_id(disk, f"{{{DISK}}}")
    assert disk.read_at(0, disk.size) == base.data


def test_a_damaged_backup_is_left_alone() -> None:
    data = usual_gpt()
    data[LAST * 512 + 60] ^= 1
    disk = Overlay(MemorySource(data), "disk")
    set_disk_id(disk, NEW)
    assert read_partitions(disk).disk_id == NEW.lower()
    assert all(patch.offset < 1024 for patch in disk.patches())


def test_a_damaged_primary_refuses() -> None:
    data = usual_gpt()
    data[512 + 60] ^= 1
    disk = Overlay(MemorySource(data), "disk")
    with pytest.raises(RefusedError, match="primary GPT"):
        set_disk_id(disk, NEW)
    assert disk.patches() == []


@pytest.mark.parametrize(
    ("text", "error"), [("0x5eed0067", RefusedError), ("{5eed-1}", UsageError), (NEW[:-2] + "g}", UsageError)]
)
def test_what_is_no_guid(text: str, error: type[Exception]) -> None:
    disk = Overlay(MemorySource(usual_gpt()), "disk")
    with pytest.raises(error):
        set_disk_id(disk, text)
    assert disk.patches() == []
