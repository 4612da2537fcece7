"""Mending the frame of a hive: where its bins are, and where the cells in them are.

Nothing is invented: a bin ends where the next one begins, a cell where a cell begins that something refers to and from
which the rest of the bin is whole.  What lies between is free afterwards, and named as lost.
"""

from __future__ import annotations

from array import array
from struct import Struct
from typing import TYPE_CHECKING, Final

from bootmend.registry.layout import (
    BASE_BINS_SIZE,
    BASE_SIZE,
    BIN_HEAD,
    BIN_HEADER_SIZE,
    CELL_SIZE,
    HBIN,
    NIL,
    PAGE,
)

if TYPE_CHECKING:
    from bootmend.registry.mend_report import Report

_BIN: Final = Struct("<4sII")
_NUMBER: Final = Struct("<I")
_SMALLEST: Final = 8


def mend_frame(data: bytearray, report: Report) -> int:
    """Make bins and cells whole, in place; return the size of all bins."""
    held = (len(data) - BASE_SIZE) // PAGE * PAGE
    stored = _NUMBER.unpack_from(data, BASE_BINS_SIZE)[0]
    limit = stored if 0 < stored <= held and stored % PAGE == 0 else held
    limit = _mend_bins(data, limit, report)
    if limit != stored:
        _NUMBER.pack_into(data, BASE_BINS_SIZE, limit)
        report.repair("base-bins-size", BASE_BINS_SIZE, f"the size of all bins is {limit:#x}, not {stored:#x}")
    cells = _Cells(data, limit, report)
    start = 0
    while start < limit:
        size = _BIN.unpack_from(data, BASE_SIZE + start)[2]
        cells.mend(start, start + size)
        start += size
    return limit


def chain_end(data: bytes | bytearray, start: int) -> int:
    """Return where the sound bins end that follow one another from ``start``."""
    held = (len(data) - BASE_SIZE) // PAGE * PAGE
    while start < held:
        size = _sound_size(data, start, held)
        if not size or size > held - start or not _tiles(data, start + BIN_HEADER_SIZE, start + size):
            break
        start += size
    return start


# -- bins -----------------------------------------------------------------------------------------------
def _sound_size(data: bytes | bytearray, start: int, limit: int) -> int:
    """The size in a bin's header; 0 where there is none that can be."""
    if start + PAGE > limit:
        return 0
    signature, offset, size = _BIN.unpack_from(data, BASE_SIZE + start)
    return size if signature == HBIN and offset == start and size and size % PAGE == 0 else 0


def _tiles(data: bytes | bytearray, offset: int, end: int) -> bool:
    """Whether cells fill the bytes up to ``end`` exactly."""
    unpack = CELL_SIZE.unpack_from
    while offset < end:
        size = abs(unpack(data, BASE_SIZE + offset)[0])
        if size < _SMALLEST or size & 7 or size > end - offset:
            return False
        offset += size
    return True


def _next_bin(data: bytearray, start: int, limit: int) -> int:
    """Where the next bin begins that says of itself that it begins there; else ``limit``."""
    return next((at for at in range(start + PAGE, limit, PAGE) if _sound_size(data, at, limit)), limit)


def _mend_bins(data: bytearray, limit: int, report: Report) -> int:
    """Give every stretch of the bins a header; return where the last one ends."""
    start = 0
    while start < limit:
        size = _sound_size(data, start, limit)
        end = _end_of_bin(data, start, size, limit)
        if end is None:
            end = _next_bin(data, start, limit)
            report.lose(f"the {end - start:,} bytes of the bins from {start:#x} to {end:#x}: they hold no bin")
            if end == limit:
                return start
            _write_header(data, start, end)
            CELL_SIZE.pack_into(data, BASE_SIZE + start + BIN_HEADER_SIZE, end - start - BIN_HEADER_SIZE)
            report.repair("bin-signature", start, f"made a free bin up to the next one at {end:#x}")
        elif end - start != size:
            _write_header(data, start, end)
            was = f"its size was {size:#x}" if size else "its header was damaged"
            report.repair("bin-size" if size else "bin-signature", start, f"{was}; it ends at {end:#x}")
        start = end
    return limit


def _end_of_bin(data: bytearray, start: int, size: int, limit: int) -> int | None:
    """Where the bin ends: where its header says, if a bin or nothing follows; else where its cells and the next bin agree."""
    following = _next_bin(data, start, limit)
    if size and (start + size in {limit, following} or _tiles(data, start + BIN_HEADER_SIZE, min(start + size, limit))):
        return min(start + size, limit)
    stored = _BIN.unpack_from(data, BASE_SIZE + start)[2]
    if start + stored == following and stored % PAGE == 0 and _begins_with_cell(data, start, following):
        return following
    if _tiles(data, start + BIN_HEADER_SIZE, following):
        return following
    return min(start + size, limit, following) if size else None


def _begins_with_cell(data: bytearray, start: int, end: int) -> bool:
    size = abs(CELL_SIZE.unpack_from(data, BASE_SIZE + start + BIN_HEADER_SIZE)[0])
    return _SMALLEST <= size <= end - start - BIN_HEADER_SIZE and not size & 7


def _write_header(data: bytearray, start: int, end: int) -> None:
    """Write what must be right of a bin's header; its time stamp stays."""
    stamp = BIN_HEAD.unpack_from(data, BASE_SIZE + start)[3] if start == 0 else 0
    BIN_HEAD.pack_into(data, BASE_SIZE + start, HBIN, start, end - start, stamp, 0)


# -- cells ----------------------------------------------------------------------------------------------
class _Cells:
    """Mends the cells of one bin after the other."""

    def __init__(self, data: bytearray, limit: int, report: Report) -> None:
        self._data = data
        self._limit = limit
        self._report = report
        self._known: set[int] | None = None

    def mend(self, start: int, end: int) -> None:
        offset, free = start + BIN_HEADER_SIZE, None
        while offset < end:
            (size,) = CELL_SIZE.unpack_from(self._data, BASE_SIZE + offset)
            if abs(size) < _SMALLEST or size & 7 or abs(size) > end - offset:
                size = self._mend_cell(offset, end, size)
            if size > 0 and free is not None:
                length = offset + size - free
                CELL_SIZE.pack_into(self._data, BASE_SIZE + free, length)
                self._report.repair("free-adjacent", free, f"the free cells from {free:#x} to {free + length:#x} are one now")
            elif size > 0:
                free = offset
            else:
                free = None
            offset += abs(size)

    def _mend_cell(self, offset: int, end: int, stored: int) -> int:
        """Give a cell of impossible size the bytes up to the next cell that is known."""
        mentioned = self._mentioned()
        following = (at for at in range(offset + _SMALLEST, end, 8) if at in mentioned and _tiles(self._data, at, end))
        stop = next(following, end)
        used = offset in mentioned
        size = offset - stop if used else stop - offset
        CELL_SIZE.pack_into(self._data, BASE_SIZE + offset, size)
        state = "in use" if used else "free"
        self._report.repair("cell-size", offset, f"its size was {stored:#x}; it is {state} and ends at {stop:#x}")
        return size

    def _mentioned(self) -> set[int]:
        """All numbers in the hive that could be offsets of cells."""
        if self._known is None:
            numbers = array("I", bytes(self._data[BASE_SIZE : BASE_SIZE + self._limit]))
            if array("I", b"\1\0\0\0")[0] != 1:
                numbers.byteswap()
            self._known = {number for number in numbers if not number & 7 and number < self._limit} - {NIL, 0}
            self._known.add(_NUMBER.unpack_from(self._data, 36)[0])
        return self._known
