"""One file of an NTFS volume as a source: readable, and overwritable where it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, ReadError, UnsupportedError, place
from bootmend.filesystem.ntfs import layout
from bootmend.filesystem.ntfs.content import Content, clustered_content
from bootmend.filesystem.ntfs.record import guarded_words
from bootmend.filesystem.tree import Anchor, Entry, File, Obstacle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bootmend.filesystem.ntfs.attribute import Attribute
    from bootmend.filesystem.ntfs.mft import Inode, MasterFileTable
    from bootmend.filesystem.ntfs.reparse import ReparsePoint
    from bootmend.filesystem.ntfs.runs import Stretch
    from bootmend.filesystem.ntfs.tree import Found, NtfsTree
    from bootmend.source import Extent, Source


class ResidentContent(Content):
    """A small file: its bytes are inside its file record."""

    def __init__(self, volume: Source, mft: MasterFileTable, attribute: Attribute) -> None:
        self._volume = volume
        self._mft = mft
        self._number = attribute.home
        self._start = attribute.start
        self.size = attribute.size

    def read(self, offset: int, length: int) -> bytes:
        """Read from the record as it is now."""
        start = self._start + offset
        return bytes(self._mft.record(self._number).data[start : start + length])

    def write(self, offset: int, data: bytes) -> None:
        """Patch the record and write it under a new update sequence number."""
        self._mft.patch(self._number, self._start + offset, data)

    def locate(self, offset: int, length: int) -> list[Extent]:
        """Where the bytes lie in the record on disk: guarded words lie in its update sequence array."""
        moved: dict[int, int] = {}
        for home, kept in guarded_words(self._mft.record(self._number).data):
            moved[home], moved[home + 1] = kept, kept + 1
        extents: list[Extent] = []
        start, end = self._start + offset, self._start + offset + length
        while start < end:
            stop = min([end, *(home for home in moved if home > start)]) if start not in moved else start + 1
            extents += self._locate_in_record(moved.get(start, start), stop - start)
            start = stop
        return extents

    def _locate_in_record(self, offset: int, length: int) -> list[Extent]:
        extents: list[Extent] = []
        for start, count in self._mft.stretches(self._number):
            part = min(length, count - offset)
            if part > 0:
                extents += self._volume.locate(start + offset, part)
                length -= part
            offset = max(0, offset - count)
        return extents


class NtfsFile(File):
    """A file: its unnamed data."""

    def __init__(self, tree: NtfsTree, path: str, found: Found, entry: Entry, reparse: ReparsePoint | None) -> None:
        """Open a file that was found.

        Raises:
            CorruptError: its file record or run list is damaged.
            UnsupportedError: it is encrypted.
        """
        self.path = path
        self._tree = tree
        self._found = found
        self._entry = entry
        self._inode: Inode = found.inode
        self._reparse = reparse
        extents = self._inode.find(layout.DATA)
        if not extents:
            raise CorruptError("the file has no data attribute", at=f"file record {self._inode.number:#x}")
        self._head = extents[0]
        self._content: Content = self._open_content(extents)

    def _open_content(self, extents: list[Attribute]) -> Content:
        if self._reparse is not None and self._reparse.algorithm is not None:
            return self._open_compact(extents[0].size, self._reparse.algorithm)
        return self._open_stream(extents)

    def _open_compact(self, size: int, algorithm: int) -> Content:
        """A file that CompactOS has compressed: its own data are one hole, the bytes lie in another stream."""
        from bootmend.filesystem.ntfs.wof.content import STREAM, WofContent

        packed = self._inode.find(layout.DATA, STREAM)
        if not packed:
            raise CorruptError(f"the file is compressed by CompactOS, but has no stream {STREAM}")
        return WofContent(self._open_stream(packed), size, algorithm)

    def _open_stream(self, extents: list[Attribute]) -> Content:
        head = extents[0]
        if not head.resident:
            return clustered_content(self._tree.volume, self._tree.boot, extents)
        if head.is_encrypted:
            raise UnsupportedError("the file is encrypted with EFS: it cannot be read without its owner's key")
        return ResidentContent(self._tree.volume, self._tree.mft, head)

    @property
    def entry(self) -> Entry:
        """The directory entry, with size and attributes from the file record."""
        return self._entry

    @property
    def size(self) -> int:
        """The file's length in bytes."""
        return self._head.size

    @property
    def is_resident(self) -> bool:
        """Whether the bytes lie in the file record itself."""
        return self._head.resident

    def read_at(self, offset: int, length: int) -> bytes:
        """Read; zeros in holes and from the valid data length on.

        Raises:
            UnsupportedError: WOF keeps the file in a WIM file, or compressed it in an unknown way.
            CorruptError: the run list does not reach so far, or compressed data are damaged.
        """
        with place(self.path):
            self.check_range(offset, length)
            self._refuse_reparse()
            return self._content.read(offset, length)

    def write_at(self, offset: int, data: bytes) -> None:
        """Overwrite bytes where they lie; nothing else on the volume changes.

        Of a resident file the file record is written under a new update sequence number.

        Raises:
            RefusedError: the range has a hole, passes the valid data length, or is compressed; nothing was written.
        """
        with place(self.path):
            self.check_range(offset, len(data))
            self._refuse_reparse()
            self._content.write(offset, data)

    def barrier(self) -> None:
        """Pass the barrier to the volume."""
        self._tree.volume.barrier()

    def locate(self, offset: int, length: int) -> list[Extent]:
        """The extents of the bottom sources; holes and what was never written lie nowhere."""
        with place(self.path):
            self.check_range(offset, length)
            self._refuse_reparse()
            return self._content.locate(offset, length)

    def _refuse_reparse(self) -> None:
        if self._reparse is not None and self._reparse.algorithm is None:
            raise UnsupportedError(f"the file is {self._reparse.phrase}: bootmend does not read its content")

    def anchors(self) -> list[Anchor]:
        """The boot sector, the file's records, those of its directory, and the index block with its name."""
        inode, parent = self._inode, self._found.directory
        result = [Anchor("boot sector", self._tree.volume, 0, layout.BOOT_SIZE)]
        result += self._anchors(f"file record of {self.path}", self._record_stretches(inode, layout.DATA))
        if inode.list_attribute is not None and not inode.list_attribute.resident:
            runs = clustered_content(self._tree.volume, self._tree.boot, [inode.list_attribute])
            result += self._anchors(f"attribute list of {self.path}", runs.stretches())
        name = layout.FILE_NAMES_INDEX
        result += self._anchors(f"directory record of {self.path}", self._record_stretches(parent.inode, layout.INDEX_ROOT, name))
        if self._found.entry.block is not None:
            result += self._anchors(f"directory index of {self.path}", parent.block_stretches(self._found.entry.block))
        return result

    def _record_stretches(self, inode: Inode, kind: int, name: str = "") -> list[Stretch]:
        numbers = inode.record_numbers(kind, name)
        return [stretch for number in numbers for stretch in self._tree.mft.stretches(number)]

    def _anchors(self, what: str, stretches: Iterable[Stretch]) -> list[Anchor]:
        return [Anchor(what, self._tree.volume, start, count) for start, count in stretches]

    def obstacles(self) -> list[Obstacle]:
        """How the file is stored, and what an unfinished $LogFile would still do to it."""
        found = []
        if self._reparse is not None:
            found.append(Obstacle("reparse", f"{self.path} is {self._reparse.phrase}: it cannot be overwritten in place"))
        if self._head.is_compressed and not self._head.resident:
            found.append(Obstacle("compressed", f"{self.path} is compressed by NTFS: it cannot be overwritten in place"))
        if self._content.has_holes:
            found.append(Obstacle("sparse", f"{self.path} is a sparse file with holes: it cannot be overwritten in place"))
        return found + self._log_obstacles()

    def _log_obstacles(self) -> list[Obstacle]:
        try:
            reason = self._log_reason()
        except ReadError as error:
            reason = f"and it cannot be read to tell whether {self.path} is part of it ({error})"
        return [Obstacle("dirty-log", f"{_UNFINISHED} {reason}; {_FINISH_IT}")] if reason else []

    def _log_reason(self) -> str | None:
        log = self._tree.log
        if not log.unfinished:
            return None
        if self.is_resident:
            return f"that may cover the file record in which {self.path} lies"
        touched = log.first_touched(self._guarded_stretches())
        return f"that would change the {touched} of {self.path}" if touched else None

    def _guarded_stretches(self) -> list[tuple[str, Stretch]]:
        """What no log record may touch, each with its name."""
        inode, parent = self._inode, self._found.directory
        names = ((layout.DATA, "", inode), (layout.INDEX_ALLOCATION, layout.FILE_NAMES_INDEX, parent.inode))
        records = [stretch for kind, name, one in names for stretch in self._record_stretches(one, kind, name)]
        if inode.list_attribute is not None and not inode.list_attribute.resident:
            runs = clustered_content(self._tree.volume, self._tree.boot, [inode.list_attribute])
            records += runs.stretches()
        guarded = [("file record or directory record", stretch) for stretch in records]
        guarded += [("directory", stretch) for stretch in parent.all_stretches()]
        return guarded + [("clusters", stretch) for stretch in self._content.stretches()]


_UNFINISHED = "Windows was stopped with work left in the volume's log ($LogFile)"
_FINISH_IT = "let Windows finish it (attach the disk to a running Windows, or start it), then try again"
