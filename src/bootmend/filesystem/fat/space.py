"""Free clusters of a FAT volume: finding, chaining and freeing them in every copy of the table."""

from __future__ import annotations

from itertools import chain, islice
from struct import Struct
from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, RefusedError
from bootmend.filesystem.fat import layout
from bootmend.filesystem.fat.table import Chain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.filesystem.fat.table import AllocationTable
    from bootmend.source import Source

INFO_LEAD, INFO_STRUCT = b"RRaA", b"rrAa"
INFO_AT, INFO_COUNTS_AT = 484, 488
INFO_COUNTS = Struct("<II")
"""free clusters, cluster to look from; 0xFFFFFFFF where not known"""
UNKNOWN = 0xFFFFFFFF


class Space:
    """The allocation table as something that can be changed.

    A chain is written before anything names it, and freed after nothing names it any more; so a
    volume that is cut off between two steps has lost clusters at worst.
    """

    def __init__(self, volume: Source, table: AllocationTable, info: int) -> None:
        self._volume = volume
        self._table = table
        self._geometry = table.geometry
        self._info = info
        self._hint = self._counts()[1]

    def allocate(self, data: bytes) -> int:
        """Write ``data`` to free clusters and chain them; the last one is filled with zeros.

        Returns the first cluster, 0 where there is no data.

        Raises:
            RefusedError: too few clusters are free; nothing was written.
        """
        size = self._geometry.cluster
        if not data:
            return 0
        clusters = self._free(-(-len(data) // size))
        for index, cluster in enumerate(clusters):
            piece = data[index * size : (index + 1) * size]
            self._volume.write_at(self._geometry.cluster_offset(cluster), piece.ljust(size, b"\0"))
        self._chain(clusters)
        return clusters[0]

    def extend(self, last: int) -> int:
        """Append one cluster of zeros to the chain that ends with ``last``, and return it."""
        added = self.allocate(bytes(self._geometry.cluster))
        self._volume.barrier()
        self._set(last, added)
        self._table.forget()
        return added

    def last(self, first: int) -> int:
        """The last cluster of a chain."""
        *_, run = Chain(self._table, first).runs(self._geometry.clusters)
        return run.cluster + run.length - 1

    def free(self, first: int) -> None:
        """Free a chain; 0 is the empty one.

        Raises:
            CorruptError: the chain comes back to itself or leaves the volume; nothing was freed.
        """
        if not first:
            return
        runs = list(Chain(self._table, first).runs(self._geometry.clusters))
        for run in runs:
            for cluster in range(run.cluster, run.cluster + run.length):
                self._set(cluster, 0)
        self._table.forget()
        self._count(sum(run.length for run in runs))

    def _free(self, count: int) -> list[int]:
        """Free clusters: from where the volume says that some are, then from its start."""
        geometry = self._geometry
        end = geometry.clusters + layout.FIRST_CLUSTER
        start = self._hint if layout.FIRST_CLUSTER <= self._hint < end else layout.FIRST_CLUSTER
        candidates = chain(range(start, end), range(layout.FIRST_CLUSTER, start))
        found = list(islice((cluster for cluster in candidates if not self._table.entry(cluster)), count))
        if len(found) < count:
            raise RefusedError(f"the volume is full: {count * geometry.cluster} bytes are needed")
        return found

    def _chain(self, clusters: Sequence[int]) -> None:
        end = (1 << min(self._geometry.bits, 28)) - 1
        for cluster, following in zip(clusters, (*clusters[1:], end), strict=True):
            self._set(cluster, following)
        self._table.forget()
        self._hint = clusters[-1] + 1
        self._count(-len(clusters))

    def _set(self, cluster: int, value: int) -> None:
        """Change one entry in every table that is kept up to date; FAT32 keeps the four upper bits as they are."""
        geometry = self._geometry
        at, length = (cluster * geometry.bits // 8, 4 if geometry.bits == 32 else 2)
        if at + length > geometry.fat_size:
            raise CorruptError(f"the table ends before the entry of cluster {cluster}", at="FAT")
        for number in self._kept():
            offset = geometry.fat_offset + number * geometry.fat_size + at
            old = int.from_bytes(self._volume.read_at(offset, length), "little")
            self._volume.write_at(offset, self._merged(old, cluster, value).to_bytes(length, "little"))

    def _kept(self) -> range | tuple[int]:
        return range(self._geometry.fats) if self._geometry.mirrored else (self._geometry.active_fat,)

    def _merged(self, old: int, cluster: int, value: int) -> int:
        if self._geometry.bits == 32:
            return old & 0xF0000000 | value
        if self._geometry.bits == 16:
            return value
        return old & 0x000F | value << 4 if cluster & 1 else old & 0xF000 | value

    def _counts(self) -> tuple[int, int]:
        """What the FSInfo sector says; both unknown where there is none."""
        if not self._info:
            return UNKNOWN, UNKNOWN
        sector = self._volume.read_at(self._info, layout.BOOT_SECTOR_SIZE)
        if sector[:4] != INFO_LEAD or sector[INFO_AT : INFO_AT + 4] != INFO_STRUCT:
            return UNKNOWN, UNKNOWN
        free, following = INFO_COUNTS.unpack_from(sector, INFO_COUNTS_AT)
        return free, following

    def _count(self, change: int) -> None:
        """Keep the FSInfo sector true."""
        free, _ = self._counts()
        if free != UNKNOWN and 0 <= free + change <= self._geometry.clusters:
            self._volume.write_at(self._info + INFO_COUNTS_AT, INFO_COUNTS.pack(free + change, self._hint))
