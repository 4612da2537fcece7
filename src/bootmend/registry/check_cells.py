"""The frame of a hive: base block, hive bins, and which cells there are.

Rules 1 to 4 of the checklist in ``docs/formats/regf.md``.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from bootmend.registry.layout import (
    BASE_BINS_SIZE,
    BASE_CHECKSUM,
    BASE_FORMAT,
    BASE_HEAD,
    BASE_MAJOR,
    BASE_ROOT,
    BASE_SEQUENCE_1,
    BASE_SIZE,
    BASE_TYPE,
    BIN_HEADER_SIZE,
    CELL_HEADER,
    CELL_SIZE,
    HBIN,
    PAGE,
    REGF,
    checksum,
)

if TYPE_CHECKING:
    from bootmend.registry.findings import Findings

Buffer = bytes | bytearray | memoryview

ABSENT: Final = 0
FREE: Final = 1
ALLOCATED: Final = 2
CLAIMED: Final = 3

BINS_SIZE_LIMIT: Final = 0x7FFFE000
"""The largest size of all hive bins that the boot manager accepts."""
MINOR_VERSIONS: Final = range(3, 7)

_BIN_START: Final = Struct("<4sII")
_BIN_STAMP: Final = Struct("<Q")


class Base:
    """The fields of the base block that the rest of the check needs."""

    __slots__ = ("bins_size", "minor", "root", "written")

    def __init__(self, minor: int, root: int, bins_size: int, written: int) -> None:
        self.minor = minor
        self.root = root
        self.bins_size = bins_size
        self.written = written


def check_base(buffer: Buffer, size: int, findings: Findings) -> Base | None:
    """Check the base block of a file of ``size`` bytes; None where nothing after it can be trusted."""
    if size < BASE_SIZE or len(buffer) < BASE_SIZE:
        findings.error("base-truncated", 0, f"the file has {size} bytes, less than a base block of {BASE_SIZE}")
        return None
    signature, first, second, written, major, minor, kind, form, root, bins_size, _ = BASE_HEAD.unpack_from(buffer, 0)
    if signature != REGF:
        findings.error("base-signature", 0, "the file does not begin with 'regf': it is not a hive")
        return None
    if first != second:
        findings.error("base-sequence", BASE_SEQUENCE_1, f"sequence numbers {first} and {second} differ: it is dirty")
    if major != 1 or minor not in MINOR_VERSIONS:
        findings.error("base-version", BASE_MAJOR, f"version {major}.{minor} is not between 1.3 and 1.6")
    if kind != 0:
        findings.error("base-type", BASE_TYPE, f"file type {kind} is not that of a hive (0)")
    if form != 1:
        findings.error("base-format", BASE_FORMAT, f"format {form} is not 1")
    _check_sum(buffer, findings)
    if bins_size == 0 or bins_size % PAGE or bins_size > min(BINS_SIZE_LIMIT, size - BASE_SIZE):
        findings.error("base-bins-size", BASE_BINS_SIZE, f"{bins_size:#x} bytes of hive bins do not fit a file of {size:#x}")
    if root % 8 or not BIN_HEADER_SIZE <= root < bins_size:
        findings.error("base-root", BASE_ROOT, f"the root key at {root:#x} is not inside the hive bins")
    if BASE_SIZE + bins_size < size:
        findings.warning("base-tail", BASE_BINS_SIZE, f"{size - BASE_SIZE - bins_size} bytes follow the hive bins")
    return Base(minor, root, bins_size, written)


def _check_sum(buffer: Buffer, findings: Findings) -> None:
    stored = int.from_bytes(buffer[BASE_CHECKSUM : BASE_CHECKSUM + 4], "little")
    expected = checksum(buffer)
    if stored != expected:
        findings.error("base-checksum", BASE_CHECKSUM, f"checksum {stored:#010x} should be {expected:#010x}")


class Cells:
    """Which cells a hive has, and which of them something refers to.

    ``state`` holds one byte for each eight of the bins: :data:`ABSENT` (no cell begins there),
    :data:`FREE`, :data:`ALLOCATED` (nobody has referred to it yet) or :data:`CLAIMED`.
    """

    __slots__ = ("_size", "buffer", "findings", "limit", "state")

    def __init__(self, buffer: Buffer, limit: int, findings: Findings) -> None:
        self.buffer = buffer
        self.limit = limit
        self.findings = findings
        self._size = CELL_SIZE.unpack_from
        self.state = bytearray(limit >> 3)

    def claim(self, offset: int, need: int, what: str, owner: int) -> int:
        """Mark the cell at ``offset`` as the ``what`` of ``owner``; return its bytes of data, or 0 if it cannot be used.

        What is wrong (no cell there, a free one, one that has an owner already, one with less than
        ``need`` bytes) is a finding at ``owner``.
        """
        if offset & 7 or offset >= self.limit:
            return self._refuse("reference-outside", offset, what, owner, "is not inside the hive bins")
        slot = offset >> 3
        state = self.state[slot]
        if state != ALLOCATED:
            if state == CLAIMED:
                return self._refuse("reference-twice", offset, what, owner, "is in use already")
            if state == FREE:
                return self._refuse("reference-free", offset, what, owner, "is free")
            return self._refuse("reference-no-cell", offset, what, owner, "is not the start of a cell")
        self.state[slot] = CLAIMED
        room: int = -self._size(self.buffer, BASE_SIZE + offset)[0] - CELL_HEADER
        if room < need:
            return self._refuse("cell-small", offset, what, owner, f"has {room} bytes where {need} are needed")
        return room

    def room(self, offset: int) -> int:
        """Return the bytes of data of a cell that has been claimed."""
        room: int = -self._size(self.buffer, BASE_SIZE + offset)[0] - CELL_HEADER
        return room

    def _refuse(self, code: str, offset: int, what: str, owner: int, reason: str) -> int:
        self.findings.error(code, owner, f"the cell {offset:#x} of its {what} {reason}")
        return 0

    def report_leaks(self) -> None:
        """Report every allocated cell that nothing refers to."""
        slot = self.state.find(ALLOCATED)
        while slot >= 0:
            self.findings.error("cell-leaked", slot << 3, "allocated, but nothing refers to it")
            slot = self.state.find(ALLOCATED, slot + 1)


def map_cells(buffer: Buffer, base: Base, findings: Findings) -> Cells:
    """Check all hive bins and return the cells found in them."""
    limit = max(0, min(base.bins_size, BINS_SIZE_LIMIT, len(buffer) - BASE_SIZE)) // PAGE * PAGE
    cells = Cells(buffer, limit, findings)
    offset = 0
    while offset < limit:
        signature, position, size = _BIN_START.unpack_from(buffer, BASE_SIZE + offset)
        if signature != HBIN:
            findings.error("bin-signature", offset, "a hive bin should begin here, but 'hbin' is missing")
        if position != offset:
            findings.error("bin-offset", offset, f"its header says that it lies at {position:#x}")
        if size == 0 or size % PAGE or size > limit - offset:
            findings.error("bin-size", offset, f"its size {size:#x} does not fit {limit - offset:#x} bytes that are left")
            break
        _map_bin(cells, offset, offset + size)
        offset += size
    if limit:
        stamp = _BIN_STAMP.unpack_from(buffer, BASE_SIZE + 20)[0]
        if stamp != base.written:
            findings.warning("bin-stamp", 0, "the first bin's time stamp differs from the base block's")
    return cells


def _map_bin(cells: Cells, offset: int, end: int) -> None:
    unpack, buffer, state, error = CELL_SIZE.unpack_from, cells.buffer, cells.state, cells.findings.error
    offset += BIN_HEADER_SIZE
    after_free = False
    while offset < end:
        (size,) = unpack(buffer, BASE_SIZE + offset)
        mark = FREE
        if size < 0:
            size, mark = -size, ALLOCATED
        if size < 8 or size & 7 or size > end - offset:
            error("cell-size", offset, f"its size {size:#x} does not fit {end - offset:#x} bytes that are left of its bin")
            return
        state[offset >> 3] = mark
        if mark == FREE and after_free:
            error("free-adjacent", offset, "this free cell follows another free cell: they should be one")
        after_free = mark == FREE
        offset += size
