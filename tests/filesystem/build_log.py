"""Writes NTFS logs ($LogFile) record by record, from the documentation of the Linux-NTFS project.

Nothing of bootmend is used here.  ``test_logfile.py`` also reads logs that Windows wrote.
"""

from __future__ import annotations

import struct

from tests.filesystem.build_ntfs import protect

PAGE = 4096
CLEAN = 2


def operation(
    redo: int,
    undo: int = 0,
    lcns: tuple[int, ...] = (),
    *,
    vcn: int = 0,
    block: int = 0,
    payload: bytes = b"",
    count: int | None = None,
) -> bytes:
    """The data of one NTFS record: what to do, in which clusters, ``block`` counted in 512 bytes."""
    follow = len(lcns) if count is None else count
    head = struct.pack("<11HHQ", redo, undo, 0x28, len(payload), 0x28, 0, 0x18, follow, 0, 0, block, 0, vcn)
    return head + struct.pack(f"<{len(lcns)}Q", *lcns) + payload


class LogBuilder:
    """A log of ``pages`` pages of version 1.1 or 2.0 whose ring stands in its round ``sequence`` at page ``start``."""

    def __init__(self, *, version: int = 2, pages: int = 64, sequence: int = 5, start: int | None = None) -> None:
        self.version = version
        self.size = pages * PAGE
        self.first = PAGE * (34 if version == 2 else 4)
        self.offset_bits = (self.size >> 3).bit_length()
        self.sequence = sequence
        self.page = self.first if start is None else start * PAGE
        self.inside = 0x40
        self.pages: dict[int, bytearray] = {}
        self.heads: dict[int, list[int]] = {}
        self.lsns: list[int] = []

    def add(self, data: bytes, kind: int = 1) -> int:
        """Append a record; its LSN is returned."""
        if self.inside + 0x30 > PAGE:
            self._turn()
        lsn = self.sequence << self.offset_bits | (self.page + self.inside) >> 3
        raw = struct.pack("<QQQIHHIIHHI", lsn, 0, 0, len(data), 0, 0, kind, 0x18, 0, 0, 0) + data
        while raw:
            part, raw = raw[: PAGE - self.inside], raw[PAGE - self.inside :]
            page = self.pages.setdefault(self.page, bytearray(PAGE))
            page[self.inside : self.inside + len(part)] = part
            self.inside += len(part)
            head = self.heads.setdefault(self.page, [lsn, 0, 0])
            head[0] = lsn
            if not raw:
                head[1:] = [lsn, -(-self.inside // 8) * 8]
            else:
                self._turn()
        self.inside = -(-self.inside // 8) * 8
        self.lsns.append(lsn)
        return lsn

    def _turn(self) -> None:
        self.page, self.inside = self.page + PAGE, 0x40
        if self.page >= self.size:
            self.page, self.sequence = self.first, self.sequence + 1

    def restart(self) -> int:
        """Append a restart record of the client, as a checkpoint does."""
        return self.add(struct.pack("<II", 1, 0).ljust(0x70, b"\0"), kind=2)

    def encode_page(self, offset: int, *, home: int = 0, last: int | None = None) -> bytes:
        """One page of records as it is on disk; a copy of version 1 has its ``home`` where others have their last LSN."""
        page = bytearray(self.pages[offset])
        newest, ended, free = self.heads[offset]
        page[:4] = b"RCRD"
        struct.pack_into("<QIHHH6xQ", page, 8, newest if last is None else last, 1, 1, 1, free, ended)
        struct.pack_into("<I", page, 0x3C, home)
        return protect(page, 0x28)

    def build(
        self,
        oldest: int,
        restart: int,
        *,
        flags: int = 0,
        current: int | None = None,
        in_use: int = 0,
        only_in_copy: int | None = None,
        older_second: bool = False,
    ) -> bytes:
        """The whole log; the page at ``only_in_copy`` has not reached its place yet."""
        log = bytearray(b"\xff" * self.size)
        newest = self.lsns[-1] if current is None else current
        for index, lsn in enumerate((newest, newest - 1 if older_second else newest)):
            log[index * PAGE : (index + 1) * PAGE] = self._restart_page(oldest, restart, lsn, flags, in_use)
        for offset in self.pages:
            if offset != only_in_copy:
                log[offset : offset + PAGE] = self.encode_page(offset)
        if only_in_copy is not None:
            copy = self.encode_page(only_in_copy, home=only_in_copy, last=only_in_copy if self.version == 1 else None)
            log[2 * PAGE : 3 * PAGE] = copy
        return bytes(log)

    def _restart_page(self, oldest: int, restart: int, current: int, flags: int, in_use: int) -> bytes:
        page = bytearray(PAGE)
        page[:4] = b"RSTR"
        version = (1, 1) if self.version == 1 else (0, 2)
        struct.pack_into("<QIIHhh", page, 8, 0, PAGE, PAGE, 0x30, *version)
        client = struct.pack("<QQHHH6xI", oldest, restart, 0xFFFF, 0xFFFF, 0, 8) + "NTFS".encode("utf-16-le").ljust(128, b"\0")
        area = struct.pack(
            "<QHHHHIHHQIHHI",
            current,
            1,
            0xFFFF,
            in_use,
            flags,
            64 - self.offset_bits,
            0x40 + len(client),
            0x40,
            self.size,
            0x70,
            0x30,
            0x40,
            1,
        )
        page[0x30 : 0x30 + 0x40 + len(client)] = area.ljust(0x40, b"\0") + client
        return protect(page, 0x1E)
