"""The boot sector: how large clusters and records are, and where the $MFT begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import BootmendError, CorruptError, TruncatedError
from bootmend.filesystem.ntfs import layout

if TYPE_CHECKING:
    from bootmend.source import Source

_PLACE = "NTFS boot sector"


class BootSector(NamedTuple):
    """The geometry of a volume; all sizes in bytes, ``mft`` and ``mirror`` are cluster numbers."""

    sector: int
    cluster: int
    clusters: int
    record: int
    index_block: int
    mft: int
    mirror: int
    serial: int


def read_boot_sector(volume: Source) -> BootSector:
    """Read and check the boot sector at the volume's start.

    The backup at the volume's end is never used in its place: a damaged boot sector is a fault to
    be repaired, so the error only says whether the backup is good.

    Raises:
        CorruptError: not an NTFS boot sector, or one whose numbers cannot be.
        TruncatedError: the volume is smaller than a sector.
    """
    if volume.size < layout.BOOT_SIZE:
        raise TruncatedError(f"the volume has only {volume.size} bytes", at=_PLACE)
    try:
        return parse_boot_sector(volume.read_at(0, layout.BOOT_SIZE))
    except CorruptError as error:
        error.hint = _backup_hint(volume)
        raise


def parse_boot_sector(data: bytes) -> BootSector:
    """Check the 512 bytes of a boot sector and return its geometry.

    Raises:
        CorruptError: naming the field that cannot be.
    """
    if data[layout.BOOT_SIGNATURE_AT : layout.BOOT_SIGNATURE_AT + 8] != layout.BOOT_SIGNATURE:
        raise CorruptError("the signature 'NTFS' is missing", at=_PLACE)
    sector, cluster_code, sectors, mft, mirror, record_code, block_code, serial = layout.BOOT.unpack_from(data)
    if sector not in (256, 512, 1024, 2048, 4096):
        raise CorruptError(f"{sector} bytes a sector cannot be", at=_PLACE)
    cluster = sector * _sectors_a_cluster(cluster_code)
    if cluster > layout.MAX_CLUSTER:
        raise CorruptError(f"clusters of {cluster} bytes cannot be", at=_PLACE)
    clusters = sectors * sector // cluster
    if not 0 < mft < clusters or sectors >= 1 << 55:
        raise CorruptError(f"the $MFT at cluster {mft:#x} lies outside the volume of {clusters:#x} clusters", at=_PLACE)
    record = _coded_size(record_code, cluster, "a file record")
    index_block = _coded_size(block_code, cluster, "an index block")
    return BootSector(sector, cluster, clusters, record, index_block, mft, mirror, serial)


def _sectors_a_cluster(code: int) -> int:
    """Up to 128 the number itself; from 0x81 on a power of two, for clusters beyond 64 KiB (Windows 10 1709)."""
    count = code if code <= 0x80 else 1 << (0x100 - code) if code >= 0xF0 else 0
    if count == 0 or count & (count - 1):
        raise CorruptError(f"{code:#x} sectors a cluster cannot be", at=_PLACE)
    return count


def _coded_size(code: int, cluster: int, what: str) -> int:
    """A positive code counts clusters; a negative one is minus the log2 of the bytes."""
    size = code * cluster if code > 0 else 1 << -code if -17 < code < 0 else 0
    if not layout.STRIDE <= size <= layout.MAX_RECORD or size & (size - 1):
        raise CorruptError(f"the size code {code} of {what} cannot be", at=_PLACE)
    return size


def _backup_hint(volume: Source) -> str | None:
    """Say so when the last sector (of 512 or 4096 bytes) holds a good copy."""
    for sector in (512, 4096):
        if volume.size < 2 * sector:
            continue
        try:
            parse_boot_sector(volume.read_at(volume.size - sector, layout.BOOT_SIZE))
        except BootmendError:
            continue
        return "the backup boot sector in the volume's last sector is good: it can be copied back"
    return None
