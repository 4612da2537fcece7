"""Transaction logs of hives: what a crash left between memory and the hive file.

Two formats: the old one (``DIRT``, file type 1 or 2, up to Windows 8) holds the dirty 512-byte pages of
one write; the new one (``HvLE``, file type 6, from Windows 8.1) a chain of entries, each with its pages.
Source: M. Suhanov, "Windows registry file format specification", "Format of transaction log files".
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from bootmend.registry.layout import (
    BASE_BINS_SIZE,
    BASE_CHECKSUM,
    BASE_HEAD,
    PAGE,
    REGF,
    checksum,
)
from bootmend.registry.marvin import marvin32

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.source import Source

SECTOR: Final = 512
"""The copy of the base block fills one sector; all else begins at a multiple of it."""
TYPES_OLD: Final = (1, 2)
TYPE_NEW: Final = 6
_BINS_SIZE_LIMIT: Final = 0x7FFFE000

_DIRT: Final = b"DIRT"
_HVLE: Final = b"HvLE"
_ENTRY: Final = Struct("<4sIIIIIQQ")
"""signature, size, flags, sequence, bins size, pages, hash of all after this header, hash of the 32 bytes before it"""
_HASHED_HEADER: Final = 32
_REFERENCE: Final = Struct("<II")


class Entry(NamedTuple):
    """One atomic change of a hive.

    ``pages`` are pairs of an offset from the first hive bin and the bytes to put there; ``locked`` is bit 0
    of the base block's flags, or None where the log says nothing of it.
    """

    sequence: int
    bins_size: int
    locked: bool | None
    pages: tuple[tuple[int, bytes], ...]


class Log:
    """One log file, read on demand.

    ``fault`` says why Windows would not use it, or is empty.  ``number`` is its place, from 1, among
    those given; ``base`` the copy of the hive's base block (512 bytes); ``sequence`` and ``written`` are
    that block's.  ``remark`` says why reading of entries stopped before a torn one.
    """

    def __init__(self, source: Source, number: int) -> None:
        self.number = number
        self.remark = ""
        self._source = source
        self.base = source.read_at(0, SECTOR) if source.size >= SECTOR else b""
        self.kind = self.sequence = self.written = self.bins_size = 0
        self.fault = self._judge()

    def _judge(self) -> str:
        if not self.base:
            return f"log {self.number} is empty" if not self._source.size else f"log {self.number} is shorter than a sector"
        signature, first, second, self.written, _, _, self.kind, _, _, self.bins_size, _ = BASE_HEAD.unpack_from(self.base)
        if signature != REGF:
            return f"log {self.number} is not a registry log"
        if int.from_bytes(self.base[BASE_CHECKSUM : BASE_CHECKSUM + 4], "little") != checksum(self.base):
            return f"the checksum of log {self.number} is wrong"
        if self.kind not in (*TYPES_OLD, TYPE_NEW):
            return f"log {self.number} has the unknown file type {self.kind}"
        if first != second:
            return f"the writing of log {self.number} was not finished"
        self.sequence = first
        return ""

    @property
    def is_new(self) -> bool:
        """True for a log of entries (HvLE)."""
        return self.kind == TYPE_NEW

    def last_sequence(self) -> int:
        """Return the highest sequence number in this log, entries of former rounds included; hashes of pages are not computed."""
        highest = self.sequence
        offset = SECTOR
        while self.is_new and not self.fault and (header := self._header(offset)):
            highest = max(highest, header[3])
            offset += header[1]
        return highest

    # -- the new format -------------------------------------------------------------------------------

    def entries(self) -> Iterator[Entry]:
        """Yield the entries to apply: the first has the base block's number, each other the next.

        It ends, as Windows does, at the first gap, wrong hash or wrong size.
        """
        expected = self.sequence
        offset = SECTOR
        while (header := self._header(offset)) and header[3] == expected:
            entry = self._entry(offset, header)
            if entry is None:
                self.remark = f"entry {expected} of log {self.number} is torn and was left out"
                return
            yield entry
            offset += header[1]
            expected += 1

    def _header(self, offset: int) -> tuple[bytes, int, int, int, int, int, int, int] | None:
        """Return the header at ``offset``, if its own hash and its size are right."""
        if offset + _ENTRY.size > self._source.size:
            return None
        raw = self._source.read_at(offset, _ENTRY.size)
        header: tuple[bytes, int, int, int, int, int, int, int] = _ENTRY.unpack(raw)
        signature, size, *_, own_hash = header
        fits = size >= SECTOR and size % SECTOR == 0 and offset + size <= self._source.size
        return header if signature == _HVLE and fits and own_hash == marvin32(raw[:_HASHED_HEADER]) else None

    def _entry(self, offset: int, header: tuple[bytes, int, int, int, int, int, int, int]) -> Entry | None:
        _, size, flags, sequence, bins_size, count, body_hash, _ = header
        body = self._source.read_at(offset + _ENTRY.size, size - _ENTRY.size)
        position = _REFERENCE.size * count
        if not is_bins_size(bins_size) or position > len(body) or marvin32(body) != body_hash:
            return None
        pages = []
        for start, length in _REFERENCE.iter_unpack(body[:position]):
            if position + length > len(body) or start + length > bins_size:
                return None
            pages.append((start, body[position : position + length]))
            position += length
        return Entry(sequence, bins_size, bool(flags & 1), tuple(pages))

    # -- the old format -------------------------------------------------------------------------------

    def dirty_pages(self) -> Entry | str:
        """Return all of an old log as one entry, or the sentence that says why not."""
        if not is_bins_size(self.bins_size):
            return f"log {self.number} speaks of {self.bins_size:#x} bytes of hive bins"
        length = self.bins_size // SECTOR // 8
        start = SECTOR + -(-(len(_DIRT) + length) // SECTOR) * SECTOR
        if self._source.size < start or self._source.read_at(SECTOR, len(_DIRT)) != _DIRT:
            return f"log {self.number} has no list of dirty pages"
        bitmap = self._source.read_at(SECTOR + len(_DIRT), length)
        runs = _runs(bitmap)
        if start + SECTOR * sum(count for _, count in runs) > self._source.size:
            return f"log {self.number} ends before its last page"
        pages = []
        for first, count in runs:
            pages.append((first * SECTOR, self._source.read_at(start, count * SECTOR)))
            start += count * SECTOR
        return Entry(self.sequence, self.bins_size, None, tuple(pages))


def is_bins_size(size: int) -> bool:
    """Return True for a number that can be the size of all hive bins."""
    return 0 < size <= _BINS_SIZE_LIMIT and size % PAGE == 0


def base_bins_size(base: bytes | bytearray) -> int:
    """Return the size of all hive bins that a base block gives."""
    return int.from_bytes(base[BASE_BINS_SIZE : BASE_BINS_SIZE + 4], "little")


def _runs(bitmap: bytes) -> list[tuple[int, int]]:
    """Return the runs of set bits as pairs of first and count; bits count from the lowest of each byte."""
    runs: list[tuple[int, int]] = []
    for index, byte in enumerate(bitmap):
        if not byte:
            continue
        for bit in range(8):
            if byte >> bit & 1:
                page = 8 * index + bit
                if runs and sum(runs[-1]) == page:
                    runs[-1] = (runs[-1][0], runs[-1][1] + 1)
                else:
                    runs.append((page, 1))
    return runs
