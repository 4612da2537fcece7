"""What all of mending stands on: the cells, who has them, and what is put off until there is free space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.registry.cells import CELLS_START
from bootmend.registry.check_cells import ALLOCATED, CLAIMED, Base, map_cells
from bootmend.registry.findings import Findings
from bootmend.registry.layout import (
    BASE_SIZE,
    CELL_SIZE,
    NK,
    NK_FLAGS,
    NK_NAME,
    NK_NAME_LENGTH,
    NK_PARENT,
    NK_SIZE,
    KeyFlag,
)
from bootmend.registry.names import decode_name

if TYPE_CHECKING:
    from bootmend.registry.editable import EditableCells
    from bootmend.registry.mend_report import Report

_COMPRESSED = int(KeyFlag.COMPRESSED_NAME)


class Ground:
    """Cells of a hive whose frame is sound.  A cell is free, allocated, or taken by one owner.

    ``named`` are cells whose loss has been named, or which are no loss.
    """

    __slots__ = ("_state", "bytes", "cells", "named", "report")

    def __init__(self, cells: EditableCells, report: Report) -> None:
        self.cells = cells
        self.bytes = cells.bytes
        self.report = report
        self.named: set[int] = set()
        base = Base(cells.minor, 0, cells.limit, 0)
        self._state = map_cells(cells.bytes, base, Findings()).state

    def room(self, offset: int) -> int:
        """Bytes of data in an allocated cell, taken or not; -1 where there is none."""
        if offset & 7 or offset >= self.cells.limit or self._state[offset >> 3] < ALLOCATED:
            return -1
        size: int = CELL_SIZE.unpack_from(self.bytes, BASE_SIZE + offset)[0]
        return -size - 4

    def is_taken(self, offset: int) -> bool:
        """Whether the cell has an owner already."""
        return self._state[offset >> 3] == CLAIMED

    def take(self, offset: int) -> None:
        """Give the cell an owner."""
        self._state[offset >> 3] = CLAIMED

    def leave(self, offset: int) -> None:
        """The cell has no owner any more: it is freed with all others that have none."""
        self._state[offset >> 3] = ALLOCATED
        self.named.add(offset)

    def unowned(self) -> list[int]:
        """All allocated cells without an owner."""
        found, slot = [], self._state.find(ALLOCATED)
        while slot >= 0:
            found.append(slot << 3)
            slot = self._state.find(ALLOCATED, slot + 1)
        return found

    # -- keys, as far as they can be read --------------------------------------------------------------
    def is_key(self, offset: int) -> bool:
        """Whether the cell holds a key, be its name as it may."""
        start = offset + CELLS_START
        return self.room(offset) >= NK_SIZE and self.bytes[start : start + 2] == NK

    def has_name(self, offset: int) -> bool:
        """Whether the name of a key fits its cell."""
        return NK_SIZE + self.cells.short(offset + CELLS_START + NK_NAME_LENGTH) <= self.room(offset)

    def parent_of(self, offset: int) -> int:
        """The cell that a key says is its parent."""
        return self.cells.number(offset + CELLS_START + NK_PARENT)

    def name_of(self, offset: int) -> str:
        """The name of a key, or as much of it as its cell holds."""
        start = offset + CELLS_START
        length = min(self.cells.short(start + NK_NAME_LENGTH), self.room(offset) - NK_SIZE)
        stored = self.bytes[start + NK_NAME : start + NK_NAME + length]
        return decode_name(stored, compressed=bool(self.cells.short(start + NK_FLAGS) & _COMPRESSED))
