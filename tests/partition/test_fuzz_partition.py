"""Damaged partition tables: only our errors, in bounded time, and every partition a sane range."""

from __future__ import annotations

import binascii
import contextlib
import random
import struct
import time

from bootmend.errors import BootmendError
from bootmend.partition import read_partitions, set_disk_id
from bootmend.source import MemorySource, Overlay
from bootmend.volume import identify
from tests.partition.table_writer import fat_boot, logical_disk, mbr, ntfs_boot, usual_gpt
from tests.support import fuzz_cases

INTERESTING = (0, 1, 2, 5, 0x0F, 0x7F, 0x80, 0xEE, 0xFE, 0xFF)


def fixtures() -> list[bytes]:
    hybrid = usual_gpt()
    hybrid[:512] = mbr((0, 0xEE, 1, 39), (0x80, 7, 300, 3000))
    disks = [usual_gpt(sectors=512), hybrid, logical_disk(900, 200, [(200, 20), (300, 20), (400, 20)], [(0x80, 7, 63, 100)])]
    return [bytes(disk) for disk in disks] + [ntfs_boot() + bytes(8192), fat_boot(3000) + bytes(8192)]


def mutated(data: bytes, rng: random.Random) -> bytes:
    result = bytearray(data)
    places = [
        (436, 512),
        (0, 64),
        (512, 608),
        (1024, 1400),
        (len(data) - 512, len(data) - 400),
        (200 * 512 + 446, 200 * 512 + 512),
    ]
    for _ in range(rng.randint(1, 5)):
        first, last = rng.choice(places)
        if first >= len(result):
            continue
        at = rng.randrange(first, min(last, len(result)))
        width = rng.choice((1, 1, 2, 4, 8))
        value = bytes(rng.choice(INTERESTING) for _ in range(width)) if rng.random() < 0.6 else rng.randbytes(width)
        result[at : at + width] = value[: len(result) - at]
    for base in (512, len(result) - 512):
        if rng.random() < 0.6 and result[base : base + 8] == b"EFI PART":
            start, count, size = struct.unpack_from("<QII", result, base + 72)
            if count * size < 1 << 20 and start * 512 < len(result):
                table = result[start * 512 : start * 512 + count * size]
                struct.pack_into("<I", result, base + 88, binascii.crc32(table))
            struct.pack_into("<I", result, base + 16, 0)
            struct.pack_into("<I", result, base + 16, binascii.crc32(result[base : base + 92]))
    if rng.random() < 0.1:
        del result[rng.randrange(len(result)) :]
    return bytes(result)


def test_mutated_tables() -> None:
    rng = random.Random(5)
    bases = fixtures()
    read = 0
    begin = time.process_time()
    count = fuzz_cases(800)
    for _ in range(count):
        disk = Overlay(MemorySource(mutated(rng.choice(bases), rng)), "disk")
        with contextlib.suppress(BootmendError):
            table = read_partitions(disk, rng.choice((512, 4096)))
            read += 1
            assert len(table.partitions) <= 1 << 15
            for partition in table.partitions:
                assert partition.offset >= 0
                assert partition.size > 0
                with contextlib.suppress(BootmendError):
                    identify(partition.window(disk))
            for what, offset, length in table.anchors():
                assert what
                assert 0 <= offset <= offset + length <= disk.size
            with contextlib.suppress(BootmendError):
                set_disk_id(disk, "0x12345678" if table.scheme == "MBR" else "{12345678-1234-1234-1234-123456789abc}")
                again = read_partitions(disk, table.sector)
                assert again.disk_id is not None
                assert "12345678" in again.disk_id
    assert read > count // 3
    assert time.process_time() - begin < 0.05 * count
