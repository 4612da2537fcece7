"""Values of keys: names, types and data, whether inline, in a cell or split into segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.registry.cells import CELLS_START, numbers
from bootmend.registry.layout import (
    BASE_SIZE,
    CELL_SIZE,
    DB,
    DB_HEAD,
    INLINE,
    INLINE_LIMIT,
    NIL,
    NK_FLAGS,
    NK_FLAGS_AND_VALUES,
    SEGMENT,
    VK,
    VK_CELL,
    VK_COMPRESSED_NAME,
    VK_NAME,
    VK_SIZE,
    VK_TOMBSTONE,
    KeyFlag,
    ValueType,
)
from bootmend.registry.names import decode_name
from bootmend.registry.upcase import upcase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootmend.errors import CorruptError
    from bootmend.registry.cells import Cells

PREDEFINED = int(KeyFlag.PREDEFINED_HANDLE)
BIG_SINCE_MINOR = 4
"""From this minor version on, data longer than a segment are split."""
LONGEST_INTEGER = 8
_NAME_IN_CELL = 4 + VK_NAME
_INLINE_FULL = INLINE | INLINE_LIMIT
_size_at = CELL_SIZE.unpack_from
_values_of = NK_FLAGS_AND_VALUES.unpack_from


class Value:
    """One value as it was when it was read; after an edit of the hive, look it up again.

    ``name`` is "" for the default value, ``type`` a registry type number (any 32-bit number occurs),
    ``offset`` the cell.  Data that would have to be fetched first stay in the hive until they are asked for.
    """

    __slots__ = ("_cells", "_data", "_length", "_where", "flags", "name", "offset", "type")

    _cells: Cells
    _data: bytes | None
    _length: int
    _where: int
    flags: int
    name: str
    offset: int
    type: int

    @property
    def data(self) -> bytes:
        """The raw data.

        Raises:
            CorruptError: the data are not where the value says.
        """
        return self._read() if self._data is None else self._data

    def _read(self) -> bytes:
        length = self._length
        if length & INLINE:
            length &= ~INLINE
            if length > INLINE_LIMIT:
                raise self._cells.corrupt(self.offset, f"value {self.name!r}: {length} bytes cannot be inline")
            return self._where.to_bytes(4, "little")[:length]
        return read_data(self._cells, self.offset, length, self._where) if length else b""

    @property
    def size(self) -> int:
        """How many bytes of data the value says it has."""
        return self._length & ~INLINE

    @property
    def tombstone(self) -> bool:
        """Whether this hides a value of a lower layer (layered keys, minor version 6)."""
        return bool(self.flags & VK_TOMBSTONE)

    def text(self) -> str:
        """The data as text (SZ, EXPAND_SZ, LINK): UTF-16 up to the first NUL, where there is one.

        Half a character at the end is dropped, a lone surrogate becomes U+FFFD.
        """
        return _utf16(self.data).split("\0", 1)[0]

    def strings(self) -> tuple[str, ...]:
        """The data as texts (MULTI_SZ): each ends with NUL, an empty one or the end of the data ends the list."""
        texts = _utf16(self.data).split("\0")
        return tuple(texts[: texts.index("")]) if "" in texts else tuple(texts)

    def integer(self) -> int:
        """The data as an unsigned number: 1 to 8 bytes, little endian but for DWORD_BIG_ENDIAN.

        Raises:
            CorruptError: no bytes, or too many.
        """
        data = self.data
        if not 1 <= len(data) <= LONGEST_INTEGER:
            message = f"value {self.name!r} has {len(data)} bytes, which is no number"
            raise self._cells.corrupt(self.offset, message)
        return int.from_bytes(data, "big" if self.type == ValueType.DWORD_BIG_ENDIAN else "little")

    def __repr__(self) -> str:
        return f"<Value {self.name!r} type {self.type} of {self.size} bytes at cell {self.offset:#x}>"


def _not_a_value(cells: Cells, offset: int, size: int, signature: bytes) -> CorruptError:
    if size > -8 or offset - size > cells.limit:
        return cells.corrupt(offset, "value: the cell is free or of impossible size")
    return cells.corrupt(offset, "not a value" if signature != VK else "the value's name does not fit its cell")


def _utf16(data: bytes) -> str:
    return data[: len(data) & ~1].decode("utf-16-le", "replace")


def value_offsets(cells: Cells, key: int) -> Sequence[int]:
    """Return the cell offsets of the values of the key whose data begin at ``key``, in stored order.

    A key with a predefined handle keeps the handle where others keep the number of values: it has none.
    """
    flags, count, offset = _values_of(cells.buffer, key + NK_FLAGS)
    if not count or flags & PREDEFINED:
        return ()
    if count > cells.limit // 4:
        raise cells.corrupt(offset, f"{count} values do not fit the hive")
    return numbers(count).unpack_from(cells.buffer, cells.start(offset, 4 * count, "value list"))


def values_at(cells: Cells, offsets: Sequence[int]) -> Iterator[Value]:
    """Yield the values in these cells.

    The loop is written out, and fills objects without a constructor, because it is where a walk of a hive spends its time.
    """
    buffer, lazy, limit, unpack = cells.buffer, cells.lazy, cells.limit, VK_CELL.unpack_from
    end, editable = limit - VK_SIZE, cells.editable
    for offset in offsets:
        if offset & 7 or offset > end:
            raise cells.corrupt(offset, "value: the offset leads nowhere")
        position = offset + BASE_SIZE
        if lazy:
            cells.fetch(position, _NAME_IN_CELL)
        value = Value()
        size, signature, width, length, where, value.type, flags = unpack(buffer, position)
        if signature != VK or width > -size - _NAME_IN_CELL or offset - size > limit:
            raise _not_a_value(cells, offset, size, signature)
        position += _NAME_IN_CELL
        data = None
        if lazy:
            cells.fetch(position, width)
        elif INLINE <= length <= _INLINE_FULL:
            data = where.to_bytes(4, "little")[: length & 7]
        elif (
            length <= SEGMENT
            and where <= end
            and not where & 7
            and length + 4 <= -_size_at(buffer, where + BASE_SIZE)[0] <= limit - where
        ):
            found = buffer[where + CELLS_START : where + CELLS_START + length]
            data = bytes(found) if editable else found
        name = buffer[position : position + width]
        value.name = name.decode("latin-1") if flags & VK_COMPRESSED_NAME else decode_name(name, compressed=False)
        value.flags, value.offset = flags, offset
        value._cells = cells  # noqa: SLF001
        value._data = data  # noqa: SLF001
        value._length = length  # noqa: SLF001
        value._where = where  # noqa: SLF001
        yield value


def find_value(cells: Cells, key: int, name: str) -> Value | None:
    """Return the value of that name, whatever its case, or None."""
    wanted = upcase(name)
    return next((value for value in values_at(cells, value_offsets(cells, key)) if upcase(value.name) == wanted), None)


def is_big(cells: Cells, length: int) -> bool:
    """Whether data of this length are split into segments in a hive of this version."""
    return length > SEGMENT and cells.minor >= BIG_SINCE_MINOR


def read_data(cells: Cells, value: int, length: int, offset: int) -> bytes:
    """Return ``length`` bytes of data that are not inline; ``value`` is the value's cell, for the error's sake."""
    if length > cells.limit or offset == NIL:
        raise cells.corrupt(value, f"value: its {length} bytes of data are nowhere")
    if not is_big(cells, length):
        return cells.read(offset, length, "value data")
    parts = []
    for segment in segment_offsets(cells, offset, length):
        count = min(SEGMENT, length)
        parts.append(cells.read(segment, count, "segment of big data"))
        length -= count
    return b"".join(parts)


def segment_offsets(cells: Cells, offset: int, length: int) -> Sequence[int]:
    """Return the cells of the segments of a big data record that holds ``length`` bytes.

    All segments but the last hold 16,344 bytes, whatever the size of their cells.
    """
    start, _ = cells.span(offset, DB_HEAD.size, "big data")
    signature, count, list_offset = DB_HEAD.unpack_from(cells.buffer, start)
    if signature != DB:
        raise cells.corrupt(offset, f"{length} bytes of data without a big data record")
    needed = -(-length // SEGMENT)
    if count < needed:
        raise cells.corrupt(offset, f"{count} segments cannot hold {length} bytes")
    return cells.numbers(list_offset, needed, "segment list")
