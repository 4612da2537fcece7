"""GUID partition tables: UEFI specification 2.10, chapter 5.3."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from bootmend.errors import CorruptError
from bootmend.partition.mbr import SIGNATURE_OFFSET
from bootmend.partition.table import Partition, PartitionTable, TableFault, guid_text, placement_remarks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.source.base import Source

SIGNATURE = b"EFI PART"
_HEADER = struct.Struct("<8s4I4Q16sQ3I")
_ENTRY = struct.Struct("<16s16s3Q72s")
CRC_OFFSET = 16
GUID_OFFSET = 56
_USUAL_SECTORS = 32  # of 512 bytes: 128 entries of 128 bytes
_MAX_TABLE = 1 << 22
_MAX_NAMED = 8


class Header(NamedTuple):
    """One of the two headers, its own CRC and place already checked; LBAs count sectors."""

    raw: bytes
    lba: int
    other: int
    first_usable: int
    last_usable: int
    guid: str
    entries_lba: int
    slots: int
    entry_size: int
    entries_crc: int


class Copy(NamedTuple):
    """One of the two copies of the table: what is wrong with it, or its header and entries."""

    fault: str
    header: Header | None = None
    entries: bytes = b""


def find_gpt(disk: Source, sector: int) -> tuple[int, Copy] | None:
    """Look for a primary header, at ``sector`` bytes and at the other usual sector size.

    Returns the sector size and the primary copy, which may have a fault; None where no header begins.
    """
    for size in (sector, 4096 if sector == 512 else 512):
        if disk.size >= 2 * size and disk.read_at(size, len(SIGNATURE)) == SIGNATURE:
            return size, read_copy(disk, size, 1)
    return None


def read_copy(disk: Source, sector: int, lba: int) -> Copy:
    """Read and check the header at ``lba`` and its array of entries."""
    offset = lba * sector
    if lba < 1 or offset + sector > disk.size:
        return Copy(f"it should be at sector {lba}, outside the disk")
    around = _around(disk, sector, lba)
    raw = around[1][offset - around[0] :][:sector]
    parsed = _parse_header(raw, lba)
    if isinstance(parsed, str):
        return Copy(parsed)
    start, length = parsed.entries_lba * sector, parsed.slots * parsed.entry_size
    if start + length > disk.size:
        return Copy("its entries lie outside the disk")
    inside = start - around[0]
    cached = inside >= 0 and inside + length <= len(around[1])
    entries = around[1][inside : inside + length] if cached else disk.read_at(start, length)
    if crc32(entries) != parsed.entries_crc:
        return Copy("the checksum of its entries is wrong")
    return Copy("", parsed, entries)


def _around(disk: Source, sector: int, lba: int) -> tuple[int, bytes]:
    """Header and entries in one read: they follow the primary header and precede the backup."""
    span = _USUAL_SECTORS * 512
    first = sector if lba == 1 else max(0, lba * sector - span)
    return first, disk.read_at(first, min(span + sector, disk.size - first))


def _parse_header(raw: bytes, lba: int) -> Header | str:
    magic, revision, size, stored, _, mine, other, first, last, guid, table, count, entry, crc = _HEADER.unpack_from(raw)
    if magic != SIGNATURE:
        return "there is no header"
    if not _HEADER.size <= size <= len(raw):
        return f"its size of {size} bytes is impossible"
    if header_crc(raw, size) != stored:
        return "its checksum is wrong"
    if revision >> 16 != 1:
        return f"its revision {revision:#x} is not known"
    if mine != lba:
        return f"it says that it is at sector {mine}, not {lba}"
    if entry < _ENTRY.size or entry % 8 or not 0 < count * entry <= _MAX_TABLE:
        return f"a table of {count} entries of {entry} bytes is impossible"
    return Header(raw[:size], mine, other, first, last, guid_text(guid), table, count, entry, crc)


def header_crc(raw: bytes, size: int) -> int:
    """CRC-32 of a header of ``size`` bytes, its own field taken as zero."""
    return crc32(raw[CRC_OFFSET + 4 : size], crc32(bytes(4), crc32(raw[:CRC_OFFSET])))


def read_gpt(disk: Source, sector: int, primary: Copy | None, protective_end: int = 0) -> PartitionTable | None:
    """Read the table from its primary copy, or from the backup when that is damaged.

    ``protective_end`` is the last sector that the protective MBR covers: where the backup was made to be.
    None where there is no trace of either.

    Raises:
        CorruptError: both copies are damaged.
    """
    sizes = [sector] if primary is not None else [sector, 4096 if sector == 512 else 512]
    primary = primary or Copy("there is no header")
    backup = Copy("there is no header")
    for sector in sizes:
        backup = _find_backup(disk, sector, primary, protective_end)
        if backup.header is not None:
            break
    chosen = primary if primary.header is not None else backup
    if chosen.header is None:
        if backup.fault == primary.fault == "there is no header":
            return None
        message = f"both copies of the table are damaged: the first ({primary.fault}) and the backup ({backup.fault})"
        raise CorruptError(message, at="GPT")
    remarks = _copy_remarks(disk, sector, primary, backup)
    partitions = _partitions(chosen.header, chosen.entries, sector, remarks)
    remarks += placement_remarks(partitions, disk.size)
    extents = [("protective MBR", SIGNATURE_OFFSET, 512 - SIGNATURE_OFFSET)]
    for name, copy in (("primary", primary), ("backup", backup)):
        if copy.header is not None:
            header = copy.header
            extents.append((f"{name} GPT header", header.lba * sector, len(header.raw)))
            extents.append((f"{name} GPT entries", header.entries_lba * sector, header.slots * header.entry_size))
    faults = tuple(_faults(disk, sector, primary, backup))
    return PartitionTable("GPT", sector, tuple(partitions), remarks, tuple(extents), guid=chosen.header.guid, faults=faults)


def _faults(disk: Source, sector: int, primary: Copy, backup: Copy) -> Iterator[TableFault]:
    """The copy that is damaged, and where it belongs: the other one says, unless that place is not on the disk."""
    if primary.header is None:
        yield TableFault("primary", 1, primary.fault)
    elif backup.header is None:
        inside = (primary.header.other + 1) * sector <= disk.size
        yield TableFault("backup", primary.header.other if inside else disk.size // sector - 1, backup.fault)


def _find_backup(disk: Source, sector: int, primary: Copy, protective_end: int) -> Copy:
    if primary.header is not None:
        return read_copy(disk, sector, primary.header.other)
    last = disk.size // sector - 1
    backup = read_copy(disk, sector, last)
    if backup.header is None and 1 < protective_end < last:
        return read_copy(disk, sector, protective_end)
    return backup


def _copy_remarks(disk: Source, sector: int, primary: Copy, backup: Copy) -> list[str]:
    if primary.header is None:
        return [f"the primary GPT is damaged ({primary.fault}); the backup was used"]
    if backup.header is None:
        return [f"the backup GPT is damaged ({backup.fault})"]
    remarks = []
    if (primary.header.guid, primary.entries) != (backup.header.guid, backup.entries):
        remarks.append("the backup GPT differs from the primary one, which was used")
    if backup.header.lba != disk.size // sector - 1:
        remarks.append("the backup GPT is not at the end of the disk: the disk has been enlarged since it was partitioned")
    return remarks


def _partitions(header: Header, entries: bytes, sector: int, remarks: list[str]) -> list[Partition]:
    found: list[Partition] = []
    strange: list[int] = []
    unused = bytes(16)
    for slot in range(1, header.slots + 1):
        kind, guid, first, last, attributes, name = _ENTRY.unpack_from(entries, (slot - 1) * header.entry_size)
        if kind == unused:
            continue
        if last < first or not header.first_usable <= first or last > header.last_usable:
            strange.append(slot)
        if last < first:
            continue
        text = "".join(letter for letter in name.decode("utf-16-le", "replace").split("\0", 1)[0] if letter.isprintable())
        number, size = len(found) + 1, (last - first + 1) * sector
        found.append(Partition(number, slot, first * sector, size, guid_text(kind), guid_text(guid), text, attributes=attributes))
    if strange:
        named = ", ".join(map(str, strange[:_MAX_NAMED])) + (", ..." if len(strange) > _MAX_NAMED else "")
        remarks.append(f"GPT entries outside the usable sectors: {named}")
    return found
