"""VMDK images: a descriptor, and the extents that it names, one after another."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, UnsupportedError, place
from bootmend.image.base import FlatImage, Image, Reference
from bootmend.source.base import Extent, Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.image.open import Links
    from bootmend.image.vmdk_layout import Descriptor, ExtentLine, SparseHeader
    from bootmend.source.base import Source

MAGIC = b"KDMV"
DESCRIPTOR_MAGIC = b"# Disk DescriptorFile"
_CID = re.compile(rb"\n[Cc][Ii][Dd]=([0-9A-Fa-f]{1,8})[\r\n]")


class Vmdk(Image):
    """The extents of a disk as one.

    The content id (CID), by which a linked clone knows its parent, is changed before the first write, as VMware
    does: a child that was overlooked is then told, and not read wrongly.
    """

    def __init__(self, base: Source, extents: list[Image], name: str, *, cid: str, cid_at: tuple[int, int], seed: bytes) -> None:
        remarks = [remark for extent in extents for remark in extent.remarks]
        super().__init__(base, name, sum(extent.size for extent in extents), list(dict.fromkeys(remarks)))
        self.linkage = cid.encode()
        self._extents = extents
        self._starts = [sum(extent.size for extent in extents[:index]) for index in range(len(extents))]
        self._cid_at = cid_at
        self._seed = seed

    def _parts(self, offset: int, length: int) -> Iterator[tuple[Image, int, int]]:
        """The extents that hold a range: each with the place and the length in it."""
        self.check_range(offset, length)
        index = bisect_right(self._starts, offset) - 1
        while length:
            extent, inside = self._extents[index], offset - self._starts[index]
            count = min(length, extent.size - inside)
            if count:
                yield extent, inside, count
            offset, length, index = offset + count, length - count, index + 1

    def read_at(self, offset: int, length: int) -> bytes:
        """Read from the extents."""
        return b"".join([extent.read_at(inside, count) for extent, inside, count in self._parts(offset, length)])

    def write_at(self, offset: int, data: bytes) -> None:
        """Write to the extents."""
        done = 0
        for extent, inside, count in list(self._parts(offset, len(data))):
            part = data[done : done + count]
            done += count
            if extent.read_at(inside, count) != part:
                self._renew_cid()
                extent.write_at(inside, part)

    def _renew_cid(self) -> None:
        start, digits = self._cid_at
        if not digits:
            return
        from bootmend.image.vmdk_layout import NO_PARENT

        digest = hashlib.sha256(self._seed + self.linkage).hexdigest()[:digits]
        cid = digest if digest != NO_PARENT else NO_PARENT[:-1] + "e"
        self._base.write_at(start, cid.encode())
        self._base.barrier()
        self._cid_at = (0, 0)

    def barrier(self) -> None:
        """Pass the barrier to all files."""
        for extent in self._extents:
            extent.barrier()

    def locate(self, offset: int, length: int) -> list[Extent]:
        """Ask the extents."""
        return [found for extent, inside, count in self._parts(offset, length) for found in extent.locate(inside, count)]

    def anchors(self) -> list[tuple[str, Source, int, int]]:
        """Those of the extents."""
        return [anchor for extent in self._extents for anchor in extent.anchors()]


class ZeroExtent(Image):
    """Zeros that lie nowhere."""

    def __init__(self, base: Source, size: int) -> None:
        super().__init__(base, "VMDK zeros", size, [])

    def read_at(self, offset: int, length: int) -> bytes:
        """Zeros."""
        self.check_range(offset, length)
        return bytes(length)

    def locate(self, offset: int, length: int) -> list[Extent]:
        """Nowhere."""
        self.check_range(offset, length)
        return [Extent(None, 0, length)] if length else []


def open_vmdk(base: Source, head: bytes, _tail: bytes, links: Links, seed: bytes) -> Image | None:
    """Open ``base`` as a VMDK, or return None if it is none.

    ``base`` is a descriptor with its extents in other files, or a sparse extent that holds its own descriptor.

    Raises:
        CorruptError, TruncatedError: header, descriptor or tables are unsound.
        UnsupportedError: an extent of a kind that is not read.
        MissingError: an extent or the parent is not to be had.
    """
    if not head.startswith((MAGIC, DESCRIPTOR_MAGIC)):
        return None
    from bootmend.image.vmdk_layout import MAX_DESCRIPTOR, NO_PARENT, read_descriptor, read_sparse_header

    header = read_sparse_header(base) if head.startswith(MAGIC) else None
    if header is not None and not header.descriptor_size:
        raise UnsupportedError("this is one extent of a disk: give the file that describes the disk", at="VMDK header")
    start, length = (header.descriptor, header.descriptor_size) if header else (0, min(base.size, MAX_DESCRIPTOR))
    with place("VMDK"):
        descriptor = read_descriptor(base, start, length)
    parent = _open_parent(descriptor, links) if descriptor.parent_cid != NO_PARENT else None
    extents = _extents(base, header, descriptor, links, parent)
    name = extents[0].format if len(extents) == 1 else "VMDK"
    cid_at = (0, 0) if header and header.compressed else _cid_place(base, start, length)
    image = Vmdk(base, extents, name, cid=descriptor.cid, cid_at=cid_at, seed=seed)
    image.parent = parent
    return image


def _cid_place(base: Source, start: int, length: int) -> tuple[int, int]:
    """Where the digits of the content id are, and how many (QEMU writes no leading zeros); none where it is written otherwise."""
    found = _CID.search(base.read_at(start, length))
    return (start + found.start(1), len(found[1])) if found else (0, 0)


def _open_parent(descriptor: Descriptor, links: Links) -> Image:
    reference = Reference("parent", (descriptor.parent_name,))
    parent = links.image(reference)
    if parent.linkage.decode() != descriptor.parent_cid:
        message = f"{reference} is another disk than the one that this VMDK builds on, or has been written to since"
        raise CorruptError(message, at="VMDK descriptor")
    return parent


def _extents(
    base: Source, header: SparseHeader | None, descriptor: Descriptor, links: Links, parent: Image | None
) -> list[Image]:
    from bootmend.image.vmdk_sparse import SparseExtent

    if header is not None:
        return [SparseExtent(base, header, parent=parent)]
    found: list[Image] = []
    start = 0
    for line in descriptor.extents:
        below = _part_of(parent, start, line.size) if parent is not None else None
        with place(f"extent {line.name}"):
            found.append(_open_extent(base, line, links, below))
        start += line.size
    return found


def _part_of(parent: Image, start: int, size: int) -> Image:
    length = max(0, min(size, parent.size - start))
    return FlatImage(Window(parent, min(start, parent.size), length), parent.format, length, [])


def _open_extent(base: Source, line: ExtentLine, links: Links, parent: Image | None) -> Image:
    from bootmend.image.vmdk_layout import read_sparse_header
    from bootmend.image.vmdk_sparse import SparseExtent

    if line.kind == "ZERO":
        return ZeroExtent(base, line.size)
    if line.kind not in ("FLAT", "VMFS", "SPARSE"):
        raise UnsupportedError(f"extents of the kind {line.kind} are not read")
    file = links.open(Reference("extent", (line.name,), writable=line.access == "RW")).source
    if line.kind != "SPARSE":
        if line.offset + line.size > file.size:
            raise CorruptError(f"the file has {file.size} bytes, and should hold {line.size} from {line.offset:#x} on")
        return FlatImage(Window(file, line.offset, line.size), "VMDK flat", line.size, [])
    if file.size < 512 or file.read_at(0, 4) != MAGIC:
        raise CorruptError("this is no sparse extent")
    header = read_sparse_header(file)
    if header.size < line.size:
        raise CorruptError(f"it holds {header.size} bytes, and should hold {line.size}")
    return SparseExtent(file, header._replace(size=line.size), parent=parent)
