"""Which cells belong to which key and value: found by the specification with ``struct`` alone."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NIL = 0xFFFFFFFF
SEGMENT = 16344
Cell = tuple[int, bytes]
"""Where it is, and all its bytes with those of its size."""


@dataclass(slots=True)
class Part:
    """One key: its own cell, the cells of its class, of its lists, and of each value and its data by the value's name."""

    node: Cell
    class_name: tuple[Cell, ...]
    value_list: tuple[Cell, ...]
    subkey_lists: tuple[Cell, ...]
    security: int
    values: dict[str, tuple[Cell, ...]] = field(default_factory=dict)


class Anatomy:
    """All keys of a hive by path, and its security records."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._minor = struct.unpack_from("<I", data, 24)[0]
        self.keys: dict[str, Part] = {}
        self.security: dict[int, bytes] = {}
        pending = [("", struct.unpack_from("<I", data, 36)[0])]
        while pending:
            path, offset = pending.pop()
            part, subkeys = self._key(offset)
            self.keys[path] = part
            if part.security not in self.security:
                self.security[part.security] = self._cell(part.security)[1]
            pending += [(f"{path}\\{self._key_name(child)}" if path else self._key_name(child), child) for child in subkeys]

    def _cell(self, offset: int) -> Cell:
        size = -struct.unpack_from("<i", self._data, 4096 + offset)[0]
        assert size > 0
        return offset, self._data[4096 + offset : 4096 + offset + size]

    def _key_name(self, offset: int) -> str:
        node = self._cell(offset)[1]
        length = struct.unpack_from("<H", node, 76)[0]
        return _text(node[80 : 80 + length], narrow=bool(node[6] & 0x20))

    def _key(self, offset: int) -> tuple[Part, list[int]]:
        node = self._cell(offset)
        count, _, subkeys, _, value_count, values, security, class_name = struct.unpack_from("<8I", node[1], 24)
        listed: list[Cell] = []
        children = list(self._subkeys(subkeys, listed)) if count else []
        value_list = [self._cell(values)] if value_count else []
        named = (self._cell(class_name),) if class_name != NIL and struct.unpack_from("<H", node[1], 78)[0] else ()
        part = Part(node, named, tuple(value_list), tuple(listed), security)
        for number in range(value_count):
            name, cells = self._value(struct.unpack_from("<I", value_list[0][1], 4 + 4 * number)[0])
            part.values[name] = cells
        return part, children

    def _subkeys(self, offset: int, listed: list[Cell]) -> Iterator[int]:
        cell = self._cell(offset)
        listed.append(cell)
        kind, count = struct.unpack_from("<2sH", cell[1], 4)
        width = 8 if kind in {b"lf", b"lh"} else 4
        for number in range(count):
            entry = struct.unpack_from("<I", cell[1], 8 + width * number)[0]
            yield from self._subkeys(entry, listed) if kind == b"ri" else (entry,)

    def _value(self, offset: int) -> tuple[str, tuple[Cell, ...]]:
        cell = self._cell(offset)
        name_length, length, where, _, flags = struct.unpack_from("<HIIIH", cell[1], 6)
        name = _text(cell[1][24 : 24 + name_length], narrow=bool(flags & 1))
        if length & 0x80000000 or not length:
            return name, (cell,)
        data = self._cell(where)
        if length <= SEGMENT or self._minor <= 3:
            return name, (cell, data)
        count, pointers = struct.unpack_from("<HI", data[1], 6)
        entries = self._cell(pointers)
        segments = [self._cell(struct.unpack_from("<I", entries[1], 4 + 4 * number)[0]) for number in range(count)]
        return name, (cell, data, entries, *segments)


def free_cells(data: bytes | bytearray) -> Iterator[int]:
    """The sizes of all free cells."""
    bins_size = struct.unpack_from("<I", data, 40)[0]
    start = 0
    while start < bins_size:
        size = struct.unpack_from("<I", data, 4096 + start + 8)[0]
        offset = start + 32
        while offset < start + size:
            length = struct.unpack_from("<i", data, 4096 + offset)[0]
            if length > 0:
                yield length
            offset += abs(length)
        start += size


def _text(stored: bytes, *, narrow: bool) -> str:
    return stored.decode("latin-1") if narrow else stored.decode("utf-16-le", "surrogatepass")
