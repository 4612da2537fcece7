"""Dynamic VHDs: blocks anywhere in the file, found through a block allocation table (BAT)."""

from __future__ import annotations

import struct
import sys
from array import array
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, RefusedError
from bootmend.image.base import Image
from bootmend.image.vhd_layout import HEADER_SIZE, SECTOR, UNALLOCATED
from bootmend.source.base import Extent

if TYPE_CHECKING:
    from bootmend.image.vhd_layout import Header
    from bootmend.source.base import Source

_PAGE = 1024  # bytes of the table read at once: 256 entries, which map 512 MiB of disk
_MAX_PAGES = 4096
_MAX_BITMAP_BYTES = 4 << 20
_MAX_TOUCHED = 8192  # blocks compared one by one before the whole table is checked instead
_NEVER_WRITTEN = "the VHD has allocated blocks of which it says that nothing was ever written: they read as zeros"
_ALL_SET = b""  # stands for a bitmap without a clear bit


class Run(NamedTuple):
    """``length`` bytes inside one block: present at ``offset`` of the file, or reading as zeros where it is None.

    ``start`` is where its block begins in the file, None where the whole block is not allocated.
    """

    start: int | None
    inside: int
    offset: int | None
    length: int


class DynamicVhd(Image):
    """A dynamic VHD over ``base``, whose blocks must all end before ``limit`` (where the footer begins).

    The table is read in pages and checked as blocks are touched: opening costs nothing.  The sector
    bitmap is honoured ("which sectors contain valid data (1's) or have never been modified (0's)", VHD
    1.0, "Dynamic Disk Data Blocks"): a sector whose bit is clear reads as zeros, whatever the file holds.
    """

    def __init__(self, base: Source, size: int, header: Header, header_offset: int, limit: int, remarks: list[str]) -> None:
        super().__init__(base, "VHD dynamic", size, remarks)
        self._header = header
        self._block_size = header.block_size
        self._bitmap_size = header.bitmap_size
        self._stride = header.bitmap_size + header.block_size
        self._limit = limit
        self._reserved = (
            (0, SECTOR, "the copy of the footer"),
            (header_offset, header_offset + HEADER_SIZE, "the dynamic disk header"),
            (header.table, header.table + header.entries * 4, "the block table"),
        )
        self._pages: dict[int, bytes] = {}
        self._bitmaps: dict[int, bytes] = {}
        self._touched: dict[int, tuple[int, int]] = {}
        self._map_checked = False

    # Reading

    def read_at(self, offset: int, length: int) -> bytes:
        """Read through the table; what is not there reads as zeros.

        Raises:
            CorruptError: a table entry points outside the file or into another block.
            TruncatedError: the range is not inside the disk.
        """
        self.check_range(offset, length)
        block, inside = divmod(offset, self._block_size)
        if 0 < length <= self._block_size - inside:
            return self._read_block(block, inside, length)
        parts: list[bytes] = []
        while length:
            count = min(length, self._block_size - inside)
            parts.append(self._read_block(block, inside, count))
            block, inside, length = block + 1, 0, length - count
        return b"".join(parts)

    def locate(self, offset: int, length: int) -> list[Extent]:
        """Map to the file; holes and sectors whose bit is clear have no source."""
        self.check_range(offset, length)
        extents: list[Extent] = []
        for run in self._runs(offset, length):
            extents += [Extent(None, 0, run.length)] if run.offset is None else self._base.locate(run.offset, run.length)
        return extents

    def _read_block(self, block: int, inside: int, length: int) -> bytes:
        start = self._block_start(block)
        if start is None:
            return bytes(length)
        if not self._bitmap(start):
            return self._base.read_at(start + self._bitmap_size + inside, length)
        data = bytearray(length)
        for run in self._block_runs(block, inside, length):
            if run.offset is not None:
                at = run.inside - inside
                data[at : at + run.length] = self._base.read_at(run.offset, run.length)
        return bytes(data)

    def _runs(self, offset: int, length: int) -> list[Run]:
        runs: list[Run] = []
        block, inside = divmod(offset, self._block_size)
        while length:
            count = min(length, self._block_size - inside)
            runs += self._block_runs(block, inside, count)
            block, inside, length = block + 1, 0, length - count
        return runs

    def _block_runs(self, block: int, inside: int, length: int) -> list[Run]:
        start = self._block_start(block)
        if start is None:
            return [Run(None, inside, None, length)]
        data, bitmap = start + self._bitmap_size, self._bitmap(start)
        if not bitmap:
            return [Run(start, inside, data + inside, length)]
        runs: list[Run] = []
        end = inside + length
        while inside < end:
            stop, present = _same_bits(bitmap, inside // SECTOR, -(-end // SECTOR))
            stop = min(stop * SECTOR, end)
            runs.append(Run(start, inside, data + inside if present else None, stop - inside))
            inside = stop
        return runs

    def _bitmap(self, start: int) -> bytes:
        bitmap = self._bitmaps.get(start)
        if bitmap is None:
            bitmap = self._base.read_at(start, self._bitmap_size)
            bits = self._block_size // SECTOR
            if bitmap.count(0xFF, 0, bits // 8) == bits // 8 and bits % 8 == 0:
                bitmap = _ALL_SET
            elif not any(bitmap) and _NEVER_WRITTEN not in self.remarks:
                self.remarks.append(_NEVER_WRITTEN)
            if len(self._bitmaps) * self._bitmap_size >= _MAX_BITMAP_BYTES:
                self._bitmaps.clear()
            self._bitmaps[start] = bitmap
        return bitmap

    # The table

    def _block_start(self, block: int) -> int | None:
        """Where the bitmap of ``block`` begins in the file, or None where the block is not allocated."""
        page, entry = divmod(block * 4, _PAGE)
        data = self._pages.get(page)
        if data is None:
            data = self._read_page(page)
        (sector,) = struct.unpack_from(">I", data, entry)
        if sector == UNALLOCATED:
            return None
        start: int = sector * SECTOR
        if not self._map_checked and self._touched.get(start // self._stride) != (start, block):
            self._check_block(block, start)
        return start

    def _read_page(self, page: int) -> bytes:
        if len(self._pages) >= _MAX_PAGES:
            self._pages.clear()
        length = min(_PAGE, self._header.entries * 4 - page * _PAGE)
        data = self._pages[page] = self._base.read_at(self._header.table + page * _PAGE, length)
        return data

    def _check_block(self, block: int, start: int) -> None:
        self._check_bounds(block, start)
        slot = start // self._stride
        for other_start, other in filter(None, (self._touched.get(near) for near in (slot - 1, slot, slot + 1))):
            if other != block and abs(other_start - start) < self._stride:
                raise CorruptError(f"blocks {other} and {block} lie over one another in the file", at="VHD block table")
        if len(self._touched) >= _MAX_TOUCHED:
            self.check_map()
        self._touched[slot] = (start, block)

    def _check_bounds(self, block: int, start: int) -> None:
        end = start + self._bitmap_size + min(self._block_size, self._size - block * self._block_size)
        if end > self._limit:
            message = f"block {block} should lie at {start:#x} to {end:#x}, past the end of the file's data at {self._limit:#x}"
            raise CorruptError(message, at="VHD block table")
        for first, last, what in self._reserved:
            if start < last and first < end:
                raise CorruptError(f"block {block} at {start:#x} lies over {what}", at="VHD block table")

    def _table(self) -> array[int]:
        table = array("I", self._base.read_at(self._header.table, self._header.entries * 4))
        if sys.byteorder == "little":
            table.byteswap()
        return table

    def check_map(self) -> None:
        """Check every entry of the table: inside the file, and no two blocks over one another.

        Done once before the first write; reading checks only the blocks it touches.

        Raises:
            CorruptError: the table breaks either rule.
        """
        if self._map_checked:
            return
        table = self._table()
        count = len(table) - table.count(UNALLOCATED)
        if count > self._base.size // self._stride + 1:
            message = f"{count} blocks of {self._block_size} bytes do not fit into the file: they lie over one another"
            raise CorruptError(message, at="VHD block table")
        end = 0
        for start, block in sorted((sector * SECTOR, block) for block, sector in enumerate(table) if sector != UNALLOCATED):
            self._check_bounds(block, start)
            if start < end:
                raise CorruptError(f"block {block} at {start:#x} lies over the block before it in the file", at="VHD block table")
            end = start + self._stride
        self._map_checked = True
        self._touched.clear()

    def data_end(self) -> int:
        """Where the last block in the file ends, in bytes: the footer belongs there."""
        table = self._table()
        end = max(last for _, last, _ in self._reserved)
        last_sector = max((sector for sector in table if sector != UNALLOCATED), default=None)
        if last_sector is not None:
            room = self._size - table.index(last_sector) * self._block_size
            end = max(end, last_sector * SECTOR + self._bitmap_size + min(self._block_size, room))
        return -(-end // SECTOR) * SECTOR

    # Writing

    def write_at(self, offset: int, data: bytes) -> None:
        """Write in place.  Zeros onto what reads as zeros are no write at all.

        A sector whose bit is clear is written whole, flushed, and then its bit is set: in this order a
        power cut leaves the zeros that were there before, never the stale bytes below them.

        Raises:
            RefusedError: part of the range is in a block that is not allocated; nothing was written.
            CorruptError: the block table is unsound.
        """
        self.check_range(offset, len(data))
        self.check_map()
        runs = self._runs(offset, len(data))
        self._refuse_holes(offset, data, runs)
        newly_set: dict[int, list[int]] = {}
        position = 0
        for run in runs:
            part = data[position : position + run.length]
            position += run.length
            if run.offset is not None:
                self._base.write_at(run.offset, part)
            elif run.start is not None and any(part):
                newly_set.setdefault(run.start, []).extend(self._write_clear(run.start, run.inside, part))
        if newly_set:
            self._base.barrier()
        for start, sectors in newly_set.items():
            self._set_bits(start, sectors)

    def _refuse_holes(self, offset: int, data: bytes, runs: list[Run]) -> None:
        position = 0
        for run in runs:
            if run.start is None and data.count(0, position, position + run.length) != run.length:
                block = (offset + position) // self._block_size
                message = f"writing at {offset + position:#x} needs block {block}, which this dynamic VHD has not allocated yet"
                hint = "convert it to a fixed VHD first: qemu-img convert -O vpc -o subformat=fixed,force_size=on IN OUT.vhd"
                raise RefusedError(message, at="VHD dynamic", hint=hint)
            position += run.length

    def _write_clear(self, start: int, inside: int, part: bytes) -> list[int]:
        """Write the sectors of a clear stretch that are no longer all zeros; return their numbers in the block."""
        lead = inside % SECTOR
        padded = bytes(lead) + part + bytes(-(lead + len(part)) % SECTOR)
        first = inside // SECTOR
        written: list[int] = []
        for index in range(0, len(padded), SECTOR):
            sector = padded[index : index + SECTOR]
            if any(sector):
                number = first + index // SECTOR
                self._base.write_at(start + self._bitmap_size + number * SECTOR, sector)
                written.append(number)
        return written

    def _set_bits(self, start: int, sectors: list[int]) -> None:
        first, last = min(sectors) // 8, max(sectors) // 8
        bits = bytearray(self._base.read_at(start + first, last - first + 1))
        for sector in sectors:
            bits[sector // 8 - first] |= 0x80 >> sector % 8
        self._base.write_at(start + first, bytes(bits))
        self._bitmaps.pop(start, None)


def _same_bits(bitmap: bytes, first: int, last: int) -> tuple[int, bool]:
    """Return the end of the run of equal bits that begins with sector ``first``, at most ``last``, and whether they are set.

    The highest bit of each byte is its first sector.
    """
    present = bool(bitmap[first // 8] & (0x80 >> first % 8))
    whole = 0xFF if present else 0
    sector = first + 1
    while sector < last:
        if sector % 8 == 0 and bitmap[sector // 8] == whole:
            sector += 8
        elif bool(bitmap[sector // 8] & (0x80 >> sector % 8)) == present:
            sector += 1
        else:
            break
    return min(sector, last), present
