"""Damaged hives: only our errors, in bounded time, whatever the bytes."""

from __future__ import annotations

import struct
from contextlib import suppress
from random import Random
from time import process_time

import pytest

from bootmend.errors import BootmendError
from bootmend.registry import Hive
from bootmend.source import MemorySource

from ..support import fuzz_cases
from .raw_hive import K, RawHive, store, summed

INTERESTING = [0, 1, 2, 7, 8, 0x20, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0x80000004, 0xFFFFFFF8, 0xFFFFFFFF, 0xFFFFFFB0]
CASES = 150


def mutated(data: bytes, random: Random) -> bytes:
    """The hive with some bytes, fields or stretches changed, cut or repeated."""
    result = bytearray(data)
    for _ in range(random.choice([1, 1, 2, 5, 30])):
        where = random.randrange(0, len(result) - 8)
        kind = random.randrange(6)
        if kind == 0:
            result[where] = random.randrange(256)
        elif kind == 1:
            struct.pack_into("<I", result, where & ~3, random.choice(INTERESTING))
        elif kind == 2:
            struct.pack_into("<I", result, where & ~3, random.randrange(0, len(result), 8))
        elif kind == 3:
            source = random.randrange(0, len(result) - 8)
            length = random.randrange(1, 200)
            result[where : where + length] = result[source : source + length].ljust(len(result[where : where + length]), b"\0")
        elif kind == 4:
            struct.pack_into("<H", result, where & ~1, random.choice(INTERESTING) & 0xFFFF)
        elif random.random() < 0.1:
            del result[where:]
            result.extend(bytes(max(0, 16 - len(result))))
    if random.random() < 0.8 and len(result) >= 512:
        summed(result)
    return bytes(result)


def use_all(data: bytes) -> None:
    """Everything that the reader can be asked."""
    hive = Hive(MemorySource(data), dirty="accept")
    for path, key in hive.walk():
        _ = key.class_name, key.security, key.flags, key.written
        for value in key.values():
            _ = value.data, value.text(), value.strings()
            key.value(value.name)
        assert key.path == path
        key.subkey("absent")


def survives(data: bytes) -> None:
    started = process_time()
    with suppress(BootmendError):
        use_all(data)
    assert process_time() - started < 5


FIXTURES = {
    "1.3": bytes(store(3).data),
    "1.5": bytes(store(5).data),
    "index": bytes(RawHive(K("root", children=[K(f"{number:03}") for number in range(200)]), minor=5, leaf=9).data),
}


@pytest.mark.parametrize("name", FIXTURES)
@pytest.mark.parametrize("part", range(4))
def test_mutated_hives(name: str, part: int) -> None:
    random = Random(f"{name} {part}")
    for _ in range(fuzz_cases(CASES)):
        survives(mutated(FIXTURES[name], random))


@pytest.mark.parametrize("name", FIXTURES)
def test_hives_cut_anywhere(name: str) -> None:
    data = FIXTURES[name]
    for length in range(0, len(data), 4096 // 7):
        survives(data[:length])


@pytest.mark.parametrize("seed", range(2))
def test_noise_with_a_good_base_block(seed: int) -> None:
    random = Random(seed)
    for _ in range(fuzz_cases(20)):
        survives(FIXTURES["1.5"][: 4096 + 32] + random.randbytes(len(FIXTURES["1.5"]) - 4128))


def test_lazy_reading_of_mutated_hives() -> None:
    """Large hives are read page by page: the same bytes must give the same answers or errors."""
    data = bytes(RawHive(K("root", children=[K(f"{n:03}", [("v", 3, bytes([n]) * 700)]) for n in range(150)]), minor=5).data)
    random = Random(8)
    for _ in range(fuzz_cases(40)):
        broken = mutated(data, random)
        for name in ("000", "077", "149", "absent"):
            assert outcome(broken, name, load=False) == outcome(broken, name, load=True)


def outcome(data: bytes, name: str, *, load: bool) -> object:
    try:
        hive = Hive(MemorySource(data), dirty="accept")
        if load:
            hive.load()
        key = hive.key(name)
        return key and [(value.name, value.data) for value in key.values()]
    except BootmendError as error:
        return str(error)
