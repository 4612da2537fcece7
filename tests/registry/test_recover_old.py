"""Recovery from logs in the format of Windows 8 and before, written by this suite's own log writer."""

from __future__ import annotations

import struct

import pytest

from bootmend.errors import RefusedError
from bootmend.registry.check import check_buffer
from tests.registry.dirty_hives import body, numbers, recovered, states
from tests.registry.raw_hive import dirty, log_base, old_log, summed


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize("remnant", [b"", bytes(3), b"\xff" * 5000])
def test_a_dirty_hive_and_its_old_log(kind: int, remnant: bytes) -> None:
    before, after, *_ = states()
    hive = dirty(before, sequence=10)
    result = recovered(hive, old_log(hive, 10, before, after, kind=kind) + remnant, b"")
    assert body(result.data) == body(after)
    assert numbers(result.data) == (11, 11)
    assert check_buffer(result.data) == []
    assert (result.entries, result.log_sequence) == (1, 10)


def test_single_sectors_of_an_old_log() -> None:
    """A bit stands for 512 bytes, the lowest of each byte first."""
    before = states(1)[0]
    hive = dirty(before, sequence=10)
    bins_size = len(before) - 4096
    bitmap = bytearray(bins_size // 4096)
    bitmap[0] = 0b00100010
    log = bytes(log_base(hive, 1, 10)) + (b"DIRT" + bitmap).ljust(512, b"\0") + b"\x11" * 512 + b"\x55" * 512
    data = recovered(hive, log).data
    assert data[4096 + 512 : 4096 + 1024] == b"\x11" * 512
    assert data[4096 + 5 * 512 : 4096 + 6 * 512] == b"\x55" * 512
    assert data[4096 : 4096 + 512] == before[4096 : 4096 + 512]
    assert data[4096 + 1024 : 4096 + 5 * 512] == before[4096 + 1024 : 4096 + 5 * 512]


def test_an_old_log_of_another_write_is_refused_and_the_second_tried() -> None:
    before, after, *_ = states()
    hive = dirty(before, sequence=10)
    other = bytearray(old_log(hive, 10, before, after))
    other[12] ^= 1
    other[:512] = summed(other[:512])
    with pytest.raises(RefusedError, match="the time stamp of log 1 is not the hive's"):
        recovered(hive, bytes(other))
    assert body(recovered(hive, bytes(other), old_log(hive, 10, before, after)).data) == body(after)


def test_a_damaged_base_block_and_an_old_log() -> None:
    """The first hive bin keeps the time stamp by which the log is known."""
    before, after, *_ = states()
    hive = dirty(before, sequence=10)
    hive[36:44] = bytes(8)
    log = old_log(dirty(before, sequence=10), 10, before, after)
    result = recovered(hive, log)
    assert body(result.data) == body(after)
    assert check_buffer(result.data) == []
    hive[4096 + 20] ^= 1
    with pytest.raises(RefusedError, match="not that of the first hive bin"):
        recovered(hive, log)


@pytest.mark.parametrize("cut", [1, 512, 8000])
def test_an_old_log_that_ends_early_is_refused(cut: int) -> None:
    before, after, *_ = states()
    hive = dirty(before, sequence=10)
    log = old_log(hive, 10, before, after)
    with pytest.raises(RefusedError, match=r"log 1 (ends before its last page|has no list of dirty pages)"):
        recovered(hive, log[:-cut] if cut < 8000 else log[:600])


def test_an_old_log_without_its_mark_or_with_an_impossible_size() -> None:
    before, after, *_ = states()
    hive = dirty(before, sequence=10)
    log = bytearray(old_log(hive, 10, before, after))
    log[512] = 0
    with pytest.raises(RefusedError, match="has no list of dirty pages"):
        recovered(hive, bytes(log))
    struct.pack_into("<I", log, 40, 0x7FFFF000)
    with pytest.raises(RefusedError, match="0x7ffff000 bytes of hive bins"):
        recovered(hive, bytes(summed(log[:512])) + bytes(log[512:]))
