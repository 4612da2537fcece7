"""A registry hive, read lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bootmend.errors import RefusedError, TruncatedError
from bootmend.registry.base import BaseBlock, read_base
from bootmend.registry.cells import Cells
from bootmend.registry.keys import Key, key_at, keys_at
from bootmend.registry.layout import BASE_SIZE, PAGE
from bootmend.registry.lists import SMALLEST_KEY, subkey_offsets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.source import Source

DEEPEST = 512
"""Levels of keys that Windows allows."""


class Hive:
    """A hive in any source; opening it reads one sector, each access the pages it needs.

    A *dirty* hive (see :attr:`BaseBlock.dirty`) lacks changes that wait in its logs: it is refused
    unless ``dirty="accept"`` says that it shall be read as it stands; to read it as Windows would,
    open what :func:`bootmend.registry.recover` returns.

    Raises:
        TruncatedError: the file is shorter than a hive, or than its own bins (unless ``dirty="accept"``).
        CorruptError: not a hive, or a base block that cannot be.
        UnsupportedError: a transaction log, or an unknown version.
        RefusedError: a dirty hive.
    """

    def __init__(self, source: Source, *, dirty: Literal["refuse", "accept"] = "refuse") -> None:
        self.source = source
        self.base = read_base(source)
        if dirty == "refuse":
            _refuse_dirty(self.base)
        self._cells = Cells(source, self._limit(strict=dirty == "refuse"), self.base.minor)

    def _limit(self, *, strict: bool) -> int:
        held = self.source.size - BASE_SIZE
        if held < self.base.bins_size and strict:
            message = f"the hive has {BASE_SIZE + self.base.bins_size} bytes, its file only {self.source.size}"
            raise TruncatedError(message, at="base block")
        return min(held - held % PAGE, self.base.bins_size)

    @property
    def dirty(self) -> bool:
        """Whether changes may wait in the hive's logs."""
        return self.base.dirty

    @property
    def root(self) -> Key:
        """The root key, whose path is ""."""
        return key_at(self._cells, self.base.root)

    def key(self, path: str) -> Key | None:
        r"""Return the key at a path below the root (``Select``, ``ControlSet001\Control``), whatever its case, or None."""
        key: Key | None = self.root
        for name in path.split("\\"):
            if name and key is not None:
                key = key.subkey(name)
        return key

    def load(self) -> None:
        """Read the whole hive at once: for those who will look at most of it."""
        self._cells.load()

    def walk(self) -> Iterator[tuple[str, Key]]:
        """Yield path and key of every key, parents before children, siblings in the order of Windows; loads the hive.

        Raises:
            CorruptError: a broken key, keys nested deeper than Windows allows, or more than the hive can hold.
        """
        self.load()
        cells, root = self._cells, self.root
        yield "", root
        room = cells.limit // SMALLEST_KEY
        levels: list[tuple[str, Iterator[Key]]] = []
        prefix, keys = "", root.subkeys()
        while True:
            for key in keys:
                path = prefix + key.name
                yield path, key
                offsets = subkey_offsets(cells, key.start)
                if offsets:
                    levels.append((prefix, keys))
                    room -= len(offsets)
                    self._limit_walk(key, len(levels), room)
                    prefix, keys = path + "\\", keys_at(cells, offsets, key)
                    break
            else:
                if not levels:
                    return
                prefix, keys = levels.pop()

    def _limit_walk(self, key: Key, depth: int, room: int) -> None:
        if depth >= DEEPEST:
            raise self._cells.corrupt(key.offset, f"keys are nested deeper than {DEEPEST} levels")
        if room < 0:
            raise self._cells.corrupt(key.offset, "more keys than the hive has room for: they form a loop")


def _refuse_dirty(base: BaseBlock) -> None:
    if base.dirty:
        why = f"its sequence numbers are {base.sequence1} and {base.sequence2}"
        message = f"the hive is dirty ({why if base.checksum_ok else 'its checksum is wrong'}): changes may wait in its logs"
        raise RefusedError(message, at="base block", hint="recover it from its .LOG, .LOG1 and .LOG2 files first")
