"""MBR partition tables, with logical partitions inside an extended one.

Cylinders, heads and sectors (CHS) are ignored: Windows uses the LBA fields, and CHS ends at 8 GiB.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError
from bootmend.partition.bootsector import file_system, has_signature
from bootmend.partition.table import Partition, PartitionTable, placement_remarks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.source.base import Source

MBR_SIZE = 512
SIGNATURE_OFFSET = 440
TABLE_OFFSET = 446
_ENTRY = struct.Struct("<B3sB3sII")
PROTECTIVE = 0xEE
EXTENDED = frozenset({0x05, 0x0F, 0x85})
MAX_LOGICAL = 64
_ACTIVE = 0x80


class Entry(NamedTuple):
    """One of the four entries; ``first`` and ``length`` are sectors."""

    status: int
    type: int
    first: int
    length: int

    @property
    def used(self) -> bool:
        """Whether it describes anything."""
        return self.type != 0 and self.length != 0


def parse_entries(sector: bytes) -> list[Entry]:
    """Read the four entries of an MBR or of an extended boot record."""
    fields = (_ENTRY.unpack_from(sector, TABLE_OFFSET + 16 * slot) for slot in range(4))
    return [Entry(status, kind, first, length) for status, _, kind, _, first, length in fields]


def plausible(entries: list[Entry], disk_size: int | None = None) -> bool:
    """Whether bytes at 446 are a partition table rather than a boot sector's code or text.

    With ``disk_size`` in bytes also each partition must begin inside the disk.
    """
    if any(entry.status not in (0, _ACTIVE) for entry in entries):
        return False
    used = [entry for entry in entries if entry.used]
    if any(entry.first == 0 for entry in used):
        return False
    return bool(used) and (disk_size is None or all(entry.first * MBR_SIZE < disk_size for entry in used))


def read_mbr(disk: Source, mbr: bytes, sector: int) -> PartitionTable:
    """Read the partitions of a disk whose first 512 bytes are ``mbr``; ``sector`` is the first guess at its size.

    Raises:
        CorruptError: the chain of extended boot records loops, leaves the disk or is longer than 64.
    """
    entries = parse_entries(mbr)
    sector = _sector_size(disk, entries, sector)
    remarks: list[str] = []
    anchors = [("MBR partition table", SIGNATURE_OFFSET, MBR_SIZE - SIGNATURE_OFFSET)]
    partitions: list[Partition] = []
    for slot, entry in enumerate(entries, 1):
        if entry.used and entry.type not in EXTENDED:
            partitions.append(_partition(len(partitions) + 1, slot, entry, entry.first, sector))
    for entry in entries:
        if entry.used and entry.type in EXTENDED:
            partitions += _logical(disk, entry, sector, len(partitions), remarks, anchors)
    if sum(partition.active for partition in partitions) > 1:
        remarks.append("more than one partition is marked active")
    remarks += placement_remarks(partitions, disk.size)
    (signature,) = struct.unpack_from("<I", mbr, SIGNATURE_OFFSET)
    if signature == 0:
        remarks.append("the disk has no signature (0): Windows writes a new one when it sees the disk")
    return PartitionTable("MBR", sector, tuple(partitions), remarks, tuple(anchors), signature=signature)


def _partition(index: int, slot: int, entry: Entry, first: int, sector: int, *, logical: bool = False) -> Partition:
    active = entry.status == _ACTIVE and not logical
    return Partition(index, slot, first * sector, entry.length * sector, entry.type, active=active, logical=logical)


def _sector_size(disk: Source, entries: list[Entry], sector: int) -> int:
    """Guess what the table does not say: the size of a sector at which a partition begins with a boot sector."""
    for size in (sector, 4096 if sector == 512 else 512):
        starts = [entry.first * size for entry in entries if entry.used and entry.type not in EXTENDED]
        if any(start + MBR_SIZE <= disk.size and _begins_volume(disk.read_at(start, MBR_SIZE)) for start in starts):
            return size
    return sector


def _begins_volume(sector: bytes) -> bool:
    return has_signature(sector) or file_system(sector) is not None


def _logical(
    disk: Source, extended: Entry, sector: int, count: int, remarks: list[str], anchors: list[tuple[str, int, int]]
) -> list[Partition]:
    """Read the partitions in the chain; ``count`` of them have been found before."""
    found: list[Partition] = []
    for position, (record, entries) in enumerate(_records(disk, extended, sector, remarks), 1):
        anchors.append((f"extended boot record {position}", record * sector + TABLE_OFFSET, MBR_SIZE - TABLE_OFFSET))
        for entry in (entry for entry in entries if entry.type not in EXTENDED):
            index, slot = count + len(found) + 1, 5 + len(found)
            found.append(_partition(index, slot, entry, record + entry.first, sector, logical=True))
    return found


def _records(disk: Source, extended: Entry, sector: int, remarks: list[str]) -> Iterator[tuple[int, list[Entry]]]:
    """Follow the chain: each record has one partition, relative to itself, and a link, relative to the whole."""
    at = "extended partition"
    record, seen = extended.first, set[int]()
    while True:
        if record in seen:
            raise CorruptError(f"the chain of boot records loops at sector {record}", at=at)
        if len(seen) == MAX_LOGICAL:
            raise CorruptError(f"it has more than {MAX_LOGICAL} logical partitions", at=at)
        if record * sector + MBR_SIZE > disk.size:
            raise CorruptError(f"the chain of boot records leads to sector {record}, outside the disk", at=at)
        data = disk.read_at(record * sector, MBR_SIZE)
        if not has_signature(data):
            remarks.append(f"the chain of logical partitions ends at sector {record}, which is no boot record")
            return
        seen.add(record)
        entries = [entry for entry in parse_entries(data) if entry.used]
        yield record, entries
        link = next((entry for entry in entries if entry.type in EXTENDED), None)
        if link is None:
            return
        record = extended.first + link.first
