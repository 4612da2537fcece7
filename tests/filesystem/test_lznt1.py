"""LZNT1: the example of the specification, edge cases built by its rules, and an independent decompressor."""

from __future__ import annotations

import os
import random
import struct

import pytest

from bootmend.errors import CorruptError
from bootmend.filesystem.ntfs.lznt1 import decompress
from tests.support import fuzz_cases

# [MS-XCA] 3.3, "LZNT1 example": the text and its 59 compressed bytes.
SPEC_TEXT = (
    b"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A "
    b"F# F# G A A G F# E D D E F# E D D\0"
)
SPEC_BYTES = bytes.fromhex(
    "38b08846232000204720410010a24701a045204400084501507900c045200524138805b4024a44ef0358028c091601484500be009e000401189000"
)


def compressed(*items: bytes | tuple[int, int]) -> bytes:
    """One compressed chunk of literals (bytes) and references (distance, length), by the rules of [MS-XCA] 2.5.1.4."""
    group: list[tuple[int, bytes]] = []
    body, written = bytearray(), 0
    for item in items:
        if isinstance(item, tuple):
            distance, length = item
            bits = max(4, (written - 1).bit_length())
            group.append((1, struct.pack("<H", distance - 1 << 16 - bits | length - 3)))
            written += length
        else:
            group += [(0, bytes([byte])) for byte in item]
            written += len(item)
    for start in range(0, len(group), 8):
        eight = group[start : start + 8]
        body.append(sum(flag << bit for bit, (flag, _) in enumerate(eight)))
        body += b"".join(raw for _, raw in eight)
    return struct.pack("<H", 0xB000 | len(body) - 1) + bytes(body)


def plain(data: bytes) -> bytes:
    return struct.pack("<H", 0x3000 | len(data) - 1) + data


def test_the_example_of_the_specification() -> None:
    assert decompress(SPEC_BYTES, len(SPEC_TEXT)) == SPEC_TEXT


def test_literals_only() -> None:
    assert decompress(compressed(b"hello, world"), 12) == b"hello, world"


def test_a_reference_may_overlap_what_it_writes() -> None:
    assert decompress(compressed(b"ab", (2, 100)), 102) == b"ab" * 51


@pytest.mark.parametrize("written", [1, 15, 16, 17, 31, 32, 33, 64, 65, 1024, 1025, 2048, 2049, 4000])
def test_the_width_of_the_distance_grows_with_the_position(written: int) -> None:
    start = random.Random(written).randbytes(min(written, 16))
    repeat: list[bytes | tuple[int, int]] = (
        [(16, written - 16)] if written > 18 else [b"xyz"[: written - 16]] if written > 16 else []
    )
    head = start + (start * 300)[: written - 16] if written > 18 else start + b"xyz"[: max(0, written - 16)]
    assert decompress(compressed(start, *repeat, (written, 3)), written + 3) == head + (head * 3)[:3]


def test_chunks_follow_one_another() -> None:
    first, second = os.urandom(4096), b"end"
    assert decompress(plain(first) + compressed(second) + b"\0\0", 8192) == first + second.ljust(4096, b"\0")


def test_a_short_chunk_is_filled_with_zeros() -> None:
    assert decompress(compressed(b"abc") + compressed(b"def"), 4099) == b"abc".ljust(4096, b"\0") + b"def"


@pytest.mark.parametrize("data", [b"", b"\0\0", b"\0\0garbage", b"\x01"])
def test_the_end_mark_and_the_end_of_data_give_zeros(data: bytes) -> None:
    assert decompress(data, 4096) == bytes(4096)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (struct.pack("<H", 0xB0FF) + b"short", "cut off"),
        (compressed(b"a", (2, 3)), "points 2 bytes back"),
        (struct.pack("<HBB", 0xB001, 1, 0), "points|cut off"),
        (struct.pack("<HBBB", 0xB002, 0xFF, 0, 0), "points 1 bytes back"),
    ],
)
def test_damage_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(CorruptError, match=reason):
        decompress(data, 4096)


def test_random_bytes_give_bytes_or_our_error() -> None:
    source = random.Random(7)
    for _ in range(fuzz_cases(500)):
        data = struct.pack("<H", 0xB000 | 199) + source.randbytes(200)
        try:
            assert len(decompress(data, 65536)) == 65536
        except CorruptError:
            continue


@pytest.mark.oracle
def test_an_independent_decompressor_agrees() -> None:
    lznt1 = pytest.importorskip("dissect.util.compression.lznt1")
    source = random.Random(11)
    for _ in range(fuzz_cases(60)):
        items: list[bytes | tuple[int, int]] = [source.randbytes(source.randint(1, 30))]
        written = len(items[0])
        while written < 3800:
            if source.random() < 0.6:
                reference = (source.randint(1, written), source.randint(3, 18))
                items.append(reference)
                written += reference[1]
            else:
                items.append(source.randbytes(source.randint(1, 9)))
                written += len(items[-1])
        data = compressed(*items)
        theirs = lznt1.decompress(data)
        assert decompress(data, len(theirs)) == theirs
