"""Name what a volume holds, from its first bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.partition.bootsector import file_system

if TYPE_CHECKING:
    from bootmend.source.base import Source

_HEAD = 4096
_MAGICS = (
    (1080, b"\x53\xef", "ext"),
    (4086, b"SWAPSPACE2", "swap"),
    (4086, b"SWAP-SPACE", "swap"),
    (0, b"LUKS\xba\xbe", "LUKS"),
    (0, b"XFSB", "XFS"),
)
_LVM_LABEL, _LVM_TYPE = b"LABELONE", b"LVM2 001"


def identify(volume: Source) -> str:
    """Return "NTFS", "FAT12", "FAT16", "FAT32", "exFAT", "ReFS", "BitLocker", "LVM", "ext", "swap", "LUKS", "XFS".

    "empty" when the first 4 KiB are zeros (or there are none), "unknown" for anything else.  A Windows boot
    sector costs one read of 512 bytes, all others a second one of 4 KiB.  The name is a claim of the volume:
    whether the file system is sound is for its reader to say.
    """
    boot = volume.read_at(0, min(volume.size, 512))
    name = file_system(boot)
    if name is not None:
        return name
    head = volume.read_at(0, min(volume.size, _HEAD))
    if not any(head):
        return "empty"
    for offset, magic, name in _MAGICS:
        if head.startswith(magic, offset):
            return name
    if any(head.startswith(_LVM_LABEL, at) and head.startswith(_LVM_TYPE, at + 24) for at in range(0, 2048, 512)):
        return "LVM"
    return "unknown"
