"""The header of a sparse VMDK extent and the descriptor: what VMware's "Virtual Disk Format 5.0" (2011) says of them.

All numbers are little endian; sectors have 512 bytes.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, TruncatedError, UnsupportedError

if TYPE_CHECKING:
    from bootmend.source.base import Source

SECTOR = 512
MAGIC = b"KDMV"
DESCRIPTOR_MAGIC = b"# Disk DescriptorFile"
HEADER = Struct("<4sIIQQQQIQQQB4sH")
"""magic, version, flags, capacity, sectors a grain, descriptor: first sector and sectors, entries a grain table,
redundant grain directory, grain directory, sectors before the grains, not closed, line ends, compression"""
LINE_ENDS = b"\n \r\n"
HAS_NEWLINE_TEST, HAS_REDUNDANT, HAS_ZERO_GRAINS, IS_COMPRESSED = 1, 2, 4, 1 << 16
DEFLATE = 1
AT_END = 0xFFFF_FFFF_FFFF_FFFF
"""The directory of a streamed extent is named by the footer, a copy of the header 1 KiB before the end."""
FOOTER_BEFORE_END = 1024
MARKER = Struct("<QI")
"""before a compressed grain: its first sector on the disk, its compressed bytes"""
ZERO_GRAIN = 1
NO_PARENT = "ffffffff"
MAX_DESCRIPTOR = 1 << 20
MAX_EXTENTS = 4096
MAX_TABLE = 64 << 20

_EXTENT = re.compile(r'^(RW|RDONLY|NOACCESS)\s+(\d+)\s+(\w+)(?:\s+"([^"]*)")?(?:\s+(\d+))?', re.IGNORECASE)
_SETTING = re.compile(r'^\s*([\w.]+)\s*=\s*"?([^"]*?)"?\s*$')


class SparseHeader(NamedTuple):
    """A sparse extent; sizes and offsets in bytes. ``redundant`` is 0 without a second directory."""

    flags: int
    size: int
    grain: int
    descriptor: int
    descriptor_size: int
    entries: int
    redundant: int
    directory: int
    unclean: bool

    @property
    def compressed(self) -> bool:
        """Whether its grains are compressed, which makes it a stream: nothing in it can be replaced."""
        return bool(self.flags & IS_COMPRESSED)

    @property
    def tables(self) -> int:
        """How many grain tables the disk needs."""
        return -(-self.size // (self.grain * self.entries))


class ExtentLine(NamedTuple):
    """One extent as the descriptor names it: ``size`` bytes of ``kind``, in file ``name`` from ``offset`` on."""

    access: str
    size: int
    kind: str
    name: str
    offset: int


class Descriptor(NamedTuple):
    """The text that describes the disk."""

    kind: str
    cid: str
    parent_cid: str
    parent_name: str
    extents: tuple[ExtentLine, ...]


def read_sparse_header(base: Source) -> SparseHeader:
    """Read and check the header; of a stream the footer, which names the directory.

    Raises:
        CorruptError: a number that cannot be; it was transferred as text.
        TruncatedError: the file ends inside a structure.
        UnsupportedError: another version or compression.
    """
    fields = HEADER.unpack(base.read_at(0, HEADER.size))
    if fields[9] == AT_END:
        if base.size < 2 * SECTOR + FOOTER_BEFORE_END:
            raise TruncatedError("the stream has no footer: it was cut short", at="VMDK header")
        fields = HEADER.unpack(base.read_at(base.size - FOOTER_BEFORE_END, HEADER.size))
        if fields[0] != MAGIC:
            raise TruncatedError("the stream has no footer: it was cut short", at="VMDK header")
    _, version, flags, capacity, grain, descriptor, length, entries, redundant, directory, _, unclean, ends, compression = fields
    if version not in (1, 2, 3):
        raise UnsupportedError(f"version {version} of a sparse extent is not known", at="VMDK header")
    if flags & HAS_NEWLINE_TEST and ends != LINE_ENDS:
        raise CorruptError("line ends were changed in it: it was transferred as text", at="VMDK header")
    if flags & IS_COMPRESSED and compression != DEFLATE:
        raise UnsupportedError(f"compression of the unknown kind {compression}", at="VMDK header")
    if not 8 <= grain <= 1 << 12 or grain & (grain - 1) or not 0 < entries <= 1 << 16 or capacity >= 1 << 46:
        raise CorruptError(f"grains of {grain} sectors, {entries} in a table, cannot be", at="VMDK header")
    header = SparseHeader(
        flags,
        capacity * SECTOR,
        grain * SECTOR,
        descriptor * SECTOR,
        length * SECTOR,
        entries,
        redundant * SECTOR if flags & HAS_REDUNDANT else 0,
        directory * SECTOR,
        bool(unclean),
    )
    if header.tables * 4 > MAX_TABLE or header.directory + header.tables * 4 > base.size:
        raise TruncatedError("the grain directory lies past the end of the file", at="VMDK header")
    if header.redundant + header.tables * 4 > base.size:
        raise TruncatedError("the second grain directory lies past the end of the file", at="VMDK header")
    return header


def read_descriptor(base: Source, offset: int, length: int) -> Descriptor:
    """Read the descriptor that lies in ``length`` bytes at ``offset``.

    Raises:
        CorruptError: it has no extents, too many, or is no text.
    """
    if length > MAX_DESCRIPTOR or offset + length > base.size:
        raise CorruptError(f"a descriptor of {length} bytes at {offset:#x} cannot be", at="VMDK descriptor")
    text = base.read_at(offset, length).split(b"\0", 1)[0].decode("utf-8", "replace")
    settings: dict[str, str] = {}
    extents: list[ExtentLine] = []
    for line in text.splitlines():
        found = _EXTENT.match(line.strip())
        if found is not None:
            access, sectors, kind, name, start = found.groups()
            extents.append(
                ExtentLine(
                    access.upper(), int(sectors[:15]) * SECTOR, kind.upper(), name or "", int((start or "0")[:15]) * SECTOR
                )
            )
        elif (setting := _SETTING.match(line)) is not None:
            settings.setdefault(setting[1].lower(), setting[2])
    if not 0 < len(extents) <= MAX_EXTENTS:
        raise CorruptError(f"it names {len(extents)} extents", at="VMDK descriptor")
    return Descriptor(
        settings.get("createtype", ""),
        _content_id(settings.get("cid", "")),
        _content_id(settings.get("parentcid", NO_PARENT)),
        settings.get("parentfilenamehint", ""),
        tuple(extents),
    )


def _content_id(text: str) -> str:
    """Eight digits: QEMU leaves leading zeros out."""
    return text.lower().rjust(8, "0") if text else ""
