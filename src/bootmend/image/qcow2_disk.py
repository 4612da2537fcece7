"""The disk inside a qcow2 image: clusters found through two levels of tables, counted by a third."""

from __future__ import annotations

import zlib
from struct import unpack
from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, RefusedError, TruncatedError, UnsupportedError
from bootmend.image import qcow2_layout as layout
from bootmend.image.blocks import Run, Stretch
from bootmend.image.clusters import ClusterImage, steps
from bootmend.image.qcow2_space import Refcounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bootmend.image.base import Image
    from bootmend.source.base import Extent, Source

SECTOR = 512
PAGE = 4096
MAX_PAGES = 4096
CACHED_CLUSTERS = 64
TABLE = "qcow2 cluster table"
CONVERT = "convert it first: qemu-img convert -O qcow2 IN OUT"


class Qcow2(ClusterImage):
    """The disk of a qcow2 image: its blocks are clusters.

    ``data`` holds the clusters: the image itself, or its external data file.  Tables are read in pages as they are
    needed; what they say is checked where it is used.
    """

    def __init__(self, base: Source, data: Source, header: layout.Header, *, parent: Image | None) -> None:
        super().__init__(base, "qcow2", header.size, _remarks(header), block_size=header.cluster, sector=SECTOR)
        self.parent = parent
        self.header = header
        self._data = data
        self._pages: dict[int, bytes] = {}
        self._clusters: dict[int, bytes] = {}
        self._packed: set[int] = set()
        self._structures: set[int] = set()
        self._owners: dict[int, int] = {}  # which block each written cluster of the file belongs to
        self._map_checked = False

    # -- reading ------------------------------------------------------------------------------------

    @property
    def content(self) -> Source:
        """The file with the clusters."""
        return self._data

    @property
    def store(self) -> Source:
        """The same, to be written."""
        return self._data

    def alike(self, block: int, most: int) -> int:
        """Clusters that are one behind another in the file, or all not there; their entries lie in one page."""
        place = self._entry_offset(block) if most > 1 and not self.header.extended else None
        if place is None:
            return 1
        count = min(most, self.header.l2_entries - block % self.header.l2_entries, (PAGE - place % PAGE) // 8)
        entries = unpack(f">{count}Q", self._bytes(place, count * 8))
        if entries[0] & layout.COMPRESSED or entries[0] & layout.READS_AS_ZEROS:
            return 1
        count = steps(entries, self.block_size if entries[0] else 0)
        if entries[0] and count > 1:
            self._cluster_offset(block + count - 1, entries[count - 1])  # the first is checked by who reads it
        return count

    def block_runs(self, block: int, inside: int, length: int) -> list[Run]:
        """One run for a cluster; with subclusters one for each stretch of them that is in the same place."""
        entry, bitmap = self._entry(block)
        if entry & layout.COMPRESSED:
            return [Run(block, inside, length, None)]
        offset = self._cluster_offset(block, entry)
        if not self.header.extended:
            if offset is None or entry & layout.READS_AS_ZEROS:
                return [Run(block, inside, length, None, below=offset is None and not entry & layout.READS_AS_ZEROS)]
            return [Run(block, inside, length, offset + inside)]
        return self._subcluster_runs(block, inside, length, offset, bitmap)

    def _subcluster_runs(self, block: int, inside: int, length: int, offset: int | None, bitmap: int) -> list[Run]:
        size = self.block_size // layout.SUBCLUSTERS
        runs: list[Run] = []
        end = inside + length
        while inside < end:
            number = inside // size
            stop = min((number + 1) * size, end)
            there, zeros = bool(bitmap >> number & 1), bool(bitmap >> number + layout.SUBCLUSTERS & 1)
            if there and (zeros or offset is None):
                raise CorruptError(f"subcluster {number} of cluster {block:#x} is in two places", at=TABLE)
            run = Run(
                block, inside, stop - inside, offset + inside if there and offset is not None else None, not (there or zeros)
            )
            last = runs[-1] if runs else None
            if last and (last.offset is None) == (run.offset is None) and last.below == run.below:
                runs[-1] = last._replace(length=last.length + run.length)
            else:
                runs.append(run)
            inside = stop
        return runs

    def _read_run(self, run: Run) -> bytes:
        if run.offset is None and not run.below:
            entry, _ = self._entry(run.block)
            if entry & layout.COMPRESSED:
                return self._unpacked(run.block, entry)[run.inside : run.inside + run.length]
        return super()._read_run(run)

    def locate(self, offset: int, length: int) -> list[Extent]:
        """Map to the files; what is compressed has no place of its own, and its packed bytes are among :meth:`anchors`."""
        extents = super().locate(offset, length)
        self._packed |= {block for block in self._blocks(offset, length) if self._entry(block)[0] & layout.COMPRESSED}
        return extents

    def anchors(self) -> list[tuple[str, Source, int, int]]:
        """The table entries, and the packed clusters, of what :meth:`locate` was asked for."""
        packed = [self._packed_place(block, entry) for block, entry in self._packed_entries()]
        return super().anchors() + [("qcow2 compressed cluster", self._base, *place) for place in packed]

    def _packed_entries(self) -> Iterator[tuple[int, int]]:
        for block in sorted(self._packed):
            entry, _ = self._entry(block)
            if entry & layout.COMPRESSED:  # it may have been written anew since
                yield block, entry

    def _blocks(self, offset: int, length: int) -> range:
        """The clusters that a range of the disk touches."""
        return range(offset // self.block_size, -(-(offset + length) // self.block_size) if length else 0)

    def _unpacked(self, block: int, entry: int) -> bytes:
        data = self._clusters.get(block)
        if data is None:
            start, length = self._packed_place(block, entry)
            unpack: Callable[[bytes, int], bytes] = _inflate if self.header.compression == layout.ZLIB else _unpack_zstd
            data = unpack(self._base.read_at(start, length), self.block_size)
            if len(data) != self.block_size:
                raise CorruptError(f"cluster {block:#x} unpacks to {len(data)} bytes instead of {self.block_size}", at=TABLE)
            if len(self._clusters) >= CACHED_CLUSTERS:
                del self._clusters[next(iter(self._clusters))]
            self._clusters[block] = data
        return data

    def _packed_place(self, block: int, entry: int) -> tuple[int, int]:
        """Where the bytes of a compressed cluster are; the last sector may lie past the end of the file."""
        shift = 62 - (self.header.cluster_bits - 8)
        start = entry & (1 << shift) - 1
        sectors = (entry & layout.COMPRESSED - 1) >> shift
        length = (sectors + 1) * SECTOR - start % SECTOR
        if start >= self._base.size:
            raise TruncatedError(f"compressed cluster {block:#x} at {start:#x} lies past the end of the file", at=TABLE)
        return start, min(length, self._base.size - start)

    # -- the tables ---------------------------------------------------------------------------------

    def _entry(self, block: int) -> tuple[int, int]:
        """The L2 entry of a cluster and its bitmap of subclusters; zeros where there is no L2 table."""
        place = self._entry_offset(block)
        if place is None:
            return 0, 0
        raw = self._bytes(place, self.header.entry_size)
        return int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:], "big")

    def _entry_offset(self, block: int) -> int | None:
        index, inside = divmod(block, self.header.l2_entries)
        table = self._table_offset(index)
        return None if table is None else table + inside * self.header.entry_size

    def _table_offset(self, index: int) -> int | None:
        """Where an L2 table lies."""
        entry = int.from_bytes(self._bytes(self.header.l1 + index * 8, 8), "big")
        return self._checked(entry, f"L2 table {index:#x}", self._base)

    def _cluster_offset(self, block: int, entry: int) -> int | None:
        if self.header.incompatible & layout.DATA_FILE and not entry & layout.OFFSET_MASK and entry & layout.COPIED:
            return 0  # in a data file the first cluster may lie at its start
        return self._checked(entry, f"cluster {block:#x}", self._data)

    def _checked(self, entry: int, what: str, file: Source) -> int | None:
        offset = entry & layout.OFFSET_MASK
        if not offset:
            return None
        if offset % self.block_size:
            raise CorruptError(f"{what} at {offset:#x} does not begin with a cluster", at=TABLE)
        if offset + self.block_size > -(-file.size // self.block_size) * self.block_size:
            raise TruncatedError(f"{what} at {offset:#x} lies past the end of the file", at=TABLE)
        return offset

    def _bytes(self, offset: int, length: int) -> bytes:
        page, inside = divmod(offset, PAGE)
        data = self._pages.get(page)
        if data is None or inside + length > len(data):
            if len(self._pages) >= MAX_PAGES:
                self._pages.clear()
            start = page * PAGE
            data = self._pages[page] = self._base.read_at(start, min(PAGE, self._base.size - start))
        if inside + length > len(data):
            raise TruncatedError(f"the file ends at {self._base.size:#x}, inside a table", at=TABLE)
        return data[inside : inside + length]

    def entry_place(self, block: int) -> tuple[int, int]:
        """The L2 entry, or the L1 entry where there is no L2 table."""
        place = self._entry_offset(block)
        if place is None:
            return self.header.l1 + block // self.header.l2_entries * 8, 8
        return place, self.header.entry_size

    # -- writing ------------------------------------------------------------------------------------

    def check_map(self) -> None:
        """See that no two L2 tables, and no table and a structure, lie over one another.

        Raises:
            CorruptError: they do.
            RefusedError: the image says of itself that it is corrupt, or its counts were never brought up to date.
        """
        if self._map_checked:
            return
        header = self.header
        if header.incompatible & layout.CORRUPT:
            raise RefusedError("the image is marked as corrupt", hint="look at it first: qemu-img check IMAGE")
        if header.incompatible & layout.DIRTY:
            raise RefusedError(
                "the image was not closed: its reference counts are not up to date",
                hint="mend them first: qemu-img check -r leaks IMAGE",
            )
        seen = {0, header.l1, header.refcounts}
        for index in range(header.l1_entries):
            table = self._table_offset(index)
            if table is not None and (table in seen or header.l1 < table < header.l1 + header.l1_entries * 8):
                raise CorruptError(f"L2 table {index:#x} at {table:#x} lies over another structure", at=TABLE)
            if table is not None:
                seen.add(table)
        seen.update(range(header.l1, header.l1 + header.l1_entries * 8, header.cluster))
        seen.update(header.refcounts + number * header.cluster for number in range(header.refcount_clusters))
        self._structures = seen
        self._map_checked = True

    def write_at(self, offset: int, data: bytes) -> None:
        """Write: in place where this image alone has the cluster, else into clusters that are added to it.

        Raises:
            RefusedError: a cluster belongs to a snapshot too; nothing was written.
            CorruptError: a cluster lies over a table, or over another that was written to.
        """
        self.check_range(offset, len(data))
        self.check_map()
        for block in range(offset // self.block_size, (offset + max(len(data), 1) - 1) // self.block_size + 1):
            self._refuse_shared(block)
        super().write_at(offset, data)

    def _refuse_shared(self, block: int) -> None:
        place = self._entry_offset(block)
        table = self._bytes(self.header.l1 + block // self.header.l2_entries * 8, 8)
        entry, _ = self._entry(block)
        shared_table = place is not None and not int.from_bytes(table, "big") & layout.COPIED
        offset = entry & layout.OFFSET_MASK
        shared = not entry & layout.COMPRESSED and offset and not entry & layout.COPIED
        if shared_table or shared:
            snapshots = " (it has internal snapshots)" if self.header.snapshots else ""
            raise RefusedError(f"cluster {block:#x} is shared{snapshots}: a change would show there too", hint=CONVERT)
        if not offset or entry & layout.COMPRESSED or self._data is not self._base:
            return
        if offset in self._structures or self._owners.setdefault(offset, block) != block:
            raise CorruptError(f"cluster {block:#x} at {offset:#x} lies over a table or another cluster", at=TABLE)
        if Refcounts(self).count(offset) != 1:
            raise RefusedError(f"cluster {block:#x} is counted wrongly", hint="mend it first: qemu-img check -r all IMAGE")

    def needs_room(self, block: int) -> bool:
        """Whether the file must grow: the cluster, or the table that names it, is not there."""
        entry, _ = self._entry(block)
        return bool(entry & layout.COMPRESSED) or not entry & layout.OFFSET_MASK

    def before_writing(self) -> None:
        """Say that bitmaps of changed blocks are no longer up to date: only their hypervisor can keep them."""
        if self.header.autoclear & layout.BITMAPS:
            self.header = self.header._replace(autoclear=self.header.autoclear & ~layout.BITMAPS)
            self._base.write_at(layout.AUTOCLEAR_AT, self.header.autoclear.to_bytes(8, "big"))
            self._base.barrier()

    def write_new(self, new: dict[int, list[Stretch]]) -> None:
        """Write whole clusters to new places; count them; then let the tables name them; then let go of the old ones.

        A power cut between two steps leaves clusters that are counted and not used, which ``qemu-img check`` gives back.
        """
        if self._data is not self._base:
            raise RefusedError("the image keeps its data in another file, where clusters cannot be added here", hint=CONVERT)
        counts = Refcounts(self)
        named: dict[int, int] = {}
        packed: list[tuple[int, int]] = []
        for block, stretches in new.items():
            cluster = bytearray(self.read_at_block(block))
            for stretch in stretches:
                cluster[stretch.inside : stretch.inside + len(stretch.data)] = stretch.data
            entry, _ = self._entry(block)
            if entry & layout.COMPRESSED:
                packed.append(self._packed_place(block, entry))
            kept = None if entry & layout.COMPRESSED else self._cluster_offset(block, entry)
            named[block] = counts.take() if kept is None else kept
            self._base.write_at(named[block], bytes(cluster))
        tables = {
            index: counts.take()
            for index in {block // self.header.l2_entries for block in new}
            if self._table_offset(index) is None
        }
        for table in tables.values():
            self._base.write_at(table, bytes(self.block_size))
        self._base.barrier()
        for index, table in tables.items():
            self._set(self.header.l1 + index * 8, (table | layout.COPIED).to_bytes(8, "big"))
        self._base.barrier()
        for block, offset in named.items():
            self._set(self.entry_place(block)[0], self._new_entry(offset))
        self._base.barrier()
        for start, length in packed:
            counts.release(start, length)

    def read_at_block(self, block: int) -> bytes:
        """A whole cluster of the disk; zeros past the disk's end."""
        start = block * self.block_size
        length = min(self.block_size, self._size - start)
        return self.read_at(start, length).ljust(self.block_size, b"\0")

    def _new_entry(self, offset: int) -> bytes:
        entry = (offset | layout.COPIED).to_bytes(8, "big")
        return entry + layout.ALL_SUBCLUSTERS.to_bytes(8, "big") if self.header.extended else entry

    def _set(self, offset: int, data: bytes) -> None:
        self._base.write_at(offset, data)
        self._pages.pop(offset // PAGE, None)
        self._clusters.clear()


def _remarks(header: layout.Header) -> list[str]:
    remarks = []
    if header.incompatible & layout.CORRUPT:
        remarks.append("the qcow2 image is marked as corrupt")
    if header.incompatible & layout.DIRTY:
        remarks.append("the qcow2 image was not closed: its reference counts are not up to date")
    if header.snapshots:
        count = "an internal snapshot" if header.snapshots == 1 else f"{header.snapshots} internal snapshots"
        remarks.append(f"the qcow2 image has {count}; its present state is read")
    if header.autoclear & layout.BITMAPS:
        remarks.append(
            "the image keeps track of changed blocks for backups: after a change here the next backup must be a full one"
        )
    return remarks


def _inflate(packed: bytes, size: int) -> bytes:
    """Raw deflate with a window of 4 KiB, never more than ``size`` bytes."""
    try:
        return zlib.decompressobj(-12).decompress(packed, size)
    except zlib.error as error:
        raise CorruptError(f"a compressed cluster is damaged ({error})", at=TABLE) from error


def _unpack_zstd(packed: bytes, size: int) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        hint = "pip install 'bootmend[zstd]'"
        raise UnsupportedError("its clusters are compressed with zstd, which needs an extra package", hint=hint) from error
    try:
        return bytes(zstandard.ZstdDecompressor().stream_reader(packed).read(size))
    except zstandard.ZstdError as error:
        raise CorruptError(f"a compressed cluster is damaged ({error})", at=TABLE) from error
