"""VHDX against a writer made from [MS-VHDX], over the whole surface."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootmend.errors import CorruptError, MissingError, UnsupportedError
from bootmend.image import Opened, open_image
from bootmend.image.base import no_opener
from bootmend.image.crc32c import crc32c
from bootmend.source import MemorySource
from tests.image import vhdx_writer
from tests.image.vhdx_writer import (
    BAT_AT,
    FULL,
    KIB,
    MIB,
    PARTIAL,
    UNDEFINED,
    UNMAPPED,
    ZERO,
    Vhdx,
    child_of,
)
from tests.support import fuzz_cases

if TYPE_CHECKING:
    from bootmend.image import Image, Opener, Reference


def noise(length: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


def opener_of(*files: bytes) -> Opener:
    """Opens one file after another, whatever it is asked for."""
    left = iter(files)

    def opener(reference: Reference) -> Opened:
        return Opened(MemorySource(next(left)), reference.names[0], opener)

    return opener


def opened(data: bytes, *parents: bytes) -> Image:
    return open_image(MemorySource(data), opener_of(*parents) if parents else no_opener)


def small(**more: object) -> Vhdx:
    """Six blocks of 1 MiB and a bit; four allocated, in reverse order, with junk between."""
    vhdx = Vhdx(size=6 * MIB + 1536, gap=1, order=[6, 3, 2, 0])
    vhdx.full = {0: noise(MIB, 1), 2: noise(MIB, 2), 3: noise(MIB, 3), 6: noise(1536, 4)}
    for name, value in more.items():
        setattr(vhdx, name, value)
    return vhdx


# CRC-32C


@pytest.mark.parametrize(
    ("data", "expected"),
    [  # RFC 3720, B.4, and the catalogue's check value
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"", 0),
    ],
)
def test_crc32c(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected


@settings(max_examples=fuzz_cases(50), deadline=None)
@given(head=st.binary(max_size=100), zeros=st.integers(0, 3000), tail=st.binary(max_size=20))
def test_crc32c_over_zeros(head: bytes, zeros: int, tail: bytes) -> None:
    for data in (head + bytes(zeros), head + bytes(zeros) + tail):
        assert crc32c(data) == vhdx_writer.crc(data)


# Reading


def test_a_disk_reads_as_written_over_its_whole_surface() -> None:
    vhdx = small()
    image = opened(vhdx.build())
    assert (image.format, image.size, image.remarks) == ("VHDX dynamic", vhdx.size, [])
    assert image.read_at(0, vhdx.size) == vhdx.surface()


def test_a_read_that_crosses_into_a_block_stored_elsewhere() -> None:
    """Blocks of 1 MiB in reverse order, 2 MiB read at 1.5 MiB: a known reader returns the wrong bytes from +524,288 on."""
    vhdx = Vhdx(size=8 * MIB, full={block: noise(MIB, block) for block in range(8)}, order=list(range(7, -1, -1)))
    image = opened(vhdx.build())
    assert image.read_at(3 * MIB // 2, 2 * MIB) == vhdx.surface()[3 * MIB // 2 : 7 * MIB // 2]


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("block_size", [MIB, 2 * MIB, 8 * MIB])
def test_block_and_sector_sizes(block_size: int, sector: int) -> None:
    vhdx = Vhdx(size=2 * block_size + 3 * 4096, block_size=block_size, sector=sector, order=[2, 0])
    vhdx.full = {0: noise(block_size, 7), 2: noise(3 * 4096, 8)}
    assert opened(vhdx.build()).read_at(0, vhdx.size) == vhdx.surface()


@pytest.mark.parametrize("state", [0, UNDEFINED, ZERO, UNMAPPED])
def test_states_without_data_read_as_zeros(state: int) -> None:
    vhdx = small(states={1: state})
    assert opened(vhdx.build()).read_at(0, vhdx.size) == vhdx.surface()


def test_blocks_behind_the_first_chunk() -> None:
    """With blocks of 256 MiB and sectors of 512 bytes an entry for a bitmap follows every 16 blocks."""
    vhdx = Vhdx(size=40 * 256 * MIB, block_size=256 * MIB, states={15: ZERO}, stray_bitmaps=0xFFFFFFFFFF000006)
    data = bytearray(vhdx.build())
    at = {15: 8 * MIB, 16: 264 * MIB, 33: 520 * MIB}
    for block, place in at.items():
        struct.pack_into("<Q", data, BAT_AT + 8 * vhdx.index(block), place | FULL)
    assert (vhdx.index(15), vhdx.index(16), vhdx.index(33)) == (15, 17, 35)

    class Sparse(MemorySource):
        size = 1 << 30

        def read_at(self, offset: int, length: int) -> bytes:
            return super().read_at(offset, length) if offset < len(self.data) else struct.pack("<Q", offset) * (length // 8)

    image = open_image(Sparse(bytes(data)))
    for block, place in at.items():
        assert image.read_at(block * 256 * MIB + 4096, 8) == struct.pack("<Q", place + 4096)
    assert image.read_at(17 * 256 * MIB, 8) == bytes(8)


def test_the_largest_disk_there_may_be() -> None:
    vhdx = Vhdx(size=64 << 40, block_size=256 * MIB)
    image = opened(vhdx.build())
    assert image.size == 64 << 40
    assert image.read_at((64 << 40) - 4096, 4096) == bytes(4096)
    with pytest.raises(UnsupportedError, match="64 TiB"):
        opened(Vhdx(size=(64 << 40) + 512, block_size=256 * MIB).build())


def test_opening_and_reading_a_little_costs_a_little() -> None:
    vhdx = Vhdx(size=127 << 30, block_size=32 * MIB, states={2000: ZERO})

    class Counting(MemorySource):
        total = reads = 0

        def read_at(self, offset: int, length: int) -> bytes:
            self.total += length
            self.reads += 1
            return super().read_at(offset, length)

    source = Counting(vhdx.build())
    image = open_image(source)
    assert source.reads <= 12
    assert source.total <= 90 * KIB
    assert image.read_at(100 << 30, 4096) == bytes(4096)
    assert source.total <= 92 * KIB


@settings(max_examples=fuzz_cases(25), deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    reads=st.lists(st.tuples(st.integers(0, 1 << 24), st.integers(0, 1 << 22)), min_size=1, max_size=6),
)
def test_any_layout_reads_right_at_any_place(seed: int, reads: list[tuple[int, int]]) -> None:
    image, surface = any_pair(random.Random(seed))
    for offset, length in reads:
        offset %= image.size
        length %= image.size - offset + 1
        assert image.read_at(offset, length) == surface[offset : offset + length]
        pieces = [
            bytes(extent.length) if extent.source is None else extent.source.read_at(extent.offset, extent.length)
            for extent in image.locate(offset, length)
        ]
        assert b"".join(pieces) == surface[offset : offset + length]


def any_vhdx(rng: random.Random, size: int, sector: int, parent: dict[str, str] | None) -> Vhdx:
    vhdx = Vhdx(size=size, sector=sector, gap=rng.randint(0, 1), parent=parent, block_size=rng.choice([MIB, 2 * MIB]))
    for block in range(vhdx.count):
        kind = rng.random()
        if kind < 0.35:
            vhdx.full[block] = rng.randbytes(min(vhdx.block_size, size - block * vhdx.block_size))
        elif kind < 0.6 and parent:
            there = min(vhdx.block_size, size - block * vhdx.block_size) // sector
            chosen = {rng.randrange(there) for _ in range(rng.randint(1, 40))} | set(range(min(there, rng.choice([0, 9, 300]))))
            vhdx.partial[block] = {number: rng.randbytes(sector) for number in chosen}
        elif kind < 0.75:
            vhdx.states[block] = rng.choice([UNDEFINED, ZERO, UNMAPPED])
    blocks = [*vhdx.full, *vhdx.partial]
    vhdx.order = rng.sample(blocks, len(blocks))
    return vhdx


def any_pair(rng: random.Random) -> tuple[Image, bytes]:
    """A disk, or a child and its parent of another size; and what they show."""
    sector = rng.choice([512, 4096])
    base = any_vhdx(rng, rng.randint(1, 700) * 4096, sector, None)
    if rng.random() < 0.4:
        return opened(base.build()), base.surface()
    child = any_vhdx(rng, rng.randint(1, 700) * 4096, sector, child_of("base.vhdx"))
    return opened(child.build(), base.build()), child.surface(base.surface())


# Differencing disks


def test_a_child_shows_its_parent_where_it_has_nothing() -> None:
    base = small()
    child = Vhdx(size=base.size, parent=child_of("base.vhdx"), states={2: ZERO}, full={1: noise(MIB, 50)})
    child.partial = {0: {number: noise(512, number) for number in (0, 1, 7, 8, 9, 100, 2047)}, 6: {2: noise(512, 60)}}
    image = opened(child.build(), base.build())
    assert image.format == "VHDX differencing"
    assert image.read_at(0, image.size) == child.surface(base.surface())


def test_a_childs_names_for_its_parent_are_asked_for_best_first() -> None:
    asked: list[Reference] = []

    def opener(reference: Reference) -> Opened:
        asked.append(reference)
        raise MissingError("not here")

    with pytest.raises(MissingError, match="not here"):
        open_image(MemorySource(Vhdx(size=MIB, parent=child_of("base.vhdx")).build()), opener)
    assert [name.rpartition("\\")[2] for name in asked[0].names] == ["base.vhdx"] * 3
    assert asked[0].names[0] == ".\\base.vhdx"
    assert (asked[0].role, asked[0].writable) == ("parent", False)
    with pytest.raises(MissingError, match=r"its parent \.\\base.vhdx"):
        opened(Vhdx(size=MIB, parent=child_of("base.vhdx")).build())


def test_a_parent_that_was_written_to_since_is_refused() -> None:
    child = Vhdx(size=MIB, parent=child_of("base.vhdx")).build()
    for other in (Vhdx(size=MIB, data_guid=bytes(range(16))).build(), noise(4096)):
        with pytest.raises(CorruptError, match="written to since") as caught:
            opened(child, other)
        assert "--parent" in str(caught.value.hint)


def test_the_second_linkage_counts_as_well() -> None:
    pairs = child_of("base.vhdx", bytes(range(16)))
    pairs["parent_linkage2"] = vhdx_writer.braced(vhdx_writer.DATA_GUID)
    base = small()
    image = opened(Vhdx(size=base.size, parent=pairs).build(), base.build())
    assert image.read_at(0, image.size) == base.surface()


def test_a_partially_present_block_needs_a_bitmap_and_a_parent() -> None:
    child = Vhdx(size=MIB, parent=child_of("b"), partial={0: {3: noise(512)}})
    data = bytearray(child.build())
    struct.pack_into("<Q", data, BAT_AT + 8 * child.bitmap_index(0), 0)
    with pytest.raises(CorruptError, match="no bitmap"):
        opened(bytes(data), Vhdx(size=MIB).build()).read_at(0, 512)
    alone = Vhdx(size=MIB, full={0: noise(MIB)})
    data = bytearray(alone.build())
    struct.pack_into("<Q", data, BAT_AT, alone.placed[0] | PARTIAL)
    with pytest.raises(CorruptError, match="impossible state 7"):
        opened(bytes(data)).read_at(0, 512)


@pytest.mark.parametrize(
    ("locator", "words"),
    [
        (b"short", "only 5 bytes"),
        (vhdx_writer.locator(child_of("b"), "00000000-0000-0000-0000-000000000001"), "type"),
        (vhdx_writer.guid("B04AEFB7-D19E-4A81-B789-25B8E9445913") + b"\0\0\xff\xff", "65535 entries"),
        (vhdx_writer.guid("B04AEFB7-D19E-4A81-B789-25B8E9445913") + b"\0\0\1\0" + b"\xff" * 12, "outside"),
    ],
)
def test_a_parent_locator_that_makes_no_sense(locator: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vhdx_writer, "locator", lambda _pairs: locator)
    data = Vhdx(size=MIB, parent=child_of("b")).build()
    with pytest.raises((CorruptError, UnsupportedError), match=words):
        opened(data, data)
