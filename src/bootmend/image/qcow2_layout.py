"""The header of a qcow2 image, and what its numbers mean.

Source of the facts: QEMU's ``docs/interop/qcow2.txt`` (the format's specification). All numbers are big endian.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, TruncatedError, UnsupportedError

if TYPE_CHECKING:
    from bootmend.source.base import Source

MAGIC = b"QFI\xfb"
WHERE = "qcow2 header"
HEADER = Struct(">4sIQIIQIIQQIIQ")
"""magic, version, backing file name: offset and length, log2 of the cluster, size, encryption, entries and offset of
the L1 table, offset and clusters of the refcount table, snapshots, offset of their table"""
HEADER_3 = Struct(">QQQII")
"""incompatible, compatible and autoclear features, log2 of the bits of a refcount, length of the header"""
HEADER_2_SIZE, HEADER_3_SIZE = 72, 104
AUTOCLEAR_AT = 88
COMPRESSION_AT = 104
EXTENSION = Struct(">II")
BACKING_FORMAT, DATA_FILE_NAME = 0xE2792ACA, 0x44415441

DIRTY, CORRUPT, DATA_FILE, COMPRESSION_TYPE, EXTENDED_L2 = 1, 2, 4, 8, 16
INCOMPATIBLE = {DIRTY, CORRUPT, DATA_FILE, COMPRESSION_TYPE, EXTENDED_L2}
BITMAPS = 1
"""Autoclear: the bitmaps of changed blocks are up to date. Who writes without keeping them clears it."""
ENCRYPTION = {1: "AES", 2: "LUKS"}
ZLIB, ZSTD = 0, 1

OFFSET_MASK = 0x00FF_FFFF_FFFF_FE00
COPIED = 1 << 63
"""This entry alone points to its cluster: its refcount is just one."""
COMPRESSED = 1 << 62
READS_AS_ZEROS = 1
SUBCLUSTERS = 32
ALL_SUBCLUSTERS = (1 << SUBCLUSTERS) - 1

MAX_L1 = 32 << 20
MAX_REFCOUNT_TABLE = 8 << 20
MAX_NAME = 1023


class Header(NamedTuple):
    """Offsets and sizes in bytes of the file; ``backing`` and ``data_file`` are names, empty without one."""

    version: int
    cluster_bits: int
    size: int
    l1_entries: int
    l1: int
    refcounts: int
    refcount_clusters: int
    snapshots: int
    incompatible: int
    autoclear: int
    refcount_order: int
    compression: int
    backing: str
    backing_format: str
    data_file: str

    @property
    def cluster(self) -> int:
        """Bytes a cluster."""
        return 1 << self.cluster_bits

    @property
    def extended(self) -> bool:
        """Whether clusters are divided into 32 subclusters."""
        return bool(self.incompatible & EXTENDED_L2)

    @property
    def entry_size(self) -> int:
        """Bytes of an L2 entry."""
        return 16 if self.extended else 8

    @property
    def l2_entries(self) -> int:
        """Entries of one L2 table, which is a cluster long."""
        return self.cluster // self.entry_size


def read_header(base: Source) -> Header:
    """Read and check the header.

    Raises:
        CorruptError: a number that cannot be.
        TruncatedError: the file ends inside the header.
        UnsupportedError: an unknown version or feature, or encryption.
    """
    if base.size < HEADER_3_SIZE:
        raise TruncatedError(f"the file ends at {base.size:#x}, inside the header", at=WHERE)
    raw = base.read_at(0, min(base.size, 4096))
    (_, version, name_at, name_length, bits, size, crypt, l1_entries, l1, refcounts, refcount_clusters, snapshots, _) = (
        HEADER.unpack_from(raw)
    )
    if version not in (2, 3):
        raise UnsupportedError(f"version {version} of qcow2 is not known", at=WHERE)
    incompatible, autoclear, order, length = 0, 0, 4, HEADER_2_SIZE
    if version == 3:
        incompatible, _, autoclear, order, length = HEADER_3.unpack_from(raw, HEADER_2_SIZE)
    _check_features(incompatible, crypt)
    compression = raw[COMPRESSION_AT] if incompatible & COMPRESSION_TYPE and length > COMPRESSION_AT else ZLIB
    _check_numbers(bits, size, order, length, compression, extended=bool(incompatible & EXTENDED_L2))
    cluster = 1 << bits
    l2_span = cluster * (cluster // (16 if incompatible & EXTENDED_L2 else 8))
    if l1_entries * 8 > MAX_L1 or l1_entries < -(-size // l2_span) or l1 % cluster or l1 + l1_entries * 8 > base.size:
        raise CorruptError(f"an L1 table of {l1_entries} entries at {l1:#x} cannot be", at=WHERE)
    if refcounts % cluster or refcount_clusters * cluster > MAX_REFCOUNT_TABLE:
        raise CorruptError(f"a refcount table of {refcount_clusters} clusters at {refcounts:#x} cannot be", at=WHERE)
    extensions = _extensions(base, length, name_at or cluster)
    if name_at and (name_length > MAX_NAME or name_at + name_length > cluster):
        raise CorruptError("the name of the backing file does not fit into the first cluster", at=WHERE)
    name = _text(_read(base, name_at, name_length)) if name_at else ""
    return Header(
        version,
        bits,
        size,
        l1_entries,
        l1,
        refcounts,
        refcount_clusters,
        snapshots,
        incompatible,
        autoclear,
        order,
        compression,
        name,
        _text(extensions.get(BACKING_FORMAT, b"")).lower(),
        _text(extensions.get(DATA_FILE_NAME, b"")),
    )


def _check_features(incompatible: int, crypt: int) -> None:
    if crypt:
        name = ENCRYPTION.get(crypt, f"method {crypt}")
        raise UnsupportedError(f"the qcow2 image is encrypted ({name}): it cannot be read without the key", at=WHERE)
    unknown = incompatible & ~sum(INCOMPATIBLE)
    if unknown:
        raise UnsupportedError(f"the qcow2 image needs features that are not known ({unknown:#x})", at=WHERE)


def _check_numbers(bits: int, size: int, order: int, length: int, compression: int, *, extended: bool) -> None:
    if not 9 <= bits <= 21 or (extended and bits < 14):
        raise CorruptError(f"clusters of 2**{bits} bytes cannot be", at=WHERE)
    if size >= 1 << 56:
        raise CorruptError(f"a disk of {size:#x} bytes cannot be", at=WHERE)
    if order > 6 or length < HEADER_2_SIZE or length % 8 or length > 1 << bits:
        raise CorruptError(f"refcounts of 2**{order} bits in a header of {length} bytes cannot be", at=WHERE)
    if compression not in (ZLIB, ZSTD):
        raise UnsupportedError(f"compression of the unknown type {compression}", at=WHERE)


def _extensions(base: Source, start: int, end: int) -> dict[int, bytes]:
    """The header extensions between two offsets."""
    found: dict[int, bytes] = {}
    while start + EXTENSION.size <= min(end, base.size):
        kind, length = EXTENSION.unpack(_read(base, start, EXTENSION.size))
        if not kind:
            break
        start += EXTENSION.size
        if start + length > end:
            raise CorruptError(f"the header extension {kind:#x} is cut off", at=WHERE)
        if kind in (BACKING_FORMAT, DATA_FILE_NAME):
            found[kind] = _read(base, start, min(length, MAX_NAME))
        start += -(-length // 8) * 8
    return found


def _read(base: Source, offset: int, length: int) -> bytes:
    if offset + length > base.size:
        raise TruncatedError(f"the file ends at {base.size:#x}, inside the header", at=WHERE)
    return base.read_at(offset, length)


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")
