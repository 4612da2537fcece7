"""A directory or drive letter of this computer as a file tree.

The one floor that asks the operating system: for names and attributes only.  Bytes come from the
opener it was given, so that a repair can be tried on an overlay.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from bootmend.errors import MissingError, ReadError, UnsupportedError
from bootmend.filesystem.host.file import HostFile
from bootmend.filesystem.tree import Attribute, Entry, FileTree, Obstacle, normalise, split_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bootmend.source.base import Source

FILETIME_1970 = 116_444_736_000_000_000
HIBERNATED = b"hibr", b"HIBR", b"wake", b"WAKE"


class HostTree(FileTree):
    """The files below one directory, found without regard to letter case on any system.

    Where a case-sensitive file system holds two names that differ only in case, the one spelt as asked
    is taken, else the first in alphabetical order.  Nothing outside the directory is reached: ``..`` is
    no name, and a link or junction that leads outside is named and not followed.

    Args:
        root: the directory, or a drive such as ``E:``.
        opener: gives the bytes of a file by its path on this computer.

    Raises:
        MissingError: there is no such directory.
    """

    kind = "directory"

    def __init__(self, root: str, opener: Callable[[str], Source]) -> None:
        self.root = root + os.sep if os.name == "nt" and root.endswith(":") else root
        self._opener = opener
        self._real_root = os.path.realpath(self.root)
        if not os.path.isdir(self._real_root):
            raise MissingError(f"there is no directory {root}")

    @property
    def label(self) -> str:
        """A directory has no label."""
        return ""

    def obstacles(self) -> list[Obstacle]:
        """A hibernated Windows, or a directory that must not be written."""
        found = []
        if not os.access(self._real_root, os.W_OK):
            found.append(Obstacle("read-only-tree", f"{self.root} is open for reading only"))
        if self._is_hibernated():
            sentence = "Windows on this volume is hibernated or was shut down with fast startup: it would overwrite the change"
            found.append(Obstacle("hibernated", sentence))
        return found

    def lookup(self, path: str) -> Entry | None:
        """Return the entry at ``path``, or None.

        Raises:
            UnsupportedError: a link on the way leads outside the directory.
            ReadError: the operating system does not let us look.
        """
        found = self._resolve(path)
        return _entry(os.path.basename(found) if split_path(path) else "", _stat(found)) if found else None

    def list(self, path: str) -> Iterator[Entry]:
        """Yield the entries of a directory, by name."""
        found = self._resolve(path)
        if found is None or not os.path.isdir(found):
            raise MissingError(f"there is no directory {normalise(path)}", at=self.root)
        for name in _names(found):
            try:
                yield _entry(name, _stat(os.path.join(found, name)))
            except MissingError:  # removed while we look
                continue

    def open(self, path: str) -> HostFile:
        """Open a file through the opener."""
        found = self._resolve(path)
        if found is None:
            raise MissingError(f"there is no file {normalise(path)}", at=self.root)
        status = _stat(found)
        if stat.S_ISDIR(status.st_mode):
            raise MissingError(f"{normalise(path)} is a directory", at=self.root)
        if not stat.S_ISREG(status.st_mode):
            raise UnsupportedError(f"{normalise(path)} is not a regular file", at=self.root)
        return HostFile(self._opener(found), _entry(os.path.basename(found), status), found)

    def host_path(self, path: str) -> str | None:
        """Where ``path`` lies on this computer, None where it is not there."""
        return self._resolve(path)

    def _is_hibernated(self) -> bool:
        """Whether hiberfil.sys begins with the mark of a saved session; a running Windows keeps the file locked."""
        try:
            file = self.open("\\hiberfil.sys")
            return file.size >= 4 and file.read_at(0, 4) in HIBERNATED
        except ReadError:
            return False

    def _resolve(self, path: str) -> str | None:
        """The real path of a file below the root, component by component."""
        current = self._real_root
        for name in split_path(path):
            if name in (".", ".."):
                return None
            match = _match(current, name)
            if match is None:
                return None
            current = self._follow(os.path.join(current, match))
        return current

    def _follow(self, path: str) -> str:
        """The path itself, or where a link leads, when that is inside the root."""
        if not _is_link(_stat(path)):
            return path
        target = os.path.realpath(path)
        if os.path.commonpath([self._real_root, _same_drive(target, self._real_root)]) != self._real_root:
            raise UnsupportedError(f"{path} is a link to {target}, outside the directory; it is not followed", at=self.root)
        return target


def _match(directory: str, name: str) -> str | None:
    """The name in a directory that equals ``name``, if possible as spelt."""
    if os.sep in name or "\0" in name:
        return None
    wanted = name.casefold()
    try:
        names = [each for each in _names(directory) if each.casefold() == wanted]
    except MissingError:
        return None
    return name if name in names else names[0] if names else None


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingError(f"{directory} is not a directory") from error
    except OSError as error:
        raise ReadError(f"cannot be listed: {error.strerror}", at=directory) from error


def _stat(path: str) -> os.stat_result:
    try:
        return os.lstat(path)
    except FileNotFoundError as error:
        raise MissingError(f"there is no {path}") from error
    except OSError as error:
        raise ReadError(f"cannot be looked at: {error.strerror}", at=path) from error


def _is_link(status: os.stat_result) -> bool:
    """Whether it is a symbolic link or, on Windows, a junction; other reparse points (deduplication, WOF) are files."""
    tag = getattr(status, "st_reparse_tag", 0)
    return stat.S_ISLNK(status.st_mode) or tag == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)


def _same_drive(target: str, root: str) -> str:
    """``commonpath`` fails on different drives: then compare with something that is never inside the root."""
    return target if os.path.splitdrive(target)[0].lower() == os.path.splitdrive(root)[0].lower() else os.path.dirname(root)


def _entry(name: str, status: os.stat_result) -> Entry:
    attributes = Attribute(getattr(status, "st_file_attributes", 0))
    if stat.S_ISDIR(status.st_mode):
        attributes |= Attribute.DIRECTORY
    if _is_link(status):
        attributes |= Attribute.REPARSE_POINT
    if not status.st_mode & stat.S_IWUSR and not attributes & (Attribute.DIRECTORY | Attribute.REPARSE_POINT):
        attributes |= Attribute.READONLY
    size = 0 if attributes & Attribute.DIRECTORY else status.st_size
    return Entry(name, size, attributes, status.st_mtime_ns // 100 + FILETIME_1970)
