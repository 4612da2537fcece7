"""The log of a VHDX: which entries count, what they do, what they must not."""

from __future__ import annotations

import struct
import time

import pytest

from bootmend.errors import CorruptError, TruncatedError, UnsupportedError
from bootmend.image import open_image, vhdx_log
from bootmend.source import MemorySource, Overlay
from tests.image import vhdx_writer
from tests.image.test_vhdx import noise, opened, small
from tests.image.vhdx_writer import (
    BAT_AT,
    FULL,
    HEADERS,
    KIB,
    LOG_AT,
    LOG_SIZE,
    METADATA_AT,
    MIB,
    Vhdx,
    child_of,
    log_entry,
    ring,
)


def dirty(log: bytes) -> bytes:
    return small(log=log).build()


def table_with(*entries: tuple[int, int]) -> bytes:
    """The first sector of the block table as it is in the file, with other entries."""
    data = bytearray(small().build()[BAT_AT : BAT_AT + 4096])
    for block, value in entries:
        struct.pack_into("<Q", data, 8 * block, value)
    return bytes(data)


def moved() -> tuple[bytes, bytes]:
    """A log entry's sector that swaps blocks 0 and 2 in the table; and what the disk shows then."""
    vhdx = small()
    surface = bytearray(vhdx.surface())
    vhdx.build()
    surface[:MIB], surface[2 * MIB : 3 * MIB] = surface[2 * MIB : 3 * MIB], surface[:MIB]
    return table_with((0, vhdx.placed[2] | FULL), (2, vhdx.placed[0] | FULL)), bytes(surface)


def test_what_the_log_holds_counts() -> None:
    sector, surface = moved()
    image = opened(dirty(ring((0, log_entry(5, 0, [(BAT_AT, sector)])))))
    assert image.read_at(0, image.size) == surface
    assert any("log was replayed" in remark for remark in image.remarks)


def test_without_a_log_in_the_header_it_does_not_count() -> None:
    vhdx = small()
    data = bytearray(vhdx.build())
    data[LOG_AT : LOG_AT + LOG_SIZE] = ring((0, log_entry(5, 0, [(BAT_AT, moved()[0])])))
    image = opened(bytes(data))
    assert image.read_at(0, image.size) == vhdx.surface()
    assert image.remarks == []


@pytest.mark.parametrize("start", [0, 4096 * 17, LOG_SIZE - 4096, LOG_SIZE - 8192], ids=hex)
def test_an_entry_may_lie_anywhere_and_pass_the_end(start: int) -> None:
    sector, surface = moved()
    entry = log_entry(1 << 33, start, [(BAT_AT, sector), (BAT_AT + 4096, bytes(4096))])
    assert len(entry) == 3 * 4096
    image = opened(dirty(ring((start, entry))))
    assert image.read_at(0, image.size) == surface


def test_later_entries_win_and_a_zero_descriptor_wipes() -> None:
    vhdx = small()
    wrong = table_with((0, 99 * MIB | FULL))
    first = log_entry(5, 0, [(BAT_AT, wrong)])
    second = log_entry(6, 0, [(BAT_AT, 4096)])
    image = opened(dirty(ring((0, first), (8192, second))))
    assert image.read_at(0, image.size) == bytes(vhdx.size)
    third = log_entry(7, 0, [(BAT_AT, moved()[0])])
    image = opened(dirty(ring((0, first), (8192, second), (12288, third))))
    assert image.read_at(0, image.size) == moved()[1]


def test_what_lies_before_the_tail_was_written_long_ago() -> None:
    """Entry 5 is older than the tail of entry 6: replaying it would undo what came since."""
    wrong = table_with((0, 99 * MIB | FULL))
    log = ring((0, log_entry(5, 0, [(BAT_AT, wrong), (METADATA_AT, 4096)])), (12288, log_entry(6, 12288, [(BAT_AT, moved()[0])])))
    image = opened(dirty(log))
    assert image.read_at(0, image.size) == moved()[1]


def test_a_torn_entry_ends_the_sequence() -> None:
    sector, surface = moved()
    good = log_entry(5, 0, [(BAT_AT, sector)])
    torn = bytearray(log_entry(6, 0, [(BAT_AT, bytes(4096))]))
    torn[4096 + 500] ^= 1
    image = opened(dirty(ring((0, good), (8192, bytes(torn)))))
    assert image.read_at(0, image.size) == surface
    half = log_entry(6, 0, [(BAT_AT, bytes(4096))])[:4096]  # its data sector never reached the medium
    image = opened(dirty(ring((0, good), (8192, half))))
    assert image.read_at(0, image.size) == surface


def test_the_newest_whole_sequence_counts() -> None:
    sector, surface = moved()
    old = log_entry(4, 0, [(BAT_AT, bytes(4096))])
    new = log_entry(90, 40960, [(BAT_AT, sector)])
    stray = log_entry(200, 0, [(BAT_AT, bytes(4096))])  # its tail lies in no sequence that it ends
    image = opened(dirty(ring((0, old), (40960, new), (81920, stray))))
    assert image.read_at(0, image.size) == surface


def test_entries_of_another_log_do_not_count() -> None:
    sector, surface = moved()
    ours = log_entry(5, 0, [(BAT_AT, sector)])
    other = log_entry(6, 0, [(BAT_AT, bytes(4096))], log=b"another log's id")
    image = opened(dirty(ring((0, ours), (8192, other))))
    assert image.read_at(0, image.size) == surface


def test_the_log_may_make_the_file_longer() -> None:
    """The host had lengthened the file for a block, and stopped before it was on the medium."""
    vhdx = small()
    end = len(vhdx.build())
    sector = table_with((5, end | FULL))
    image = opened(dirty(ring((0, log_entry(5, 0, [(BAT_AT, sector)], flushed=end, last=end + MIB)))))
    assert image.read_at(0, image.size) == vhdx.surface()
    data = bytearray(dirty(ring((0, log_entry(5, 0, [(BAT_AT, sector)], flushed=end, last=end + MIB)))))
    overlay = Overlay(MemorySource(bytes(data)), "disk")
    image = open_image(overlay)
    image.write_at(5 * MIB, b"new")
    assert overlay.size == end + MIB
    assert opened(overlay.read_at(0, overlay.size)).read_at(5 * MIB, 4) == b"new\0"


@pytest.mark.parametrize(
    ("log", "error", "words"),
    [
        (bytes(LOG_SIZE - 1) + b"x", CorruptError, "no sequence"),
        (ring((0, log_entry(5, 4096, [(BAT_AT, 4096)]))), CorruptError, "no sequence"),
        (ring((0, log_entry(5, 0, [(BAT_AT, 4096)], flushed=1 << 40))), TruncatedError, "cut short"),
        (ring((0, log_entry(5, 0, [(BAT_AT, 4096)], last=1 << 60))), CorruptError, "longer than any"),
        (ring((0, log_entry(5, 0, [(BAT_AT + 512, bytes(4096))]))), CorruptError, "no beginning"),
        (ring((0, log_entry(5, 0, [(BAT_AT, 512)]))), CorruptError, "no whole sectors"),
        (ring((0, log_entry(5, 0, [(HEADERS[0], bytes(4096))]))), CorruptError, "must not"),
        (ring((0, log_entry(5, 0, [(LOG_AT, bytes(4096))]))), CorruptError, "must not"),
        (ring((0, log_entry(5, 0, [(1 << 50, bytes(4096))]))), CorruptError, "must not"),
        (ring((0, log_entry(5, 0, [(BAT_AT, 1 << 45)], last=1 << 46))), UnsupportedError, "zeros"),
    ],
)
def test_a_log_that_cannot_be_replayed_is_named(log: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        opened(dirty(log))
    assert "VHDX log" in str(caught.value)


def test_a_log_outside_the_file() -> None:
    data = bytearray(small(log=ring((0, log_entry(5, 0, [(BAT_AT, 4096)])))).build())
    for at in HEADERS:
        header = bytearray(data[at : at + 4096])
        struct.pack_into("<IQ", header, 68, MIB, 1 << 40)
        data[at : at + 4096] = vhdx_writer.summed(bytes(header))
    with pytest.raises(CorruptError, match="not in the file"):
        opened(bytes(data))


def test_a_log_made_to_cost_much_costs_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sector claims to be an entry over the whole ring; only what fits together is ever summed."""
    summed = 0

    def counting(data: bytes) -> int:
        nonlocal summed
        summed += len(data)
        return 0

    monkeypatch.setattr(vhdx_log, "crc32c", counting)
    sector = struct.pack("<4sIIIQII", b"loge", 1, LOG_SIZE, 0, 9, 255 * 0 + 30_000, 0) + vhdx_writer.LOG_GUID + bytes(16)
    begin = time.process_time()
    with pytest.raises(CorruptError):
        opened(dirty(sector.ljust(4096, b"\0") * (LOG_SIZE // 4096)))
    assert time.process_time() - begin < 2
    assert summed <= LOG_SIZE


def test_a_replayed_log_is_replayed_for_good_before_the_first_write() -> None:
    sector, surface = moved()
    data = dirty(ring((0, log_entry(5, 0, [(BAT_AT, sector)]))))
    overlay = Overlay(MemorySource(data), "disk")
    image = open_image(overlay, seed=b"plan")
    assert overlay.patches() == []
    image.write_at(100, b"new")
    steps = [(patch.step, patch.offset) for patch in overlay.patches()]
    assert BAT_AT <= steps[0][1] < BAT_AT + 4096
    headers = [step for step, offset in steps if 64 * KIB <= offset < 192 * KIB]
    assert steps[0][0] < headers[0] < headers[-1] < steps[-1][0]
    after = opened(overlay.read_at(0, overlay.size))
    assert after.remarks == []
    assert after.read_at(0, after.size) == surface[:100] + b"new" + surface[103:]
    # a power cut after the first step: the log is still named, and says the same once more
    torn = bytearray(data)
    for patch in overlay.patches():
        if patch.step == 0:
            torn[patch.offset : patch.offset + len(patch.after)] = patch.after
    again = opened(bytes(torn))
    assert again.remarks
    assert again.read_at(0, again.size) == surface


def test_replaying_is_no_reason_to_write() -> None:
    sector, surface = moved()
    overlay = Overlay(MemorySource(dirty(ring((0, log_entry(5, 0, [(BAT_AT, sector)]))))), "disk")
    image = open_image(overlay)
    image.write_at(0, surface[:4096])
    assert overlay.patches() == []


def test_noise_in_the_ring_is_passed_over() -> None:
    sector, surface = moved()
    log = bytearray(noise(LOG_SIZE, 3))
    entry = log_entry(5, 65536, [(BAT_AT, sector)])
    log[65536 : 65536 + len(entry)] = entry
    image = opened(dirty(bytes(log)))
    assert image.read_at(0, image.size) == surface
    assert Vhdx(size=MIB).build()


def test_the_parent_of_a_checkpoint_may_be_dirty() -> None:
    sector, surface = moved()
    base = dirty(ring((0, log_entry(5, 0, [(BAT_AT, sector)]))))
    child = Vhdx(size=len(surface), parent=child_of("base.vhdx"))
    image = opened(child.build(), base)
    assert image.read_at(0, image.size) == surface
    assert [remark for remark in image.remarks if remark.startswith("its parent: the host stopped")]
