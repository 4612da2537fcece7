"""The bytes of an attribute, wherever they are: in its file record, in clusters, in compressed clusters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, RefusedError, UnsupportedError
from bootmend.filesystem.ntfs import layout
from bootmend.filesystem.ntfs.lznt1 import decompress
from bootmend.filesystem.ntfs.runs import HOLE, RunMap
from bootmend.source import Extent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootmend.filesystem.ntfs.attribute import Attribute
    from bootmend.filesystem.ntfs.boot import BootSector
    from bootmend.filesystem.ntfs.runs import Stretch
    from bootmend.source import Source

MAX_UNIT = 1 << 20
"""Windows makes compression units of 64 KiB; more than this is taken for damage."""
CACHED_UNITS = 8


class Content(ABC):
    """The bytes of one attribute. Ranges given to it lie inside ``size``."""

    size: int

    @abstractmethod
    def read(self, offset: int, length: int) -> bytes:
        """Return bytes; zeros from the valid data length on, and in holes."""

    @abstractmethod
    def write(self, offset: int, data: bytes) -> None:
        """Overwrite bytes where they lie, all or none.

        Raises:
            RefusedError: not all of them lie as they are on the volume; the message says why.
        """

    @abstractmethod
    def locate(self, offset: int, length: int) -> list[Extent]:
        """The extents of the bottom sources that hold the bytes.

        Raises:
            UnsupportedError: the bytes do not lie on the volume as they are.
        """

    @property
    def has_holes(self) -> bool:
        """Whether bytes before the valid data length have no place on the volume."""
        return False

    def stretches(self) -> Iterator[Stretch]:
        """All clusters on the volume that belong to the attribute."""
        return iter(())


class MappedContent(Content):
    """Clusters that hold the bytes as they are."""

    def __init__(self, volume: Source, runs: RunMap, size: int, valid: int, cluster: int) -> None:
        self._volume = volume
        self._cluster = cluster
        self.runs = runs
        self.size = size
        self.valid = min(valid, size)

    def read(self, offset: int, length: int) -> bytes:
        """Read from the clusters, neighbours in one go."""
        there = min(length, max(0, self.valid - offset))
        parts = [self._part(stretch) for stretch in self.runs.stretches(offset, there)]
        if there < length:
            parts.append(bytes(length - there))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _part(self, stretch: Stretch) -> bytes:
        if stretch.offset == HOLE:
            return bytes(stretch.length)
        return self._volume.read_at(stretch.offset, stretch.length)

    def write(self, offset: int, data: bytes) -> None:
        """Overwrite the clusters, when all of them exist and hold valid data."""
        if offset + len(data) > self.valid:
            message = (
                f"bytes from {self.valid:#x} on were never written (valid data length); writing there would need metadata changes"
            )
            raise RefusedError(message)
        stretches = self.runs.stretches(offset, len(data))
        if any(stretch.offset == HOLE for stretch in stretches):
            raise RefusedError("a part of this range is a hole of a sparse file: there are no clusters to write to")
        done = 0
        for start, count in stretches:
            self._volume.write_at(start, data[done : done + count])
            done += count

    def locate(self, offset: int, length: int) -> list[Extent]:
        """Where the clusters lie; holes, and what was never written, lie nowhere."""
        there = min(length, max(0, self.valid - offset))
        extents: list[Extent] = []
        for start, count in self.runs.stretches(offset, there):
            extents += [Extent(None, 0, count)] if start == HOLE else self._volume.locate(start, count)
        if there < length:
            extents.append(Extent(None, 0, length - there))
        return extents

    @property
    def has_holes(self) -> bool:
        """Whether a run before the valid data length has no clusters."""
        return any(run.lcn == HOLE and run.vcn * self._cluster < self.valid for run in self.runs)

    def stretches(self) -> Iterator[Stretch]:
        """All clusters."""
        return (stretch for stretch in self.runs.stretches(0, self.runs.size) if stretch.offset != HOLE)


class CompressedContent(MappedContent):
    """Clusters that LZNT1 may have compressed, in units of some clusters each.

    A unit with all its clusters is stored as it is, one with none reads as zeros, and one with some
    of them, followed by a hole, is compressed.
    """

    def __init__(self, volume: Source, runs: RunMap, size: int, valid: int, cluster: int, unit: int) -> None:
        super().__init__(volume, runs, size, valid, cluster)
        self._unit = unit * cluster
        if not 0 < self._unit <= MAX_UNIT:
            raise CorruptError(f"a compression unit of {self._unit} bytes cannot be")
        self._cache: dict[int, bytes] = {}

    def read(self, offset: int, length: int) -> bytes:
        """Read, and decompress, the units that hold the range."""
        there = min(length, max(0, self.valid - offset))
        if not there:
            return bytes(length)
        first, last = offset // self._unit, (offset + there - 1) // self._unit
        data = b"".join([self._unit_bytes(index) for index in range(first, last + 1)])
        start = offset - first * self._unit
        return data[start : start + there].ljust(length, b"\0")

    def _unit_bytes(self, index: int) -> bytes:
        data = self._cache.get(index)
        if data is None:
            data = self._load_unit(index)
            if len(self._cache) >= CACHED_UNITS:
                del self._cache[next(iter(self._cache))]
            self._cache[index] = data
        return data

    def _load_unit(self, index: int) -> bytes:
        start = index * self._unit
        there = min(self._unit, self.runs.size - start)
        if there <= 0:
            raise CorruptError(f"the run list maps {self.runs.size:#x} bytes, but byte {start:#x} is needed")
        stretches = self.runs.stretches(start, there)
        stored = b"".join([self._part(stretch) for stretch in stretches if stretch.offset != HOLE])
        if len(stored) >= there:
            return stored.ljust(self._unit, b"\0")
        return decompress(stored, self._unit) if stored else bytes(self._unit)

    def write(self, offset: int, data: bytes) -> None:  # noqa: ARG002 - refused whatever they are
        """Refuse: other bytes may not compress into the same clusters."""
        raise RefusedError("the file is compressed by NTFS: it cannot be overwritten in place")

    def locate(self, offset: int, length: int) -> list[Extent]:  # noqa: ARG002
        """Refuse: compressed bytes have no place of their own."""
        raise UnsupportedError("the file is compressed by NTFS: its bytes do not lie on the volume as they are")

    @property
    def has_holes(self) -> bool:
        """The holes of compressed units are no holes of the file."""
        return False


def map_runs(boot: BootSector, extents: Sequence[Attribute]) -> RunMap:
    """Join the run lists of an attribute's extents, given in the order of their VCNs."""
    runs = RunMap(boot.cluster)
    for extent in extents:
        runs.add(extent.runs(boot.clusters))
    return runs


def clustered_content(volume: Source, boot: BootSector, extents: Sequence[Attribute]) -> MappedContent:
    """The bytes of a non-resident attribute, compressed or not.

    Raises:
        CorruptError: the extents do not fit together.
        UnsupportedError: it is encrypted, or compressed in a way other than LZNT1.
    """
    head = extents[0]
    if head.lowest or any(extent.resident for extent in extents):
        raise CorruptError("the first extent of the attribute is missing")
    if head.is_encrypted:
        raise UnsupportedError("the file is encrypted with EFS: it cannot be read without its owner's key")
    runs = map_runs(boot, extents)
    if head.is_compressed and head.unit:
        if head.flags & layout.COMPRESSION_MASK != layout.LZNT1:
            raise UnsupportedError(f"the file is compressed in the unknown way {head.flags & layout.COMPRESSION_MASK}")
        return CompressedContent(volume, runs, head.size, head.valid, boot.cluster, head.unit)
    return MappedContent(volume, runs, head.size, head.valid, boot.cluster)
