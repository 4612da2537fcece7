"""The sectors that the firmware runs before there is any file system: the MBR and the boot sectors of volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import BootmendError
from bootmend.filesystem.open import open_volume
from bootmend.partition.bootsector import file_system, has_signature
from bootmend.partition.mbr import MBR_SIZE
from bootmend.source import Overlay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine.machine import Machine
    from bootmend.machine.volumes import Volume

HIDDEN_SECTORS = slice(28, 32)
"""of an NTFS or FAT boot sector: how many sectors lie before the volume; its boot code adds them to every address"""
NTFS_BOOT_FILE = 8192
"""bytes of ``$Boot``: on every NTFS the first 8 KiB belong to boot code (NTFS documentation of linux-ntfs)"""
_FAT32_BACKUP = 6
_WINDOWS_TYPES = frozenset(
    (
        *(0x01, 0x04, 0x06, 0x07, 0x0B, 0x0C, 0x0E, 0x12, 0x17, 0x1C, 0x27, 0xEF),
        "{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}",
        "{ebd0a0a2-b9e5-4433-87c0-68b6b72699c7}",
        "{de94bba4-06d1-4d40-a16a-bfd50179d6ac}",
    )
)


class Backup(NamedTuple):
    """A whole copy of a volume's boot sector, and where on the volume it lies."""

    offset: int
    sector: bytes


def mbr_of(machine: Machine) -> bytes:
    """The first 512 bytes of the disk; empty for a directory or a disk shorter than that."""
    disk = machine.disk
    return disk.read_at(0, MBR_SIZE) if disk is not None and disk.size >= MBR_SIZE else b""


def boot_sector(volume: Volume) -> bytes:
    """The first 512 bytes of a volume; empty for a directory."""
    source = volume.source
    return source.read_at(0, MBR_SIZE) if source is not None and source.size >= MBR_SIZE else b""


def holds_windows_files(volume: Volume) -> bool:
    """Whether the partition's type is one of file systems that Windows has: such a volume should have a boot sector."""
    return volume.partition is not None and volume.partition.type in _WINDOWS_TYPES


def sound_backup(volume: Volume) -> Backup | None:
    """The backup of a boot sector with which the volume can be read: NTFS keeps one in its last sector, FAT32 in its seventh."""
    source = volume.source
    if source is None:
        return None
    for offset in _backup_places(source.size):
        sector = source.read_at(offset, MBR_SIZE)
        if has_signature(sector) and file_system(sector) in {"NTFS", "FAT32"} and _reads_with(volume, sector):
            return Backup(offset, sector)
    return None


def _backup_places(size: int) -> Iterator[int]:
    for sector in (512, 4096):
        if size > (_FAT32_BACKUP + 1) * sector:
            yield size - sector
            yield _FAT32_BACKUP * sector


def _reads_with(volume: Volume, sector: bytes) -> bool:
    """Whether the volume's root can be listed once ``sector`` stands in the place of its boot sector."""
    assert volume.source is not None
    trial = Overlay(volume.source, volume.name)
    try:
        trial.write_at(0, sector)
        next(iter(open_volume(trial).list("\\")), None)
    except BootmendError:
        return False
    return True
