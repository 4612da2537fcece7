"""What a partition table says, whatever its scheme."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import TruncatedError, UsageError
from bootmend.source.base import Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bootmend.source.base import Source

ESP = "{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}"
MSR = "{e3c9e316-0b5c-4db8-817d-f92df00215ae}"
BASIC_DATA = "{ebd0a0a2-b9e5-4433-87c0-68b6b72699c7}"
RECOVERY = "{de94bba4-06d1-4d40-a16a-bfd50179d6ac}"

_TYPE_NAMES: dict[int | str, str] = {
    ESP: "EFI system",
    MSR: "Microsoft reserved",
    BASIC_DATA: "basic data",
    RECOVERY: "Windows recovery",
    "{5808c8aa-7e8f-42e0-85d2-e1e90434cfb3}": "LDM metadata",
    "{af9b60a0-1431-4f62-bc68-3311714a69ad}": "LDM data",
    "{e75caf8f-f680-4cee-afa3-b001e56efc2d}": "storage spaces",
    0x01: "FAT12",
    0x04: "FAT16",
    0x06: "FAT16",
    0x07: "NTFS, exFAT or ReFS",
    0x0B: "FAT32",
    0x0C: "FAT32",
    0x0E: "FAT16",
    0x12: "OEM recovery",
    0x17: "hidden NTFS",
    0x1C: "hidden FAT32",
    0x27: "Windows recovery",
    0x42: "dynamic disk (LDM)",
    0x82: "Linux swap",
    0x83: "Linux",
    0x8E: "Linux LVM",
    0xEF: "EFI system",
}


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition.

    ``index`` counts the used entries from 1 in table order, as diskpart and ``Partition1`` in device names
    do (MBR: primary ones, then logical ones; the extended one itself is not counted); ``slot`` is the number
    that Linux gives it.  ``offset`` and ``size`` are bytes.  ``type`` is the MBR type byte, or the GPT type
    GUID as text; ``guid`` the unique GUID (GPT only).  GUIDs read ``{lowercase}``.
    """

    index: int
    slot: int
    offset: int
    size: int
    type: int | str
    guid: str | None = None
    name: str = ""
    active: bool = False
    logical: bool = False
    attributes: int = 0

    @property
    def end(self) -> int:
        """The first byte behind the partition."""
        return self.offset + self.size

    def window(self, disk: Source) -> Window:
        """Return the partition's bytes as a source.

        Raises:
            TruncatedError: the disk ends before the partition does.
        """
        if self.end > disk.size:
            missing = self.end - max(disk.size, self.offset)
            message = f"the disk ends {missing} bytes before the partition does: the image has been cut short"
            raise TruncatedError(message, at=f"partition {self.index}")
        return Window(disk, self.offset, self.size)


class TableFault(NamedTuple):
    """What is wrong with one part of a GPT that can still be read: ``primary``, ``backup`` or ``protective MBR``.

    ``lba`` is the sector where its header belongs.
    """

    part: str
    lba: int
    what: str


class PartitionTable(NamedTuple):
    """A disk's partitions; ``scheme`` is "MBR", "GPT" or "none" (the file system begins at the first byte).

    ``sector`` is the size in bytes of the sectors that the table counts in.  ``signature`` is the MBR disk
    signature as a number, ``guid`` the GPT disk GUID.  ``remarks`` are sentences about what is wrong but does
    not keep the partitions from being read.  ``extents`` are the table's own bytes, see :meth:`anchors`.  ``faults``
    are the parts of a GPT that are damaged and can be made anew from the rest.
    """

    scheme: str
    sector: int
    partitions: tuple[Partition, ...]
    remarks: list[str]
    extents: tuple[tuple[str, int, int], ...]
    signature: int | None = None
    guid: str | None = None
    faults: tuple[TableFault, ...] = ()

    @property
    def disk_id(self) -> str | None:
        """The disk's identity as BCD device elements name it: "0x5eed0067" (MBR), "{guid}" (GPT), else None."""
        return self.guid if self.signature is None else f"0x{self.signature:08x}"

    def anchors(self) -> list[tuple[str, int, int]]:
        """Return (what, offset, length) of every stretch of the disk that the table was read from.

        While these bytes stay the same, each partition is where it was.
        """
        return list(self.extents)

    def partition_at(self, offset: int) -> Partition | None:
        """Return the partition that begins at this byte of the disk, as MBR device elements name one."""
        return next((partition for partition in self.partitions if partition.offset == offset), None)


def type_name(kind: int | str) -> str:
    """Name a partition type for people; an unknown one as it is written in the table."""
    return _TYPE_NAMES.get(kind) or (f"type 0x{kind:02x}" if isinstance(kind, int) else f"type {kind}")


def placement_remarks(partitions: Iterable[Partition], disk_size: int) -> list[str]:
    """Say which partitions overlap and which end outside the disk."""
    remarks: list[str] = []
    last: Partition | None = None
    for partition in sorted(partitions, key=lambda each: each.offset):
        if partition.end > disk_size:
            remarks.append(f"partition {partition.index} ends {partition.end - disk_size} bytes behind the end of the disk")
        if last is not None and partition.offset < last.end:
            remarks.append(f"partitions {last.index} and {partition.index} overlap")
        if last is None or partition.end > last.end:
            last = partition
    return remarks


def guid_text(raw: bytes) -> str:
    """Write the 16 bytes of a GUID, the first three groups little-endian, as ``{lowercase}``."""
    first, second, third = struct.unpack_from("<IHH", raw)
    return f"{{{first:08x}-{second:04x}-{third:04x}-{raw[8:10].hex()}-{raw[10:16].hex()}}}"


def guid_bytes(text: str) -> bytes:
    """Read a GUID, with or without braces, in any letter case.

    Raises:
        UsageError: not a GUID of five groups.
    """
    groups = text.strip().removeprefix("{").removesuffix("}").split("-")
    if [len(group) for group in groups] != [8, 4, 4, 4, 12] or set("".join(groups)) - set("0123456789abcdefABCDEF"):
        raise UsageError(f"{text} is not a GUID")
    return struct.pack("<IHH", *(int(group, 16) for group in groups[:3])) + bytes.fromhex(groups[3] + groups[4])
