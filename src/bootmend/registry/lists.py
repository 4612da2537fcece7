"""Subkey lists: ``li``, ``lf``, ``lh`` and ``ri``, their entries and how a name is found in them."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.registry.cells import numbers
from bootmend.registry.layout import (
    LF,
    LH,
    LI,
    LIST_HEAD,
    LIST_HEAD_SIZE,
    NK,
    NK_CELL,
    NK_COUNT_AND_LIST,
    NK_NAME,
    NK_SIZE,
    NK_SUBKEYS,
    RI,
    KeyFlag,
)
from bootmend.registry.names import decode_name, name_hash, sort_key
from bootmend.registry.upcase import upcase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootmend.registry.cells import Cells

COMPRESSED = int(KeyFlag.COMPRESSED_NAME)
SMALLEST_KEY = 80
"""bytes of a key's cell without its name: no hive holds more keys than its bins divided by this"""
SCAN_LIMIT = 4096
"""Where hashes lead nowhere, a list up to this long is searched name by name, one that is longer or known to be
sorted by halving."""
HASHED = (LH, LF)
_head_of = LIST_HEAD.unpack_from
_list_of = NK_COUNT_AND_LIST.unpack_from
_PAIR = Struct("<I4s")
_WIDTHS = {LI: 4, RI: 4, LF: 8, LH: 8}


class Leaf(NamedTuple):
    """One list: its cell, its kind, where its entries begin in the file, and their number."""

    offset: int
    kind: bytes
    start: int
    number: int

    @property
    def width(self) -> int:
        """Bytes of one entry: an offset, and in ``lf`` and ``lh`` a hint or hash."""
        return _WIDTHS[self.kind]


def read_list(cells: Cells, offset: int) -> Leaf:
    """Return the list in a cell, of whatever kind, with its entries present.

    Raises:
        CorruptError: the cell holds no list, or its entries do not fit.
    """
    return Leaf(offset, *_list_at(cells, offset))


def _list_at(cells: Cells, offset: int) -> tuple[bytes, int, int]:
    """Return kind, start and number of the entries of a list."""
    start = cells.start(offset, LIST_HEAD_SIZE, "subkey list")
    kind, count = _head_of(cells.buffer, start)
    width = _WIDTHS.get(kind)
    if width is None:
        raise cells.corrupt(offset, f"{kind!r} is not a list of subkeys")
    cells.start(offset, LIST_HEAD_SIZE + count * width, "subkey list")
    return kind, start + LIST_HEAD_SIZE, count


def read_leaves(cells: Cells, offset: int) -> list[Leaf]:
    """Return the leaves of a subkey list: those of an ``ri`` list, or the list itself.

    Raises:
        CorruptError: a broken list, a list of lists of lists, or more entries than the hive has room for.
    """
    root = read_list(cells, offset)
    if root.kind != RI:
        return [root]
    leaves: list[Leaf] = []
    total = 0
    for leaf_offset in leaf_entries(cells, root):
        leaf = read_list(cells, leaf_offset)
        if leaf.kind == RI:
            raise cells.corrupt(leaf_offset, "a list of lists inside a list of lists")
        leaves.append(leaf)
        total += leaf.number + 1
        if total > cells.limit // 8:
            raise cells.corrupt(offset, "the subkey list has more entries than the hive has room for")
    return leaves


def leaf_entries(cells: Cells, leaf: Leaf) -> Sequence[int]:
    """Return the cell offsets in one list."""
    _, kind, start, count = leaf
    if kind in HASHED:
        return numbers(2 * count).unpack_from(cells.buffer, start)[::2]
    return numbers(count).unpack_from(cells.buffer, start)


def subkey_list(cells: Cells, key: int) -> int | None:
    """Return the offset of the subkey list of the key whose data begin at ``key``, or None where it has no subkeys."""
    count, offset = _list_of(cells.buffer, key + NK_SUBKEYS)
    return offset if count else None


def subkey_offsets(cells: Cells, key: int) -> Sequence[int]:
    """Return the cell offsets of all subkeys of a key, in the order of its list."""
    count, offset = _list_of(cells.buffer, key + NK_SUBKEYS)
    if not count:
        return ()
    kind, start, number = _list_at(cells, offset)
    if kind in HASHED:
        return numbers(2 * number).unpack_from(cells.buffer, start)[::2]
    if kind == LI:
        return numbers(number).unpack_from(cells.buffer, start)
    offsets = [entry for leaf in read_leaves(cells, offset) for entry in leaf_entries(cells, leaf)]
    if len(offsets) > cells.limit // SMALLEST_KEY:
        raise cells.corrupt(offset, "the subkey list has more entries than the hive has room for")
    return offsets


def key_name(cells: Cells, offset: int) -> str:
    """Return the name of the key in a cell.

    Raises:
        CorruptError: the cell does not hold a key, or its name does not fit.
    """
    start, end = cells.span(offset, NK_SIZE, "key")
    size, signature, flags, length = NK_CELL.unpack_from(cells.buffer, start - 4)
    if signature != NK or length > -size - SMALLEST_KEY:
        raise cells.corrupt(offset, "not a key" if signature != NK else "the key's name does not fit its cell")
    if cells.lazy:
        cells.fetch(start + NK_NAME, min(length, end - start))
    name = cells.buffer[start + NK_NAME : start + NK_NAME + length]
    return decode_name(name, compressed=bool(flags & COMPRESSED))


def find_subkey(cells: Cells, key: int, name: str) -> int | None:
    """Return the cell offset of the subkey of that name, whatever its case, or None.

    Hints and hashes only say where to look first: where they are stale, names are compared.
    """
    offset = subkey_list(cells, key)
    if offset is None:
        return None
    leaves = read_leaves(cells, offset)
    wanted = upcase(name)
    for leaf in leaves:
        for entry in _likely(cells, leaf, wanted):
            if upcase(key_name(cells, entry)) == wanted:
                return entry
    entries = [entry for leaf in leaves for entry in leaf_entries(cells, leaf)]
    if cells.sorted or len(entries) > SCAN_LIMIT:
        return _find_by_halving(cells, entries, name)
    return next((entry for entry in entries if upcase(key_name(cells, entry)) == wanted), None)


def _likely(cells: Cells, leaf: Leaf, wanted: str) -> Iterator[int]:
    """Yield the entries whose hash or hint fits; none for ``li``, which has neither."""
    if leaf.kind == LH:
        raw = cells.buffer[leaf.start : leaf.start + 8 * leaf.number]
        return _entries_with(raw, name_hash(wanted).to_bytes(4, "little"), raw)
    if leaf.kind != LF:
        return iter(())
    raw = cells.buffer[leaf.start : leaf.start + 8 * leaf.number]
    hint = wanted[:4].ljust(4, "\0")
    if hint.isascii():
        return _entries_with(raw.upper(), hint.encode("ascii"), raw)
    return (offset for offset, stored in _PAIR.iter_unpack(raw) if upcase(stored.decode("latin-1")) == hint)


def _entries_with(text: bytes | bytearray, proof: bytes, raw: bytes | bytearray) -> Iterator[int]:
    """Yield the offsets in ``raw`` whose hash or hint in ``text``, which is as long, is this one: found by searching bytes."""
    at = text.find(proof)
    while at >= 0:
        if at & 7 == 4:
            yield int.from_bytes(raw[at - 4 : at], "little")
        at = text.find(proof, at + 1)


def _find_by_halving(cells: Cells, entries: Sequence[int], name: str) -> int | None:
    index = position_of(cells, entries, name)
    if index < len(entries) and sort_key(key_name(cells, entries[index])) == sort_key(name):
        return entries[index]
    return None


def position_of(cells: Cells, entries: Sequence[int], name: str) -> int:
    """Return the index of the first entry that does not sort before ``name``."""
    wanted = sort_key(name)
    low, high = 0, len(entries)
    while low < high:
        middle = (low + high) // 2
        if sort_key(key_name(cells, entries[middle])) < wanted:
            low = middle + 1
        else:
            high = middle
    return low
