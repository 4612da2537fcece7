"""Free space: where an edit puts new cells, and what becomes of old ones.

Cells never cross hive bins.  A new cell takes the smallest free one that fits, first in the bin of
its owner, then in any; then the bytes of the file behind the last bin, and only then makes the file
longer.  A freed cell becomes one with its free neighbours in the bin, as Windows does it: so a store
that is edited over and over does not grow.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING

from bootmend.errors import RefusedError
from bootmend.registry.base import LARGEST_BINS
from bootmend.registry.cells import CELLS_START
from bootmend.registry.layout import (
    BASE_BINS_SIZE,
    BASE_SIZE,
    BIN_HEAD,
    BIN_HEADER_SIZE,
    CELL_HEADER,
    CELL_SIZE,
    HBIN,
    PAGE,
)

if TYPE_CHECKING:
    from bootmend.registry.editable import EditableCells

SMALLEST = 8


class Bin:
    """One hive bin: its free cells by offset, and where its cells begin.

    A bin whose cells do not fill it exactly is not ``sound``: nothing is put there and nothing freed.
    """

    __slots__ = ("free", "sound", "start", "starts")

    def __init__(self, cells: EditableCells, start: int, end: int) -> None:
        self.start = start
        self.free: dict[int, int] = {}
        self.starts: set[int] = set()
        position = start + BIN_HEADER_SIZE
        while position < end:
            (size,) = CELL_SIZE.unpack_from(cells.bytes, position + BASE_SIZE)
            if abs(size) < SMALLEST or size & 7 or abs(size) > end - position:
                break
            self.starts.add(position)
            if size > 0:
                self.free[position] = size
            position += abs(size)
        self.sound = position == end

    def best_fit(self, size: int) -> int | None:
        """The offset of the smallest free cell that has ``size`` bytes; of equals, the first."""
        fits = [(free, offset) for offset, free in self.free.items() if free >= size] if self.sound else []
        return min(fits)[1] if fits else None


class Space:
    """The free space of a hive; ``room`` is how long its file may become, in bytes."""

    def __init__(self, cells: EditableCells, room: int) -> None:
        self.cells = cells
        self._room = room
        self._starts = _bin_starts(cells)
        self._bins: dict[int, Bin] = {}
        self._by_size: list[tuple[int, int]] | None = None

    def allocate(self, length: int, near: int) -> int:
        """Return the offset of a new cell for ``length`` bytes, all zero, in the bin of cell ``near`` if it can be.

        Raises:
            RefusedError: the file would become longer than it may.
        """
        size = cell_size(length)
        offset = self._bin_of(near).best_fit(size)
        if offset is None:
            offset = self._best_fit_anywhere(size)
        if offset is None:
            offset = self._add_bin(size)
        self._take(self._bin_of(offset), offset, size)
        taken = -CELL_SIZE.unpack_from(self.cells.bytes, offset + BASE_SIZE)[0]
        self.cells.put(offset + CELLS_START, bytes(taken - CELL_HEADER))
        return offset

    def free(self, offset: int) -> None:
        """Free a cell and merge it with its free neighbours.

        Raises:
            RefusedError: no allocated cell begins there, or its bin is damaged.
        """
        home = self._bin_of(offset)
        if not home.sound or offset not in home.starts or offset in home.free:
            raise RefusedError("the hive is damaged here: no cell can be freed", at=f"cell {offset:#x}")
        size = -CELL_SIZE.unpack_from(self.cells.bytes, offset + BASE_SIZE)[0]
        home.starts.discard(offset)
        while offset + size in home.free:
            size += self._drop(home, offset + size)
        before = next((start for start, length in home.free.items() if start + length == offset), None)
        if before is not None:
            size += self._drop(home, before)
            offset = before
        self._add(home, offset, size)

    def grow(self, offset: int, length: int) -> bool:
        """Make a cell hold ``length`` bytes where it stands, if it does already or free space follows it."""
        home = self._bin_of(offset)
        size = -CELL_SIZE.unpack_from(self.cells.bytes, offset + BASE_SIZE)[0]
        wanted = cell_size(length)
        if size >= wanted:
            return True
        following = home.free.get(offset + size, 0)
        if not home.sound or offset not in home.starts or size + following < wanted:
            return False
        self._take(home, offset + size, wanted - size)
        taken = -CELL_SIZE.unpack_from(self.cells.bytes, offset + size + BASE_SIZE)[0]
        home.starts.discard(offset + size)
        self.cells.put(offset + size + BASE_SIZE, bytes(taken))
        self.cells.put(offset + BASE_SIZE, CELL_SIZE.pack(-(size + taken)))
        return True

    def resize(self, offset: int, length: int, near: int) -> int:
        """Make a cell hold ``length`` bytes, elsewhere if it must; return where it is now, with its old data.

        Data beyond ``length`` are lost when the cell moves.  A cell is never made smaller.
        """
        if self.grow(offset, length):
            return offset
        size = -CELL_SIZE.unpack_from(self.cells.bytes, offset + BASE_SIZE)[0]
        data = bytes(self.cells.bytes[offset + CELLS_START : offset + BASE_SIZE + size])[:length]
        self.free(offset)
        moved = self.allocate(length, near)
        self.cells.write(moved, data)
        self.cells.note_move(offset, moved)
        return moved

    def _take(self, home: Bin, offset: int, size: int) -> None:
        """Allocate the first ``size`` bytes of a free cell; what is left stays free."""
        rest = self._drop(home, offset) - size
        if rest >= SMALLEST:
            self._add(home, offset + size, rest)
        else:
            size += rest
        home.starts.add(offset)
        self.cells.put(offset + BASE_SIZE, CELL_SIZE.pack(-size))

    def _add(self, home: Bin, offset: int, size: int) -> None:
        home.free[offset] = size
        home.starts.add(offset)
        if self._by_size is not None:
            insort(self._by_size, (size, offset))
        self.cells.put(offset + BASE_SIZE, CELL_SIZE.pack(size))

    def _drop(self, home: Bin, offset: int) -> int:
        size = home.free.pop(offset)
        home.starts.discard(offset)
        if self._by_size is not None:
            del self._by_size[bisect_left(self._by_size, (size, offset))]
        return size

    def _bin_of(self, offset: int) -> Bin:
        index = bisect_right(self._starts, offset) - 1
        if not 0 <= index < len(self._starts) - 1:
            raise RefusedError("the offset lies outside all hive bins", at=f"cell {offset:#x}")
        start = self._starts[index]
        if start not in self._bins:
            self._bins[start] = Bin(self.cells, start, self._starts[index + 1])
        return self._bins[start]

    def _best_fit_anywhere(self, size: int) -> int | None:
        if self._by_size is None:
            homes = [self._bin_of(start) for start in self._starts[:-1]]
            self._by_size = sorted((free, offset) for home in homes if home.sound for offset, free in home.free.items())
        index = bisect_left(self._by_size, (size, 0))
        return self._by_size[index][1] if index < len(self._by_size) else None

    def _add_bin(self, size: int) -> int:
        """Put a new bin behind the last one, with a single free cell; return that cell's offset."""
        start = self._starts[-1]
        length = -(-(BIN_HEADER_SIZE + size) // PAGE) * PAGE
        needed = BASE_SIZE + start + length
        if needed > max(self._room, len(self.cells.bytes)) or start + length >= LARGEST_BINS:
            message = f"the hive has no free space left for {size} bytes, and its file may not grow to {needed} bytes"
            hint = "delete what is not needed from the hive; a hive file of its own may also grow, one inside a disk may not"
            raise RefusedError(message, hint=hint)
        self.cells.extend(start + length)
        self.cells.put_number(BASE_BINS_SIZE, start + length)
        self.cells.put(start + BASE_SIZE, BIN_HEAD.pack(HBIN, start, length, 0, 0))
        self.cells.put(start + BASE_SIZE + BIN_HEADER_SIZE, CELL_SIZE.pack(length - BIN_HEADER_SIZE))
        self._starts.append(start + length)
        home = self._bin_of(start)
        for offset, free in home.free.items():
            if self._by_size is not None:
                insort(self._by_size, (free, offset))
        return start + BIN_HEADER_SIZE


def cell_size(length: int) -> int:
    """The size of a cell for ``length`` bytes of data."""
    return max(SMALLEST, (CELL_HEADER + length + 7) & ~7)


def _bin_starts(cells: EditableCells) -> list[int]:
    """Where each bin begins, and where the last one ends."""
    starts = [0]
    while starts[-1] < cells.limit:
        start = starts[-1]
        signature, position, size, *_ = BIN_HEAD.unpack_from(cells.bytes, start + BASE_SIZE)
        if signature != HBIN or position != start or not size or size % PAGE or size > cells.limit - start:
            raise RefusedError("the hive is damaged: it has a bad hive bin", at=f"bin {start:#x}")
        starts.append(start + size)
    return starts
