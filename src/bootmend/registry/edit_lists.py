"""Changing subkey lists: sorted insertion, removal, splitting.

A new list is of the kind that the hive's version asks for: ``lf`` below 1.5, ``lh`` from there on.
A list that outgrows one page becomes an ``ri`` list of two halves; below 1.5 those are ``li`` lists,
as Windows makes them.  A list that is there keeps its kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import RefusedError
from bootmend.registry.layout import (
    BASE_SIZE,
    CELL_HEADER,
    LF,
    LH,
    LI,
    LIST_HEAD,
    NIL,
    NK_COUNT_AND_LIST,
    NK_SUBKEY_LIST,
    NK_SUBKEYS,
    RI,
)
from bootmend.registry.lists import HASHED, Leaf, leaf_entries, position_of, read_leaves, read_list
from bootmend.registry.names import name_hash, name_hint

if TYPE_CHECKING:
    from bootmend.registry.space import Space

HASHED_SINCE_MINOR = 5
LONGEST = {LF: 507, LH: 507, LI: 1014}
"""Entries of a list that fills one page: a longer one is split when a key is added (observed in Windows 7 hives)."""
MOST_LEAVES = 0xFFFF


class _Shape(NamedTuple):
    """The list of one key: its ``ri`` list if it has one, and its leaves."""

    root: Leaf | None
    leaves: list[Leaf]


def insert_subkey(space: Space, parent: int, child: int, name: str) -> None:
    """Enter the key in cell ``child`` into the list of the key in cell ``parent``, and count it.

    Raises:
        CorruptError: the list cannot be read, or its length is not what the key says.
    """
    start = parent + BASE_SIZE + CELL_HEADER
    count, offset = NK_COUNT_AND_LIST.unpack_from(space.cells.bytes, start + NK_SUBKEYS)
    if offset == NIL:
        kind = LH if space.cells.minor >= HASHED_SINCE_MINOR else LF
        _set_list(space, parent, _new_list(space, kind, _entry(kind, child, name), parent))
    else:
        shape = _read_shape(space, offset, count)
        _insert(space, parent, shape, child, name)
    space.cells.put_number(start + NK_SUBKEYS, count + 1)


def remove_subkey(space: Space, parent: int, child: int) -> None:
    """Take the key in cell ``child`` off the list of the key in cell ``parent``, and count it off.

    Raises:
        CorruptError: the list cannot be read, its length is not what the key says, or the child is not on it.
    """
    start = parent + BASE_SIZE + CELL_HEADER
    count, offset = NK_COUNT_AND_LIST.unpack_from(space.cells.bytes, start + NK_SUBKEYS)
    shape = _read_shape(space, offset, count)
    for number, leaf in enumerate(shape.leaves):
        entries = leaf_entries(space.cells, leaf)
        if child in entries:
            _remove(space, parent, shape, number, list(entries).index(child))
            break
    else:
        raise space.cells.corrupt(offset, f"the key {child:#x} is not on its parent's list")
    space.cells.put_number(start + NK_SUBKEYS, count - 1)


def list_cells(space: Space, offset: int) -> list[int]:
    """The cells of a whole subkey list, leaves last."""
    root = read_list(space.cells, offset)
    return [offset, *leaf_entries(space.cells, root)] if root.kind == RI else [offset]


def _read_shape(space: Space, offset: int, count: int) -> _Shape:
    root = read_list(space.cells, offset)
    leaves = read_leaves(space.cells, offset)
    listed = sum(leaf.number for leaf in leaves)
    if listed != count:
        raise space.cells.corrupt(offset, f"the subkey list has {listed} entries, its key says {count}")
    return _Shape(root if root.kind == RI else None, leaves)


def _insert(space: Space, parent: int, shape: _Shape, child: int, name: str) -> None:
    entries = [entry for leaf in shape.leaves for entry in leaf_entries(space.cells, leaf)]
    index = position_of(space.cells, entries, name)
    number = 0
    while number < len(shape.leaves) - 1 and index > shape.leaves[number].number:
        index -= shape.leaves[number].number
        number += 1
    leaf = shape.leaves[number]
    raw = _raw_entries(space, leaf)
    raw[index * leaf.width : index * leaf.width] = _entry(leaf.kind, child, name)
    if leaf.number < LONGEST[leaf.kind]:
        _point(space, parent, shape, number, _rewrite(space, leaf, leaf.kind, raw, parent))
    else:
        _split(space, parent, shape, number, raw)


def _split(space: Space, parent: int, shape: _Shape, number: int, raw: bytearray) -> None:
    """Put a leaf's entries into two leaves."""
    leaf = shape.leaves[number]
    kind, width = leaf.kind, leaf.width
    if shape.root is None and space.cells.minor < HASHED_SINCE_MINOR:
        kind = LI
        raw = bytearray().join(raw[at : at + 4] for at in range(0, len(raw), width))
        width = 4
    half = len(raw) // width // 2 * width
    first = _rewrite(space, leaf, kind, raw[:half], parent)
    second = _new_list(space, kind, bytes(raw[half:]), parent)
    pointers = [each.offset for each in shape.leaves]
    pointers[number : number + 1] = [first, second]
    _point_all(space, parent, shape, pointers)


def _remove(space: Space, parent: int, shape: _Shape, number: int, index: int) -> None:
    leaf = shape.leaves[number]
    raw = _raw_entries(space, leaf)
    del raw[index * leaf.width : (index + 1) * leaf.width]
    if raw:
        _rewrite(space, leaf, leaf.kind, raw, parent)
        return
    space.free(leaf.offset)
    pointers = [each.offset for each in shape.leaves]
    del pointers[number]
    if pointers:
        _point_all(space, parent, shape, pointers)
        return
    if shape.root is not None:
        space.free(shape.root.offset)
    _set_list(space, parent, NIL)


def _point(space: Space, parent: int, shape: _Shape, number: int, offset: int) -> None:
    """Note that a leaf stands at ``offset`` now."""
    if shape.root is None:
        _set_list(space, parent, offset)
    else:
        space.cells.put_number(shape.root.start + 4 * number, offset)


def _point_all(space: Space, parent: int, shape: _Shape, pointers: list[int]) -> None:
    """Note the leaves that a list has now, in an ``ri`` list that is made where there is none."""
    if len(pointers) > MOST_LEAVES:
        raise RefusedError("the key has as many subkeys as a list can hold", at=f"cell {parent:#x}")
    raw = b"".join(pointer.to_bytes(4, "little") for pointer in pointers)
    if shape.root is None:
        _set_list(space, parent, _new_list(space, RI, raw, parent))
    else:
        _set_list(space, parent, _rewrite(space, shape.root, RI, raw, parent))


def _set_list(space: Space, parent: int, offset: int) -> None:
    space.cells.put_number(parent + BASE_SIZE + CELL_HEADER + NK_SUBKEY_LIST, offset)


def _entry(kind: bytes, child: int, name: str) -> bytes:
    proof = name_hash(name).to_bytes(4, "little") if kind == LH else name_hint(name) if kind == LF else b""
    return child.to_bytes(4, "little") + proof


def _raw_entries(space: Space, leaf: Leaf) -> bytearray:
    return space.cells.bytes[leaf.start : leaf.start + leaf.number * leaf.width]


def _new_list(space: Space, kind: bytes, raw: bytes, near: int) -> int:
    width = 8 if kind in HASHED else 4
    offset = space.allocate(LIST_HEAD.size + len(raw), near)
    space.cells.write(offset, LIST_HEAD.pack(kind, len(raw) // width) + raw)
    return offset


def _rewrite(space: Space, leaf: Leaf, kind: bytes, raw: bytes | bytearray, near: int) -> int:
    """Give a list other entries, in another cell if they need one; return its cell."""
    width = 8 if kind in HASHED else 4
    offset = space.resize(leaf.offset, LIST_HEAD.size + len(raw), near)
    space.cells.write(offset, LIST_HEAD.pack(kind, len(raw) // width) + bytes(raw))
    return offset
