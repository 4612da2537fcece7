"""Keys: the tree of a hive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.registry.layout import (
    BASE_SIZE,
    CELL_HEADER,
    NIL,
    NK,
    NK_CELL,
    NK_CLASS,
    NK_CLASS_LENGTH,
    NK_FLAGS,
    NK_NAME,
    NK_SECURITY,
    NK_SIZE,
    NK_SUBKEYS,
    NK_VALUES,
    NK_WRITTEN,
    SK,
    SK_HEAD,
    SK_SIZE,
    KeyFlag,
)
from bootmend.registry.lists import COMPRESSED, find_subkey, subkey_offsets
from bootmend.registry.names import decode_name
from bootmend.registry.values import PREDEFINED, Value, find_value, value_offsets, values_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootmend.errors import CorruptError
    from bootmend.registry.cells import Cells

_NAME_IN_CELL = CELL_HEADER + NK_NAME


class Key:
    """One key.  Its name and place are read at once, all else when it is asked for.

    ``offset`` is its cell, ``start`` where in the file the cell's data begin, ``parent`` the key it was found
    below (None: the root).  Every access may raise :class:`~bootmend.errors.CorruptError`.
    """

    __slots__ = ("_cells", "name", "offset", "parent", "start")

    _cells: Cells
    name: str
    offset: int
    parent: Key | None
    start: int

    @property
    def path(self) -> str:
        """The names from below the root to this key, joined by backslashes; "" for the root."""
        names: list[str] = []
        key: Key = self
        while key.parent is not None:
            names.append(key.name)
            key = key.parent
        return "\\".join(reversed(names))

    @property
    def flags(self) -> KeyFlag:
        """The key's flags."""
        return KeyFlag(self._cells.short(self.start + NK_FLAGS))

    @property
    def written(self) -> int:
        """When the key was last written, as FILETIME: 100 ns since 1601, UTC."""
        return int.from_bytes(self._cells.buffer[self.start + NK_WRITTEN : self.start + NK_WRITTEN + 8], "little")

    @property
    def subkey_count(self) -> int:
        """The number of subkeys that the key says it has (volatile ones are not on disk and not counted)."""
        return self._cells.number(self.start + NK_SUBKEYS)

    @property
    def value_count(self) -> int:
        """The number of values that the key says it has; 0 for a key with a predefined handle."""
        return 0 if self.flags & PREDEFINED else self._cells.number(self.start + NK_VALUES)

    def subkeys(self) -> Iterator[Key]:
        """Yield the subkeys, in the order of Windows."""
        return keys_at(self._cells, self.subkey_offsets(), self)

    def subkey_offsets(self) -> Sequence[int]:
        """The cells of the subkeys, in the order of Windows."""
        return subkey_offsets(self._cells, self.start)

    def subkey(self, name: str) -> Key | None:
        """Return the subkey of that name, whatever its case, or None."""
        offset = find_subkey(self._cells, self.start, name)
        return None if offset is None else key_at(self._cells, offset, self)

    def values(self) -> Iterator[Value]:
        """Yield the values, in stored order."""
        cells = self._cells
        offsets = value_offsets(cells, self.start)
        return values_at(cells, offsets) if offsets else iter(())

    def value(self, name: str) -> Value | None:
        """Return the value of that name ("" is the default value), whatever its case, or None."""
        return find_value(self._cells, self.start, name)

    @property
    def class_name(self) -> str | None:
        """The class of the key, or None: a text that few keys have (``Lsa`` keeps the boot key in four of them)."""
        offset = self._cells.number(self.start + NK_CLASS)
        length = self._cells.short(self.start + NK_CLASS_LENGTH)
        if offset == NIL or not length:
            return None
        return self._cells.read(offset, length, "class name")[: length & ~1].decode("utf-16-le", "replace")

    @property
    def security(self) -> bytes:
        """The security descriptor, self-relative."""
        offset = self._cells.number(self.start + NK_SECURITY)
        start, _ = self._cells.span(offset, SK_SIZE, "security")
        signature, *_, length = SK_HEAD.unpack_from(self._cells.buffer, start)
        if signature != SK:
            raise self._cells.corrupt(offset, "not a security record")
        return self._cells.read(offset, SK_SIZE + length, "security descriptor")[SK_SIZE:]

    def __repr__(self) -> str:
        return f"<Key {self.path!r} at cell {self.offset:#x}>"


def keys_at(cells: Cells, offsets: Sequence[int], parent: Key | None) -> Iterator[Key]:
    """Yield the keys in these cells; written out for speed, as :func:`~bootmend.registry.values.values_at` is."""
    buffer, lazy, end, unpack = cells.buffer, cells.lazy, cells.limit - NK_SIZE, NK_CELL.unpack_from
    for offset in offsets:
        if offset & 7 or offset > end:
            raise cells.corrupt(offset, "key: the offset leads nowhere")
        position = offset + BASE_SIZE
        if lazy:
            cells.fetch(position, _NAME_IN_CELL)
        size, signature, flags, length = unpack(buffer, position)
        if signature != NK or length > -size - _NAME_IN_CELL or offset - size > cells.limit:
            raise _not_a_key(cells, offset, size, signature)
        key = Key()
        key.start = position + CELL_HEADER
        position += _NAME_IN_CELL
        if lazy:
            cells.fetch(position, length)
        name = buffer[position : position + length]
        key.name = name.decode("latin-1") if flags & COMPRESSED else decode_name(name, compressed=False)
        key.offset = offset
        key._cells = cells  # noqa: SLF001
        key.parent = parent
        yield key


def key_at(cells: Cells, offset: int, parent: Key | None = None) -> Key:
    """Return the key in a cell.

    Raises:
        CorruptError: the cell holds no key.
    """
    return next(keys_at(cells, (offset,), parent))


def _not_a_key(cells: Cells, offset: int, size: int, signature: bytes) -> CorruptError:
    if size > -CELL_HEADER or offset - size > cells.limit:
        return cells.corrupt(offset, "key: the cell is free or of impossible size")
    return cells.corrupt(offset, "not a key" if signature != NK else "the key's name does not fit its cell")
