"""Cells: the numbered boxes in which a hive keeps everything, read when they are needed.

All bytes of a hive share one buffer in which a byte's index is its offset in the file.  At first
the buffer is anonymous zeroed memory that is filled page by page; :meth:`Cells.load` replaces it by
the whole file.  (Not a map of the file: one that shrinks gives an error, not a signal.)
"""

from __future__ import annotations

from functools import lru_cache
from mmap import mmap
from struct import Struct
from typing import TYPE_CHECKING

from bootmend.errors import CorruptError
from bootmend.registry.layout import BASE_SIZE, BIN_HEADER_SIZE, CELL_HEADER, CELL_SIZE, PAGE

if TYPE_CHECKING:
    from bootmend.source import Source


@lru_cache(maxsize=1024)
def numbers(count: int) -> Struct:
    """Return the structure of so many 32-bit numbers."""
    return Struct(f"<{count}I")


CELLS_START = BASE_SIZE + CELL_HEADER
"""Added to a cell's offset: where in the file its data begin."""
_size_at = CELL_SIZE.unpack_from
READ_WHOLE = 64 * 1024
"""A hive this small is read in one go."""


class Cells:
    """The cells of one hive; ``limit`` is the end of the bins, ``minor`` the version that rules their layout."""

    __slots__ = ("_pages", "_source", "buffer", "lazy", "limit", "minor")

    editable = False
    """Whether the buffer may change, so that what is read from it must be copied."""
    sorted = False
    """Whether every subkey list is known to be in order: what is not found by halving it is not in it then."""

    def __init__(self, source: Source, limit: int, minor: int) -> None:
        self.limit = limit
        self.minor = minor
        self.lazy = True
        self._source = source
        size = BASE_SIZE + limit
        self._pages = bytearray(size // PAGE + 1)
        self.buffer: bytes | bytearray | mmap = b""
        if size <= READ_WHOLE:
            self.load()
        else:
            self.buffer = mmap(-1, size)

    def load(self) -> None:
        """Read all that is not there yet, once; later accesses cost no checks of pages."""
        if self.lazy:
            self.buffer = self._source.read_at(0, BASE_SIZE + self.limit)
            self.lazy = False

    def fetch(self, position: int, length: int) -> None:
        """Make ``length`` bytes of the file present, as far as they lie before ``limit``; for a lazy buffer only."""
        pages, buffer = self._pages, self.buffer
        if isinstance(buffer, bytes):
            return
        end = min(position + length, BASE_SIZE + self.limit)
        page, last = position // PAGE, (end - 1) // PAGE
        while page <= last:
            if pages[page]:
                page += 1
                continue
            stop = page + 1
            while stop <= last and not pages[stop]:
                stop += 1
            start, size = page * PAGE, min(stop * PAGE, BASE_SIZE + self.limit) - page * PAGE
            buffer[start : start + size] = self._source.read_at(start, size)
            pages[page:stop] = b"\1" * (stop - page)
            page = stop

    def span(self, offset: int, least: int, what: str) -> tuple[int, int]:
        """Return where in the file the data of an allocated cell begin and end, and make ``least`` bytes present.

        Raises:
            CorruptError: the offset leads nowhere, or to a cell that is free or has fewer than ``least`` bytes.
        """
        if not BIN_HEADER_SIZE <= offset <= self.limit - 8 or offset & 7:
            raise self.corrupt(offset, f"{what}: the offset leads nowhere")
        start = offset + CELLS_START
        if self.lazy:
            self.fetch(start - CELL_HEADER, CELL_HEADER + least)
        size = -CELL_SIZE.unpack_from(self.buffer, start - CELL_HEADER)[0]
        if size < 8 or offset + size > self.limit:
            raise self.corrupt(offset, f"{what}: the cell is {'free' if size < 0 else 'of impossible size'}")
        if size - CELL_HEADER < least:
            raise self.corrupt(offset, f"{what}: {least} bytes do not fit its cell of {size}")
        return start, start - CELL_HEADER + size

    def start(self, offset: int, least: int, what: str) -> int:
        """Return where in the file the data of an allocated cell begin: :meth:`span`, but quick where all is well."""
        if not (self.lazy or offset & 7 or offset > self.limit - 8):
            size = _size_at(self.buffer, offset + BASE_SIZE)[0]
            if least + CELL_HEADER <= -size <= self.limit - offset:
                return offset + CELLS_START
        return self.span(offset, least, what)[0]

    def read(self, offset: int, length: int, what: str) -> bytes:
        """Return the first ``length`` bytes of an allocated cell."""
        start = self.start(offset, length, what)
        return bytes(self.buffer[start : start + length])

    def numbers(self, offset: int, count: int, what: str) -> tuple[int, ...]:
        """Return the first ``count`` 32-bit numbers of an allocated cell."""
        return numbers(count).unpack_from(self.buffer, self.start(offset, 4 * count, what))

    def number(self, position: int) -> int:
        """Return the 32-bit number at a position of the file, which must be present."""
        return int.from_bytes(self.buffer[position : position + 4], "little")

    def short(self, position: int) -> int:
        """Return the 16-bit number at a position of the file, which must be present."""
        return int.from_bytes(self.buffer[position : position + 2], "little")

    @staticmethod
    def corrupt(offset: int, message: str) -> CorruptError:
        """Return the error for a broken cell."""
        return CorruptError(message, at=f"cell {offset:#x}")
