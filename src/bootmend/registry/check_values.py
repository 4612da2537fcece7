"""The values of keys: rules 7, 8 and 10 of the checklist in ``docs/formats/regf.md``."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from bootmend.registry.layout import (
    BASE_SIZE,
    CELL_HEADER,
    DB,
    DB_HEAD,
    INLINE,
    INLINE_LIMIT,
    NIL,
    SEGMENT,
    VK,
    VK_COMPRESSED_NAME,
    VK_HEAD,
    VK_SIZE,
    VK_TOMBSTONE,
)
from bootmend.registry.upcase import upcase

if TYPE_CHECKING:
    from bootmend.registry.check_cells import Cells
    from bootmend.registry.findings import Findings

_DATA: Final = BASE_SIZE + CELL_HEADER
"""What to add to a cell's offset to find its data in the file."""
_OFFSETS: Final = Struct("<I")
BIG_DATA_MINOR: Final = 4
"""Hives from this minor version on split long values into segments."""


def units(raw: bytes) -> str:
    """Return a name stored as UTF-16 as one character per unit, surrogates apart: so it compares as in Windows."""
    return "".join(chr(low | high << 8) for low, high in zip(raw[::2], raw[1::2], strict=False))


class Values:
    """Checks the value lists of keys, one key after the other."""

    __slots__ = ("_buffer", "_cells", "_findings", "_minor", "_upper")

    def __init__(self, cells: Cells, minor: int, findings: Findings) -> None:
        self._cells = cells
        self._buffer = cells.buffer
        self._minor = minor
        self._findings = findings
        self._upper: dict[bytes, str] = {}

    def check(self, key: int, count: int, list_offset: int, largest_name: int, largest_data: int) -> None:
        """Check all values of the key whose cell is ``key``; lengths and offsets are those of its key node."""
        if count == 0:
            if list_offset != NIL:
                self._findings.error("value-list", key, f"it has no values, but a value list at {list_offset:#x}")
            return
        if not self._cells.claim(list_offset, 4 * count, "value list", key):
            return
        names: set[str] = set()
        longest_name = longest_data = 0
        start = _DATA + list_offset
        for (offset,) in _OFFSETS.iter_unpack(bytes(self._buffer[start : start + 4 * count])):
            value = self._value(offset, key)
            if value is None:
                continue
            name, name_length, data_length = value
            if name in names:
                self._findings.error("value-duplicate", offset, f"its key has another value named {name!r}")
            names.add(name)
            if name_length > longest_name:
                longest_name = name_length
            if data_length > longest_data:
                longest_data = data_length
        self._check_largest(key, "name", largest_name, longest_name)
        self._check_largest(key, "data", largest_data, longest_data)

    def _check_largest(self, key: int, what: str, stored: int, real: int) -> None:
        if stored < real:
            self._findings.error(f"largest-value-{what}", key, f"its largest value {what} is {real} bytes, not {stored}")
        elif stored > real:
            self._findings.warning(f"largest-value-{what}-stale", key, f"its largest value {what} is {real} bytes, not {stored}")

    def _value(self, offset: int, key: int) -> tuple[str, int, int] | None:
        """Check one value; return its upper-case name, and the lengths of its name as UTF-16 and of its data."""
        room = self._cells.claim(offset, VK_SIZE, "value", key)
        if not room:
            return None
        start = _DATA + offset
        signature, name_length, length, data, kind, flags, _ = VK_HEAD.unpack_from(self._buffer, start)
        if signature != VK:
            self._findings.error("value-signature", offset, f"a value should be here, but it begins with {signature!r}")
            return None
        if VK_SIZE + name_length > room:
            self._findings.error("value-name", offset, f"its name of {name_length} bytes does not fit the cell")
            return None
        raw = bytes(self._buffer[start + VK_SIZE : start + VK_SIZE + name_length])
        if flags & VK_COMPRESSED_NAME:
            if not raw:
                self._findings.warning(
                    "value-default-flag", offset, "it is the default value, but flagged as having a narrow name"
                )
            name, width = self._upper.get(raw), 2 * name_length
            if name is None:
                name = self._upper[raw] = upcase(raw.decode("latin-1"))
        else:
            name, width = upcase(self._wide_name(offset, raw)), name_length
        if flags & VK_TOMBSTONE:
            self._check_tombstone(offset, kind, length, data)
        else:
            length = self._data(offset, length, data)
        return name, width, length

    def _wide_name(self, offset: int, raw: bytes) -> str:
        if len(raw) % 2:
            self._findings.error("value-name", offset, "its UTF-16 name has an odd number of bytes")
        name = units(raw)
        if name and max(name) < "\u0100":
            self._findings.error("value-name-wide", offset, "its name is stored as UTF-16 although every unit fits a byte")
        return name

    def _check_tombstone(self, offset: int, kind: int, length: int, data: int) -> None:
        if (kind, length & ~INLINE, data) != (0, 0, NIL):
            self._findings.error("value-tombstone", offset, "it marks a deleted value, but has a type or data")

    def _data(self, offset: int, length: int, data: int) -> int:
        """Check where the data of a value are; return how many bytes they have."""
        if length & INLINE:
            length -= INLINE
            if length > INLINE_LIMIT:
                self._findings.error("value-inline", offset, f"{length} bytes of data cannot be inside its data offset")
            return length
        if length == 0:
            if data != NIL:
                self._findings.error("value-empty", offset, f"it has no data, but the data offset {data:#x}")
        elif length > SEGMENT and self._minor >= BIG_DATA_MINOR:
            self._big_data(offset, length, data)
        else:
            self._cells.claim(data, length, "data", offset)
        return length

    def _big_data(self, value: int, length: int, offset: int) -> None:
        if not self._cells.claim(offset, DB_HEAD.size, "big data", value):
            return
        signature, count, list_offset = DB_HEAD.unpack_from(self._buffer, _DATA + offset)
        expected = -(-length // SEGMENT)
        if signature != DB:
            self._findings.error("big-data-signature", offset, f"big data should be here, but it begins with {signature!r}")
            return
        if count != expected:
            self._findings.error("big-data-count", offset, f"{length} bytes need {expected} segments, not {count}")
        if count == 0 or not self._cells.claim(list_offset, 4 * count, "segment list", offset):
            return
        start = _DATA + list_offset
        for index, (segment,) in enumerate(_OFFSETS.iter_unpack(bytes(self._buffer[start : start + 4 * count]))):
            need = min(SEGMENT, length - index * SEGMENT)
            self._cells.claim(segment, max(1, need), "segment", offset)
