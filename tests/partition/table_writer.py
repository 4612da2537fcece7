"""MBR and GPT tables for tests, from the UEFI specification; shares no code with the reader."""

from __future__ import annotations

import binascii
import struct
import uuid

SECTOR = 512
ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
DATA = uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")
DISK = uuid.UUID("5eed0067-1111-2222-3333-444455556666")

MbrEntry = tuple[int, int, int, int]  # status, type, first, count
GptEntry = tuple[uuid.UUID, uuid.UUID, int, int, str]  # type, unique, first, last, name


def mbr(*entries: MbrEntry, signature: int = 0x5EED0067, code: bytes = b"\x33\xc0") -> bytes:
    """CHS fields are filled with values that contradict the LBA ones on purpose."""
    table = b"".join(
        struct.pack("<B3sB3sII", status, b"\1\2\3", kind, b"\4\5\6", first, count) for status, kind, first, count in entries
    )
    return code.ljust(440, b"\0") + struct.pack("<IH", signature, 0) + table.ljust(64, b"\0") + b"\x55\xaa"


def disk_with(size: int, pieces: dict[int, bytes]) -> bytearray:
    data = bytearray(size)
    for offset, piece in pieces.items():
        data[offset : offset + len(piece)] = piece
    return data


def logical_disk(sectors: int, extended: int, volumes: list[tuple[int, int]], primary: list[MbrEntry] | None = None) -> bytearray:
    """``volumes``: (boot record sector, partition sectors); each partition begins 2 sectors after its record."""
    entries = [*(primary or []), (0, 0x0F, extended, sectors - extended)]
    data = disk_with(sectors * SECTOR, {0: mbr(*entries)})
    for index, (record, count) in enumerate(volumes):
        chain: list[MbrEntry] = [(0, 7, 2, count)]
        if index + 1 < len(volumes):
            chain.append((0, 5, volumes[index + 1][0] - extended, 10))
        data[record * SECTOR : record * SECTOR + SECTOR] = mbr(*chain, signature=0, code=b"")
    return data


def gpt_header(
    lba: int, other: int, sectors: int, entries_lba: int, table: bytes, count: int, entry_size: int, guid: uuid.UUID
) -> bytes:
    header = struct.pack("<8sIII", b"EFI PART", 0x10000, 92, 0) + bytes(4)
    header += struct.pack("<QQQQ", lba, other, 34, sectors - 34) + guid.bytes_le
    header += struct.pack("<QIII", entries_lba, count, entry_size, binascii.crc32(table))
    return header[:16] + struct.pack("<I", binascii.crc32(header)) + header[20:]


def gpt_disk(
    *entries: GptEntry, sectors: int = 4096, sector: int = SECTOR, count: int = 128, entry_size: int = 128, guid: uuid.UUID = DISK
) -> bytearray:
    table = b"".join(
        kind.bytes_le
        + unique.bytes_le
        + struct.pack("<QQQ", first, last, 0)
        + name.encode("utf-16-le").ljust(72, b"\0")
        + bytes(entry_size - 128)
        for kind, unique, first, last, name in entries
    ).ljust(count * entry_size, b"\0")
    length = -(-len(table) // sector)
    first = gpt_header(1, sectors - 1, sectors, 2, table, count, entry_size, guid)
    backup_at = sectors - 1 - length
    second = gpt_header(sectors - 1, 1, sectors, backup_at, table, count, entry_size, guid)
    pieces = {
        0: mbr((0, 0xEE, 1, sectors - 1), signature=0),
        sector: first,
        2 * sector: table,
        backup_at * sector: table,
        (sectors - 1) * sector: second,
    }
    return disk_with(sectors * sector, pieces)


def usual_gpt(**more: int) -> bytearray:
    return gpt_disk(
        (ESP, uuid.UUID(int=1), 40, 299, "EFI system partition"),
        (DATA, uuid.UUID(int=0xABCDEF0123456789), 300, 3999, "Daten \u00e4\U0001f600"),
        **more,  # type: ignore[arg-type]
    )


def ntfs_boot() -> bytes:
    """Enough of an NTFS boot sector to be one, with Windows' own message text where an MBR has its table."""
    head = b"\xeb\x52\x90NTFS    " + struct.pack("<HBH", 512, 8, 0)
    return (
        head.ljust(0x180, b"\xfa")
        + b"A disk read error occurred\r\nPress Ctrl+Alt+Del to restart".ljust(510 - 0x180, b"\n")
        + b"\x55\xaa"
    )


def fat_boot(clusters: int, *, fill: bytes = b"\0") -> bytes:
    """A FAT boot sector with about as many clusters as asked for, one sector each."""
    bits = 12 if clusters < 4085 else 16 if clusters < 65525 else 32
    one_fat = (clusters * bits // 8) // 512 + 1
    root = 0 if bits == 32 else 512
    total = 1 + 2 * one_fat + root * 32 // 512 + clusters
    bpb = struct.pack("<HBHBHHBHHHII", 512, 1, 1, 2, root, 0, 0xF8, 0 if bits == 32 else one_fat, 63, 255, 0, total)
    sector = b"\xeb\x3c\x90MSDOS5.0" + bpb + (struct.pack("<I", one_fat) if bits == 32 else b"")
    return sector.ljust(510, fill) + b"\x55\xaa"
