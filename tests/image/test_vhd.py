"""VHD against a writer made from the specification, over the whole surface."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootmend.errors import CorruptError, RefusedError, TruncatedError, UnsupportedError
from bootmend.image import blocks, open_image, vhd_dynamic
from bootmend.source import MemorySource, Overlay, StepClock
from tests.image import vhd_writer
from tests.image.vhd_writer import SECTOR, Dynamic
from tests.support import fuzz_cases

if TYPE_CHECKING:
    from bootmend.image import Image


class Counting(MemorySource):
    """Counts what is read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.ranges: list[tuple[int, int]] = []

    def read_at(self, offset: int, length: int) -> bytes:
        self.ranges.append((offset, length))
        return super().read_at(offset, length)


def noise(length: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


def opened(data: bytes) -> Image:
    return open_image(MemorySource(data))


def small(**more: object) -> Dynamic:
    """Four 4 KiB blocks and a bit; 0, 2 and the short last one allocated, out of order, with junk between."""
    vhd = Dynamic(size=4 * 4096 + 1536, block_size=4096, gap=3, order=[4, 0, 2])
    vhd.blocks = {0: noise(4096, 1), 2: noise(4096, 2), 4: noise(1536, 3)}
    for name, value in more.items():
        setattr(vhd, name, value)
    return vhd


# Reading


def test_a_fixed_disk_is_the_file_without_its_footer() -> None:
    data = noise(20 * SECTOR)
    image = opened(vhd_writer.fixed(data))
    assert (image.format, image.size, image.remarks) == ("VHD fixed", len(data), [])
    assert image.read_at(0, len(data)) == data
    with pytest.raises(TruncatedError):
        image.read_at(len(data) - 1, 2)


def test_a_dynamic_disk_reads_as_written_over_its_whole_surface() -> None:
    vhd = small()
    image = opened(vhd.build())
    assert (image.format, image.size, image.remarks) == ("VHD dynamic", vhd.size, [])
    assert image.read_at(0, vhd.size) == vhd.surface()


@pytest.mark.parametrize("block_size", [512, 1024, 4096, 1 << 16, 1 << 19, 1 << 21, 1 << 22])
def test_the_block_size_is_the_headers(block_size: int) -> None:
    vhd = Dynamic(size=3 * block_size + 512, block_size=block_size, order=[3, 1])
    vhd.blocks = {1: noise(block_size, 7), 3: noise(512, 8)}
    assert opened(vhd.build()).read_at(0, vhd.size) == vhd.surface()


def test_a_header_far_into_the_file_and_a_longer_table_than_needed() -> None:
    vhd = small(header_at=8192, spare_entries=100)
    assert opened(vhd.build()).read_at(0, vhd.size) == vhd.surface()


def test_a_clear_bit_hides_stale_bytes() -> None:
    vhd = small(clear={0: {0, 3, 4, 7}, 2: set(range(8)), 4: {1}})
    image = opened(vhd.build())
    surface = vhd.surface()
    assert image.remarks == []
    assert image.read_at(0, vhd.size) == surface
    for start in range(0, vhd.size - 700, 311):
        assert image.read_at(start, 700) == surface[start : start + 700]
    assert [remark for remark in image.remarks if "nothing was ever written" in remark]  # block 2


@settings(max_examples=fuzz_cases(60), deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    reads=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 1 << 15)), min_size=1, max_size=8),
)
def test_any_layout_reads_right_at_any_place(seed: int, reads: list[tuple[int, int]]) -> None:
    layout = random.Random(seed)
    block_size = layout.choice([512, 2048, 4096, 8192, 32768])
    vhd = Dynamic(size=SECTOR * layout.randint(1, 120), block_size=block_size, gap=layout.randint(0, 2))
    count = -(-vhd.size // block_size)
    chosen = [block for block in range(count) if layout.random() < 0.6]
    vhd.blocks = {block: layout.randbytes(block_size) for block in chosen}
    sectors = block_size // SECTOR
    vhd.clear = {
        block: {layout.randrange(sectors) for _ in range(layout.randint(0, 4))} for block in chosen if layout.random() < 0.5
    }
    vhd.order = layout.sample(chosen, len(chosen))
    data, surface = vhd.build(), vhd.surface()
    image = opened(data)
    for offset, length in reads:
        offset %= vhd.size
        length %= vhd.size - offset + 1
        assert image.read_at(offset, length) == surface[offset : offset + length]
        pieces = [
            bytes(extent.length) if extent.source is None else extent.source.read_at(extent.offset, extent.length)
            for extent in image.locate(offset, length)
        ]
        assert b"".join(pieces) == surface[offset : offset + length]


def test_opening_and_reading_a_little_costs_a_little() -> None:
    vhd = Dynamic(size=127 << 30, blocks={0: noise(1024), 40_000: noise(512)}, order=[40_000, 0])
    source = Counting(vhd.build())
    image = open_image(source)
    assert sum(length for _, length in source.ranges) <= 2048
    assert len(source.ranges) <= 3
    assert image.read_at(40_000 << 21, 512) == vhd.blocks[40_000][:512]
    assert image.read_at(100 << 30, 1024) == bytes(1024)
    assert sum(length for _, length in source.ranges) <= 8192


# Judging


def test_a_wrong_checksum_of_a_fixed_disk_is_an_error() -> None:
    data = bytearray(vhd_writer.fixed(noise(4096)))
    data[-400] ^= 1
    with pytest.raises(CorruptError, match="checksum of the VHD footer"):
        opened(bytes(data))


@pytest.mark.parametrize("at", [-512, -400, -1], ids=["cookie", "field", "last byte"])
def test_the_copy_stands_in_for_a_damaged_footer(at: int) -> None:
    vhd = small()
    data = bytearray(vhd.build())
    data[at] ^= 1
    image = opened(bytes(data))
    assert image.read_at(0, vhd.size) == vhd.surface()
    assert any("copy at the start was used" in remark for remark in image.remarks)


def test_a_damaged_copy_is_a_remark() -> None:
    data = bytearray(small().build())
    data[100] ^= 1
    assert any("differs" in remark for remark in opened(bytes(data)).remarks)


def test_two_damaged_copies_are_an_error() -> None:
    data = bytearray(small().build())
    data[100] ^= 1
    data[-100] ^= 1
    with pytest.raises(CorruptError, match="no good copy"):
        opened(bytes(data))


def test_a_wrong_checksum_that_both_copies_share_is_a_remark() -> None:
    vhd = small()
    data = bytearray(vhd.build())
    data[100] ^= 1
    data[-512 + 100] ^= 1
    image = opened(bytes(data))
    assert image.read_at(0, vhd.size) == vhd.surface()
    assert any("wrong in both" in remark for remark in image.remarks)


def test_a_footer_of_511_bytes() -> None:
    vhd = small()
    image = opened(vhd.build()[:-1])
    assert image.remarks == []
    assert image.read_at(0, vhd.size) == vhd.surface()


def test_a_saved_state_is_a_remark() -> None:
    image = opened(noise(4096) + vhd_writer.footer(4096, 2, saved=1))
    assert any("saved state" in remark for remark in image.remarks)


@pytest.mark.parametrize("kind", [2, 3, 4])
def test_a_guest_that_writes_a_footer_to_its_first_sector_changes_nothing(kind: int) -> None:
    disk = vhd_writer.footer(4096, kind) + noise(3584)
    image = opened(vhd_writer.fixed(disk))
    assert (image.format, image.remarks) == ("VHD fixed", [])
    assert image.read_at(0, 4096) == disk


def test_a_fixed_disk_cut_in_its_middle_names_what_is_missing() -> None:
    data = noise(8192)
    with pytest.raises(TruncatedError, match="4096 of its disk's 8192 bytes are missing"):
        opened(data[:4096] + vhd_writer.footer(8192, 2))


def test_bytes_between_the_disk_and_the_footer_are_a_remark() -> None:
    data = noise(8192)
    image = opened(data + vhd_writer.footer(4096, 2))
    assert image.read_at(0, image.size) == data[:4096]
    assert any("4096 bytes lie between" in remark for remark in image.remarks)


def test_a_disk_without_any_block_that_lost_its_footer() -> None:
    vhd = Dynamic(size=1 << 20)
    image = opened(vhd.build()[:-SECTOR])
    assert image.read_at(0, vhd.size) == bytes(vhd.size)
    assert image.remarks


def test_caches_are_bounded_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_PAGE": 16, "_MAX_PAGES": 2, "_MAX_BITMAP_BYTES": 1024}.items():
        monkeypatch.setattr(vhd_dynamic, name, value)
    monkeypatch.setattr(blocks, "_MAX_TOUCHED", 4)
    vhd = Dynamic(size=40 * 2048, block_size=2048, blocks={block: noise(2048, block) for block in range(0, 40, 3)})
    vhd.clear = {block: {block % 4} for block in range(0, 40, 3)}
    image = opened(vhd.build())
    assert image.read_at(0, vhd.size) == vhd.surface()
    assert image.read_at(0, vhd.size) == vhd.surface()


def test_every_truncation_of_a_dynamic_disk_is_noticed() -> None:
    vhd = small()
    data = vhd.build()
    end = len(data) - SECTOR
    for length in [*range(512, end, 512), end - 1]:
        with pytest.raises(TruncatedError, match="cut short"):
            opened(data[:length])
    with pytest.raises(TruncatedError, match=f"{5000 + SECTOR} of its {len(data)} bytes"):
        opened(data[: end - 5000])
    for length in (end, end + 100):  # only the footer is lost
        image = opened(data[:length])
        assert image.read_at(0, vhd.size) == vhd.surface()
        assert image.remarks


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (512, b"X", "cookie"),
        (512 + 600, b"X", "checksum"),
    ],
)
def test_a_damaged_header(at: int, value: bytes, words: str) -> None:
    data = bytearray(small().build())
    data[at : at + 1] = value
    with pytest.raises(CorruptError, match=words):
        opened(bytes(data))


@pytest.mark.parametrize(
    ("block_size", "entries", "words"),
    [
        (0, 5, "block size"),
        (3 * 512, 20, "block size"),
        (256, 99, "block size"),
        (1 << 31, 5, "block size"),
        (4096, 4, "needs 5"),
    ],
)
def test_an_impossible_header(block_size: int, entries: int, words: str) -> None:
    data = bytearray(small().build())
    data[512:1536] = vhd_writer.header(1536, entries, block_size)
    with pytest.raises(CorruptError, match=words):
        opened(bytes(data))


def test_more_blocks_than_can_be_mapped() -> None:
    end = vhd_writer.footer(1 << 50, 3)
    with pytest.raises(UnsupportedError, match="larger than"):
        opened(end + vhd_writer.header(1536, 0xFFFFFFFF, 512) + end)


@pytest.mark.parametrize("table", [1 << 40, 20_461, 20_480])
def test_a_table_outside_the_file(table: int) -> None:
    data = bytearray(small().build())
    data[512:1536] = vhd_writer.header(table, 5, 4096)
    with pytest.raises(CorruptError, match="block table"):
        opened(bytes(data))


def test_a_header_outside_the_file() -> None:
    end = vhd_writer.footer(4096, 3, header_at=1 << 50)
    with pytest.raises(CorruptError, match="dynamic disk header"):
        opened(end + bytes(4096) + end)


@pytest.mark.parametrize(
    ("kind", "version", "error"), [(5, 0x10000, CorruptError), (0, 0x10000, CorruptError), (2, 0x20000, UnsupportedError)]
)
def test_an_impossible_footer(kind: int, version: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        opened(noise(4096) + vhd_writer.footer(4096, kind, version=version))


def patched_table(vhd: Dynamic, block: int, sector: int) -> bytes:
    data = bytearray(vhd.build())
    data[1536 + 4 * block : 1540 + 4 * block] = vhd_writer.number(sector, 4)
    return bytes(data)


@pytest.mark.parametrize(
    "sector", [0xFFFFFFFE, 1000, 45, 0, 1, 3], ids=["far", "past", "over the end", "footer", "header", "table"]
)
def test_a_block_that_lies_where_none_can(sector: int) -> None:
    image = opened(patched_table(small(), 0, sector))
    with pytest.raises(CorruptError, match="block 0"):
        image.read_at(0, 512)
    assert image.read_at(2 * 4096, 512) == small().surface()[8192 : 8192 + 512]


@pytest.mark.parametrize("shift", [-8, -1, 0, 1, 8])
def test_blocks_over_one_another(shift: int) -> None:
    vhd = small()
    vhd.build()
    data = patched_table(vhd, 1, vhd.placed[0] // SECTOR + shift)
    with pytest.raises(CorruptError, match="over one another"):
        opened(data).read_at(0, vhd.size)
    with pytest.raises(CorruptError, match="lies over"):  # before the first write all are compared, touched or not
        Overlay(opened(data), "disk").base.write_at(8192, b"x")


def test_more_blocks_than_the_file_has_room_for() -> None:
    vhd = Dynamic(size=64 * 4096, block_size=4096, blocks={0: noise(4096)})
    data = bytearray(vhd.build())
    data[1536 : 1536 + 256] = vhd_writer.number(vhd.placed[0] // SECTOR, 4) * 64
    with pytest.raises(CorruptError, match="do not fit"):
        opened(bytes(data)).write_at(0, b"x")


# Writing


def writable(vhd: Dynamic) -> tuple[Image, MemorySource, Overlay]:
    base = MemorySource(vhd.build())
    overlay = Overlay(base, "image", StepClock())
    return open_image(overlay), base, overlay


def test_writing_in_place_changes_the_data_and_nothing_else() -> None:
    vhd = small()
    image, base, overlay = writable(vhd)
    model = bytearray(vhd.surface())
    for offset, data in ((10, b"a" * 100), (8192 - 0, b"b" * 4096), (4 * 4096 + 1000, b"c" * 536)):
        image.write_at(offset, data)
        model[offset : offset + len(data)] = data
    assert image.read_at(0, vhd.size) == bytes(model)
    after = overlay.read_at(0, overlay.size)
    assert open_image(MemorySource(after)).read_at(0, vhd.size) == bytes(model)
    changed = sum(1 for old, new in zip(base.data, after, strict=True) if old != new)
    assert changed <= 100 + 4096 + 536


class Stiff(MemorySource):
    """What cannot grow: a block device, a partition."""

    can_grow = False


def test_a_hole_is_refused_before_anything_is_written_where_the_file_cannot_grow() -> None:
    overlay = Overlay(Stiff(small().build()), "image", StepClock())
    image = open_image(overlay)
    with pytest.raises(RefusedError, match="block 1") as caught:
        image.write_at(4000, b"x" * 4096)
    assert caught.value.hint
    assert overlay.patches() == []


def test_a_hole_becomes_a_block_where_the_footer_was() -> None:
    vhd = small()
    image, base, overlay = writable(vhd)
    image.write_at(4096 + 700, b"new")
    expected = bytearray(vhd.surface())
    expected[4096 + 700 : 4096 + 703] = b"new"
    assert image.read_at(0, vhd.size) == bytes(expected)
    after = overlay.read_at(0, overlay.size)
    assert len(after) == base.size + 512 + 4096
    assert opened(after).read_at(0, vhd.size) == bytes(expected)
    assert opened(after).remarks == []
    assert after[-512:] == base.data[-512:]
    assert after[1536 + 4 : 1536 + 8] == vhd_writer.number((base.size - 512) // 512, 4)
    assert after[base.size - 512] == 0xFF  # eight sectors, all vouched for, as every other writer does it


def test_a_power_cut_while_a_block_is_added_leaves_the_old_disk_or_the_new_one() -> None:
    """After every step, and whatever of the next step is on the medium, the disk is whole."""
    vhd = small()
    image, base, overlay = writable(vhd)
    image.write_at(3 * 4096 - 100, noise(900, 5))
    old, new = vhd.surface(), image.read_at(0, vhd.size)
    patches = overlay.patches()
    assert len({patch.step for patch in patches}) == 3
    medium = bytearray(base.data).ljust(overlay.size, b"\0")
    for patch in patches:
        medium[patch.offset : patch.offset + len(patch.after)] = patch.after
        seen = opened(bytes(medium)).read_at(0, vhd.size)
        assert seen[: 3 * 4096 - 100] == old[: 3 * 4096 - 100]
        assert seen[3 * 4096 :] in (old[3 * 4096 :], new[3 * 4096 :])
    assert opened(bytes(medium)).read_at(0, vhd.size) == new
    # the footer behind the new block lies there before the old one is written over
    footers = [patch.step for patch in patches if patch.after.startswith(b"conectix")]
    over = [patch.step for patch in patches if base.size - 512 <= patch.offset < base.size]
    assert max(footers) < min(over)


def test_a_vhd_cannot_grow_past_what_its_table_can_name() -> None:
    vhd = Dynamic(size=4 * (1 << 30), block_size=1 << 30, blocks={})
    image, _, overlay = writable(vhd)
    overlay.grow((1 << 41) - 512)
    data = vhd.build()
    overlay.write_at(overlay.size - 512, data[-512:])
    with pytest.raises(UnsupportedError, match="2 TiB"):
        open_image(overlay).write_at(0, b"x")
    assert image.read_at(0, 1) == b"\0"


def test_zeros_onto_a_hole_are_no_write() -> None:
    image, _, overlay = writable(small())
    image.write_at(4096 + 17, bytes(3000))
    assert overlay.patches() == []


def test_a_write_that_spans_a_hole_with_zeros_there() -> None:
    vhd = small()
    image, _, overlay = writable(vhd)
    data = b"p" * 96 + bytes(4096) + b"q" * 50
    image.write_at(4000, data)
    expected = vhd.surface()[:4000] + data + vhd.surface()[4000 + len(data) :]
    assert image.read_at(0, vhd.size) == expected
    assert overlay.size == overlay.base.size


def test_a_clear_sector_is_written_whole_and_its_bit_set_after_a_flush() -> None:
    vhd = small(clear={0: {2, 3}})
    image, _, overlay = writable(vhd)
    image.write_at(2 * SECTOR + 100, b"new")
    expected = bytearray(vhd.surface())
    expected[2 * SECTOR + 100 : 2 * SECTOR + 103] = b"new"
    assert image.read_at(0, vhd.size) == bytes(expected)
    data, bits = overlay.patches()
    start = vhd.placed[0]
    assert data.step < bits.step
    assert start + 512 + 2 * SECTOR <= data.offset < start + 512 + 3 * SECTOR
    assert start <= bits.offset < start + 512
    assert (bits.before[0], bits.after[0]) == (0b11001111, 0b11101111)
    # between the two steps the guest still sees the zeros that were there before
    torn = bytearray(vhd.build())
    torn[data.offset : data.offset + len(data.after)] = data.after
    assert opened(bytes(torn)).read_at(0, vhd.size) == vhd.surface()


def test_zeros_onto_a_clear_sector_are_no_write() -> None:
    image, _, overlay = writable(small(clear={0: {2, 3}}))
    image.write_at(2 * SECTOR, bytes(2 * SECTOR))
    assert overlay.patches() == []


@settings(max_examples=fuzz_cases(60), deadline=None)
@given(
    writes=st.lists(st.tuples(st.integers(0, 4 * 4096 + 1535), st.binary(min_size=1, max_size=3000)), max_size=8),
    clear=st.dictionaries(st.sampled_from([0, 2, 4]), st.sets(st.integers(0, 7), max_size=8)),
)
def test_writes_read_back(writes: list[tuple[int, bytes]], clear: dict[int, set[int]]) -> None:
    vhd = small(clear=clear)
    image, base, overlay = writable(vhd)
    model = bytearray(vhd.surface())
    for offset, data in writes:
        data = data[: vhd.size - offset]
        image.write_at(offset, data)
        model[offset : offset + len(data)] = data
        assert image.read_at(0, vhd.size) == bytes(model)
    replayed = bytearray(base.data).ljust(overlay.size, b"\0")
    for patch in overlay.patches():
        assert replayed[patch.offset : patch.offset + len(patch.before)] == patch.before
        replayed[patch.offset : patch.offset + len(patch.after)] = patch.after
    assert opened(bytes(replayed)).read_at(0, vhd.size) == bytes(model)
