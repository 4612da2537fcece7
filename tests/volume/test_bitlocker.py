"""BitLocker's metadata: what would unlock a volume, read without a key."""

from __future__ import annotations

import gzip
import io
import random
import struct
import uuid

import pytest

from bootmend.errors import BootmendError, CorruptError
from bootmend.source import MemorySource
from bootmend.volume import identify
from bootmend.volume.bitlocker import read_bitlocker
from tests.support import fuzz_cases, shared_data

KEY = uuid.UUID("6de5a2b2-0e10-4f2a-8c0b-2f0d8a1b2c3d")
VOLUME = uuid.UUID("11223344-5566-7788-99aa-bbccddeeff00")
FILES = (
    "aes-xts_128",
    "aes_128_diffuser",
    "aes_256",
    "recovery_password",
    "startup_key",
    "suspended",
    "vista",
    "eow_partial",
    "decrypted",
)


def entry(kind: int, value: bytes) -> bytes:
    return struct.pack("<HHHH", 8 + len(value), kind, 8, 1) + value


def volume(protection: int = 0x0800, *, copies: tuple[int, ...] = (0x400, 0x800, 0xC00), method: int = 0x8004) -> bytearray:
    """A volume after libbde's description: boot sector, three copies of the metadata."""
    data = bytearray(0x1000)
    data[3:11] = b"-FVE-FS-"
    data[510:512] = b"\x55\xaa"
    data[160:176] = uuid.UUID("4967d63b-2e29-4ad8-8399-f6a339e3d001").bytes_le
    struct.pack_into("<QQQ", data, 176, *copies)
    entries = entry(7, "WEB01 C: 1/2/2024\0".encode("utf-16-le")) + entry(
        2, KEY.bytes_le + struct.pack("<QHH", 0, 0, protection) + b"key"
    )
    head = struct.pack("<IIII16sIIQ", 48 + len(entries), 1, 48, 48 + len(entries), VOLUME.bytes_le, 1, method, 0)
    for at in copies:
        block = b"-FVE-FS-" + bytes(56) + head + entries
        data[at : at + len(block)] = block
    return data


def test_protectors_are_named() -> None:
    assert identify(MemorySource(bytes(volume()))) == "BitLocker"
    found = read_bitlocker(MemorySource(bytes(volume())))
    assert (found.method, found.volume_id, found.description) == ("AES-XTS 128", f"{{{VOLUME}}}", "WEB01 C: 1/2/2024")
    assert [(one.id, one.kind) for one in found.protectors] == [(f"{{{KEY}}}", "recovery password (48 digits)")]
    assert not found.suspended


def test_a_clear_key_means_that_protection_is_suspended() -> None:
    assert read_bitlocker(MemorySource(bytes(volume(0)))).suspended


def test_the_next_copy_counts_where_one_is_damaged() -> None:
    data = volume()
    data[0x400:0x408] = bytes(8)
    assert read_bitlocker(MemorySource(bytes(data))).volume_id == f"{{{VOLUME}}}"
    data[0x800:0x808] = data[0xC00:0xC08] = bytes(8)
    with pytest.raises(CorruptError, match="its signature is missing"):
        read_bitlocker(MemorySource(bytes(data)))


def test_another_volume_is_none() -> None:
    with pytest.raises(CorruptError, match="no copy of its metadata"):
        read_bitlocker(MemorySource(bytes(4096)))


def test_damage_ends_in_our_errors_only() -> None:
    rng = random.Random(3)
    for _ in range(fuzz_cases(500)):
        data = volume()
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0xFF, rng.randrange(256)))
        try:
            read_bitlocker(MemorySource(bytes(data[: rng.randrange(1, len(data))])))
        except BootmendError:
            continue


@pytest.mark.oracle
@pytest.mark.parametrize("name", FILES)
def test_volumes_of_windows_beside_dissect(name: str) -> None:
    bde = pytest.importorskip("dissect.fve.bde")
    data = gzip.decompress((shared_data("disks") / f"dissect-fve-bde-{name}.bin.gz").read_bytes())
    found = read_bitlocker(MemorySource(data))
    theirs = bde.BDE(io.BytesIO(data)).information.dataset
    assert found.volume_id == f"{{{theirs.identifier}}}"
    keys = {f"{{{key.identifier}}}": int(key.priority) for key in theirs.find_vmk()}
    assert {one.id: one.protection for one in found.protectors} == keys
