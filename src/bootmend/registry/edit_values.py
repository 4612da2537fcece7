"""Changing values: their records, their data and the lists that name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import RefusedError
from bootmend.registry.cells import CELLS_START
from bootmend.registry.layout import (
    BASE_SIZE,
    CELL_HEADER,
    CELL_SIZE,
    DB,
    DB_HEAD,
    INLINE,
    INLINE_LIMIT,
    NIL,
    NK_FLAGS,
    NK_LARGEST_VALUE_DATA,
    NK_LARGEST_VALUE_NAME,
    NK_VALUE_LIST,
    NK_VALUES,
    SEGMENT,
    SEGMENT_CELL,
    VK,
    VK_COMPRESSED_NAME,
    VK_DATA_LENGTH,
    VK_DATA_OFFSET,
    VK_HEAD,
    VK_TYPE,
)
from bootmend.registry.names import encode_name, unit_count
from bootmend.registry.values import PREDEFINED, Value, is_big, segment_offsets, value_offsets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.registry.space import Space

MOST_SEGMENTS = 0xFFFF
NewValue = tuple[str, int, bytes]
"""Name ("" for the default value), type, data."""


def add_values(space: Space, key: int, values: Sequence[NewValue]) -> None:
    """Give the key in cell ``key`` more values."""
    start = key + CELLS_START
    if space.cells.short(start + NK_FLAGS) & PREDEFINED:
        raise RefusedError("a key that stands for a predefined handle has no values", at=f"cell {key:#x}")
    added = [_new_value(space, key, *value) for value in values]
    _set_values(space, key, [*value_offsets(space.cells, start), *added])
    for name, _, data in values:
        _raise_largest(space, start, name, data)


def _new_value(space: Space, key: int, name: str, kind: int, data: bytes) -> int:
    """Make a value that is on no list yet; return its cell."""
    stored, compressed = encode_name(name)
    flags = VK_COMPRESSED_NAME if stored and compressed else 0
    offset = space.allocate(VK_HEAD.size + len(stored), key)
    space.cells.write(offset, VK_HEAD.pack(VK, len(stored), INLINE, 0, kind, flags, 0) + stored)
    _store_data(space, offset, data)
    return offset


def change_value(space: Space, key: int, value: Value, kind: int, data: bytes) -> None:
    """Give a value another type and other data, where they are if they fit there."""
    cells = space.cells
    cells.put_number(value.offset + CELLS_START + VK_TYPE, kind)
    if not _overwrite_data(space, value, data):
        free_data(space, value)
        _store_data(space, value.offset, data)
    _raise_largest(space, key + CELLS_START, value.name, data)


def remove_value(space: Space, key: int, value: Value) -> None:
    """Take a value off its key and free its cells; the last one takes the list with it."""
    start = key + CELLS_START
    rest = [offset for offset in value_offsets(space.cells, start) if offset != value.offset]
    free_data(space, value)
    space.free(value.offset)
    _set_values(space, key, rest)
    if not rest:  # as Windows does
        space.cells.put_number(start + NK_LARGEST_VALUE_NAME, 0)
        space.cells.put_number(start + NK_LARGEST_VALUE_DATA, 0)


def free_data(space: Space, value: Value) -> None:
    """Free the cells of a value's data."""
    length, offset = _where(space, value)
    if length & INLINE or not length:
        return
    if is_big(space.cells, length):
        for segment in segment_offsets(space.cells, offset, length):
            space.free(segment)
        space.free(space.cells.number(offset + CELLS_START + 4))
    space.free(offset)


def _where(space: Space, value: Value) -> tuple[int, int]:
    start = value.offset + CELLS_START
    return space.cells.number(start + VK_DATA_LENGTH), space.cells.number(start + VK_DATA_OFFSET)


def _note_data(space: Space, value: int, length: int, offset: int) -> None:
    space.cells.put_number(value + CELLS_START + VK_DATA_LENGTH, length)
    space.cells.put_number(value + CELLS_START + VK_DATA_OFFSET, offset)


def _overwrite_data(space: Space, value: Value, data: bytes) -> bool:
    """Put data where the old ones are, if they have cells that suffice."""
    length, offset = _where(space, value)
    if (
        length & INLINE
        or not length
        or len(data) <= INLINE_LIMIT
        or is_big(space.cells, length) != is_big(space.cells, len(data))
    ):
        return False
    if is_big(space.cells, length):
        return _overwrite_segments(space, value, data)
    space.cells.span(offset, length, "value data")
    if not space.grow(offset, len(data)):
        return False
    space.cells.write(offset, data)
    _note_data(space, value.offset, len(data), offset)
    return True


def _overwrite_segments(space: Space, value: Value, data: bytes) -> bool:
    length, offset = _where(space, value)
    segments = segment_offsets(space.cells, offset, length)
    count = space.cells.short(offset + CELLS_START + 2)
    parts = _parts(data)
    if count != len(parts) or len(segments) != count:
        return False
    if any(_capacity(space, segment) < len(part) for segment, part in zip(segments, parts, strict=True)):
        return False
    for segment, part in zip(segments, parts, strict=True):
        space.cells.write(segment, part)
    _note_data(space, value.offset, len(data), offset)
    return True


def _capacity(space: Space, offset: int) -> int:
    space.cells.span(offset, 0, "segment of big data")
    size: int = -CELL_SIZE.unpack_from(space.cells.bytes, offset + BASE_SIZE)[0]
    return size - CELL_HEADER


def _store_data(space: Space, value: int, data: bytes) -> None:
    """Put data into a value that has none: inline, in a cell near it, or in segments."""
    cells = space.cells
    if len(data) <= INLINE_LIMIT:
        _note_data(space, value, len(data) | INLINE, int.from_bytes(data, "little"))  # so Windows stores no bytes, too
        return
    if is_big(cells, len(data)):
        _note_data(space, value, len(data), _store_segments(space, value, data))
        return
    offset = space.allocate(len(data), value)
    cells.write(offset, data)
    _note_data(space, value, len(data), offset)


def _store_segments(space: Space, near: int, data: bytes) -> int:
    """Store big data as Windows does, every segment in a cell of 16,352 bytes; return the record's cell."""
    parts = _parts(data)
    if len(parts) > MOST_SEGMENTS:
        raise RefusedError(f"{len(data)} bytes are too many for one value")
    record = space.allocate(DB_HEAD.size, near)
    pointers = space.allocate(4 * len(parts), near)
    space.cells.write(record, DB_HEAD.pack(DB, len(parts), pointers))
    for number, part in enumerate(parts):
        segment = space.allocate(SEGMENT_CELL - CELL_HEADER, near)
        space.cells.write(segment, part)
        space.cells.put_number(pointers + CELLS_START + 4 * number, segment)
    return record


def _parts(data: bytes) -> list[bytes]:
    return [data[at : at + SEGMENT] for at in range(0, len(data), SEGMENT)]


def _set_values(space: Space, key: int, offsets: Sequence[int]) -> None:
    """Make these the values of a key."""
    start = key + CELLS_START
    where = space.cells.number(start + NK_VALUE_LIST)
    raw = b"".join(offset.to_bytes(4, "little") for offset in offsets)
    if not raw:
        space.free(where)
        where = NIL
    elif where == NIL:
        where = space.allocate(len(raw), key)
    else:
        where = space.resize(where, len(raw), key)
    if raw:
        space.cells.write(where, raw)
    space.cells.put_number(start + NK_VALUES, len(offsets))
    space.cells.put_number(start + NK_VALUE_LIST, where)


def _raise_largest(space: Space, start: int, name: str, data: bytes) -> None:
    """Keep the key's largest lengths at least as large as this value's; names count as UTF-16."""
    raise_number(space, start + NK_LARGEST_VALUE_NAME, 2 * unit_count(name))
    raise_number(space, start + NK_LARGEST_VALUE_DATA, len(data))


def raise_number(space: Space, position: int, least: int) -> None:
    """Make the number at a position of the file at least ``least``."""
    if space.cells.number(position) < least:
        space.cells.put_number(position, least)
