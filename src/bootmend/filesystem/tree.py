"""What every file system offers, whatever it is on disk.

Paths are Windows paths inside the volume: ``\\Boot\\BCD``, separated by backslash or slash, compared
without regard to letter case (by the file system's own rules), never with a drive letter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntFlag
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import MissingError
from bootmend.source.base import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Attribute(IntFlag):
    """File attributes as Windows numbers them (FILE_ATTRIBUTE_*), as far as we use them."""

    READONLY = 0x1
    HIDDEN = 0x2
    SYSTEM = 0x4
    DIRECTORY = 0x10
    ARCHIVE = 0x20
    SPARSE = 0x200
    REPARSE_POINT = 0x400
    COMPRESSED = 0x800
    ENCRYPTED = 0x4000


class Entry(NamedTuple):
    """One name in a directory. ``modified`` is a FILETIME (100 ns since 1601, UTC), 0 if unknown."""

    name: str
    size: int
    attributes: Attribute
    modified: int

    @property
    def is_directory(self) -> bool:
        """Whether this entry is a directory."""
        return bool(self.attributes & Attribute.DIRECTORY)


class Anchor(NamedTuple):
    """Metadata that says where a file's bytes are: if it changed, the file may have moved.

    ``source`` holds ``length`` bytes at ``offset`` that must be the same at apply and undo time.
    """

    what: str
    source: Source
    offset: int
    length: int


class Obstacle(NamedTuple):
    """Why a file of this tree must not be written. ``kind`` is a stable word, ``sentence`` is for people.

    Kinds: ``hibernated``, ``dirty-log``, ``compressed``, ``encrypted``, ``sparse``, ``reparse``, ``read-only-tree``.
    """

    kind: str
    sentence: str


class File(Source):
    """The bytes of one file: a source that can be overwritten in place, never grown.

    Reading past the valid data length gives zeros, as Windows does.
    """

    @property
    @abstractmethod
    def entry(self) -> Entry:
        """The directory entry under which the file was opened."""

    @abstractmethod
    def anchors(self) -> list[Anchor]:
        """The metadata that maps this file to its bytes: directory entry, MFT records or FAT chain."""

    def obstacles(self) -> list[Obstacle]:
        """Everything that speaks against overwriting this file now; empty when it may be written."""
        return []


class FileTree(ABC):
    """A directory tree, case-insensitive, read lazily."""

    #: "NTFS", "FAT12", "FAT16", "FAT32" or "directory"
    kind: str

    @property
    @abstractmethod
    def label(self) -> str:
        """The volume label, empty if there is none."""

    @abstractmethod
    def lookup(self, path: str) -> Entry | None:
        """Return the entry at ``path``, or None where a component is missing or not a directory.

        Raises:
            ReadError: a directory on the way is damaged.
        """

    @abstractmethod
    def list(self, path: str) -> Iterator[Entry]:
        """Yield the entries of a directory, without ``.`` and ``..``, in the order they are stored.

        Raises:
            MissingError: there is no such directory.
        """

    @abstractmethod
    def open(self, path: str) -> File:
        """Open a file.

        Raises:
            MissingError: there is no such file, or it is a directory.
            UnsupportedError: its bytes cannot be read (encrypted; a reparse point that is not WOF).
        """

    def obstacles(self) -> Sequence[Obstacle]:
        """What speaks against writing anything on this volume: hibernation, for example."""
        return []

    def exists(self, path: str) -> bool:
        """Whether a file or directory of that path is there."""
        return self.lookup(path) is not None

    def read(self, path: str, limit: int = 64 << 20) -> bytes:
        """Return a whole file of at most ``limit`` bytes.

        Raises:
            MissingError: there is no such file.
        """
        file = self.open(path)
        if file.size > limit:
            raise MissingError(f"{path} is larger ({file.size} bytes) than any file of its kind should be")
        return file.read_at(0, file.size)


def split_path(path: str) -> list[str]:
    """Return the components of a Windows path; empty for the root."""
    return [part for part in path.replace("/", "\\").split("\\") if part]


def normalise(path: str) -> str:
    """Return the path with one leading backslash and single separators."""
    return "\\" + "\\".join(split_path(path))
