"""Changes to partition tables as bytes to be written: nothing here writes.

Each function returns pieces, ``(offset on the disk, bytes)``, in the order in which they must reach it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from bootmend.errors import RefusedError
from bootmend.partition.gpt import CRC_OFFSET, find_gpt, header_crc, read_copy
from bootmend.partition.mbr import MBR_SIZE, PROTECTIVE, TABLE_OFFSET
from bootmend.partition.table import guid_bytes

if TYPE_CHECKING:
    from bootmend.partition.gpt import Header
    from bootmend.source.base import Source

ENTRY_SIZE = 16
ACTIVE = 0x80
BOOT_SIGNATURE = b"\x55\xaa"
_NO_CHS = b"\xff\xff\xff"
_OWN_LBA, _OTHER_LBA, _ENTRIES_LBA, _ENTRIES_CRC = 24, 32, 72, 88
_MOST = 0xFFFFFFFF


class Piece(NamedTuple):
    """Bytes to be written to the disk, and where."""

    offset: int
    data: bytes


def activate(mbr: bytes, slot: int | None) -> list[Piece]:
    """Mark the entry in ``slot`` (1 to 4; None: none) of an MBR's 512 bytes active, and no other."""
    places = [TABLE_OFFSET + ENTRY_SIZE * index for index in range(4)]
    wanted = [ACTIVE if index + 1 == slot else 0 for index in range(4)]
    changes = zip(places, wanted, strict=True)
    return [Piece(place, bytes([status])) for place, status in changes if mbr[place] != status]


def protective_mbr(mbr: bytes, disk_size: int, sector: int) -> list[Piece]:
    """Write a protective MBR (UEFI specification 2.10, section 5.2.3) into the 512 bytes; boot code and signature stay."""
    length = min(disk_size // sector - 1, _MOST)
    entry = struct.pack("<B3sB3sII", 0, b"\x00\x02\x00", PROTECTIVE, _NO_CHS, 1, length)
    return [Piece(TABLE_OFFSET, entry + bytes(3 * ENTRY_SIZE) + BOOT_SIGNATURE)] if len(mbr) == MBR_SIZE else []


def rebuilt_gpt(disk: Source, sector: int, good: Header, lba: int, entries: bytes) -> list[Piece]:
    """Make the copy whose header belongs at ``lba`` out of the other one; entries before header, so that no half is valid.

    ``good`` and ``entries`` are the whole copy.  The header's own place, its partner's and that of its entries differ.

    Raises:
        RefusedError: the new copy would lie over a partition or outside the disk.
    """
    table_sectors = -(-len(entries) // sector)
    entries_lba = 2 if lba == 1 else lba - table_sectors
    if entries_lba < 2 or (lba + 1) * sector > disk.size or (lba == 1 and entries_lba + table_sectors > good.first_usable):
        raise RefusedError(f"there is no room for the table's copy at sector {lba}", at="GPT")
    if lba != 1 and entries_lba <= good.last_usable:
        raise RefusedError(f"the table's copy at sector {lba} would lie over partitions", at="GPT")
    raw = bytearray(good.raw)
    struct.pack_into("<Q", raw, _OWN_LBA, lba)
    struct.pack_into("<Q", raw, _OTHER_LBA, good.lba)
    struct.pack_into("<Q", raw, _ENTRIES_LBA, entries_lba)
    struct.pack_into("<I", raw, CRC_OFFSET, header_crc(bytes(raw), len(raw)))
    header = bytes(raw).ljust(sector, b"\0")
    return [Piece(entries_lba * sector, entries), Piece(lba * sector, header)]


def retyped(disk: Source, sector: int, slot: int, kind: str) -> list[Piece]:
    """Give the GPT entry in ``slot`` (from 1) the type GUID ``kind``, in each copy that is whole, the backup first.

    Raises:
        RefusedError: no copy is whole, or the two do not agree.
    """
    found = find_gpt(disk, sector)
    size = found[0] if found is not None else sector
    primary = read_copy(disk, size, 1)
    backup = read_copy(disk, size, primary.header.other if primary.header is not None else disk.size // size - 1)
    whole = [copy for copy in (backup, primary) if copy.header is not None]
    if not whole or any(copy.entries != whole[0].entries for copy in whole):
        raise RefusedError("the two copies of the GPT do not agree", at="GPT")
    pieces: list[Piece] = []
    for copy in whole:
        assert copy.header is not None
        pieces += _with_type(copy.header, copy.entries, size, slot, kind)
    return pieces


def _with_type(header: Header, entries: bytes, sector: int, slot: int, kind: str) -> list[Piece]:
    place = (slot - 1) * header.entry_size
    changed = entries[:place] + guid_bytes(kind) + entries[place + 16 :]
    raw = bytearray(header.raw)
    struct.pack_into("<I", raw, _ENTRIES_CRC, crc32(changed))
    struct.pack_into("<I", raw, CRC_OFFSET, header_crc(bytes(raw), len(raw)))
    return [Piece(header.entries_lba * sector + place, guid_bytes(kind)), Piece(header.lba * sector, bytes(raw))]
