"""A volume of the offline computer: a partition, a whole-disk file system, or a mounted directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import BootmendError, UnsupportedError, place
from bootmend.filesystem.open import open_volume
from bootmend.volume import identify

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bootmend.filesystem import FileTree
    from bootmend.partition import Partition
    from bootmend.source import Source

#: file systems that Windows boots from and that we read
READABLE = frozenset({"NTFS", "FAT12", "FAT16", "FAT32", "directory"})


def listed(names: Iterable[str]) -> str:
    """Names as a sentence lists them: ``volume 1``, ``volume 1 and volume 2``, ``volume 1, volume 2 and volume 3``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


class Volume:
    """One volume; ``number`` is the partition's number in its table, 1 for a volume without one."""

    def __init__(self, number: int, source: Source | None, partition: Partition | None, tree: FileTree | None = None) -> None:
        self.number = number
        self.source = source
        self.partition = partition
        self._tree = tree
        self._kind = tree.kind if tree else None
        self._failure: BootmendError | None = None

    @property
    def name(self) -> str:
        """How messages call it: ``volume 2``."""
        return f"volume {self.number}"

    @property
    def size(self) -> int:
        """Bytes; 0 for a directory."""
        return self.source.size if self.source else 0

    @property
    def kind(self) -> str:
        """The file system by its first sectors: ``NTFS``, ``FAT32``, ``BitLocker``, ``unknown`` ..."""
        if self._kind is None:
            assert self.source is not None
            with place(self.name):
                self._kind = identify(self.source)
        return self._kind

    @property
    def readable(self) -> bool:
        """Whether its files can be read at all."""
        return self.kind in READABLE

    @property
    def tree(self) -> FileTree:
        """The files.

        Raises:
            UnsupportedError: a file system that is not read (BitLocker, ReFS, unknown).
            CorruptError: its first structures are damaged.
        """
        if self._failure is not None:
            raise self._failure
        if self._tree is None:
            assert self.source is not None
            try:
                with place(self.name):
                    if not self.readable:
                        raise UnsupportedError(f"a {self.kind} volume cannot be read")
                    self._tree = open_volume(self.source)
            except BootmendError as error:
                self._failure = error
                raise
        return self._tree

    @property
    def label(self) -> str:
        """The volume label; empty where there is none or it cannot be read."""
        try:
            return self.tree.label
        except BootmendError:
            return ""

    def exists(self, path: str) -> bool:
        """Whether a file or directory is there."""
        with place(self.name):
            return self.tree.exists(path)

    def where(self, path: str) -> str:
        """How messages name a file of this volume: ``volume 1 \\Boot\\BCD``."""
        return f"{self.name} {path}"
