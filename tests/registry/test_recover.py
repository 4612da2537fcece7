"""Recovery from transaction logs of Windows 8.1 and later, written by this suite's own log writer."""

from __future__ import annotations

import struct

import pytest

from bootmend.errors import CorruptError, RefusedError, TruncatedError, UnsupportedError
from bootmend.registry.check import check_buffer
from bootmend.registry.marvin import marvin32
from bootmend.registry.recover import Recovery, is_dirty, log_sequence, recover
from bootmend.source import MemorySource, Source
from tests.registry.dirty_hives import body, numbers, recovered, states
from tests.registry.raw_hive import (
    changed_pages,
    dirty,
    entry,
    log_base,
    marvin,
    new_log,
    old_log,
    store,
    summed,
)

# -- Marvin32 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "digest"),
    [
        ("48764c45005e00000000000002000000005000000100000031e40718666c8667", "027f65a7cff344cd"),
        ("48764c45001e0100000000001f05000000200100010000006b445e1a6b579108", "bff6e36beb1df597"),
    ],
)
def test_marvin32_of_headers_written_by_windows(header: str, digest: str) -> None:
    """The first 32 bytes of an entry and the hash after them: yarp's NewDirtyHive1, and the BCD.LOG of a real disk."""
    assert marvin32(bytes.fromhex(header)) == int.from_bytes(bytes.fromhex(digest), "little")


@pytest.mark.parametrize("length", range(10))
def test_marvin32_of_any_length(length: int) -> None:
    data = bytes(range(100, 100 + length))
    assert marvin32(data).to_bytes(8, "little") == marvin(data)


# -- clean, dirty, neither -------------------------------------------------------------------------------


def test_a_clean_hive_ignores_its_logs() -> None:
    first, second, *_ = states()
    result = recovered(first, new_log(first, 40, [first, second]))
    assert result == Recovery(first, 0, 40, (), grew=False)
    assert not is_dirty(MemorySource(first))


def test_what_makes_a_hive_dirty() -> None:
    hive = states()[0]
    assert is_dirty(MemorySource(dirty(hive, sequence=9)))
    damaged = bytearray(hive)
    damaged[100] ^= 1
    assert is_dirty(MemorySource(damaged))
    damaged[:4] = bytes(4)
    assert is_dirty(MemorySource(damaged))


@pytest.mark.parametrize("data", [b"", b"regf", bytes(4096), b"regf".ljust(4607, b"\0")])
def test_a_file_too_short_for_a_hive(data: bytes) -> None:
    for call in (is_dirty, lambda source: recover(source, [])):
        with pytest.raises(TruncatedError, match="too few for a hive"):
            call(MemorySource(data))


def test_no_hive_at_all() -> None:
    with pytest.raises(CorruptError, match="not a registry hive"):
        is_dirty(MemorySource(bytes(8192)))
    with pytest.raises(CorruptError, match="not a registry hive"):
        recovered(bytes(8192))


def test_a_dirty_hive_without_logs_is_refused() -> None:
    hive = dirty(states()[0], sequence=9)
    with pytest.raises(RefusedError, match="it has no transaction log") as caught:
        recovered(hive)
    assert caught.value.hint
    with pytest.raises(RefusedError, match="log 1 is empty"):
        recovered(hive, b"")
    with pytest.raises(RefusedError, match="log 1 is shorter than a sector"):
        recovered(hive, b"regf")
    with pytest.raises(RefusedError, match="log 1 is not a registry log"):
        recovered(hive, bytes(1024))


class Huge(Source):
    """A hive file that claims two gigabytes."""

    @property
    def size(self) -> int:
        return 0x80000000

    def read_at(self, offset: int, length: int) -> bytes:
        assert length <= 4096
        return states(1)[0][offset : offset + length]


def test_a_hive_of_two_gigabytes_is_not_read() -> None:
    with pytest.raises(UnsupportedError, match="too large"):
        recover(Huge(), [])


# -- new logs ------------------------------------------------------------------------------------------


def test_a_dirty_store_and_its_one_log() -> None:
    """BCD and BCD.LOG: one log, one entry."""
    before, after, *_ = states()
    hive = dirty(before, sequence=10)
    result = recovered(hive, new_log(hive, 9, [before, after]))
    assert body(result.data) == body(after)
    assert numbers(result.data) == (11, 11)
    assert check_buffer(result.data) == []
    assert (result.entries, result.log_sequence) == (1, 9)
    assert result.applied == ("entry 9 of log 1 applied",)
    assert result.grew == (len(after) > len(before))
    assert not is_dirty(MemorySource(result.data))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_logs_are_applied_in_the_order_of_their_entries(order: tuple[int, int]) -> None:
    first, second, third, fourth = states()
    hive = dirty(first, sequence=10)
    logs = [new_log(hive, 9, [first, second, third]), new_log(hive, 11, [third, fourth])]
    result = recovered(hive, *(logs[index] for index in order))
    assert body(result.data) == body(fourth)
    assert (result.entries, result.log_sequence) == (3, 11)
    assert numbers(result.data) == (12, 12)


def test_the_first_entry_may_be_above_the_hives_number() -> None:
    """Windows writes the pages of former entries to the hive, and its numbers only at the end."""
    before, after, *_ = states()
    hive = dirty(before, sequence=10)
    result = recovered(hive, new_log(hive, 500, [before, after]))
    assert body(result.data) == body(after)
    assert numbers(result.data) == (501, 501)


def test_a_log_older_than_the_hive_is_left_out() -> None:
    first, second, third, _ = states()
    hive = dirty(second, sequence=10)
    old = new_log(hive, 8, [first, first])
    result = recovered(hive, old, new_log(hive, 9, [second, third]))
    assert body(result.data) == body(third)
    assert "log 1 is older than the hive" in result.applied
    with pytest.raises(RefusedError, match="log 1 is older than the hive"):
        recovered(hive, old)


def test_a_gap_between_logs_ends_recovery() -> None:
    first, second, third, _ = states()
    hive = dirty(first, sequence=10)
    result = recovered(hive, new_log(hive, 9, [first, second]), new_log(hive, 11, [second, third]))
    assert body(result.data) == body(second)
    assert "log 2 begins at 11 and does not continue 9" in result.applied
    assert numbers(result.data) == (12, 12)


def test_a_gap_inside_a_log_ends_recovery() -> None:
    first, second, third, _ = states()
    hive = dirty(first, sequence=10)
    log = new_log(hive, 9, [first, second]) + entry(11, len(third) - 4096, changed_pages(second, third))
    result = recovered(hive, log)
    assert body(result.data) == body(second)
    assert (result.entries, result.log_sequence) == (1, 11)


def test_entries_of_a_former_round_are_not_applied() -> None:
    """A log is overwritten from its beginning; what stood behind stays there."""
    first, second, third, _ = states()
    hive = dirty(first, sequence=100)
    log = new_log(hive, 99, [first, second]) + entry(40, len(third) - 4096, changed_pages(second, third))
    result = recovered(hive, log + b"HvLE" + bytes(700))
    assert body(result.data) == body(second)
    assert len(result.applied) == 1


def test_a_first_log_without_entries_stops_the_second() -> None:
    """What the first should have held is missing: applying the second alone would mix two states."""
    first, second, third, _ = states()
    hive = dirty(first, sequence=10)
    torn = bytearray(new_log(hive, 9, [first, second]))
    torn[-1] ^= 1
    with pytest.raises(RefusedError, match="log 2 begins at 10 and does not continue 8"):
        recovered(hive, bytes(torn), new_log(hive, 10, [second, third]))


@pytest.mark.parametrize("cut", [1, 511, 512, 5000])
def test_a_torn_last_entry_is_left_out(cut: int) -> None:
    first, second, third, _ = states()
    hive = dirty(first, sequence=10)
    log = new_log(hive, 9, [first, second, third])
    result = recovered(hive, log[:-cut])
    assert body(result.data) == body(second)
    assert result.entries == 1


@pytest.mark.parametrize("place", [4, 8, 12, 16, 20, 24, 32, 40, 44, 60])
def test_a_changed_byte_in_an_entry_is_noticed(place: int) -> None:
    """Wherever the byte is: the first entry is refused, the second is not reached."""
    first, second, third, _ = states()
    hive = dirty(first, sequence=10)
    log = bytearray(new_log(hive, 9, [first, second, third]))
    log[512 + place] ^= 0x10
    with pytest.raises(RefusedError, match="log 1 has no entry that can be used"):
        recovered(hive, bytes(log))


def test_a_torn_entry_is_said() -> None:
    first, second, third, _ = states()
    hive = dirty(first, sequence=10)
    log = bytearray(new_log(hive, 9, [first, second, third]))
    log[-600] ^= 1
    result = recovered(hive, bytes(log))
    assert "entry 10 of log 1 is torn and was left out" in result.applied


@pytest.mark.parametrize(
    ("bins_size", "pages"),
    [
        (0, []),
        (4097, []),
        (0x80000000, []),
        (8192, [(4096, bytes(8192))]),
        (8192, [(0xFFFFF000, bytes(4096))]),
    ],
)
def test_an_entry_that_makes_no_sense_is_not_applied(bins_size: int, pages: list[tuple[int, bytes]]) -> None:
    """Its hashes are right, what it asks for is not."""
    hive = dirty(states()[0], sequence=10)
    with pytest.raises(RefusedError, match="no entry that can be used"):
        recovered(hive, bytes(log_base(hive, 6, 9)) + entry(9, bins_size, pages))


def test_an_entry_with_more_pages_than_bytes_is_not_applied() -> None:
    hive = dirty(states()[0], sequence=10)
    raw = bytearray(entry(9, 4096, [(0, bytes(4096))]))
    struct.pack_into("<I", raw, 20, 0x20000000)
    raw[32:40] = marvin(bytes(raw[:32]))
    with pytest.raises(RefusedError, match="no entry that can be used"):
        recovered(hive, bytes(log_base(hive, 6, 9)) + bytes(raw))


def test_a_hive_does_not_grow_by_what_no_log_holds() -> None:
    """Two gigabytes asked for by one page at their end."""
    hive = dirty(states()[0], sequence=10)
    log = bytes(log_base(hive, 6, 9)) + entry(9, 0x7FFFE000, [(0x7FFFD000, bytes(4096))])
    with pytest.raises(TruncatedError, match="neither in the file nor in log 1"):
        recovered(hive, log)


def test_a_truncated_hive_is_not_filled_with_zeros() -> None:
    *_, before, after = states()
    assert len(before) > 8192
    hive = dirty(before, sequence=10)
    log = new_log(hive, 9, [before, after])
    with pytest.raises(TruncatedError, match="neither in the file nor in log 1"):
        recovered(hive[: 4096 + 4096], bytes(log_base(hive, 6, 9)) + entry(9, len(before) - 4096, [(0, before[4096:8192])]))
    assert body(recovered(hive, log).data) == body(after)


def test_growth_and_the_tail_of_the_file() -> None:
    before, after = states()[0], states()[-1]
    grown = len(after) - len(before)
    assert grown > 0
    hive = dirty(before, sequence=10)
    assert recovered(hive, new_log(hive, 9, [before, after])).grew
    tail = bytes(hive) + b"\xa5" * (grown + 100)
    result = recovered(tail, new_log(hive, 9, [before, after]))
    assert not result.grew
    assert len(result.data) == len(tail)
    assert result.data[-100:] == b"\xa5" * 100


@pytest.mark.parametrize("locked", [0, 1])
def test_the_transaction_flag_follows_the_entry(locked: int) -> None:
    before, after, *_ = states()
    hive = dirty(before, sequence=10)
    hive[144] = 2 | (1 - locked)
    summed(hive)
    bins_size = len(after) - 4096
    log = bytes(log_base(hive, 6, 9)) + entry(9, bins_size, changed_pages(before, after), flags=locked)
    assert recovered(hive, log).data[144] == 2 | locked


def test_a_damaged_base_block_comes_from_the_newest_log_only() -> None:
    first, second, third, _ = states()
    hive = dirty(second, sequence=10)
    older, newer = new_log(hive, 9, [first, second]), new_log(hive, 10, [second, third])
    for damage in (slice(0, 4), slice(36, 44), slice(508, 512)):
        damaged = bytearray(hive)
        damaged[damage] = bytes(len(damaged[damage]))
        result = recovered(damaged, newer, older)
        assert body(result.data) == body(third)
        assert result.data[28] == 0
        assert check_buffer(result.data) == []
        assert result.applied == ("base block restored from log 1", "entry 10 of log 1 applied")


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (508, 0x1234, "the checksum of log 1 is wrong"),
        (8, 3, "the writing of log 1 was not finished"),
        (28, 5, "log 1 has the unknown file type 5"),
    ],
)
def test_a_log_whose_base_block_is_damaged_is_not_used(place: int, value: int, reason: str) -> None:
    before, after, *_ = states()
    hive = dirty(before, sequence=10)
    log = bytearray(new_log(hive, 9, [before, after]))
    struct.pack_into("<I", log, place, value)
    if place != 508:
        log[:512] = summed(log[:512])
    with pytest.raises(RefusedError, match=reason):
        recovered(hive, bytes(log))


def test_logs_that_make_no_hive_are_refused() -> None:
    before, after, *_ = states()
    hive = dirty(before, sequence=10)
    pages = [(0, b"hbim" + after[4100:8192])]
    with pytest.raises(CorruptError, match="bad hive bin"):
        recovered(hive, bytes(log_base(hive, 6, 9)) + entry(9, len(before) - 4096, pages))


def test_a_new_log_makes_a_left_over_old_one_useless() -> None:
    before, after, *_ = states()
    hive = dirty(before, sequence=10)
    stale = old_log(hive, 9, before, after)
    with pytest.raises(RefusedError, match="older than the hive"):
        recovered(hive, stale, new_log(hive, 5, [before, after]))


# -- sequence numbers -----------------------------------------------------------------------------------------


def test_the_highest_sequence_of_all_logs() -> None:
    first, second, third, _ = states()
    hive = dirty(first, sequence=10)
    logs = [new_log(hive, 9, [first, second, third]), b"", old_log(hive, 4, first, second), bytes(600)]
    assert log_sequence([MemorySource(log) for log in logs]) == 10
    assert log_sequence([]) == 0
    assert log_sequence([MemorySource(bytes(log_base(hive, 6, 77)))]) == 77


def test_the_sequence_number_wraps_around() -> None:
    before, after, *_ = states()
    hive = dirty(before, sequence=0xFFFFFFFF)
    result = recovered(hive, new_log(hive, 0xFFFFFFFE, [before, after]))
    assert numbers(result.data) == (0, 0)


def test_the_fixture_store_is_sound_and_may_be_dirtied() -> None:
    assert check_buffer(store().data) == []
    assert [violation.code for violation in check_buffer(dirty(store().data, sequence=10))] == ["base-sequence"]
