"""The log file service: the layer of $LogFile that keeps records, whatever they mean.

Two restart pages say where the log stands, then come copies of the newest pages, then pages of
records in a ring.  A record is named by its LSN: in the low bits its place in the file (in units of
8 bytes), in the high bits how often the ring has been round.

Sources of the facts: Linux-NTFS documentation, "$LogFile"; for version 2.0 (Windows 8.1 and later)
measured on volumes written by Windows 10, see ``docs/formats/ntfs.md``.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError
from bootmend.filesystem.ntfs import layout
from bootmend.filesystem.ntfs.record import unguard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.filesystem.ntfs.content import Content

RESTART_PAGE = Struct("<8xQIIHhh")
"""chkdsk LSN, system page size, log page size, offset of the restart area, minor version, major version"""
RESTART_AREA = Struct("<Q4xHHI2xHQIHH")
"""current LSN, first client in use, flags, sequence number bits, offset of the clients, file size,
length of the last record, length of a record header, offset of the data in a page"""
CLIENT = Struct("<QQ")
"""oldest LSN that is needed, LSN of the last restart record"""
CLIENT_SIZE = 0xA0
NO_CLIENT = 0xFFFF
IS_CLEAN = 0x0002
RESTART_PAGES = 2
PAGE_HEAD = Struct("<8xQIHHH6xQ")
"""last LSN (in a copy of version 1: file offset), flags, pages, page, next free place, last LSN that ends here"""
PAGE_HOME_AT = 0x3C
"""In a copy of version 2: the file offset of the page."""
COPIES_1, COPIES_2 = 2, 32
RECORD_HEAD = Struct("<QQQI4xI")
"""LSN, previous LSN, LSN to undo next, length of the data, record type"""
RECORD_HEAD_SIZE = 0x30
READ_AHEAD = 64 << 10


class Restart(NamedTuple):
    """Where the log stands; page sizes, offsets and the file size in bytes."""

    major: int
    system_page: int
    page: int
    current: int
    flags: int
    sequence_bits: int
    file_size: int
    data_offset: int
    client: tuple[int, int] | None

    @property
    def unfinished(self) -> bool:
        """Whether the volume was not dismounted after the last record."""
        return self.client is not None and not self.flags & IS_CLEAN

    @property
    def copies(self) -> range:
        """The file offsets of the copies of the newest pages."""
        start = RESTART_PAGES * self.system_page
        return range(start, start + self.page * (COPIES_2 if self.major >= 2 else COPIES_1), self.page)

    def place(self, lsn: int) -> int:
        """The file offset of a record."""
        return (lsn & (1 << 64 - self.sequence_bits) - 1) << 3


class Record(NamedTuple):
    """One record: its LSN, its type (1: of the client, 2: restart of the client), its data, the LSN after it."""

    lsn: int
    type: int
    data: bytes
    next: int


class _Page(NamedTuple):
    data: bytes | bytearray
    last: int


def read_restart(content: Content) -> Restart | None:
    """Return the newer of the two restart pages; None where the log was emptied (filled with 0xFF).

    Raises:
        CorruptError: neither can be read.
    """
    head = content.read(0, min(8192, content.size))
    if head and head.count(0xFF) == len(head):
        return None
    found: list[Restart] = []
    problem = CorruptError("there is no restart page")
    for offset in (0, _system_page(head)):
        try:
            found.append(_parse_restart(content, offset))
        except CorruptError as error:
            problem = error
    if not found:
        raise problem
    return max(found, key=lambda restart: restart.current)


def _system_page(head: bytes) -> int:
    if len(head) >= 0x30 and head[:4] in (layout.RESTART_MAGIC, layout.CHECKED_MAGIC):
        return _page_size(RESTART_PAGE.unpack_from(head)[1]) or 4096
    return 4096


def _page_size(size: int) -> int:
    return size if 512 <= size <= 65536 and not size & (size - 1) else 0


def _parse_restart(content: Content, offset: int) -> Restart:
    if offset + 0x30 > content.size:
        raise CorruptError(f"the restart page at {offset:#x} is missing")
    head = content.read(offset, 0x30)
    magic = head[:4]
    _, system_page, page, area, _, major = RESTART_PAGE.unpack_from(head)
    if magic not in (layout.RESTART_MAGIC, layout.CHECKED_MAGIC) or not _page_size(system_page) or not _page_size(page):
        raise CorruptError(f"the restart page at {offset:#x} is damaged")
    if major not in (1, 2):
        raise CorruptError(f"the log has the unknown version {major}")
    if offset + system_page > content.size or area + RESTART_AREA.size > system_page:
        raise CorruptError(f"the restart page at {offset:#x} is cut off")
    data = unguard(content.read(offset, system_page), magic)
    fields = RESTART_AREA.unpack_from(data, area)
    current, in_use, flags, bits, clients, size, _, header, data_offset = fields
    if not 0 < bits < 64 or size >> 3 > 1 << 64 - bits or size > content.size or size % page:
        raise CorruptError(f"the restart page at {offset:#x} has an impossible size or sequence number")
    if header != RECORD_HEAD_SIZE or not 0x28 <= data_offset <= page - RECORD_HEAD_SIZE or data_offset % 8:
        raise CorruptError(f"the restart page at {offset:#x} tells of records of an unknown form")
    client = None
    if in_use != NO_CLIENT:
        start = area + clients + in_use * CLIENT_SIZE
        if start + CLIENT_SIZE > system_page:
            raise CorruptError(f"the restart page at {offset:#x} names a client that is not there")
        client = CLIENT.unpack_from(data, start)
    return Restart(major, system_page, page, current, flags, bits, size, data_offset, client)


class LogRecords:
    """The records of a log in the order they were written."""

    def __init__(self, content: Content, restart: Restart) -> None:
        self._content = content
        self._restart = restart
        self._first = restart.copies.stop
        self._ahead = (0, b"")
        self._pages: dict[int, _Page | None] = {}
        self._copies = self._read_copies()

    def _read_copies(self) -> dict[int, _Page]:
        """The newest copy of each page that has one, by the page's own file offset."""
        copies: dict[int, _Page] = {}
        for offset in self._restart.copies:
            data = self._unguarded(offset)
            if data is None:
                continue
            last, _, _, _, _, ended = PAGE_HEAD.unpack_from(data)
            if self._restart.major >= 2:
                home = int.from_bytes(data[PAGE_HOME_AT : PAGE_HOME_AT + 4], "little")
                copy = _Page(data, last)
            else:
                home, copy = last, _Page(data, ended)
            if home not in copies or copies[home].last < copy.last:
                copies[home] = copy
        return copies

    def after(self, lsn: int) -> Iterator[Record]:
        """Yield the record at ``lsn`` and all after it, up to the end of the log.

        Raises:
            CorruptError: the log ends before the newest record that the restart area tells of.
        """
        newest = max(self._restart.current, *(self._restart.client or (0,)))
        last = 0
        while (record := self._record(lsn)) is not None:
            yield record
            last, lsn = record.lsn, record.next
        if last < newest:
            raise CorruptError(f"its records break off at LSN {lsn:#x}, before the newest, {newest:#x}")

    def _record(self, lsn: int) -> Record | None:
        """The record of that LSN, or None where something else is in its place."""
        size, place = self._restart.page, self._restart.place(lsn)
        start, inside = place // size * size, place % size
        page = self._page(start)
        if page is None or page.last < lsn or not self._restart.data_offset <= inside <= size - RECORD_HEAD_SIZE:
            return None
        own, _, _, length, kind = RECORD_HEAD.unpack_from(page.data, inside)
        if own != lsn or length > self._restart.file_size:
            return None
        inside += RECORD_HEAD_SIZE
        parts: list[bytes] = []
        sequence = lsn >> 64 - self._restart.sequence_bits
        while True:
            parts.append(bytes(page.data[inside : inside + length]))
            inside, length = inside + len(parts[-1]), length - len(parts[-1])
            if not length:
                break
            start, sequence = self._next_page(start, sequence)
            inside = self._restart.data_offset
            page = self._page(start)
            if page is None or page.last < lsn:
                return None  # the rest of the record never reached the disk
        return Record(lsn, kind, b"".join(parts), self._next_lsn(start, -(-inside // 8) * 8, sequence))

    def _next_page(self, start: int, sequence: int) -> tuple[int, int]:
        start += self._restart.page
        return (start, sequence) if start < self._restart.file_size else (self._first, sequence + 1)

    def _next_lsn(self, start: int, inside: int, sequence: int) -> int:
        """A record header is never split between pages."""
        if inside + RECORD_HEAD_SIZE > self._restart.page:
            start, sequence = self._next_page(start, sequence)
            inside = self._restart.data_offset
        return sequence << 64 - self._restart.sequence_bits | (start + inside) >> 3

    def _page(self, offset: int) -> _Page | None:
        """The newest form of a page: that in its place, or a copy; None where neither can be read."""
        if not self._first <= offset <= self._restart.file_size - self._restart.page:
            return None
        if offset not in self._pages:
            data = self._unguarded(offset)
            page = _Page(data, PAGE_HEAD.unpack_from(data)[0]) if data is not None else None
            copy = self._copies.get(offset)
            if copy is not None and (page is None or page.last < copy.last):
                page = copy
            self._pages = {offset: page}
        return self._pages[offset]

    def _unguarded(self, offset: int) -> bytearray | None:
        size = self._restart.page
        start, data = self._ahead
        if not start <= offset <= start + len(data) - size:
            start, data = offset, self._content.read(offset, min(READ_AHEAD, self._restart.file_size - offset))
            self._ahead = (start, data)
        raw = data[offset - start : offset - start + size]
        if raw[:4] != layout.PAGE_MAGIC:
            return None
        try:
            return unguard(raw, layout.PAGE_MAGIC)
        except CorruptError:
            return None  # torn: the log ends here, unless there is a copy
