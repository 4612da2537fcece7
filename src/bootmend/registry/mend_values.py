"""Mending the values and classes of the keys that are kept.

A value whose data are not there is dropped, as Windows would, but named.  Where two values share a cell, both keep what
they read: one of them gets a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from bootmend.registry.cells import CELLS_START
from bootmend.registry.edit_values import add_values
from bootmend.registry.layout import (
    DB,
    DB_HEAD,
    INLINE,
    INLINE_LIMIT,
    NIL,
    NK_CLASS,
    NK_CLASS_LENGTH,
    NK_FLAGS,
    NK_LARGEST_VALUE_DATA,
    NK_LARGEST_VALUE_NAME,
    NK_VALUE_LIST,
    NK_VALUES,
    SEGMENT,
    VK,
    VK_COMPRESSED_NAME,
    VK_DATA_OFFSET,
    VK_FLAGS,
    VK_HEAD,
    VK_NAME_LENGTH,
    VK_SIZE,
    VK_TOMBSTONE,
    KeyFlag,
)
from bootmend.registry.mend_report import shown
from bootmend.registry.names import decode_name, sort_key, unit_count
from bootmend.registry.regfile_values import type_name
from bootmend.registry.values import is_big

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.registry.mend_ground import Ground
    from bootmend.registry.mend_tree import Node
    from bootmend.registry.space import Space

_PREDEFINED: Final = int(KeyFlag.PREDEFINED_HANDLE)


class Copy(NamedTuple):
    """A value that has to be stored anew."""

    name: str
    kind: int
    data: bytes


class _Found(NamedTuple):
    """A value record that can be read."""

    offset: int
    name: str
    kind: int
    length: int
    data: int
    flags: int


class Values:
    """The values of one key: looked through when it is made, written by :meth:`write` once there is free space."""

    def __init__(self, ground: Ground, node: Node) -> None:
        self._ground = ground
        self._node = node
        self._start = node.offset + CELLS_START
        self._keep: list[int] = []
        self._copies: list[Copy] = []
        self._list = NIL
        self._stored: list[int] = []
        self._names: dict[bytes, _Found] = {}
        self._class: bytes | None = None
        self.missing = 0
        self._look_at_class()
        if not ground.cells.short(self._start + NK_FLAGS) & _PREDEFINED:
            self._look()

    # -- looking -----------------------------------------------------------------------------------------
    def _look(self) -> None:
        ground, cells = self._ground, self._ground.cells
        count, offset = cells.number(self._start + NK_VALUES), cells.number(self._start + NK_VALUE_LIST)
        if not count:
            if offset != NIL:
                self._repair("value-list", "it has no values, and now no list of them")
                cells.put_number(self._start + NK_VALUE_LIST, NIL)
            return
        room = ground.room(offset) if offset != NIL else -1
        readable = min(count, max(0, room) // 4)
        if not readable:
            self.missing = count
        else:
            self._stored = list(cells.numbers(offset, readable, "value list"))
            if not ground.is_taken(offset):
                ground.take(offset)
                self._list = offset
        if 0 < readable < count:
            self._repair("value-list", f"it counted {count} values, and its list has room for {readable}")
        for each in self._stored:
            self._look_at(each)

    def adopt(self, offset: int) -> None:
        """Take a list that nothing refers to as the key's own."""
        self._ground.take(offset)
        self._list = offset
        self._stored = list(self._ground.cells.numbers(offset, self.missing, "value list"))
        for each in self._stored:
            self._look_at(each)
        self._ground.cells.put_number(self._start + NK_VALUE_LIST, offset)
        self._repair("value-list", f"the list of its {self.missing} values is attached again")
        self.missing = 0

    def fits(self, name: int, data: int) -> bool:
        """Whether the key has noted values as long as these."""
        cells = self._ground.cells
        noted = cells.number(self._start + NK_LARGEST_VALUE_NAME), cells.number(self._start + NK_LARGEST_VALUE_DATA)
        return noted[0] >= name and noted[1] >= data

    def _look_at(self, offset: int) -> None:
        ground = self._ground
        start = offset + CELLS_START
        if ground.room(offset) < VK_SIZE or ground.bytes[start : start + 2] != VK:
            self._lose("a value, whose name is not known")
            return
        found = self._read(offset)
        if found is None:
            return
        twin = self._names.get(sort_key(found.name))
        if twin is not None:
            self._drop_twin(found, twin)
            return
        data = self._data(found)
        if data is None:
            return
        self._names[sort_key(found.name)] = found
        if ground.is_taken(offset) or self._is_shared(found) or self._is_misplaced(found):
            self._copies.append(Copy(found.name, found.kind, data))
            ground.named.add(offset)
            self._repair("reference-twice", f"its value {found.name!r} is stored anew, in cells of its own")
            return
        ground.take(offset)
        for cell in self._data_cells(found):
            ground.take(cell)
        self._keep.append(offset)

    def _read(self, offset: int) -> _Found | None:
        ground, cells = self._ground, self._ground.cells
        start = offset + CELLS_START
        _, length, size, data, kind, flags, _ = VK_HEAD.unpack_from(ground.bytes, start)
        narrow = bool(flags & VK_COMPRESSED_NAME)
        stored = bytes(ground.bytes[start + VK_SIZE : start + VK_SIZE + min(length, ground.room(offset) - VK_SIZE)])
        name = decode_name(stored, compressed=narrow)
        if len(stored) != length:
            self._lose(f"the value {name}...: the rest of its name is not there")
            ground.named.add(offset)
            return None
        if not narrow and stored and (len(stored) % 2 or all(unit < "\u0100" for unit in name)):
            stored = name.encode("latin-1") if all(unit < "\u0100" for unit in name) else stored[:-1]
            flags |= VK_COMPRESSED_NAME if all(unit < "\u0100" for unit in name) else 0
            cells.put(start + VK_SIZE, stored)
            cells.put_short(start + VK_NAME_LENGTH, len(stored))
            cells.put_short(start + VK_FLAGS, flags)
            self._repair("value-name-wide", f"the name of its value {name!r} is stored as Windows would")
        return _Found(offset, name, kind, size, data, flags)

    def _drop_twin(self, found: _Found, twin: _Found) -> None:
        if found.offset == twin.offset:
            self._repair("reference-twice", f"its list named the value {found.name!r} twice")
            return
        self._ground.named.add(found.offset)
        if (self._bytes(found), found.kind) == (self._bytes(twin), twin.kind):
            self._repair("value-duplicate", f"its value {found.name!r} was there twice, with the same data")
            return
        self._repair("value-duplicate", f"its value {found.name!r} was there twice; the first one stays")
        self._lose(f"the second value {found.name!r} ({type_name(found.kind)}), which differs from the first one")

    # -- data ----------------------------------------------------------------------------------------------
    def _data(self, found: _Found) -> bytes | None:
        """The data of a value; None, and named as lost, where they are not there."""
        if found.flags & VK_TOMBSTONE:
            return b""
        if found.length == 0 and found.data != NIL:
            self._ground.cells.put_number(found.offset + CELLS_START + VK_DATA_OFFSET, NIL)
            self._repair("value-empty", f"its value {found.name!r} has no data, and now no cell for them")
        data = self._bytes(found)
        if data is None:
            self._ground.named.add(found.offset)
            length = found.length & ~INLINE
            self._lose(f"the value {found.name!r} ({type_name(found.kind)}, {length:,} bytes): its data are not there")
        return data

    def _bytes(self, found: _Found) -> bytes | None:
        ground = self._ground
        if found.length & INLINE:
            length = found.length & ~INLINE
            return found.data.to_bytes(4, "little")[:length] if length <= INLINE_LIMIT else None
        if not found.length:
            return b""
        if is_big(ground.cells, found.length) and not self._is_misplaced(found):
            return self._big_bytes(found)
        if ground.room(found.data) < found.length:
            return None
        start = found.data + CELLS_START
        return bytes(ground.bytes[start : start + found.length])

    def _is_misplaced(self, found: _Found) -> bool:
        """Whether long data lie in one cell, where Windows expects segments: hivex stores them so."""
        ground = self._ground
        if found.length & INLINE or not is_big(ground.cells, found.length) or ground.room(found.data) < found.length:
            return False
        start = found.data + CELLS_START
        return ground.bytes[start : start + 2] != DB or not self._segments(found)

    def _big_bytes(self, found: _Found) -> bytes | None:
        segments = self._segments(found)
        if not segments:
            return None
        starts = [segment + CELLS_START for segment in segments]
        return b"".join(bytes(self._ground.bytes[start : start + SEGMENT]) for start in starts)[: found.length]

    def _segments(self, found: _Found) -> list[int]:
        """The segments of big data; none where one of them is not there.  Their number is set right on the way."""
        ground, cells = self._ground, self._ground.cells
        if ground.room(found.data) < DB_HEAD.size:
            return []
        signature, count, listed = DB_HEAD.unpack_from(ground.bytes, found.data + CELLS_START)
        needed = -(-found.length // SEGMENT)
        if signature != DB or listed == NIL or ground.room(listed) < 4 * needed:
            return []
        segments = list(cells.numbers(listed, needed, "segment list"))
        sizes = [min(SEGMENT, found.length - SEGMENT * index) for index in range(needed)]
        if any(ground.room(segment) < size for segment, size in zip(segments, sizes, strict=True)):
            return []
        if count != needed:
            cells.put_short(found.data + CELLS_START + 2, needed)
            self._repair("big-data-count", f"its value {found.name!r} has {needed} segments, not {count}")
        return segments

    def _data_cells(self, found: _Found) -> list[int]:
        """The cells that the data of a value take."""
        if found.length & INLINE or not found.length or found.flags & VK_TOMBSTONE:
            return []
        if not is_big(self._ground.cells, found.length):
            return [found.data]
        listed = DB_HEAD.unpack_from(self._ground.bytes, found.data + CELLS_START)[2]
        return [found.data, listed, *self._segments(found)]

    def _is_shared(self, found: _Found) -> bool:
        if self._is_misplaced(found):
            return False
        used = [found.offset, *self._data_cells(found)]
        return len(set(used)) < len(used) or any(self._ground.is_taken(cell) for cell in used)

    # -- classes ---------------------------------------------------------------------------------------------
    def _look_at_class(self) -> None:
        ground, cells = self._ground, self._ground.cells
        offset, length = cells.number(self._start + NK_CLASS), cells.short(self._start + NK_CLASS_LENGTH)
        if not length and offset != NIL:
            cells.put_number(self._start + NK_CLASS, NIL)
            self._repair("key-class", "it has no class name, and now no cell for one")
        if not length:
            return
        if offset == NIL or ground.room(offset) < length:
            cells.put_number(self._start + NK_CLASS, NIL)
            cells.put_short(self._start + NK_CLASS_LENGTH, 0)
            self._lose("its class name: it is not there")
        elif ground.is_taken(offset):
            self._class = bytes(ground.bytes[offset + CELLS_START : offset + CELLS_START + length])
        else:
            ground.take(offset)

    # -- writing -----------------------------------------------------------------------------------------------
    def settle(self) -> None:
        """Write what needs no free space, and let go of a list that is not needed any more."""
        if self.missing:
            number = "its only value" if self.missing == 1 else f"its {self.missing:,} values"
            self._lose(f"{number}: the list is not there")
        if self._list != NIL and not self._keep:
            self._ground.leave(self._list)
            self._list = NIL
        if self._list != NIL:
            self._write_list(self._list)
        elif not self._keep and not self._ground.cells.short(self._start + NK_FLAGS) & _PREDEFINED:
            self._ground.cells.put_number(self._start + NK_VALUES, 0)
            self._ground.cells.put_number(self._start + NK_VALUE_LIST, NIL)

    def write(self, space: Space) -> None:
        """Write what needs free space."""
        cells = self._ground.cells
        if self._class is not None:
            cells.put_number(self._start + NK_CLASS, _stored(space, self._class, self._node.offset))
            self._repair("reference-twice", "its class name is stored anew, in a cell of its own")
        if self._list == NIL and self._keep:
            self._write_list(space.allocate(4 * len(self._keep), self._node.offset))
            self._repair("reference-twice", "the list of its values is stored anew, in a cell of its own")
        for copy in self._copies:
            add_values(space, self._node.offset, [copy])
        self._raise_largest()

    def _write_list(self, offset: int) -> None:
        cells = self._ground.cells
        if self._keep != self._stored or offset != self._list:
            cells.write(offset, b"".join(each.to_bytes(4, "little") for each in self._keep))
        if cells.number(self._start + NK_VALUES) != len(self._keep):
            self._repair("value-list", f"it has {len(self._keep)} values, not {cells.number(self._start + NK_VALUES)}")
        cells.put_number(self._start + NK_VALUES, len(self._keep))
        cells.put_number(self._start + NK_VALUE_LIST, offset)

    def _raise_largest(self) -> None:
        values = self._names.values()
        name = max((2 * unit_count(found.name) for found in values), default=0)
        data = max((found.length & ~INLINE for found in values), default=0)
        cells = self._ground.cells
        for what, field, least in (("name", NK_LARGEST_VALUE_NAME, name), ("data", NK_LARGEST_VALUE_DATA, data)):
            stored = cells.number(self._start + field)
            if stored < least:
                cells.put_number(self._start + field, least)
                self._repair(f"largest-value-{what}", f"its largest value {what} is {least} bytes, not {stored}")

    def _repair(self, code: str, sentence: str) -> None:
        self._ground.report.repair(code, self._node.offset, f"{shown(self._node.path)}: {sentence}")

    def _lose(self, sentence: str) -> None:
        self._ground.report.lose(f"{shown(self._node.path)}: {sentence}")


def _stored(space: Space, data: bytes, near: int) -> int:
    offset = space.allocate(len(data), near)
    space.cells.write(offset, data)
    return offset


def attach_orphans(ground: Ground, values: Sequence[Values]) -> None:
    """Give the only key that lost the list of its values the only list that nothing refers to, if the two fit.

    A value does not say which key it belongs to: where there is more than one of either, nothing can be told.
    """
    missing = [each for each in values if each.missing]
    if len(missing) != 1:
        return
    key = missing[0]
    loose = set(ground.unowned())
    found = [offset for offset in loose if _is_list(ground, offset, key, loose)]
    if len(found) == 1:
        key.adopt(found[0])


def _is_list(ground: Ground, offset: int, key: Values, loose: set[int]) -> bool:
    """Whether a cell is a list of as many values as the key counts, all of them loose and none longer than it has noted."""
    if ground.room(offset) < 4 * key.missing:
        return False
    listed = ground.cells.numbers(offset, key.missing, "value list")
    if len(set(listed)) != len(listed):
        return False
    for each in listed:
        start = each + CELLS_START
        if each not in loose or ground.room(each) < VK_SIZE or ground.bytes[start : start + 2] != VK:
            return False
        _, name, length, _, _, flags, _ = VK_HEAD.unpack_from(ground.bytes, start)
        if not key.fits(2 * name if flags & VK_COMPRESSED_NAME else name, length & ~INLINE):
            return False
    return True
