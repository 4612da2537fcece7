"""The reference counts of a qcow2 image: taking new clusters, and letting go of compressed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, RefusedError
from bootmend.image.qcow2_layout import OFFSET_MASK

if TYPE_CHECKING:
    from bootmend.image.qcow2_disk import Qcow2

WHERE = "qcow2 reference counts"


class Refcounts:
    """The counts of one image, read and written where they lie; new clusters are added at the end of the file."""

    def __init__(self, image: Qcow2) -> None:
        self._image = image
        self._base = image._base  # noqa: SLF001 - one format in two files
        self._header = image.header
        self._cluster = image.header.cluster
        self._bits = 1 << image.header.refcount_order
        self._per_block = self._cluster * 8 // self._bits

    def count(self, offset: int) -> int:
        """How many entries point to the cluster at ``offset``."""
        block = self._block(offset // self._cluster // self._per_block)
        if block is None:
            return 0
        place, shift, mask = self._field(block, offset // self._cluster % self._per_block)
        return int.from_bytes(self._base.read_at(place, max(1, self._bits // 8)), "big") >> shift & mask

    def take(self) -> int:
        """Add a cluster to the file, counted once, and return its offset.

        Raises:
            RefusedError: the table of counts has no room for it.
        """
        offset = -(-self._base.size // self._cluster) * self._cluster
        index = offset // self._cluster // self._per_block
        if index >= self._header.refcount_clusters * self._cluster // 8:
            raise RefusedError("the image would outgrow its table of reference counts", hint="qemu-img convert -O qcow2 IN OUT")
        if self._block(index) is None:
            self._add_block(index, offset)
            return self.take()
        self._base.grow(offset + self._cluster)
        self._set(offset, 1)
        return offset

    def release(self, start: int, length: int) -> None:
        """Count one less on every cluster that a stretch of the file touches."""
        for number in range(start // self._cluster, (start + length - 1) // self._cluster + 1):
            offset = number * self._cluster
            count = self.count(offset)
            if not count:
                raise CorruptError(f"the cluster at {offset:#x} is in use and not counted", at=WHERE)
            self._set(offset, count - 1)

    def _add_block(self, index: int, offset: int) -> None:
        """Make the block of counts ``index``; it may have to count itself."""
        self._base.grow(offset + self._cluster)
        self._base.write_at(offset, bytes(self._cluster))
        self._base.barrier()
        self._base.write_at(self._header.refcounts + index * 8, offset.to_bytes(8, "big"))
        self._set(offset, 1)

    def _block(self, index: int) -> int | None:
        """Where a block of counts lies."""
        if index >= self._header.refcount_clusters * self._cluster // 8:
            return None
        place = self._header.refcounts + index * 8
        offset = int.from_bytes(self._base.read_at(place, 8), "big") & OFFSET_MASK
        if offset % self._cluster or offset + self._cluster > self._base.size:
            raise CorruptError(f"the block of counts {index:#x} at {offset:#x} cannot be there", at=WHERE)
        return offset or None

    def _field(self, block: int, number: int) -> tuple[int, int, int]:
        """The byte of a count, how far it is shifted there, and its mask; counts under a byte begin at the low bits."""
        place = block + number * self._bits // 8
        shift = number * self._bits % 8 if self._bits < 8 else 0
        return place, shift, (1 << self._bits) - 1

    def _set(self, offset: int, count: int) -> None:
        block = self._block(offset // self._cluster // self._per_block)
        if block is None:
            raise CorruptError(f"the cluster at {offset:#x} is not counted", at=WHERE)
        place, shift, mask = self._field(block, offset // self._cluster % self._per_block)
        length = max(1, self._bits // 8)
        old = int.from_bytes(self._base.read_at(place, length), "big")
        self._base.write_at(place, (old & ~(mask << shift) | count << shift).to_bytes(length, "big"))
