"""What can be changed about the files of a volume beyond overwriting bytes where they lie.

These changes allocate: they need free clusters and move directory entries.  An editor works on a
volume of an overlay; each of its calls leaves the file system whole, and orders its writes with
barriers so that a file is never named before its bytes are there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from bootmend.errors import RefusedError, UnsupportedError
from bootmend.filesystem.tree import Attribute, split_path

if TYPE_CHECKING:
    from bootmend.source import Source

SETTABLE = Attribute.READONLY | Attribute.HIDDEN | Attribute.SYSTEM | Attribute.ARCHIVE
"""The attributes that a person chooses; the others say what a file is."""
FORBIDDEN = '"*/:<>?\\|'
MAX_NAME = 255


class TreeEditor(ABC):
    """Creates, replaces, renames and deletes files of one volume."""

    @abstractmethod
    def write(self, path: str, data: bytes, attributes: Attribute | None = None) -> None:
        """Make the file of that path hold ``data``: a new file, or an old one whatever its length was.

        ``attributes`` None keeps those of the old file; a new one gets ``ARCHIVE``.

        Raises:
            MissingError: the directory is not there.
            RefusedError: the volume is full, the path is a directory, or the file must not be replaced.
        """

    @abstractmethod
    def make_directory(self, path: str) -> None:
        """Make an empty directory, and those above it; nothing to do where it is there.

        Raises:
            RefusedError: the volume is full, or a file is in the way.
        """

    @abstractmethod
    def rename(self, path: str, new: str) -> None:
        """Give a file or directory another path on the same volume.

        Raises:
            MissingError: it is not there, or the new directory is not.
            RefusedError: the new path is taken, or lies inside the directory itself.
        """

    @abstractmethod
    def delete(self, path: str) -> None:
        """Delete a file or an empty directory.

        Raises:
            MissingError: it is not there.
            RefusedError: the directory holds files.
        """

    @abstractmethod
    def set_attributes(self, path: str, attributes: Attribute) -> None:
        """Set READONLY, HIDDEN, SYSTEM and ARCHIVE; the other attributes say what a file is, and stay.

        Raises:
            MissingError: it is not there.
        """


def check_name(name: str) -> str:
    """Return the name.

    Raises:
        RefusedError: no file of Windows may be called so.
    """
    bad = any(character in FORBIDDEN or ord(character) < 32 for character in name)
    if bad or not name.strip(" .") or name != name.rstrip(" .") or len(name.encode("utf-16-le", "surrogatepass")) > 2 * MAX_NAME:
        raise RefusedError(f"{name!r} cannot be the name of a file")
    return name


def is_inside(path: str, directory: str) -> bool:
    """Whether a path lies below a directory."""
    inner, outer = ([part.upper() for part in split_path(one)] for one in (path, directory))
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def edit_volume(volume: Source, now: int) -> TreeEditor:
    """The editor of a volume; ``now`` is the FILETIME that changed entries are stamped with.

    Raises:
        UnsupportedError: there is no way to make files on that file system.
        CorruptError: the file system is damaged.
    """
    from bootmend.volume import identify

    kind = identify(volume)
    if kind == "NTFS":
        from bootmend.filesystem.ntfs.edit import NtfsEditor

        return NtfsEditor(volume, now)
    if kind.startswith("FAT"):
        from bootmend.filesystem.fat.edit import FatEditor

        return FatEditor(volume, now)
    raise UnsupportedError(f"files cannot be made or deleted on a {kind} volume")
