"""Tell which partition table a disk has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, TruncatedError
from bootmend.partition.bootsector import file_system, has_signature
from bootmend.partition.gpt import SIGNATURE, find_gpt, read_gpt
from bootmend.partition.mbr import MBR_SIZE, PROTECTIVE, parse_entries, plausible, read_mbr
from bootmend.partition.table import Partition, PartitionTable, TableFault

if TYPE_CHECKING:
    from bootmend.partition.mbr import Entry
    from bootmend.source.base import Source

_NO_MBR = "the protective MBR is missing: firmware and Windows may not see the GPT"


def read_partitions(disk: Source, sector: int = 512) -> PartitionTable:
    """Read the partition table of ``disk``; ``sector`` (512 or 4096) is tried first, then the other.

    A boot sector ends with 55 AA as an MBR does: what has a file system's boot sector and no plausible
    entries is a file system without a partition table, one partition of the whole disk.

    Raises:
        TruncatedError: shorter than a sector.
        CorruptError: no table and no file system, both copies of a GPT damaged, or an endless chain.
    """
    if disk.size < MBR_SIZE:
        raise TruncatedError(f"a disk of {disk.size} bytes has no room for a partition table")
    first = disk.read_at(0, MBR_SIZE)
    entries = parse_entries(first)
    if has_signature(first) and any(entry.type == PROTECTIVE for entry in entries):
        return _protected(disk, entries, sector)
    system = file_system(first)
    if system is not None and not (has_signature(first) and plausible(entries, disk.size)):
        whole = Partition(1, 1, 0, disk.size, 0)
        return PartitionTable("none", sector, (whole,), [], (("boot sector", 0, MBR_SIZE),))
    if has_signature(first) and plausible(entries):
        return read_mbr(disk, first, sector)
    return _without_mbr(disk, first, entries, sector)


def _protected(disk: Source, entries: list[Entry], sector: int) -> PartitionTable:
    """Read the GPT that a protective MBR announces; real entries beside it make a hybrid one."""
    end = next(entry.first + entry.length - 1 for entry in entries if entry.type == PROTECTIVE)
    found = find_gpt(disk, sector)
    size, primary = found or (sector, None)
    table = read_gpt(disk, size, primary, end)
    if table is None:
        raise CorruptError("a protective MBR announces a GPT, but neither it nor its backup is there", at="GPT")
    if any(entry.used and entry.type != PROTECTIVE for entry in entries):
        table.remarks.append("the MBR is a hybrid one: Windows reads such a disk by the MBR, firmware by the GPT")
    return table


def _without_mbr(disk: Source, first: bytes, entries: list[Entry], sector: int) -> PartitionTable:
    found = find_gpt(disk, sector)
    if found is not None:
        table = read_gpt(disk, found[0], found[1])
        if table is not None:
            table.remarks.append(_NO_MBR)
            return table._replace(faults=(TableFault("protective MBR", 0, "it is missing"), *table.faults))
    if has_signature(first):
        if not any(entry.used for entry in entries) and all(entry.status in (0, 0x80) for entry in entries):
            return read_mbr(disk, first, sector)
        raise CorruptError(
            "its first sector ends with 55 AA, but holds neither a partition table nor a known file system", at="MBR"
        )
    what = "is empty (all zeros)" if not any(first) else "is neither a partition table nor a boot sector"
    raise CorruptError(f"this is not a disk that Windows could boot from: its first sector {what}")


def looks_like_gpt(disk: Source) -> bool:
    """Whether a disk that cannot be read shows any trace of a GPT: a protective entry, or one of the two headers."""
    if disk.size < 2 * MBR_SIZE:
        return False
    if any(entry.type == PROTECTIVE for entry in parse_entries(disk.read_at(0, MBR_SIZE))):
        return True
    return any(
        disk.read_at(place, len(SIGNATURE)) == SIGNATURE for place in (MBR_SIZE, disk.size // MBR_SIZE * MBR_SIZE - MBR_SIZE)
    )
