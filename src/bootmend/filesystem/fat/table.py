"""The file allocation table: which cluster follows which, read in pages as a chain is followed."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError
from bootmend.filesystem.fat.layout import FIRST_CLUSTER, Geometry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.source.base import Source

PAGE = 4096
MAX_PAGES = 256


class Run(NamedTuple):
    """``length`` clusters that follow one another on the volume, from ``cluster``; ``first`` counts from the file's start."""

    first: int
    cluster: int
    length: int


class AllocationTable:
    """The active FAT of a volume, of which only the pages asked for are read."""

    def __init__(self, volume: Source, geometry: Geometry) -> None:
        self._volume = volume
        self.geometry = geometry
        self._offset = geometry.fat_offset + geometry.active_fat * geometry.fat_size
        self._pages: dict[int, bytes] = {}

    def entry(self, cluster: int) -> int:
        """The raw table entry of a cluster (12, 16 or 28 bits).

        Raises:
            CorruptError: the table is too short to have such an entry.
        """
        bits = self.geometry.bits
        if bits == 12:
            pair = self._bytes(cluster + (cluster >> 1), 2)
            return (pair >> 4 if cluster & 1 else pair) & 0xFFF
        if bits == 16:
            return self._bytes(cluster * 2, 2)
        return self._bytes(cluster * 4, 4) & 0x0FFFFFFF

    def entry_range(self, cluster: int, count: int) -> tuple[int, int]:
        """The half-open byte range of the volume that holds the entries of ``count`` clusters from ``cluster``."""
        bits = self.geometry.bits
        return self._offset + cluster * bits // 8, self._offset - (-(cluster + count) * bits // 8)

    def _bytes(self, position: int, length: int) -> int:
        if position + length > self.geometry.fat_size:
            raise CorruptError(f"the table ends before the entry at {position:#x}", at="FAT")
        page, inside = divmod(position, PAGE)
        data = self._page(page)[inside : inside + length]
        if len(data) < length:  # a FAT12 entry may lie across two pages
            data += self._page(page + 1)[: length - len(data)]
        return int.from_bytes(data, "little")

    def _page(self, number: int) -> bytes:
        page = self._pages.get(number)
        if page is None:
            if len(self._pages) >= MAX_PAGES:
                self._pages.clear()
            start = number * PAGE
            page = self._volume.read_at(self._offset + start, min(PAGE, self.geometry.fat_size - start))
            self._pages[number] = page
        return page

    def forget(self) -> None:
        """Drop the pages read so far: the volume was changed."""
        self._pages.clear()

    def next(self, cluster: int) -> int | None:
        """The cluster after this one, None at the end of the chain.

        Raises:
            CorruptError: the entry is free, bad or outside the volume.
        """
        following = self.entry(cluster)
        if following >= self.geometry.end_of_chain:
            return None
        self.check(following, f"FAT entry of cluster {cluster}")
        return following

    def check(self, cluster: int, place: str) -> None:
        """Raise :class:`CorruptError` unless the number is that of a data cluster."""
        if not FIRST_CLUSTER <= cluster < self.geometry.clusters + FIRST_CLUSTER:
            bad = cluster == self.geometry.end_of_chain - 1
            what = "the mark of a bad cluster" if bad else "no cluster of this volume" if cluster else "a free cluster"
            raise CorruptError(f"{cluster:#x} is {what}", at=place)

    def differing_copies(self) -> list[int]:
        """The numbers of the other FATs that differ from the active one in the pages read so far."""
        geometry = self.geometry
        others = [number for number in range(min(geometry.fats, 4)) if number != geometry.active_fat]
        return [number for number in others if self._differs(number)]

    def _differs(self, number: int) -> bool:
        base = self.geometry.fat_offset + number * self.geometry.fat_size
        return any(self._volume.read_at(base + page * PAGE, len(data)) != data for page, data in self._pages.items())


class Chain:
    """The clusters of one file or directory, followed only as far as is asked."""

    def __init__(self, table: AllocationTable, first: int) -> None:
        self._table = table
        self._first = first
        self._runs: list[Run] = []
        self._starts: dict[int, int] = {}
        self._sorted: list[int] = []
        self._clusters = 0
        self._ended = False

    def runs(self, limit: int) -> Iterator[Run]:
        """Yield the runs that cover the first ``limit`` clusters, fewer where the chain ends before.

        Raises:
            CorruptError: the chain comes back to itself, or leaves the volume.
        """
        index = 0
        while (self._clusters < limit and not self._ended) or index < len(self._runs):
            while index >= len(self._runs):
                if self._ended:
                    return
                self._follow(limit)
            run = self._runs[index]
            if run.first >= limit:
                return
            yield run
            index += 1

    def _follow(self, limit: int) -> None:
        """Append one run, of at most as many clusters as ``limit`` still leaves."""
        cluster = self._next_start()
        if cluster is None:
            self._ended = True
            return
        self._refuse_known(cluster)
        start, count = cluster, 1
        while self._clusters + count < limit and self._table.next(cluster) == cluster + 1:
            cluster += 1
            count += 1
            if cluster in self._starts:
                raise self._loop(cluster)
        self._append(Run(self._clusters, start, count))

    def _next_start(self) -> int | None:
        if not self._runs:
            self._table.check(self._first, "directory entry")
            return self._first
        last = self._runs[-1]
        return self._table.next(last.cluster + last.length - 1)

    def _append(self, run: Run) -> None:
        self._starts[run.cluster] = run.length
        self._sorted.insert(bisect_right(self._sorted, run.cluster), run.cluster)
        self._runs.append(run)
        self._clusters += run.length

    def _refuse_known(self, cluster: int) -> None:
        index = bisect_right(self._sorted, cluster) - 1
        if index >= 0 and cluster < self._sorted[index] + self._starts[self._sorted[index]]:
            raise self._loop(cluster)

    def _loop(self, cluster: int) -> CorruptError:
        return CorruptError(f"the chain from cluster {self._first} comes back to cluster {cluster}", at="FAT")

    @property
    def clusters(self) -> int:
        """How many clusters were followed so far."""
        return self._clusters
