"""Boot sectors of file systems: enough of each to tell it from another and from an MBR."""

from __future__ import annotations

import struct

BOOT_SIGNATURE = b"\x55\xaa"
_OEM_IDS = {
    b"NTFS    ": "NTFS",
    b"-FVE-FS-": "BitLocker",
    b"EXFAT   ": "exFAT",
    b"ReFS\x00\x00\x00\x00": "ReFS",
}
_BITLOCKER_TO_GO = bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")
_TO_GO_OFFSET = 424
_BPB = struct.Struct("<HBHBHHBHHHII")
_BPB_OFFSET = 11
_FAT32_SIZE_OFFSET = 36


def has_signature(sector: bytes) -> bool:
    """Whether the 512-byte sector ends with 55 AA: true of an MBR and of a boot sector alike."""
    return sector[510:512] == BOOT_SIGNATURE


def file_system(sector: bytes) -> str | None:
    """Name the file system whose boot sector the first 512 bytes are, or None.

    "NTFS", "BitLocker", "exFAT", "ReFS", "FAT12", "FAT16" or "FAT32".  Told by the OEM id; FAT, whose OEM
    id means nothing, by a plausible BIOS parameter block.
    """
    if len(sector) < 512:
        return None
    if sector[_TO_GO_OFFSET : _TO_GO_OFFSET + 16] == _BITLOCKER_TO_GO:
        return "BitLocker"  # a "To Go" volume shows a FAT boot sector to those who cannot unlock it
    return _OEM_IDS.get(sector[3:11]) or _fat(sector)


def _fat(sector: bytes) -> str | None:
    """FAT by cluster count, the only rule there is (Microsoft "FAT: General Overview of On-Disk Format" 1.03)."""
    if sector[0] not in (0xEB, 0xE9):
        return None
    size, per_cluster, reserved, fats, root, small, media, fat_size, _, _, _, large = _BPB.unpack_from(sector, _BPB_OFFSET)
    if size not in (512, 1024, 2048, 4096) or not per_cluster or per_cluster & (per_cluster - 1):
        return None
    if not reserved or fats not in (1, 2) or (media != 0xF0 and media < 0xF8):
        return None
    (fat32_size,) = struct.unpack_from("<I", sector, _FAT32_SIZE_OFFSET)
    total, one_fat = small or large, fat_size or fat32_size
    data = total - reserved - fats * one_fat - -(-root * 32 // size)
    if not one_fat or data < per_cluster:
        return None
    clusters = data // per_cluster
    return "FAT12" if clusters < 4085 else "FAT16" if clusters < 65525 else "FAT32"
