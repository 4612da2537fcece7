"""Cells that can be changed: every byte of an edit goes through :meth:`EditableCells.put`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from bootmend.registry.cells import CELLS_START, Cells
from bootmend.registry.layout import BASE_SIZE, PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator


class EditableCells(Cells):
    """A whole hive file in memory, that remembers which of its pages were touched, and how to go back.

    ``moved`` tells for cells that an edit has put elsewhere where they came from.
    """

    __slots__ = ("_moves", "_undo", "bytes", "moved", "sorted", "touched")

    editable = True

    def __init__(self, data: bytearray, limit: int, minor: int) -> None:  # the parent reads a source, this has it all
        self.bytes = self.buffer = data
        self.lazy = False
        self.limit = limit
        self.minor = minor
        self.sorted = False
        self.touched: set[int] = set()
        self.moved: dict[int, int] = {}
        self._undo: list[tuple[int, bytes]] | None = None
        self._moves: list[tuple[int, int | None]] = []

    def put(self, position: int, data: bytes) -> None:
        """Replace bytes at a position of the file; what is there already is not written again."""
        end = position + len(data)
        before = bytes(self.bytes[position:end])
        if before == data:
            return
        if self._undo is not None:
            self._undo.append((position, before))
        self.bytes[position:end] = data
        self.touched.update(range(position // PAGE, (end - 1) // PAGE + 1))

    def put_number(self, position: int, number: int) -> None:
        """Replace a 32-bit number."""
        self.put(position, number.to_bytes(4, "little"))

    def put_short(self, position: int, number: int) -> None:
        """Replace a 16-bit number."""
        self.put(position, number.to_bytes(2, "little"))

    def write(self, offset: int, data: bytes) -> None:
        """Replace the first bytes of the data of a cell."""
        self.put(offset + CELLS_START, data)

    def note_move(self, old: int, new: int) -> None:
        """Remember that what is in cell ``new`` came from cell ``old``."""
        self._moves += [(old, self.moved.get(old)), (new, self.moved.get(new))]
        self.moved[new] = self.moved.pop(old, old)

    def extend(self, limit: int) -> None:
        """Move the end of the bins, and that of the file where it is too short."""
        self.bytes.extend(bytes(max(0, BASE_SIZE + limit - len(self.bytes))))
        self.limit = limit

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Take back all that was put inside the block when it raises; blocks inside blocks are part of the outer one."""
        if self._undo is not None:
            yield
            return
        size, limit = len(self.bytes), self.limit
        undo = self._undo = []
        self._moves = []
        try:
            yield
        except BaseException:
            for position, before in reversed(undo):
                self.bytes[position : position + len(before)] = before
            del self.bytes[size:]
            self.limit = limit
            self._take_back_moves()
            raise
        finally:
            self._undo = None

    def _take_back_moves(self) -> None:
        for cell, origin in reversed(self._moves):
            if origin is None:
                self.moved.pop(cell, None)
            else:
                self.moved[cell] = origin
