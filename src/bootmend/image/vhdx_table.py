"""The block allocation table of a VHDX ([MS-VHDX] 2.5): where each block is, and each sector bitmap."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, UnsupportedError
from bootmend.image.blocks import Claims
from bootmend.image.vhdx_layout import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.image.vhdx_layout import Geometry
    from bootmend.source.base import Source

NOT_PRESENT, UNDEFINED, ZERO, UNMAPPED, FULLY_PRESENT, PARTIALLY_PRESENT = 0, 1, 2, 3, 6, 7
BITMAP_SIZE = MIB
_WHERE = "VHDX block table"
_PAGE = 1024  # bytes of the table read at once: 128 entries
_MAX_PAGES = 4096
_PORTION = 1 << 20  # bytes of the table checked at once
_MOST_BLOCKS = 1 << 22  # present blocks that are compared with one another before the first write


class Entry(NamedTuple):
    """A block's state, and where in the file it begins (0 where it is not in it)."""

    state: int
    start: int


class BlockTable:
    """The table at ``offset`` of ``view``, read in pages and checked as blocks are touched.

    ``reserved`` are the parts of the file that no block may lie over.
    """

    def __init__(self, view: Source, offset: int, geometry: Geometry, reserved: tuple[tuple[int, int, str], ...]) -> None:
        self.view = view
        self._offset = offset
        self._geometry = geometry
        self._ratio = geometry.chunk_ratio
        self._differencing = geometry.locator is not None
        self._claims = Claims(_WHERE, max(geometry.block_size, BITMAP_SIZE), reserved)
        self._bitmap_claims = Claims(_WHERE, BITMAP_SIZE, reserved)
        self._pages: dict[int, bytes] = {}

    # Reading

    def block(self, number: int) -> Entry:
        """The entry of a block of the disk.

        Raises:
            CorruptError: its state is none that the disk may have, or it lies where it cannot.
        """
        entry = self._entry(self.block_index(number))
        if entry.state == FULLY_PRESENT or (entry.state == PARTIALLY_PRESENT and self._differencing):
            owner = f"block {number}"
            if not self._claims.knows(entry.start, owner):
                self._claims.check(entry.start, self._block_end(number, entry.start), self.view.size, owner)
                self._claims.touch(entry.start, owner, self.check_all)
        elif entry.state in (4, PARTIALLY_PRESENT):  # 5 was "unmapped" before version 1.0 of the format
            raise CorruptError(f"block {number} has the impossible state {entry.state}", at=_WHERE)
        return entry

    def bitmap(self, chunk: int) -> int | None:
        """Where the sector bitmap of a chunk of blocks begins, or None where it has none.

        Only differencing disks have any; in others these entries mean nothing (and some writers leave rubbish in them).

        Raises:
            CorruptError: it lies where it cannot.
        """
        entry = self._entry(self.bitmap_index(chunk))
        if entry.state != FULLY_PRESENT:
            return None
        owner = f"the sector bitmap of chunk {chunk}"
        if not self._bitmap_claims.knows(entry.start, owner):
            self._bitmap_claims.check(entry.start, entry.start + BITMAP_SIZE, self.view.size, owner)
            self._bitmap_claims.touch(entry.start, owner, self.check_all)
        return entry.start

    def block_index(self, number: int) -> int:
        """The place of a block's entry among all entries."""
        return number + number // self._ratio

    def bitmap_index(self, chunk: int) -> int:
        """The place of a chunk's bitmap entry: behind the entries of its blocks."""
        return chunk * (self._ratio + 1) + self._ratio

    def entry_place(self, index: int) -> tuple[int, int]:
        """Where an entry lies in the file: eight bytes."""
        return self._offset + index * 8, 8

    def _entry(self, index: int) -> Entry:
        page, inside = divmod(index * 8, _PAGE)
        data = self._pages.get(page)
        if data is None:
            data = self._read_page(page)
        return _decode(int.from_bytes(data[inside : inside + 8], "little"))

    def _read_page(self, page: int) -> bytes:
        if len(self._pages) >= _MAX_PAGES:
            self._pages.clear()
        length = min(_PAGE, self._geometry.entries * 8 - page * _PAGE)
        data = self._pages[page] = self.view.read_at(self._offset + page * _PAGE, length)
        return data

    def _block_end(self, number: int, start: int) -> int:
        """Where the part of a block ends that belongs to the disk."""
        size = self._geometry.block_size
        return start + min(size, self._geometry.size - number * size)

    # Checking

    def check_all(self) -> None:
        """Check every entry: inside the file, and no two blocks over one another.

        Raises:
            CorruptError: the table breaks either rule.
            UnsupportedError: more blocks are present than this version will compare.
        """
        if self._claims.complete:
            return
        end, before = 0, ""
        for start, length, owner in sorted(self._present()):
            if start < end:
                raise CorruptError(f"{owner} at {start:#x} lies over {before}", at=_WHERE)
            end, before = start + length, owner
        self._claims.settle()
        self._bitmap_claims.settle()

    def _present(self) -> Iterator[tuple[int, int, str]]:
        """Start, length and name of every block and bitmap that is in the file, each checked by itself."""
        count = 0
        room = self.view.size // MIB
        for index, entry in self._entries():
            number, is_bitmap = self._number(index)
            if is_bitmap and (not self._differencing or entry.state != FULLY_PRESENT):
                continue
            if not is_bitmap and entry.state not in (FULLY_PRESENT, PARTIALLY_PRESENT):
                continue
            count += 1
            if count > room:
                raise CorruptError("its blocks do not fit into the file: they lie over one another", at=_WHERE)
            if count > _MOST_BLOCKS:
                raise UnsupportedError(f"more than {_MOST_BLOCKS} blocks are present: this version does not write such a disk")
            owner = f"the sector bitmap of chunk {number}" if is_bitmap else f"block {number}"
            end = entry.start + BITMAP_SIZE if is_bitmap else self._block_end(number, entry.start)
            self._claims.check(entry.start, end, self.view.size, owner)
            yield entry.start, BITMAP_SIZE if is_bitmap else self._geometry.block_size, owner

    def _entries(self) -> Iterator[tuple[int, Entry]]:
        """Every entry that is not all zeros."""
        total = self._geometry.entries * 8
        for at in range(0, total, _PORTION):
            data = self.view.read_at(self._offset + at, min(_PORTION, total - at))
            if data.count(0) == len(data):
                continue
            table = array("Q", data)
            if sys.byteorder == "big":
                table.byteswap()
            yield from ((at // 8 + index, _decode(value)) for index, value in enumerate(table) if value)

    def _number(self, index: int) -> tuple[int, bool]:
        chunk, place = divmod(index, self._ratio + 1)
        return (chunk, True) if place == self._ratio else (chunk * self._ratio + place, False)

    # Writing

    def encoded(self, index: int, entry: Entry) -> tuple[int, bytes]:
        """Where an entry is to be written, and its bytes; what was cached of it is forgotten."""
        self._pages.pop(index * 8 // _PAGE, None)
        return self._offset + index * 8, (entry.start | entry.state).to_bytes(8, "little")


def _decode(value: int) -> Entry:
    """Bits 0 to 2 are the state, bits 20 to 63 the offset in MiB (2.5.1)."""
    return Entry(value & 7, value >> 20 << 20)
