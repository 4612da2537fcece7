"""Boot code: what an MBR and a boot sector have besides their tables, whose it is, and an MBR's of our own.

Microsoft's boot code is not ours to give.  An MBR's job is small and documented, so bootmend has its own, whose
source is ``tools/mbr_code.S``: it finds the one active partition and starts its first sector.
"""

from __future__ import annotations

MBR_CODE_SIZE = 440
"""the disk signature follows"""
NTFS_CODE = slice(84, 510)
"""the boot code of an NTFS boot sector: behind its BIOS parameter block, before 55 AA"""
FAT32_CODE = slice(90, 510)
FAT16_CODE = slice(62, 510)

OUR_MBR_CODE = bytes.fromhex(
    "fa31c08ed0bc007c8ed88ec0fbfcbe007cbf0006b90001f3a5ea1e060000bebe07b9040031ed8a0484c0740a"
    "3c80757f85ed757b89f583c610e2eb85ed747052b441bbaa55cd135a723281fb55aa752cf6c1017427bf0500"
    "666a0066ff76086a0068007c6a016a1089e6b44252cd135a8d6410732be8200075deeb38bf0500b80102bb00"
    "7c8a76018b4e0252cd135a730fe8040075e9eb1c5231c0cd135a4fc3813efe7d55aa751189eeea007c0000be"
    "ce06eb08be0907eb03be4107ac84c07409bb0700b40ecd10ebf2fbf4ebfc4e6f2073696e676c652061637469"
    "766520706172746974696f6e3a2074686520706172746974696f6e207461626c6520697320696e76616c6964"
    "0054686520666972737420736563746f72206f66207468652061637469766520706172746974696f6e206361"
    "6e6e6f742062652072656164005468652061637469766520706172746974696f6e20686173206e6f20626f6f"
    "7420736563746f7200"
)

#: texts in boot sectors that other programs write, and whose they are
FOREIGN = (
    (b"GRUB", "GRUB"),
    (b"LILO", "LILO"),
    (b"SYSLINUX", "SYSLINUX"),
    (b"isolinux", "isohybrid"),
    (b"FreeDOS", "FreeDOS"),
    (b"Your PC is now", "a wiper"),
    (b"petya", "a wiper"),
)
NOT_BOOTABLE = b"This is not a bootable disk"
"""what mkfs.fat, mkntfs and mkexfatfs let a volume say that somebody tries to start from"""
WINDOWS_NAMES = (b"BOOTMGR", b"NTLDR")
"""one of these is in every boot sector that Windows writes: the file that it starts"""


def owner(code: bytes) -> str:
    """Who wrote a piece of boot code, as far as it can be told: ``nobody`` for zeros, "" where it is not known."""
    if not any(code):
        return "nobody"
    return next((name for text, name in FOREIGN if text in code), "")


def is_dummy(sector: bytes) -> bool:
    """Whether a boot sector's code does nothing but say that one cannot start from it, or is not there at all."""
    return NOT_BOOTABLE in sector or not any(sector[90:510])
