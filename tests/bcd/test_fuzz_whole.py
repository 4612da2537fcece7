"""Damaged stores compacted, compared, laid over others: our errors only, and a sound hive whenever one comes out."""

from __future__ import annotations

import random

from bootmend.bcd import Store
from bootmend.bcd.create import compacted, empty_store
from bootmend.bcd.difference_text import Side, difference_text
from bootmend.errors import BootmendError
from bootmend.registry import Hive, check
from bootmend.registry.create import apply_commit, replace_hive
from bootmend.source import MemorySource
from tests.bcd.stores import NOW, hive_bytes, make_store, seed_objects
from tests.support import fuzz_cases

WHOLE = hive_bytes(seed_objects())


def damaged(seed: int) -> bytes:
    """A store with some bytes changed behind its header."""
    chance = random.Random(seed)
    data = bytearray(WHOLE)
    for _ in range(chance.choice((1, 2, 8, 40))):
        data[chance.randrange(4096, len(data))] = chance.randrange(256)
    return bytes(data)


def test_damaged_stores() -> None:
    seed_side = Side("seed", make_store(seed_objects()))
    for seed in range(fuzz_cases(150)):
        data = damaged(seed)
        try:
            store = Store(Hive(MemorySource(data), dirty="accept"))
            difference_text(seed_side, Side("damaged", store))
            small = compacted(store, NOW)
        except BootmendError:
            continue
        assert check(MemorySource(small)) == []


def test_over_anything() -> None:
    new = empty_store(NOW)
    for seed in range(fuzz_cases(150)):
        chance = random.Random(seed)
        old = bytearray(WHOLE)
        for _ in range(chance.choice((1, 4, 100))):
            old[chance.randrange(4096 if seed % 2 else 512)] = chance.randrange(256)
        try:
            file = apply_commit(bytes(old), replace_hive(MemorySource(bytes(old)), new))
        except BootmendError:
            continue
        assert check(MemorySource(file)) == []
        assert Store(Hive(MemorySource(file))).objects() == []
