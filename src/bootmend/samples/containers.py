"""How a disk becomes a file: raw and fixed VHD (sparse files), and dynamic VHD.

Source of the facts: Microsoft, "Virtual Hard Disk Image Format Specification", version 1.0 (2006).
All numbers of a VHD are big endian.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing import BinaryIO

SECTOR = 512
BLOCK = 2 << 20
FIXED, DYNAMIC = 2, 3
NONE = 0xFFFFFFFFFFFFFFFF
UNALLOCATED = b"\xff\xff\xff\xff"
MADE = 0x2DAC5B00
"""Seconds since 2000-01-01: 2024-04-12, always, so that a sample is the same file each time."""
CREATOR = b"win ", 0x000A0000, b"Wi2k"
"""Readers such as qemu take the exact size only from creators they know; from others, that of the geometry."""
IDENTITY = bytes.fromhex("5eed006767ab4c3e9d0f00155d010067")


class Container(Protocol):
    """A disk being written into a file; what is never written reads as zeros."""

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes of the disk at an offset of the disk."""

    def finish(self) -> None:
        """Complete the file."""


class Raw:
    """The disk's bytes as they are, in a sparse file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size

    def write(self, offset: int, data: bytes) -> None:
        """Write in place."""
        self._file.seek(offset)
        self._file.write(data)

    def finish(self) -> None:
        """Give the file the disk's length."""
        self._file.truncate(self._size)


class FixedVhd(Raw):
    """The disk's bytes as they are, and a footer."""

    def finish(self) -> None:
        """Append the footer."""
        super().finish()
        self._file.seek(self._size)
        self._file.write(footer(self._size, FIXED))


class DynamicVhd:
    """Blocks of 2 MiB in the order of their first write, each behind a bitmap of its sectors."""

    TABLE = SECTOR + 1024

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._entries = -(-size // BLOCK)
        self._table = bytearray(UNALLOCATED * self._entries)
        self._end = self.TABLE + -(-4 * self._entries // SECTOR) * SECTOR

    def write(self, offset: int, data: bytes) -> None:
        """Write into the blocks, allocating those that are not there."""
        done = 0
        while done < len(data):
            block, inside = divmod(offset + done, BLOCK)
            count = min(BLOCK - inside, len(data) - done)
            self._file.seek(self._block(block) + inside)
            self._file.write(data[done : done + count])
            done += count

    def _block(self, number: int) -> int:
        """Where the data of a block begin in the file."""
        entry = self._table[4 * number : 4 * number + 4]
        if entry == UNALLOCATED:
            entry = bytearray(struct.pack(">I", self._end // SECTOR))
            self._table[4 * number : 4 * number + 4] = entry
            self._file.seek(self._end)
            self._file.write(b"\xff" * SECTOR)
            self._end += SECTOR + BLOCK
        return (int.from_bytes(entry, "big") + 1) * SECTOR

    def finish(self) -> None:
        """Write both footers, the header and the block table."""
        end = footer(self._size, DYNAMIC)
        padding = -len(self._table) % SECTOR
        self._file.seek(0)
        self._file.write(end + self._header() + self._table + b"\xff" * padding)
        self._file.truncate(self._end)
        self._file.seek(self._end)
        self._file.write(end)

    def _header(self) -> bytes:
        head = struct.pack(">8sQQIII", b"cxsparse", NONE, self.TABLE, 0x10000, self._entries, BLOCK)
        return _with_checksum(head.ljust(1024, b"\0"), len(head))


def footer(size: int, kind: int) -> bytes:
    """The 512-byte footer of a VHD."""
    after = SECTOR if kind == DYNAMIC else NONE
    cylinders, heads, sectors = geometry(size)
    head = struct.pack(
        ">8sIIQI4sI4sQQHBBI", b"conectix", 2, 0x10000, after, MADE, *CREATOR, size, size, cylinders, heads, sectors, kind
    )
    data = bytearray(head.ljust(SECTOR, b"\0"))
    data[68:84] = IDENTITY
    return _with_checksum(bytes(data), 64)


def _with_checksum(data: bytes, offset: int) -> bytes:
    """The block with the ones' complement of the sum of its bytes at ``offset``."""
    return data[:offset] + struct.pack(">I", ~sum(data) & 0xFFFFFFFF) + data[offset + 4 :]


def geometry(size: int) -> tuple[int, int, int]:
    """Cylinders, heads and sectors a track for a disk, by the appendix of the specification."""
    total = min(size // SECTOR, 65535 * 16 * 255)
    if total >= 65535 * 16 * 63:
        heads, sectors = 16, 255
        return total // sectors // heads, heads, sectors
    sectors = 17
    rows = total // sectors
    heads = max(4, -(-rows // 1024))
    if rows >= heads * 1024 or heads > 16:
        heads, sectors = 16, 31
        rows = total // sectors
    if rows >= heads * 1024:
        heads, sectors = 16, 63
        rows = total // sectors
    return rows // heads, heads, sectors
