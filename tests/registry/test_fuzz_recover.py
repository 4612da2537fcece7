"""Recovery from damaged hives and logs: our errors only, quick, and never more bytes than were given."""

from __future__ import annotations

import random
import struct
import time
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootmend.errors import BootmendError
from bootmend.registry.check import check_buffer
from bootmend.registry.recover import is_dirty, log_sequence, recover
from bootmend.source import MemorySource
from tests.registry.dirty_hives import states
from tests.registry.raw_hive import dirty, marvin, new_log, old_log, summed
from tests.registry.test_fuzz_check import mutated
from tests.support import fuzz_cases

FIRST, SECOND, THIRD, FOURTH = states()
HIVE = bytes(dirty(FIRST, sequence=10))
NEW = [new_log(HIVE, 9, [FIRST, SECOND, THIRD]), new_log(HIVE, 11, [THIRD, FOURTH])]
OLD = [old_log(HIVE, 10, FIRST, FOURTH), b""]
SECONDS = 2.0


def rehashed(log: bytearray) -> bytearray:
    """Put the hashes of all entries right, as far as their sizes lead."""
    offset = 512
    while log[offset : offset + 4] == b"HvLE":
        size = struct.unpack_from("<I", log, offset + 4)[0]
        if size < 512 or offset + size > len(log):
            break
        log[offset + 24 : offset + 32] = marvin(bytes(log[offset + 40 : offset + size]))
        log[offset + 32 : offset + 40] = marvin(bytes(log[offset : offset + 32]))
        offset += size
    return log


def attempt(hive: bytes | bytearray, logs: list[bytes]) -> None:
    source = MemorySource(bytes(hive))
    start = time.process_time()
    with suppress(BootmendError):
        is_dirty(source)
        result = recover(source, [MemorySource(log) for log in logs])
        assert len(result.data) <= len(hive) + sum(len(log) for log in logs)
        assert result.grew == (len(result.data) > len(hive))
        assert not is_dirty(MemorySource(result.data))
        check_buffer(result.data)
    log_sequence([MemorySource(log) for log in logs])
    assert time.process_time() - start < SECONDS


def head_mutated(log: bytes, seed: int, count: int) -> bytearray:
    """Change the heads only: base block, list of dirty pages, the entries' headers and references."""
    chance = random.Random(seed)
    result = bytearray(log)
    for _ in range(count if log else 0):
        place = chance.choice([chance.randrange(0, 128), chance.randrange(512, 600)]) // 4 * 4
        value = chance.choice([0, 1, 512, 4096, 8192, 0x7FFFF000, 0x80000000, 0xFFFFF000, 0xFFFFFFFF, chance.getrandbits(32)])
        if place + 4 <= len(result):
            struct.pack_into("<I", result, place, value)
    return rehashed(summed(result)) if result else result


LOGS = st.sampled_from([NEW, OLD, [NEW[1], OLD[0]], [OLD[0], NEW[0]]])
SEEDS = st.integers(0, 2**32)


@settings(max_examples=fuzz_cases(120), deadline=None, suppress_health_check=list(HealthCheck))
@given(logs=LOGS, seed=SEEDS, count=st.integers(1, 6))
def test_mutated_logs(logs: list[bytes], seed: int, count: int) -> None:
    changed = [bytes(rehashed(mutated(log, seed, count))) if log else log for log in logs]
    attempt(HIVE, changed)


@settings(max_examples=fuzz_cases(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(logs=LOGS, seed=SEEDS, count=st.integers(1, 4))
def test_logs_with_impossible_heads(logs: list[bytes], seed: int, count: int) -> None:
    attempt(HIVE, [bytes(head_mutated(log, seed + number, count)) for number, log in enumerate(logs)])


@settings(max_examples=fuzz_cases(100), deadline=None, suppress_health_check=list(HealthCheck))
@given(logs=LOGS, seed=SEEDS, count=st.integers(1, 8), share=st.floats(0, 1))
def test_mutated_and_truncated_hives(logs: list[bytes], seed: int, count: int, share: float) -> None:
    hive = mutated(HIVE, seed, count)
    if seed % 3 == 0:
        hive[508] ^= 1
    attempt(hive[: int(share * len(hive))] if seed % 2 else hive, logs)


@settings(max_examples=fuzz_cases(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(logs=LOGS, share=st.floats(0, 1))
def test_truncated_logs(logs: list[bytes], share: float) -> None:
    attempt(HIVE, [log[: int(share * len(log))] for log in logs])


@settings(max_examples=fuzz_cases(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(hive=st.binary(max_size=9000), log=st.binary(max_size=3000))
def test_garbage(hive: bytes, log: bytes) -> None:
    attempt(hive, [log])
    attempt(b"regf" + hive, [HIVE[:512] + log])
    attempt(HIVE, [log, NEW[0][:512] + log])
