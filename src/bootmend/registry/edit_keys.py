"""Making and removing keys, and their share in security records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.registry.cells import CELLS_START
from bootmend.registry.edit_lists import insert_subkey, list_cells, remove_subkey
from bootmend.registry.edit_values import free_data
from bootmend.registry.layout import (
    NIL,
    NK,
    NK_CLASS,
    NK_CLASS_LENGTH,
    NK_HEAD,
    NK_LARGEST_CLASS,
    NK_LARGEST_SUBKEY_NAME,
    NK_SECURITY,
    NK_SIZE,
    NK_SUBKEY_LIST,
    NK_SUBKEYS,
    NK_VALUE_LIST,
    NK_WRITTEN,
    SK,
    SK_NEXT,
    SK_PREVIOUS,
    SK_REFERENCES,
    SK_SIZE,
    KeyFlag,
)
from bootmend.registry.names import encode_name, unit_count

if TYPE_CHECKING:
    from bootmend.registry.keys import Key
    from bootmend.registry.space import Space

NAME_LENGTH_BITS = 0xFFFF
"""The largest subkey name shares its field with flags in the upper half."""


def add_key(space: Space, parent: int, name: str, now: int) -> int:
    """Make a key below the key in cell ``parent``, with its security; return its cell."""
    cells = space.cells
    stored, compressed = encode_name(name)
    security = cells.number(parent + CELLS_START + NK_SECURITY)
    flags = KeyFlag.COMPRESSED_NAME if compressed else 0
    offset = space.allocate(NK_SIZE + len(stored), parent)
    head = NK_HEAD.pack(NK, flags, now, 0, parent, 0, 0, NIL, NIL, 0, NIL, security, NIL, 0, 0, 0, 0, 0, len(stored), 0)
    cells.write(offset, head + stored)
    _share_security(space, security)
    insert_subkey(space, parent, offset, name)
    _raise_largest_name(space, parent, 2 * unit_count(name))
    stamp(space, parent, now)
    return offset


def remove_key(space: Space, key: Key, parent: int, now: int) -> None:
    """Remove a key and all below it."""
    remove_subkey(space, parent, key.offset)
    start = parent + CELLS_START
    if not space.cells.number(start + NK_SUBKEYS):  # as Windows does
        flags = space.cells.number(start + NK_LARGEST_SUBKEY_NAME) & ~NAME_LENGTH_BITS
        space.cells.put_number(start + NK_LARGEST_SUBKEY_NAME, flags)
        space.cells.put_number(start + NK_LARGEST_CLASS, 0)
    stamp(space, parent, now)
    for each in _with_descendants(space, key):
        _free_key(space, each)


def stamp(space: Space, key: int, now: int) -> None:
    """Note when the key in a cell was last written."""
    space.cells.put(key + CELLS_START + NK_WRITTEN, now.to_bytes(8, "little"))


def _with_descendants(space: Space, key: Key) -> list[Key]:
    """A key and all below it, in any order, before any of them is freed."""
    found = [key]
    for each in found:
        found += each.subkeys()
        if len(found) > space.cells.limit // NK_SIZE:
            raise space.cells.corrupt(each.offset, "more keys than the hive has room for: they form a loop")
    return found


def _free_key(space: Space, key: Key) -> None:
    """Free all cells of one key."""
    cells = space.cells
    start = key.offset + CELLS_START
    for value in list(key.values()):
        free_data(space, value)
        space.free(value.offset)
    for pointer in (NK_VALUE_LIST, NK_CLASS):
        offset = cells.number(start + pointer)
        if offset != NIL and (pointer != NK_CLASS or cells.short(start + NK_CLASS_LENGTH)):
            space.free(offset)
    lists = cells.number(start + NK_SUBKEY_LIST)
    for offset in list_cells(space, lists) if lists != NIL else ():
        space.free(offset)
    _release_security(space, cells.number(start + NK_SECURITY))
    space.free(key.offset)


def _raise_largest_name(space: Space, key: int, least: int) -> None:
    position = key + CELLS_START + NK_LARGEST_SUBKEY_NAME
    field = space.cells.number(position)
    if field & NAME_LENGTH_BITS < least:
        space.cells.put_number(position, field & ~NAME_LENGTH_BITS | least)


def _security(space: Space, offset: int) -> int:
    """Where the data of a security record begin."""
    start, _ = space.cells.span(offset, SK_SIZE, "security")
    if space.cells.bytes[start : start + 2] != SK:
        raise space.cells.corrupt(offset, "not a security record")
    return start


def _share_security(space: Space, offset: int) -> None:
    start = _security(space, offset)
    space.cells.put_number(start + SK_REFERENCES, space.cells.number(start + SK_REFERENCES) + 1)


def _release_security(space: Space, offset: int) -> None:
    """Count one user off; the last one takes the record out of the ring and frees it."""
    start = _security(space, offset)
    users = space.cells.number(start + SK_REFERENCES)
    if users > 1:
        space.cells.put_number(start + SK_REFERENCES, users - 1)
        return
    following, previous = space.cells.number(start + SK_NEXT), space.cells.number(start + SK_PREVIOUS)
    space.cells.put_number(_security(space, previous) + SK_NEXT, following)
    space.cells.put_number(_security(space, following) + SK_PREVIOUS, previous)
    space.free(offset)
