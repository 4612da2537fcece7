"""The file tree of an NTFS volume."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, MissingError, UnsupportedError, place
from bootmend.filesystem.ntfs import layout
from bootmend.filesystem.ntfs.boot import BootSector, read_boot_sector
from bootmend.filesystem.ntfs.collation import UNITS, Collation, parse_upcase
from bootmend.filesystem.ntfs.content import clustered_content
from bootmend.filesystem.ntfs.file import NtfsFile
from bootmend.filesystem.ntfs.index import Directory, IndexEntry
from bootmend.filesystem.ntfs.mft import Inode, MasterFileTable
from bootmend.filesystem.ntfs.reparse import ReparsePoint, parse_reparse_point
from bootmend.filesystem.tree import Attribute, Entry, FileTree, Obstacle, normalise, split_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootmend.filesystem.ntfs.logfile import LogFile
    from bootmend.source import Source

CACHED_DIRECTORIES = 64
HIBERNATION_FILE = "\\hiberfil.sys"
_KNOWN_ATTRIBUTES = sum(Attribute)
_HIBERNATED = {
    b"hibr": "Windows is hibernated or was shut down with fast startup",
    b"rstr": "Windows was interrupted while it resumed from hibernation",
}


class Found(NamedTuple):
    """A file or directory, and where its name was found."""

    inode: Inode
    directory: Directory
    entry: IndexEntry


class NtfsTree(FileTree):
    """The files of an NTFS volume, read lazily; what was read of the $MFT and of directories is kept.

    Opening reads the boot sector and the first 8 KiB of the $MFT.

    Raises:
        CorruptError: the boot sector or the $MFT's own record is damaged.
    """

    kind = "NTFS"

    def __init__(self, volume: Source) -> None:
        self.volume = volume
        self.boot: BootSector = read_boot_sector(volume)
        self.mft = MasterFileTable(volume, self.boot)
        self._directories: dict[int, Directory] = {}

    def reopen(self) -> None:
        """Forget what was read: the volume was changed."""
        self.mft = MasterFileTable(self.volume, self.boot)
        self._directories.clear()

    def directory(self, inode: Inode) -> Directory:
        """The names of a directory that was found."""
        return Directory(self.volume, self.boot, inode)

    # -- the volume -----------------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """The volume label, empty if there is none."""
        name = self._volume_inode.first(layout.VOLUME_NAME)
        return self.mft.attribute_bytes(name).decode("utf-16-le", "replace") if name else ""

    @property
    def dirty(self) -> bool:
        """Whether the volume is marked to be checked; not an obstacle alone."""
        return bool(self._volume_information[2] & layout.VOLUME_DIRTY)

    @property
    def version(self) -> str:
        """The NTFS version, ``"3.1"`` since Windows XP."""
        major, minor, _ = self._volume_information
        return f"{major}.{minor}"

    @property
    def _volume_inode(self) -> Inode:
        return self.mft.inode(layout.VOLUME_RECORD)

    @property
    def _volume_information(self) -> tuple[int, int, int]:
        attribute = self._volume_inode.first(layout.VOLUME_INFORMATION)
        if attribute is None or not attribute.resident or attribute.size < layout.VOLUME_INFO.size:
            raise CorruptError("there is no volume information", at="$Volume")
        major, minor, flags = layout.VOLUME_INFO.unpack_from(attribute.value)
        return major, minor, flags

    @cached_property
    def log(self) -> LogFile:
        """The volume's log, read as far as it is needed to tell whether it is finished."""
        from bootmend.filesystem.ntfs.logfile import LogFile

        with place("$LogFile"):
            data = self.mft.inode(layout.LOG_FILE).find(layout.DATA)
            if not data or data[0].resident:
                raise CorruptError("it has no run list")
            return LogFile(clustered_content(self.volume, self.boot, data), self.boot)

    @cached_property
    def upcase(self) -> Sequence[int]:
        """The volume's table of upper case letters, by code unit."""
        with place("$UpCase"):
            data = self.mft.inode(layout.UPCASE_RECORD).find(layout.DATA)
            if not data or data[0].size != 2 * UNITS or data[0].resident:
                raise CorruptError(f"it does not have {2 * UNITS} bytes")
            return parse_upcase(clustered_content(self.volume, self.boot, data).read(0, 2 * UNITS))

    def obstacles(self) -> list[Obstacle]:
        """Hibernation: Windows would go on with what it holds in memory, and overwrite our changes."""
        found = self.find(split_path(HIBERNATION_FILE))
        if found is None or found.inode.is_directory:
            return []
        file = self._file(HIBERNATION_FILE, found)
        state = _HIBERNATED.get(file.read_at(0, min(4, file.size)).lower())
        if state is None:
            return []
        return [Obstacle("hibernated", f"{state}: it would resume with cached files and overwrite any change made here")]

    # -- files ------------------------------------------------------------------------------------------

    def lookup(self, path: str) -> Entry | None:
        """Return the entry at ``path``, with size and attributes from its file record."""
        with place(normalise(path)):
            parts = split_path(path)
            if not parts:
                return _entry("", self.mft.inode(layout.ROOT))
            found = self.find(parts)
            return _entry(found.entry.file_name.name, found.inode) if found else None

    def exists(self, path: str) -> bool:
        """Whether a file or directory of that path is there; its file record is not read."""
        with place(normalise(path)):
            *parents, name = split_path(path) or [""]
            directory = self._directory(parents)
            return directory is not None and (not name or self._search(directory, name) is not None)

    def list(self, path: str) -> Iterator[Entry]:
        """Yield the entries of a directory in the order of their names, as the directory tells them.

        Short (DOS) names and the file system's own files are left out.  Size and attributes are the
        copies in the directory, which Windows renews only when a file is closed; of a file with
        several hard links they may be old.  :meth:`lookup` has the true ones.
        """
        with place(normalise(path)):
            directory = self._directory(split_path(path))
            if directory is None:
                raise MissingError("there is no such directory")
        return self._entries(normalise(path), directory)

    def _entries(self, path: str, directory: Directory) -> Iterator[Entry]:
        entries = iter(directory)
        while True:
            with place(path):
                one = next(entries, None)
            if one is None:
                return
            name = one.file_name
            if name.namespace != layout.DOS_NAMESPACE and one.record >= layout.FIRST_FREE_RECORD:
                yield Entry(name.name, name.size, _attributes(name.attributes), name.modified)

    def open(self, path: str) -> NtfsFile:
        """Open a file; of one that WOF keeps in a WIM file only the entry can be read.

        Raises:
            MissingError: there is no such file, or it is a directory.
            UnsupportedError: it is encrypted, a link, or a reparse point of another kind than WOF.
        """
        full = normalise(path)
        with place(full):
            found = self.find(split_path(path))
            if found is None:
                raise MissingError("there is no such file")
            if found.inode.is_directory:
                raise MissingError("this is a directory, not a file")
        return self._file(full, found)

    def _file(self, path: str, found: Found) -> NtfsFile:
        with place(path):
            reparse = self._reparse_point(found.inode)
            if reparse is not None and reparse.tag != layout.TAG_WOF:
                raise UnsupportedError(f"the file is {reparse.phrase}: bootmend does not read its content")
            entry = _entry(found.entry.file_name.name, found.inode)
            return NtfsFile(self, path, found, entry, reparse)

    # -- finding ----------------------------------------------------------------------------------------

    def find(self, parts: Sequence[str]) -> Found | None:
        """Return a file or directory by the parts of its path; None for the root and where a part is missing."""
        if not parts:
            return None
        directory = self._directory(parts[:-1])
        entry = self._search(directory, parts[-1]) if directory else None
        if directory is None or entry is None:
            return None
        return Found(self.mft.inode(entry.record, entry.sequence), directory, entry)

    def _search(self, directory: Directory, name: str) -> IndexEntry | None:
        return directory.find(Collation(name, lambda: self.upcase))

    def _directory(self, parts: Sequence[str]) -> Directory | None:
        """Descend from the root; None where a component is missing or not a directory."""
        directory = self._load_directory(layout.ROOT, None)
        for part in parts:
            entry = self._search(directory, part) if directory else None
            if directory is None or entry is None:
                return None
            directory = self._load_directory(entry.record, entry.sequence, part)
        return directory

    def _load_directory(self, number: int, sequence: int | None, name: str = "") -> Directory | None:
        directory = self._directories.get(number)
        if directory is None:
            inode = self.mft.inode(number, sequence)
            if not inode.is_directory:
                return None
            reparse = self._reparse_point(inode)
            if reparse is not None and reparse.is_link:
                raise UnsupportedError(f"{name} is {reparse.phrase}: links are not followed")
            directory = Directory(self.volume, self.boot, inode)
            if len(self._directories) >= CACHED_DIRECTORIES:
                del self._directories[next(iter(self._directories))]
            self._directories[number] = directory
        return directory

    def _reparse_point(self, inode: Inode) -> ReparsePoint | None:
        attribute = inode.first(layout.REPARSE_POINT)
        return parse_reparse_point(self.mft.attribute_bytes(attribute)) if attribute else None


def _attributes(flags: int) -> Attribute:
    directory = Attribute.DIRECTORY if flags & layout.NAME_IS_DIRECTORY else 0
    return Attribute(flags & _KNOWN_ATTRIBUTES | directory)


def _entry(name: str, inode: Inode) -> Entry:
    """The entry of a file as its own record tells it."""
    standard = inode.first(layout.STANDARD_INFORMATION)
    if standard is None or not standard.resident or standard.size < layout.STANDARD.size:
        raise CorruptError("there is no standard information", at=f"file record {inode.number:#x}")
    _, modified, _, _, flags = layout.STANDARD.unpack_from(standard.value)
    data = None if inode.is_directory else inode.first(layout.DATA)
    flags |= layout.NAME_IS_DIRECTORY if inode.is_directory else 0
    return Entry(name, data.size if data else 0, _attributes(flags), modified)
