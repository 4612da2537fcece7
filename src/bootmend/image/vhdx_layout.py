"""Byte layout of VHDX files: [MS-VHDX], "Virtual Hard Disk v2 (VHDX) File Format", Microsoft.

All integers are little-endian, sizes and offsets in bytes.  Section numbers below are those of [MS-VHDX].
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, TruncatedError, UnsupportedError, place
from bootmend.image.crc32c import crc32c

if TYPE_CHECKING:
    from bootmend.source.base import Source

SIGNATURE = b"vhdxfile"
KIB, MIB = 1 << 10, 1 << 20
NO_GUID = bytes(16)
HEADERS = (64 * KIB, 128 * KIB)
HEADER_SIZE = 4 * KIB
REGION_TABLES = (192 * KIB, 256 * KIB)
TABLE_SIZE = 64 * KIB
FIRST_REGION = MIB
LARGEST_DISK = 64 << 40
LONGEST_ITEM = MIB
_MOST_ENTRIES = 2047

_HEADER = struct.Struct("<4sIQ16s16s16sHHIQ")
_REGION_TABLE = struct.Struct("<4sIII")
_REGION = struct.Struct("<16sQII")
_METADATA_TABLE = struct.Struct("<8sHH20x")
_ITEM = struct.Struct("<16sIII4x")
_REQUIRED_ITEM = 4


class Header(NamedTuple):
    """The current header (2.2.2), at ``offset``; ``data`` are its bytes, ``other`` is where the one not current lies."""

    offset: int
    other: int
    data: bytes
    sequence: int
    data_write_guid: bytes
    log_guid: bytes
    log_offset: int
    log_length: int


class Regions(NamedTuple):
    """Where the block table and the metadata lie (2.2.3): offset and length; ``table`` is where that was read."""

    table: int
    bat: tuple[int, int]
    metadata: tuple[int, int]


class Geometry(NamedTuple):
    """What the metadata say of the disk (2.6.2).  ``locator`` is the parent locator, None where there is no parent."""

    size: int
    block_size: int
    sector_size: int
    fixed: bool
    locator: bytes | None

    @property
    def chunk_ratio(self) -> int:
        """How many blocks share a sector bitmap block (2.5): those that hold 2^23 sectors."""
        return (1 << 23) * self.sector_size // self.block_size

    @property
    def blocks(self) -> int:
        """How many blocks the disk has."""
        return -(-self.size // self.block_size)

    @property
    def chunks(self) -> int:
        """How many sector bitmap blocks there may be."""
        return -(-self.blocks // self.chunk_ratio)

    @property
    def entries(self) -> int:
        """How many entries the block table has: one a block, and one a chunk behind its blocks."""
        if self.locator is not None:
            return self.chunks * (self.chunk_ratio + 1)
        return self.blocks + (self.blocks - 1) // self.chunk_ratio


def guid(text: str) -> bytes:
    """A GUID's sixteen bytes as Windows stores them."""
    first, second, third, fourth, fifth = text.split("-")
    return b"".join(bytes.fromhex(part)[::-1] for part in (first, second, third)) + bytes.fromhex(fourth + fifth)


def guid_text(data: bytes) -> str:
    """The text of a stored GUID."""
    parts = (data[3::-1], data[5:3:-1], data[7:5:-1], data[8:10], data[10:16])
    return "-".join(part.hex() for part in parts).upper()


_BAT = guid("2DC27766-F623-4200-9D64-115E9BFD4A08")
_METADATA = guid("8B7CA206-4790-4B9A-B8FE-575F050F886E")
_FILE_PARAMETERS = guid("CAA16737-FA36-4D43-B3B6-33F0AA44E76B")
_DISK_SIZE = guid("2FA54224-CD1B-4876-B211-5DBED83BF4B8")
_DISK_ID = guid("BECA12AB-B2E6-4523-93EF-C309E000C746")
_LOGICAL_SECTOR = guid("8141BF1D-A96F-4709-BA47-F233A8FAAB5F")
_PHYSICAL_SECTOR = guid("CDA348C7-445D-4471-9CC9-E9885251C556")
_PARENT_LOCATOR = guid("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C")
_KNOWN_ITEMS = {_FILE_PARAMETERS, _DISK_SIZE, _DISK_ID, _LOGICAL_SECTOR, _PHYSICAL_SECTOR, _PARENT_LOCATOR}


def checksum_ok(data: bytes) -> bool:
    """Whether the CRC-32C at offset 4 of a structure is right; it counts as zero itself."""
    return int.from_bytes(data[4:8], "little") == crc32c(data[:4] + bytes(4) + data[8:])


def with_checksum(data: bytes) -> bytes:
    """The structure with its CRC-32C filled in."""
    return data[:4] + crc32c(data[:4] + bytes(4) + data[8:]).to_bytes(4, "little") + data[8:]


# -- headers -------------------------------------------------------------------------------------------------------------------
def read_header(base: Source) -> Header:
    """Return the header that is current: the valid one with the higher sequence number.

    Two that are equal to the byte count as one; Disk2vhd writes such files.

    Raises:
        CorruptError: neither is valid, or two that differ have the same number.
        UnsupportedError: another version of the format.
        TruncatedError: the file ends before them.
    """
    with place("VHDX header"):
        found = []
        for offset in HEADERS:
            data = _part(base, offset, HEADER_SIZE, "its headers")
            if data.startswith(b"head") and checksum_ok(data):
                found.append((int.from_bytes(data[8:16], "little"), offset, data))
        if not found:
            raise CorruptError("the checksums of both headers are wrong")
        if len(found) == 2 and found[0][0] == found[1][0] and found[0][2] != found[1][2]:
            raise CorruptError(f"two different headers have the sequence number {found[0][0]}: which one counts cannot be told")
        _, offset, data = max(found, key=lambda header: header[0])
        return _parse_header(offset, data)


def _parse_header(offset: int, data: bytes) -> Header:
    fields = _HEADER.unpack_from(data)
    sequence, data_guid, log_guid, log_version, version, log_length, log_offset = fields[2], *fields[4:]
    if version != 1:
        raise UnsupportedError(f"VHDX version {version} is not known, only 1 is")
    if log_guid != NO_GUID and log_version != 0:
        raise UnsupportedError(f"log version {log_version} is not known, only 0 is")
    if log_offset % MIB or log_length % MIB or (log_length and log_offset < FIRST_REGION):
        raise CorruptError(f"a log of {log_length:#x} bytes at {log_offset:#x} is impossible")
    other = HEADERS[1] if offset == HEADERS[0] else HEADERS[0]
    return Header(offset, other, data, sequence, data_guid, log_guid, log_offset, log_length)


def next_header(current: Header, file_guid: bytes, data_guid: bytes, *, steps: int = 1) -> bytes:
    """The header that follows: a higher number, new identifiers of this writing, and no log."""
    data = bytearray(current.data)
    data[8:16] = (current.sequence + steps & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "little")
    data[16:64] = file_guid + data_guid + NO_GUID
    return with_checksum(bytes(data))


# -- regions -------------------------------------------------------------------------------------------------------------------
def read_regions(view: Source, remarks: list[str]) -> Regions:
    """Return the regions of the first region table that is sound.

    Raises:
        CorruptError: neither is, or they make no sense.
        UnsupportedError: a region that is required and not known.
    """
    with place("VHDX region table"):
        for offset in REGION_TABLES:
            data = _part(view, offset, TABLE_SIZE, "its region tables")
            if data.startswith(b"regi") and checksum_ok(data):
                return _parse_regions(offset, data)
            if offset == REGION_TABLES[0]:
                remarks.append("the first region table of the VHDX is damaged; its copy was used")
        raise CorruptError("the checksums of both copies are wrong")


def _parse_regions(table: int, data: bytes) -> Regions:
    count = _REGION_TABLE.unpack_from(data)[2]
    if count > _MOST_ENTRIES:
        raise CorruptError(f"{count} regions are impossible")
    found: dict[bytes, tuple[int, int]] = {}
    for index in range(count):
        name, offset, length, required = _REGION.unpack_from(data, _REGION_TABLE.size + index * _REGION.size)
        if name in (_BAT, _METADATA):
            if name in found:
                raise CorruptError(f"region {guid_text(name)} is there twice")
            if offset % MIB or length % MIB or not length or offset < FIRST_REGION:
                raise CorruptError(f"a region of {length:#x} bytes at {offset:#x} is impossible")
            found[name] = (offset, length)
        elif required & 1:
            raise UnsupportedError(f"it needs region {guid_text(name)}, which is not known")
    for name, what in ((_BAT, "block table"), (_METADATA, "metadata")):
        if name not in found:
            raise CorruptError(f"there is no region for the {what}")
    return Regions(table, found[_BAT], found[_METADATA])


# -- metadata ------------------------------------------------------------------------------------------------------------------
def read_geometry(view: Source, region: tuple[int, int]) -> Geometry:
    """Read the metadata that say what the disk is like.

    Raises:
        CorruptError: an item is missing, lies outside its region or makes no sense.
        UnsupportedError: an item that is required and not known, a disk larger than the format allows.
    """
    with place("VHDX metadata"):
        items = _read_items(view, region)
        block_size, flags = struct.unpack("<II", _item(view, region, items, _FILE_PARAMETERS, 8))
        size = int.from_bytes(_item(view, region, items, _DISK_SIZE, 8), "little")
        sector = int.from_bytes(_item(view, region, items, _LOGICAL_SECTOR, 4), "little")
        if block_size & (block_size - 1) or not MIB <= block_size <= 256 * MIB:
            raise CorruptError(f"a block size of {block_size} bytes is impossible")
        if sector not in (512, 4096):
            raise CorruptError(f"a sector size of {sector} bytes is impossible")
        if not size or size % sector:
            raise CorruptError(f"a disk of {size} bytes in sectors of {sector} is impossible")
        if size > LARGEST_DISK:
            raise UnsupportedError(f"a disk of {size} bytes is larger than the 64 TiB that the format allows")
        locator = _item(view, region, items, _PARENT_LOCATOR, None) if flags & 2 else None
        return Geometry(size, block_size, sector, bool(flags & 1), locator)


def _read_items(view: Source, region: tuple[int, int]) -> dict[bytes, tuple[int, int]]:
    """The items of the metadata table: where each lies in the region, and its length."""
    start, length = region
    head = _part(view, start, 4 * KIB, "its metadata")
    signature, _, count = _METADATA_TABLE.unpack_from(head)
    if signature != b"metadata":
        raise CorruptError(f"its signature is {signature!r}")
    if count > _MOST_ENTRIES:
        raise CorruptError(f"{count} items are impossible")
    table = head if (count + 1) * _ITEM.size <= len(head) else _part(view, start, TABLE_SIZE, "its metadata")
    items: dict[bytes, tuple[int, int]] = {}
    for index in range(count):
        name, offset, size, flags = _ITEM.unpack_from(table, (index + 1) * _ITEM.size)
        if name not in _KNOWN_ITEMS:
            if flags & _REQUIRED_ITEM:
                raise UnsupportedError(f"it needs metadata item {guid_text(name)}, which is not known")
            continue
        if size > LONGEST_ITEM or (size and (offset < TABLE_SIZE or offset + size > length)):
            raise CorruptError(f"item {guid_text(name)} of {size} bytes cannot lie at {offset:#x} of its region")
        if name in items:
            raise CorruptError(f"item {guid_text(name)} is there twice")
        items[name] = (offset, size)
    return items


def _item(view: Source, region: tuple[int, int], items: dict[bytes, tuple[int, int]], name: bytes, size: int | None) -> bytes:
    if name not in items:
        raise CorruptError(f"item {guid_text(name)} is missing")
    offset, length = items[name]
    if size is not None and length < size:
        raise CorruptError(f"item {guid_text(name)} has only {length} bytes")
    return _part(view, region[0] + offset, length if size is None else size, "its metadata")


def _part(base: Source, offset: int, length: int, what: str) -> bytes:
    if offset + length > base.size:
        raise TruncatedError(f"the VHDX is cut short: the file ends at {base.size:#x}, inside {what}")
    return base.read_at(offset, length)


# -- parent locator ------------------------------------------------------------------------------------------------------------
_LOCATOR_TYPE = guid("B04AEFB7-D19E-4A81-B789-25B8E9445913")
_MOST_PAIRS = 64


def read_locator(data: bytes) -> dict[str, str]:
    """Return the keys and values of a parent locator (2.6.2.6).

    Raises:
        UnsupportedError: the parent is described in another way than VHDX's.
        CorruptError: it does not hold together.
    """
    with place("VHDX parent locator"):
        if len(data) < 20:
            raise CorruptError(f"it has only {len(data)} bytes")
        if data[:16] != _LOCATOR_TYPE:
            raise UnsupportedError(f"its type {guid_text(data[:16])} is not known")
        count = int.from_bytes(data[18:20], "little")
        if count > _MOST_PAIRS or 20 + 12 * count > len(data):
            raise CorruptError(f"{count} entries are impossible")
        pairs: dict[str, str] = {}
        for index in range(count):
            key, value, key_size, value_size = struct.unpack_from("<IIHH", data, 20 + 12 * index)
            if key + key_size > len(data) or value + value_size > len(data):
                raise CorruptError(f"entry {index} lies outside it")
            pairs[_text(data[key : key + key_size])] = _text(data[value : value + value_size])
        return pairs


def _text(data: bytes) -> str:
    return data.decode("utf-16-le", "replace").split("\0", 1)[0]
