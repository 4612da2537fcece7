"""How full a volume is: the clusters that its own tables call free."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, UnsupportedError, place

if TYPE_CHECKING:
    from bootmend.filesystem import FileTree
    from bootmend.filesystem.fat.tree import FatTree
    from bootmend.filesystem.ntfs.tree import NtfsTree

CHUNK = 256 << 10
LARGEST = 512 << 20
"""A bitmap of 512 MiB is that of a volume of 16 TiB."""
FIRST_CLUSTER = 2
MOST_FAT_CLUSTERS = 4 << 20
"""Some 128 GiB; Windows boots from no larger one."""


class FreeSpace(NamedTuple):
    """``free`` of ``clusters`` clusters of ``cluster`` bytes each."""

    cluster: int
    clusters: int
    free: int

    @property
    def free_bytes(self) -> int:
        """The free bytes."""
        return self.free * self.cluster

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {"free_bytes": self.free_bytes, "size_bytes": self.clusters * self.cluster, "cluster": self.cluster}


def free_space(tree: FileTree) -> FreeSpace | None:
    """Count the free clusters of an NTFS or FAT volume; None for a directory, whose volume is somebody else's.

    Raises:
        ReadError: the bitmap or the table cannot be read.
    """
    from bootmend.filesystem.fat.tree import FatTree
    from bootmend.filesystem.ntfs.tree import NtfsTree

    if isinstance(tree, NtfsTree):
        return _ntfs(tree)
    return _fat(tree) if isinstance(tree, FatTree) else None


def _ntfs(tree: NtfsTree) -> FreeSpace:
    from bootmend.filesystem.ntfs import layout
    from bootmend.filesystem.ntfs.content import clustered_content

    clusters = tree.boot.clusters
    size = -(-clusters // 8)
    with place("$Bitmap"):
        data = tree.mft.inode(layout.BITMAP_RECORD).find(layout.DATA)
        if not data or data[0].resident or size > LARGEST:
            raise CorruptError("it has no run list" if data else "it has no data")
        bitmap = clustered_content(tree.volume, tree.boot, data)
        if bitmap.size < size:
            raise CorruptError(f"it has {bitmap.size} bytes for {clusters} clusters")
        used = 0
        for offset in range(0, size, CHUNK):
            bits = int.from_bytes(bitmap.read(offset, min(CHUNK, size - offset)), "little")
            used += (bits & ((1 << max(clusters - offset * 8, 0)) - 1)).bit_count()
    return FreeSpace(tree.boot.cluster, clusters, clusters - used)


def _fat(tree: FatTree) -> FreeSpace:
    clusters = tree.geometry.clusters
    with place("FAT"):
        if clusters > MOST_FAT_CLUSTERS:
            raise UnsupportedError(f"its {clusters} clusters are too many to be counted")
        free = sum(not tree.table.entry(cluster) for cluster in range(FIRST_CLUSTER, clusters + FIRST_CLUSTER))
    return FreeSpace(tree.geometry.cluster, clusters, free)
