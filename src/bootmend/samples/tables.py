"""The partition tables of the sample disks: MBR, or GPT with its protective MBR and backup."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from bootmend.samples import profile

if TYPE_CHECKING:
    from collections.abc import Iterable

SECTOR = 512
BOOT_CODE = b"\xfa\xf4\xeb\xfc"
"""cli; hlt; jump back to the hlt: the sample cannot start, and says so by stopping."""
VOLUME_CODE = BOOT_CODE.ljust(8) + b"A sample disk of bootmend: there is nothing to start on it."
VOLUME_CODE_AT, VOLUME_CODE_END = 84, 510
"""where an NTFS boot sector has its code"""
NO_CHS = b"\xfe\xff\xff"
"""The place that stands for "beyond what cylinders, heads and sectors can say"."""
PROTECTIVE = 0xEE
ENTRIES, ENTRY_SIZE = 128, 128
TABLE_SECTORS = ENTRIES * ENTRY_SIZE // SECTOR


def mbr(parts: list[profile.Part]) -> bytes:
    """The master boot record of a Gen1 disk."""
    entries = [(0x80 if part.active else 0, int(part.type), part.offset // SECTOR, part.size // SECTOR) for part in parts]
    return _boot_record(profile.DISK_SIGNATURE, entries)


def _boot_record(signature: int, entries: list[tuple[int, int, int, int]]) -> bytes:
    record = bytearray(SECTOR)
    record[: len(BOOT_CODE)] = BOOT_CODE
    struct.pack_into("<I", record, 440, signature)
    for index, (status, kind, first, count) in enumerate(entries):
        struct.pack_into("<B3sB3sII", record, 446 + 16 * index, status, NO_CHS, kind, NO_CHS, first, count)
    record[510:] = b"\x55\xaa"
    return bytes(record)


def boot_code(part: profile.Part) -> list[tuple[int, bytes]]:
    """The boot code of an NTFS volume and of its backup boot sector, as offsets of the disk and bytes.

    The templates have that of ``mkntfs``, which says that one cannot start from the volume: on a healthy disk it is a fault.
    """
    code = VOLUME_CODE.ljust(VOLUME_CODE_END - VOLUME_CODE_AT, b"\0")
    return [(start + VOLUME_CODE_AT, code) for start in (part.offset, part.end - SECTOR)]


def gpt(parts: list[profile.Part], disk_size: int) -> list[tuple[int, bytes]]:
    """Protective MBR, primary and backup GPT of a Gen2 disk, as offsets and bytes (UEFI specification 2.10, section 5)."""
    last = disk_size // SECTOR - 1
    entries = b"".join(_entry(part) for part in parts).ljust(ENTRIES * ENTRY_SIZE, b"\0")
    backup = last - TABLE_SECTORS
    protective = _boot_record(0, [(0, PROTECTIVE, 1, min(last, 0xFFFFFFFF))])
    return [
        (0, protective + _header(1, last, 2, backup, entries) + entries),
        (backup * SECTOR, entries + _header(last, 1, backup, backup, entries)),
    ]


def _entry(part: profile.Part) -> bytes:
    first, last = part.offset // SECTOR, part.end // SECTOR - 1
    kind, own = guid_bytes(str(part.type)), guid_bytes(str(part.guid))
    return struct.pack("<16s16sQQQ72s", kind, own, first, last, part.attributes, part.name.encode("utf-16-le"))


def _header(own: int, other: int, table: int, end: int, entries: bytes) -> bytes:
    def with_checksum(checksum: int) -> bytes:
        head = struct.pack("<8sIIIIQQQQ", b"EFI PART", 0x10000, 92, checksum, 0, own, other, 2 + TABLE_SECTORS, end - 1)
        return head + struct.pack("<16sQIII", guid_bytes(profile.DISK_GUID), table, ENTRIES, ENTRY_SIZE, zlib.crc32(entries))

    return with_checksum(zlib.crc32(with_checksum(0))).ljust(SECTOR, b"\0")


def guid_bytes(text: str) -> bytes:
    """A GUID as it is stored: the first three groups little endian."""
    groups: Iterable[str] = text.split("-")
    one, two, three, *rest = groups
    return b"".join(bytes.fromhex(each)[::-1] for each in (one, two, three)) + bytes.fromhex("".join(rest))
