"""A FAT12, FAT16 or FAT32 volume as a file tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, MissingError, place
from bootmend.filesystem.fat import layout
from bootmend.filesystem.fat.directory import Record, Slot, fold, label_text, records
from bootmend.filesystem.fat.file import FatFile
from bootmend.filesystem.fat.table import AllocationTable, Chain
from bootmend.filesystem.tree import Attribute, Entry, FileTree, normalise, split_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.source.base import Source

READ_AHEAD = 4096
MAX_CACHED = 32768
CLEAN_BITS = {16: 0x8000, 32: 0x08000000}


class FatTree(FileTree):
    """The files of a FAT volume, read as they are asked for.

    The volume's times are local times of a machine whose zone is not known; they are given as if UTC.

    Raises:
        CorruptError: the first sector is not that of a FAT volume.
        TruncatedError: the volume is shorter than a sector.
    """

    def __init__(self, volume: Source) -> None:
        self._volume = volume
        self.geometry = layout.parse_boot_sector(volume.read_at(0, layout.BOOT_SECTOR_SIZE))
        self.kind = self.geometry.kind
        self.table = AllocationTable(volume, self.geometry)
        self._cache: dict[int, dict[str, Record]] = {}
        self._cached = 0

    @property
    def label(self) -> str:
        """The label in the root directory, else the one in the boot sector."""
        for record in self._scan(None):
            if record.is_label:
                raw = self._volume.read_at(record.slots[-1], layout.LABEL_SIZE)
                return label_text(b"\xe5" + raw[1:] if raw[0] == layout.KANJI_E5 else raw)
        return "" if self.geometry.label == layout.NO_NAME else label_text(self.geometry.label)

    def remarks(self) -> list[str]:
        """What is odd about the volume, though it does not hinder reading; compares only FAT pages read so far."""
        geometry = self.geometry
        notes = []
        if geometry.bits == 32 and geometry.clusters < layout.FAT16_CLUSTERS:
            notes.append(f"a FAT32 with only {geometry.clusters} clusters, fewer than the specification allows")
        if geometry.volume_size > self._volume.size:
            notes.append(f"the boot sector claims {geometry.volume_size} bytes, the volume has {self._volume.size}")
        clean = CLEAN_BITS.get(geometry.bits, 0)
        if clean and not self.table.entry(1) & clean:
            notes.append("the volume was not dismounted cleanly")
        notes += [f"FAT {number + 1} differs from FAT {geometry.active_fat + 1}" for number in self.table.differing_copies()]
        return notes

    def lookup(self, path: str) -> Entry | None:
        """Return the entry at ``path``, by its long or its short name, or None."""
        if not split_path(path):
            return Entry("", 0, Attribute.DIRECTORY, 0)
        record = self.find(path)
        return record.entry if record else None

    def list(self, path: str) -> Iterator[Entry]:
        """Yield the entries of a directory in stored order; the volume label is not one of them."""
        directory = self.find(path)
        if split_path(path) and not (directory and directory.entry.is_directory):
            raise MissingError(f"there is no directory {normalise(path)}")
        with place(normalise(path)):
            for record in self._scan(directory):
                if not record.is_label:
                    yield record.entry

    def open(self, path: str) -> FatFile:
        """Open a file for reading, and for overwriting in place."""
        record = self.find(path)
        if record is None:
            raise MissingError(f"there is no file {normalise(path)}")
        if record.entry.is_directory:
            raise MissingError(f"{normalise(path)} is a directory")
        return FatFile(self._volume, self.table, record, normalise(path))

    def find(self, path: str) -> Record | None:
        """The record at a path; None for the root and where a component is missing or no directory."""
        record: Record | None = None
        walked = ""
        for name in split_path(path):
            if record is not None and not record.entry.is_directory:
                return None
            with place(walked or "\\"):
                record = self._names(record).get(fold(name))
            if record is None:
                return None
            walked += "\\" + name
        return record

    def _names(self, directory: Record | None) -> dict[str, Record]:
        """The records of a directory by folded name; a long name wins over another file's short name."""
        key = directory.cluster if directory else 0
        names = self._cache.get(key)
        if names is None:
            found = [record for record in self._scan(directory) if not record.is_label]
            names = {fold(record.short_name): record for record in reversed(found)}
            names.update((fold(record.entry.name), record) for record in reversed(found))
            self._remember(key, names)
        return names

    def _remember(self, key: int, names: dict[str, Record]) -> None:
        self._cached += len(names)
        if self._cached > MAX_CACHED:
            self._cache.clear()
            self._cached = len(names)
        self._cache[key] = names

    def forget(self) -> None:
        """Drop what was read of directories and of the FAT: the volume was changed."""
        self._cache.clear()
        self._cached = 0
        self.table.forget()

    def _scan(self, directory: Record | None) -> Iterator[Record]:
        return records(self.slots(directory))

    def slots(self, directory: Record | None) -> Iterator[Slot]:
        """Yield all slots of a directory (None: the root) as they are stored, used or not."""
        for offset, length in self.extents(directory):
            for start in range(offset, offset + length, READ_AHEAD):
                data = self._volume.read_at(start, min(READ_AHEAD, offset + length - start))
                for inside in range(0, len(data) - layout.ENTRY_SIZE + 1, layout.ENTRY_SIZE):
                    yield Slot(start + inside, data[inside : inside + layout.ENTRY_SIZE])

    def extents(self, directory: Record | None) -> Iterator[tuple[int, int]]:
        """Where the slots of a directory lie; a cluster at a time at first, for most directories end in it."""
        geometry = self.geometry
        if directory is None and geometry.bits != 32:
            yield geometry.root_offset, geometry.root_size
            return
        first = directory.cluster if directory else geometry.root_cluster
        if not first:
            raise CorruptError("a directory without a cluster", at="directory entry")
        chain = Chain(self.table, first)
        limit = -(-layout.MAX_DIRECTORY // geometry.cluster) + 1
        asked, done = max(1, READ_AHEAD // geometry.cluster), 0
        while done < limit:
            for run in chain.runs(asked):
                skip = max(0, done - run.first)
                if skip < run.length:
                    yield geometry.cluster_offset(run.cluster + skip), (run.length - skip) * geometry.cluster
            if chain.clusters < asked:
                return
            done, asked = chain.clusters, min(limit, asked * 8)
        raise CorruptError("the directory is larger than 65,536 entries", at="directory")
