"""The checker on damaged bytes: it never raises, is quick, and its findings are bounded and well formed."""

from __future__ import annotations

import random
import struct
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootmend.registry.check import check, check_buffer, new_violations
from bootmend.source import MemorySource
from tests.registry.raw_hive import store, summed
from tests.support import fuzz_cases, shared_files, unpacked

FIXTURES = {minor: bytes(store(minor).data) for minor in (3, 5, 6)}
TELLING = [0, 1, 4, 7, 8, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFF8, 0xFFFFFFFF, 0x1000, 32, 36]
SECONDS = 2.0


def mutated(data: bytes, seed: int, count: int) -> bytearray:
    """Change a few bytes, numbers or offsets; sometimes swap stretches; put the checksum right again."""
    chance = random.Random(seed)
    result = bytearray(data)
    for _ in range(count):
        place = chance.randrange(len(result) // 4) * 4
        match chance.randrange(6):
            case 0:
                result[chance.randrange(len(result))] ^= 1 << chance.randrange(8)
            case 1:
                struct.pack_into("<I", result, place, chance.choice(TELLING))
            case 2:
                struct.pack_into("<I", result, place, chance.randrange(len(result) // 8) * 8)
            case 3:
                struct.pack_into("<i", result, place, -chance.randrange(1, 600) * 8)
            case 4:
                other = chance.randrange(len(result) - 64)
                result[place : place + 64] = result[other : other + 64][: len(result) - place]
            case _:
                near = struct.unpack_from("<I", result, place)[0] + chance.choice([-8, -4, -1, 1, 4, 8, 4096])
                struct.pack_into("<I", result, place, near & 0xFFFFFFFF)
    return summed(result)


def inspect(data: bytes | bytearray) -> None:
    start = time.process_time()
    found = check_buffer(data, warnings=True)
    assert time.process_time() - start < SECONDS
    assert len(found) <= 20_000
    for violation in found:
        assert violation.code == violation.code.lower()
        assert 0 <= violation.offset <= 0xFFFFFFFF
        assert str(violation)
    assert new_violations(found, found) == []


@settings(max_examples=fuzz_cases(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(minor=st.sampled_from([3, 5, 6]), seed=st.integers(0, 2**32), count=st.integers(1, 12))
def test_mutations_of_a_sound_hive(minor: int, seed: int, count: int) -> None:
    inspect(mutated(FIXTURES[minor], seed, count))


@settings(max_examples=fuzz_cases(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(minor=st.sampled_from([3, 5]), seed=st.integers(0, 2**32), share=st.floats(0, 1))
def test_truncated_hives(minor: int, seed: int, share: float) -> None:
    data = mutated(FIXTURES[minor], seed, 1)[: int(share * len(FIXTURES[minor]))]
    inspect(data)
    assert check(MemorySource(bytes(data))) == check_buffer(data)


@settings(max_examples=fuzz_cases(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=9000))
def test_garbage_behind_a_base_block(garbage: bytes) -> None:
    head = bytearray(FIXTURES[3][:4096])
    struct.pack_into("<I", head, 40, (len(garbage) + 4095) // 4096 * 4096)
    inspect(summed(head) + garbage)
    inspect(garbage)


@pytest.mark.parametrize("minor", [3, 5])
def test_every_byte_of_the_first_cells(minor: int) -> None:
    """One bit of each byte of the base block's head and of the first key, one after the other."""
    data = bytearray(FIXTURES[minor])
    for place in [*range(64), *range(4096, 4096 + 32 + 96)]:
        data[place] ^= 0x80
        inspect(summed(bytearray(data)))
        data[place] ^= 0x80


REAL = [path for path in shared_files("hives") if path.stat().st_size < 20_000 and not path.name.endswith((".tsv", ".LOG.xz"))]


@pytest.mark.oracle
@pytest.mark.parametrize("path", REAL, ids=[path.name for path in REAL])
def test_mutations_of_real_hives(path: object) -> None:
    data = unpacked(path)  # type: ignore[arg-type]
    if len(data) < 512:
        pytest.skip("too short to be changed")
    for seed in range(fuzz_cases(3)):
        inspect(mutated(data, seed, 1 + seed % 9))
