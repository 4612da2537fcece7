"""The bytes of a FAT volume: offsets, constants and the boot sector.

Source of the facts: Microsoft, "FAT: General Overview of On-Disk Format", version 1.03 (2000), also
published as part of the UEFI specification, and ECMA-107 for the 8.3 directory entry.  The letter-case
bits of byte 12 are not in either: Windows NT writes them, and Linux and mtools read them.
All numbers are little endian.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from bootmend.errors import CorruptError

BOOT_SECTOR_SIZE = 512
BOOT_SIGNATURE = b"\x55\xaa"
BPB = Struct("<HBHBHHBH4xII")
"""from byte 11: bytes a sector, sectors a cluster, reserved sectors, FATs, root entries, total sectors (16 bits),
media, sectors a FAT (16 bits), [sectors a track, heads], hidden sectors, total sectors (32 bits)"""
BPB_OFFSET = 11
BPB32 = Struct("<IHHIHH")
"""from byte 36 of a FAT32: sectors a FAT, flags, version, root cluster, FSInfo sector, backup boot sector"""
BPB32_OFFSET = 36
MIRROR_OFF = 0x80
"""In the FAT32 flags: only the FAT whose number is in the low four bits is kept up to date."""
LABEL_OFFSET = 43
LABEL_OFFSET_32 = 71
LABEL_SIZE = 11
NO_NAME = b"NO NAME    "

ENTRY_SIZE = 32
SHORT = Struct("<11sBB7xHHHHI")
"""name, attributes, case bits, [creation, access], cluster high, time, date, cluster low, size"""
END_OF_DIRECTORY = 0x00
DELETED = 0xE5
KANJI_E5 = 0x05
"""Stands for a first byte that really is E5."""
LOWER_BASE = 0x08
LOWER_EXTENSION = 0x10

VOLUME_ID = 0x08
LONG_NAME = 0x0F
LONG_NAME_MASK = 0x3F
LAST_LONG = 0x40
LONG = Struct("<B10sBBB12s2x4s")
"""order, characters 1-5, attributes, type, checksum of the short name, characters 6-11, [cluster], characters 12-13"""
LONG_CHARACTERS = 13
MAX_LONG_ENTRIES = 20

MAX_DIRECTORY = 65536 * ENTRY_SIZE
"""A FAT directory never holds more than 65,536 entries."""
FIRST_CLUSTER = 2
FAT12_CLUSTERS = 4085
"""Fewer data clusters than this: FAT12."""
FAT16_CLUSTERS = 65525
"""Fewer data clusters than this: FAT16; otherwise FAT32."""


class Geometry(NamedTuple):
    """Where everything lies on a volume. Offsets and sizes are bytes of the volume; ``info_offset`` is 0 without FSInfo."""

    bits: int
    sector: int
    cluster: int
    fat_offset: int
    fat_size: int
    fats: int
    active_fat: int
    mirrored: bool
    root_offset: int
    root_size: int
    root_cluster: int
    data_offset: int
    clusters: int
    volume_size: int
    label: bytes
    info_offset: int

    @property
    def kind(self) -> str:
        """``FAT12``, ``FAT16`` or ``FAT32``."""
        return f"FAT{self.bits}"

    @property
    def end_of_chain(self) -> int:
        """The smallest table entry that ends a chain; the one below it marks a bad cluster."""
        return (1 << min(self.bits, 28)) - 8

    def cluster_offset(self, cluster: int) -> int:
        """Where a data cluster begins."""
        return self.data_offset + (cluster - FIRST_CLUSTER) * self.cluster


def parse_boot_sector(data: bytes) -> Geometry:
    """Read the geometry from the first 512 bytes of a volume.

    The type follows from the number of data clusters alone, as the specification demands, except that a
    volume without the 16-bit FAT size has the FAT32 layout whatever it counts: mkfs.vfat -F 32 makes such
    small volumes, and Windows mounts them by the same test.

    Raises:
        CorruptError: not a FAT boot sector, or one with impossible numbers.
    """
    if len(data) < BOOT_SECTOR_SIZE or data[510:512] != BOOT_SIGNATURE:
        raise CorruptError("no boot signature 55 AA", at="boot sector")
    sector, per_cluster, reserved, fats, root_entries, total16, _, fat16, _, total32 = BPB.unpack_from(data, BPB_OFFSET)
    if sector not in (512, 1024, 2048, 4096) or not per_cluster or per_cluster & (per_cluster - 1):
        raise CorruptError(f"impossible sizes: {sector} bytes a sector, {per_cluster} sectors a cluster", at="boot sector")
    fat32, flags, version, root_cluster, info, _ = BPB32.unpack_from(data, BPB32_OFFSET)
    fat_sectors, total = fat16 or fat32, total16 or total32
    if not (reserved and fats and fat_sectors and total) or (not fat16 and version):
        raise CorruptError("no reserved sectors, no FAT or no sectors at all", at="boot sector")
    root_sectors = -(-root_entries * ENTRY_SIZE // sector)
    data_sector = reserved + fats * fat_sectors + root_sectors
    clusters = (total - data_sector) // per_cluster
    if clusters < 1:
        raise CorruptError("its tables are larger than the volume", at="boot sector")
    return Geometry(
        bits=_bits(clusters, has_16_bit_size=bool(fat16)),
        sector=sector,
        cluster=sector * per_cluster,
        fat_offset=reserved * sector,
        fat_size=fat_sectors * sector,
        fats=fats,
        active_fat=_active_fat(flags, fats) if not fat16 else 0,
        mirrored=bool(fat16) or not flags & MIRROR_OFF,
        root_offset=(reserved + fats * fat_sectors) * sector,
        root_size=root_entries * ENTRY_SIZE,
        root_cluster=root_cluster if not fat16 else 0,
        data_offset=data_sector * sector,
        clusters=clusters,
        volume_size=total * sector,
        label=data[(start := LABEL_OFFSET if fat16 else LABEL_OFFSET_32) : start + LABEL_SIZE],
        info_offset=info * sector if not fat16 and 0 < info < reserved else 0,
    )


def _bits(clusters: int, *, has_16_bit_size: bool) -> int:
    if not has_16_bit_size:
        return 32
    if clusters >= FAT16_CLUSTERS:
        raise CorruptError(f"{clusters} clusters need FAT32, but the boot sector has the FAT16 layout", at="boot sector")
    return 12 if clusters < FAT12_CLUSTERS else 16


def _active_fat(flags: int, fats: int) -> int:
    active = flags & 0x0F if flags & MIRROR_OFF else 0
    if active >= fats:
        raise CorruptError(f"FAT {active} is the active one of only {fats}", at="boot sector")
    return active
