"""Dynamic and differencing VHDs: blocks anywhere in the file, found through a block allocation table (BAT)."""

from __future__ import annotations

import struct
import sys
from array import array
from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, UnsupportedError
from bootmend.image.blocks import BlockImage, Claims, Run, Stretch, same_bits, set_bits
from bootmend.image.vhd_layout import HEADER_SIZE, SECTOR, UNALLOCATED

if TYPE_CHECKING:
    from bootmend.image.base import Image
    from bootmend.image.vhd_layout import Header
    from bootmend.source.base import Source

_PAGE = 1024  # bytes of the table read at once: 256 entries, which map 512 MiB of disk
_MAX_PAGES = 4096
_MAX_BITMAP_BYTES = 4 << 20
_NEVER_WRITTEN = "the VHD has allocated blocks of which it says that nothing was ever written: they read as zeros"
_ALL_SET = b""  # stands for a bitmap without a clear bit
_WHERE = "VHD block table"


class DynamicVhd(BlockImage):
    """A dynamic VHD over ``base``, whose blocks must all end before ``limit`` (where the footer begins).

    The table is read in pages and checked as blocks are touched: opening costs nothing.  The sector
    bitmap is honoured ("which sectors contain valid data (1's) or have never been modified (0's)", VHD
    1.0, "Dynamic Disk Data Blocks"): a sector whose bit is clear reads as zeros, whatever the file holds,
    and with a ``parent`` as that shows it.  ``footer`` is what a new footer at the end will be.
    """

    def __init__(
        self,
        base: Source,
        size: int,
        header: Header,
        header_offset: int,
        limit: int,
        remarks: list[str],
        *,
        footer: bytes,
        parent: Image | None = None,
    ) -> None:
        name = "VHD differencing" if parent else "VHD dynamic"
        super().__init__(base, name, size, remarks, block_size=header.block_size, sector=SECTOR)
        self.parent = parent
        self._header = header
        self._bitmap_size = header.bitmap_size
        self._stride = header.bitmap_size + header.block_size
        self._limit = limit
        self._footer = footer
        reserved = (
            (0, SECTOR, "the copy of the footer"),
            (header_offset, header_offset + HEADER_SIZE, "the dynamic disk header"),
            (header.table, header.table + header.entries * 4, "the block table"),
        )
        self._claims = Claims(_WHERE, self._stride, reserved)
        self._pages: dict[int, bytes] = {}
        self._bitmaps: dict[int, bytes] = {}

    # Reading

    def block_runs(self, block: int, inside: int, length: int) -> list[Run]:
        """One run for each stretch of sectors whose bits are equal."""
        below = self.parent is not None
        start = self._block_start(block)
        if start is None:
            return [Run(block, inside, length, None, below)]
        data, bitmap = start + self._bitmap_size, self._bitmap(start)
        if bitmap is _ALL_SET:
            return [Run(block, inside, length, data + inside)]
        runs: list[Run] = []
        end = inside + length
        while inside < end:
            stop, present = same_bits(bitmap, inside // SECTOR, -(-end // SECTOR), high_first=True)
            stop = min(stop * SECTOR, end)
            runs.append(Run(block, inside, stop - inside, data + inside if present else None, below))
            inside = stop
        return runs

    def _bitmap(self, start: int) -> bytes:
        bitmap = self._bitmaps.get(start)
        if bitmap is None:
            bitmap = self._base.read_at(start, self._bitmap_size)
            bits = self.block_size // SECTOR
            if bitmap.count(0xFF, 0, bits // 8) == bits // 8 and bits % 8 == 0:
                bitmap = _ALL_SET
            elif self.parent is None and not any(bitmap) and _NEVER_WRITTEN not in self.remarks:
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
        owner = f"block {block}"
        if not self._claims.knows(start, owner):
            self._claims.check(start, self._end(start, block), self._limit, owner)
            self._claims.touch(start, owner, self.check_map)
        return start

    def _read_page(self, page: int) -> bytes:
        if len(self._pages) >= _MAX_PAGES:
            self._pages.clear()
        length = min(_PAGE, self._header.entries * 4 - page * _PAGE)
        data = self._pages[page] = self._base.read_at(self._header.table + page * _PAGE, length)
        return data

    def _end(self, start: int, block: int) -> int:
        """Where the part of a block ends that belongs to the disk."""
        return start + self._bitmap_size + min(self.block_size, self._size - block * self.block_size)

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
        if self._claims.complete:
            return
        table = self._table()
        count = len(table) - table.count(UNALLOCATED)
        if count > self._base.size // self._stride + 1:
            message = f"{count} blocks of {self.block_size} bytes do not fit into the file: they lie over one another"
            raise CorruptError(message, at=_WHERE)
        end = 0
        for start, block in sorted((sector * SECTOR, block) for block, sector in enumerate(table) if sector != UNALLOCATED):
            self._claims.check(start, self._end(start, block), self._limit, f"block {block}")
            if start < end:
                raise CorruptError(f"block {block} at {start:#x} lies over the block before it in the file", at=_WHERE)
            end = start + self._stride
        self._claims.settle()

    def data_end(self) -> int:
        """Where the last block in the file ends, in bytes: the footer belongs there."""
        table = self._table()
        end = max(last for _, last, _ in self._claims.reserved)
        last_sector = max((sector for sector in table if sector != UNALLOCATED), default=None)
        if last_sector is not None:
            end = max(end, self._end(last_sector * SECTOR, table.index(last_sector)))
        return -(-end // SECTOR) * SECTOR

    def entry_place(self, block: int) -> tuple[int, int]:
        """Four bytes of the table."""
        return self._header.table + block * 4, 4

    # Writing

    def needs_room(self, block: int) -> bool:
        """Whether the block is not allocated."""
        return self._block_start(block) is None

    def write_new(self, new: dict[int, list[Stretch]]) -> None:
        """Write sectors whose bit is clear, and blocks that are not there.

        The data come first, then a flush, then the bits and the table's entries: a power cut in between leaves
        what was there before, never stale bytes.  A new block lies where the footer was; the footer has moved
        behind it, and been flushed, before the first byte of the block is written.
        """
        added = [block for block in sorted(new) if self._block_start(block) is None]
        starts = self._append(added)
        for block, stretches in new.items():
            start = starts.get(block)
            if start is None:
                start = self._block_start(block) or 0
            else:
                self._base.write_at(start, self._first_bitmap(stretches))
            for stretch in stretches:
                self._base.write_at(start + self._bitmap_size + stretch.inside, stretch.data)
        self._base.barrier()
        for block, stretches in new.items():
            if block not in starts:
                self._set_bits(self._block_start(block) or 0, stretches)
        for block, start in starts.items():
            self._base.write_at(self.entry_place(block)[0], struct.pack(">I", start // SECTOR))
            self._pages.pop(block * 4 // _PAGE, None)

    def _append(self, blocks: list[int]) -> dict[int, int]:
        """Make room for blocks behind all others; returns where their bitmaps will begin."""
        if not blocks:
            return {}
        first = -(-self._limit // SECTOR) * SECTOR
        end = first + len(blocks) * self._stride
        if end // SECTOR >= UNALLOCATED:
            raise UnsupportedError("the VHD would grow past 2 TiB, where its table cannot point", at="VHD dynamic")
        self._base.grow(end + SECTOR)
        self._base.write_at(end, self._footer)
        self._base.barrier()
        self._limit = end
        return {block: first + index * self._stride for index, block in enumerate(blocks)}

    def _first_bitmap(self, stretches: list[Stretch]) -> bytes:
        """The bitmap of a new block: every bit set, as all writers do; with a parent only those of the sectors written."""
        bitmap = bytearray(self._bitmap_size)
        if self.parent is None:
            set_bits(bitmap, 0, self.block_size // SECTOR, high_first=True)
        else:
            _set_sectors(bitmap, 0, stretches)
        return bytes(bitmap)

    def _set_bits(self, start: int, stretches: list[Stretch]) -> None:
        first = min(stretch.inside for stretch in stretches) // SECTOR // 8
        last = max(stretch.inside + len(stretch.data) - 1 for stretch in stretches) // SECTOR // 8
        bits = bytearray(self._base.read_at(start + first, last - first + 1))
        _set_sectors(bits, first * 8, stretches)
        self._base.write_at(start + first, bytes(bits))
        self._bitmaps.pop(start, None)


def _set_sectors(bitmap: bytearray, base: int, stretches: list[Stretch]) -> None:
    for inside, data in stretches:
        set_bits(bitmap, inside // SECTOR - base, (inside + len(data)) // SECTOR - base, high_first=True)
