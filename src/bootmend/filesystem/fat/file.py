"""The bytes of one file on a FAT volume: readable, and overwritable where they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, place
from bootmend.filesystem.fat.table import AllocationTable, Chain
from bootmend.filesystem.tree import Anchor, Entry, File

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootmend.filesystem.fat.directory import Record
    from bootmend.source.base import Extent, Source


class FatFile(File):
    """A file whose cluster chain is followed as far as is read. FAT has no sparse, compressed or resident files."""

    def __init__(self, volume: Source, table: AllocationTable, record: Record, path: str) -> None:
        self._volume = volume
        self._table = table
        self._record = record
        self._path = path
        self._chain = Chain(table, record.cluster)

    @property
    def entry(self) -> Entry:
        """The directory entry."""
        return self._record.entry

    @property
    def size(self) -> int:
        """The file's length in bytes, from its directory entry."""
        return self._record.entry.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Read from the clusters.

        Raises:
            CorruptError: the cluster chain is shorter than the file, comes back to itself or leaves the volume.
        """
        return b"".join([self._volume.read_at(start, count) for start, count in self._pieces(offset, length)])

    def write_at(self, offset: int, data: bytes) -> None:
        """Overwrite bytes in their clusters; directory entry and FAT stay as they are."""
        done = 0
        for start, count in list(self._pieces(offset, len(data))):
            self._volume.write_at(start, data[done : done + count])
            done += count

    def barrier(self) -> None:
        """Pass the barrier to the volume."""
        self._volume.barrier()

    def locate(self, offset: int, length: int) -> list[Extent]:
        """The extents of the bottom sources."""
        return [extent for start, count in self._pieces(offset, length) for extent in self._volume.locate(start, count)]

    def _pieces(self, offset: int, length: int) -> Iterator[tuple[int, int]]:
        """The stretches of the volume that hold a stretch of the file: offset and length in bytes."""
        with place(self._path):
            self.check_range(offset, length)
            geometry, end = self._table.geometry, offset + length
            if length:
                for run in self._chain.runs(-(-end // geometry.cluster)):
                    first = run.first * geometry.cluster
                    start, stop = max(offset, first), min(end, first + run.length * geometry.cluster)
                    if start < stop:
                        yield geometry.cluster_offset(run.cluster) + start - first, stop - start
                self._require(end)

    def _require(self, end: int) -> None:
        held = self._chain.clusters * self._table.geometry.cluster
        if held < end:
            raise CorruptError(f"the cluster chain holds {held} bytes, the file has {self.size}", at="FAT")

    def anchors(self) -> list[Anchor]:
        """The sectors of the directory entry, and those of the active FAT that hold the cluster chain."""
        sector = self._table.geometry.sector
        slots = ((slot, slot + 1) for slot in self._record.slots)
        places = [("directory entry", start, end) for start, end in _whole(slots, sector)]
        with place(self._path):
            runs = list(self._chain.runs(-(-self.size // self._table.geometry.cluster))) if self.size else []
            self._require(self.size)
        entries = (self._table.entry_range(run.cluster, run.length) for run in runs)
        places += [("FAT", start, end) for start, end in _whole(entries, sector)]
        return [Anchor(f"{what} of {self._path}", self._volume, start, end - start) for what, start, end in places]


def _whole(ranges: Iterable[tuple[int, int]], sector: int) -> list[tuple[int, int]]:
    """The ranges grown to whole sectors, sorted, and merged where they touch."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        start, end = start // sector * sector, -(-end // sector) * sector
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
