"""Byte layout of VHD files: "Virtual Hard Disk Image Format Specification" 1.0, Microsoft, October 2006.

All integers are big-endian. Sizes and offsets are in bytes unless a name says sectors (512 bytes always).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, ReadError, UnsupportedError

if TYPE_CHECKING:
    from bootmend.source.base import Source

SECTOR = 512
FOOTER_COOKIE = b"conectix"
HEADER_COOKIE = b"cxsparse"
FIXED, DYNAMIC, DIFFERENCING = 2, 3, 4
UNALLOCATED = 0xFFFFFFFF

_FOOTER = struct.Struct(">8s2IQI4sI4s2Q3I16sB")
_FOOTER_CHECKSUM = 64
_HEADER = struct.Struct(">8s2Q4I")
_HEADER_CHECKSUM = 36
HEADER_SIZE = 1024
_PARENT_ID = slice(40, 56)
_PARENT_NAME = slice(64, 576)
_LOCATORS = 576
_LOCATOR = struct.Struct(">4s3IQ")
_LOCATOR_CODECS = {b"W2ku": "utf-16-le", b"W2ru": "utf-16-le", b"MacX": "utf-8"}
_MAX_PATH_BYTES = 8192
_MAX_BLOCK = 1 << 30
_MAX_BLOCKS = 1 << 22  # 8 TiB in the usual blocks of 2 MiB; the format itself ends at 2 TiB


class Footer(NamedTuple):
    """The footer: ``size`` is "current size"; the geometry (CHS) is ignored, it cannot express most sizes."""

    kind: int
    size: int
    header_offset: int
    unique_id: bytes
    saved_state: bool


class Header(NamedTuple):
    """The dynamic disk header, checked: blocks of ``block_size`` bytes, a table of ``entries`` at ``table``.

    ``parent_id`` is the unique id of the parent's footer; it means something in differencing disks only.
    """

    table: int
    entries: int
    block_size: int
    parent_id: bytes

    @property
    def bitmap_size(self) -> int:
        """Bytes of the sector bitmap before each block: one bit a sector, padded to whole sectors."""
        bits = self.block_size // SECTOR
        return -(-bits // (8 * SECTOR)) * SECTOR


def checksum(data: bytes, field: int) -> int:
    """One's complement of the sum of all bytes, the four of the checksum at ``field`` counted as zero."""
    return ~(sum(data) - sum(data[field : field + 4])) & 0xFFFFFFFF


def footer_checksum_ok(data: bytes) -> bool:
    """Whether the footer's own checksum matches."""
    return int.from_bytes(data[_FOOTER_CHECKSUM : _FOOTER_CHECKSUM + 4], "big") == checksum(data, _FOOTER_CHECKSUM)


def parse_footer(data: bytes) -> Footer:
    """Read the fields of a 512-byte footer whose cookie is right.

    Raises:
        CorruptError: a field makes no sense.
        UnsupportedError: a later version of the format.
    """
    fields = _FOOTER.unpack_from(data)
    version, header_offset, size, kind, unique_id, saved = fields[2], fields[3], fields[9], fields[11], fields[13], fields[14]
    if version >> 16 != 1:
        raise UnsupportedError(f"VHD format version {version >> 16}.{version & 0xFFFF} is not known, only 1.0 is")
    if kind not in (FIXED, DYNAMIC, DIFFERENCING):
        raise CorruptError(f"disk type {kind} does not exist (2 fixed, 3 dynamic, 4 differencing)", at="VHD footer")
    if not 0 < size < 1 << 62:
        raise CorruptError(f"a disk of {size} bytes is impossible", at="VHD footer")
    return Footer(kind, size, header_offset, unique_id, saved == 1)


def parse_header(data: bytes, disk_size: int, *, differencing: bool) -> Header:
    """Read a 1024-byte dynamic disk header; of a ``differencing`` disk :func:`header_checksum_ok` may still be false.

    Raises:
        CorruptError: cookie, checksum or a field is wrong.
        UnsupportedError: more blocks than this version will map.
    """
    cookie, _, table, version, entries, block_size, stored = _HEADER.unpack_from(data)
    if cookie != HEADER_COOKIE:
        raise CorruptError(f"its cookie is {cookie!r}, not {HEADER_COOKIE!r}", at="VHD dynamic disk header")
    if stored != checksum(data, _HEADER_CHECKSUM) and not (differencing and stored == _checksum_without_parent(data)):
        raise CorruptError("its checksum is wrong", at="VHD dynamic disk header")
    if version >> 16 != 1:
        raise UnsupportedError(f"VHD header version {version >> 16}.{version & 0xFFFF} is not known, only 1.0 is")
    if block_size & (block_size - 1) or not SECTOR <= block_size <= _MAX_BLOCK:
        raise CorruptError(f"a block size of {block_size} bytes is impossible", at="VHD dynamic disk header")
    needed = -(-disk_size // block_size)
    if needed > _MAX_BLOCKS:
        raise UnsupportedError(f"a disk of {needed} blocks of {block_size} bytes is larger than this version maps")
    if entries < needed:
        message = f"its block table has {entries} entries, a disk of {disk_size} bytes needs {needed}"
        raise CorruptError(message, at="VHD dynamic disk header")
    return Header(table, needed, block_size, data[_PARENT_ID])


def header_checksum_ok(data: bytes) -> bool:
    """Whether the checksum is over the whole header.

    There are differencing disks whose parent was filled in without a new checksum.  That is accepted: what maps the
    blocks is covered, and the parent is known by its own identifier.
    """
    return int.from_bytes(data[_HEADER_CHECKSUM : _HEADER_CHECKSUM + 4], "big") == checksum(data, _HEADER_CHECKSUM)


def _checksum_without_parent(data: bytes) -> int:
    return checksum(data[: _PARENT_ID.start] + bytes(HEADER_SIZE - _PARENT_ID.start), _HEADER_CHECKSUM)


def parent_names(base: Source, header: bytes) -> tuple[str, ...]:
    """Return what a differencing disk calls its parent, best first: relative path, absolute path, Mac path, bare name."""
    found: dict[bytes, str] = {}
    for index in range(8):
        code, _, length, _, offset = _LOCATOR.unpack_from(header, _LOCATORS + index * _LOCATOR.size)
        codec = _LOCATOR_CODECS.get(code)
        if codec is None or not 0 < length <= _MAX_PATH_BYTES:
            continue
        try:
            found[code] = base.read_at(offset, length).decode(codec, "replace").split("\0", 1)[0]
        except ReadError:
            continue
    name = header[_PARENT_NAME].decode("utf-16-be", "replace").split("\0", 1)[0]
    names = (found.get(b"W2ru"), found.get(b"W2ku"), found.get(b"MacX"), name)
    return tuple(dict.fromkeys(name for name in names if name))
