"""Writing into a VHDX: its headers first, then the data, then what makes them count."""

from __future__ import annotations

import random
import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootmend.errors import RefusedError
from bootmend.image import Image, open_image
from bootmend.source import MemorySource, Overlay
from tests.image.test_vhdx import noise, opened, opener_of, small
from tests.image.vhdx_writer import BAT_AT, DATA_GUID, FILE_GUID, FULL, HEADERS, MIB, PARTIAL, ZERO, Vhdx, child_of, crc
from tests.support import fuzz_cases


def writable(vhdx: Vhdx, *parents: bytes, seed: bytes = b"a plan") -> tuple[Image, Overlay]:
    overlay = Overlay(MemorySource(vhdx.build()), "image")
    return open_image(overlay, opener_of(*parents), seed=seed), overlay


def header_at(overlay: Overlay, at: int) -> tuple[int, bytes, bytes, bytes]:
    """Sequence number, file write GUID, data write GUID and log GUID; the checksum must be right."""
    data = overlay.read_at(at, 4096)
    assert struct.unpack_from("<I", data, 4)[0] == crc(data[:4] + bytes(4) + data[8:])
    return struct.unpack_from("<Q", data, 8)[0], data[16:32], data[32:48], data[48:64]


def test_writing_in_place_marks_both_headers_first() -> None:
    vhdx = small()
    image, overlay = writable(vhdx)
    image.write_at(100, b"new")
    image.write_at(2 * MIB, b"newer")
    older, current = header_at(overlay, HEADERS[0]), header_at(overlay, HEADERS[1])
    assert (older[0], current[0]) == (8, 9)  # they were 6 and 7: the older one goes first
    assert older[1:] == current[1:]
    assert older[1] not in (FILE_GUID, older[2])
    assert older[2] not in (DATA_GUID, bytes(16))
    assert older[3] == bytes(16)
    assert older[1][7] >> 4 == 4  # a random GUID, by its own word
    steps = {patch.offset // 4096 * 4096: patch.step for patch in overlay.patches()}
    assert steps[HEADERS[0]] < steps[HEADERS[1]] < steps[vhdx.placed[0]] == steps[vhdx.placed[2]]
    after = opened(overlay.read_at(0, overlay.size))
    expected = bytearray(vhdx.surface())
    expected[100:103], expected[2 * MIB : 2 * MIB + 5] = b"new", b"newer"
    assert after.read_at(0, after.size) == bytes(expected)
    assert overlay.size == overlay.base.size


def test_the_same_plan_is_the_same_bytes_and_another_is_not() -> None:
    def guids(seed: bytes) -> bytes:
        image, overlay = writable(small(), seed=seed)
        image.write_at(0, b"x")
        return b"".join(header_at(overlay, HEADERS[0])[1:3])

    assert guids(b"one") == guids(b"one")
    assert len({guids(b"one"), guids(b"two"), guids(b"")}) == 3


def test_one_plan_marks_the_file_once_however_often_it_is_opened() -> None:
    image, overlay = writable(small())
    image.write_at(0, b"x")
    again = open_image(overlay, seed=b"a plan")
    again.write_at(1, b"y")
    assert header_at(overlay, HEADERS[1])[0] == 9
    other = open_image(overlay, seed=b"another plan")
    other.write_at(2, b"z")
    assert header_at(overlay, HEADERS[1])[0] == 11


def test_what_changes_nothing_is_no_write() -> None:
    vhdx = small()
    image, overlay = writable(vhdx)
    image.write_at(0, vhdx.surface()[:MIB])
    image.write_at(MIB, bytes(MIB))
    assert overlay.patches() == []


def test_the_child_of_a_written_disk_is_a_child_no_more() -> None:
    vhdx = small()
    image, _ = writable(vhdx)
    assert image.linkage == DATA_GUID
    image.write_at(0, b"x")
    assert image.linkage != DATA_GUID


# Blocks that are not there


@pytest.mark.parametrize("states", [{}, {1: ZERO, 4: 3, 5: 1}], ids=["not present", "other states"])
def test_a_hole_becomes_a_block_at_the_end(states: dict[int, int]) -> None:
    vhdx = small(states=states)
    image, overlay = writable(vhdx)
    data = noise(3 * MIB, 9)
    image.write_at(MIB // 2, data)  # blocks 0 to 3, of which 1 is a hole
    image.write_at(5 * MIB + 77, b"alone")
    expected = bytearray(vhdx.surface())
    expected[MIB // 2 : MIB // 2 + len(data)] = data
    expected[5 * MIB + 77 : 5 * MIB + 82] = b"alone"
    assert image.read_at(0, image.size) == bytes(expected)
    end = -(-overlay.base.size // MIB) * MIB
    assert overlay.size == end + 2 * MIB
    entries = struct.unpack_from("<7Q", overlay.read_at(BAT_AT, 56))
    assert (entries[1], entries[5]) == (end | FULL, (end + MIB) | FULL)
    after = opened(overlay.read_at(0, overlay.size))
    assert after.read_at(0, after.size) == bytes(expected)


def test_what_cannot_grow_is_refused_before_anything_is_written() -> None:
    class Stiff(MemorySource):
        can_grow = False

    overlay = Overlay(Stiff(small().build()), "image")
    with pytest.raises(RefusedError, match="block 1"):
        open_image(overlay).write_at(MIB - 5, b"x" * 10)
    assert overlay.patches() == []
    open_image(overlay).write_at(MIB - 5, b"x" * 5)


def sectors(offset: int, length: int) -> list[tuple[int, int]]:
    """A range cut where sectors of 512 bytes end: a medium keeps or loses those whole."""
    cuts = [offset, *range(-(-(offset + 1) // 512) * 512, offset + length, 512), offset + length]
    return list(pairwise(cuts))


@pytest.mark.parametrize("differencing", [False, True])
def test_a_power_cut_leaves_every_sector_old_or_new(differencing: bool) -> None:
    base = small()
    vhdx = Vhdx(size=base.size, parent=child_of("base"), partial={0: {3: noise(512, 8)}}) if differencing else base
    parents = [base.build()] if differencing else []
    image, overlay = writable(vhdx, *parents)
    old = vhdx.surface(base.surface()) if differencing else vhdx.surface()
    image.write_at(MIB - 5000, noise(9000, 5))  # the end of block 0 and the beginning of block 1
    new = image.read_at(0, image.size)
    medium = bytearray(vhdx.build()).ljust(overlay.size, b"\0")
    for patch in overlay.patches():
        for first, last in sectors(patch.offset, len(patch.after)):
            medium[first:last] = patch.after[first - patch.offset : last - patch.offset]
            seen = opened(bytes(medium), *parents).read_at(0, len(old))
            assert seen[: MIB - 5120] == old[: MIB - 5120]
            for at in range(MIB - 5120, MIB + 4096, 512):
                assert seen[at : at + 512] in (old[at : at + 512], new[at : at + 512])
    assert opened(bytes(medium), *parents).read_at(0, len(new)) == new


# Differencing disks


def test_a_child_gets_a_partially_present_block_and_a_bitmap() -> None:
    base = small()
    child = Vhdx(size=base.size, parent=child_of("base"))
    image, overlay = writable(child, base.build())
    image.write_at(3 * MIB + 700, b"new")
    expected = bytearray(base.surface())
    expected[3 * MIB + 700 : 3 * MIB + 703] = b"new"
    assert image.read_at(0, image.size) == bytes(expected)
    end = -(-overlay.base.size // MIB) * MIB
    (block,) = struct.unpack("<Q", overlay.read_at(BAT_AT + 8 * child.index(3), 8))
    (bitmap,) = struct.unpack("<Q", overlay.read_at(BAT_AT + 8 * child.bitmap_index(0), 8))
    assert (block, bitmap) == (end | PARTIAL, (end + MIB) | FULL)
    bits = overlay.read_at(end + MIB, MIB)
    assert [at for at in range(MIB) if bits[at]] == [3 * 2048 // 8]  # sector 1 of block 3, the second lowest bit
    assert bits[3 * 2048 // 8] == 0b10
    assert overlay.read_at(end + 512, 512) == bytes(expected[3 * MIB + 512 : 3 * MIB + 1024])


def test_bits_that_meant_nothing_are_cleared_when_their_block_comes_to_be() -> None:
    base = small()
    child = Vhdx(size=base.size, parent=child_of("base"), partial={0: {3: noise(512, 8)}})
    data = bytearray(child.build())
    bitmap = struct.unpack_from("<Q", data, BAT_AT + 8 * child.bitmap_index(0))[0] & ~0xFFFFF
    data[bitmap + 256 : bitmap + 512] = b"\xff" * 256  # block 1, which is not present
    overlay = Overlay(MemorySource(bytes(data)), "image")
    image = open_image(overlay, opener_of(base.build()))
    image.write_at(MIB + 512, b"x")
    expected = bytearray(child.surface(base.surface()))
    expected[MIB + 512] = ord("x")
    after = open_image(MemorySource(overlay.read_at(0, overlay.size)), opener_of(base.build()))
    assert after.read_at(0, after.size) == bytes(expected)


@settings(max_examples=fuzz_cases(25), deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    writes=st.lists(st.tuples(st.integers(0, 1 << 23), st.integers(1, 70_000)), min_size=1, max_size=6),
)
def test_writes_read_back_in_any_layout(seed: int, writes: list[tuple[int, int]]) -> None:
    from tests.image.test_vhdx import any_vhdx

    rng = random.Random(seed)
    sector, size = rng.choice([512, 4096]), rng.randint(1, 500) * 4096
    base = any_vhdx(rng, rng.randint(1, 500) * 4096, sector, None)
    is_child = rng.random() < 0.6
    vhdx = any_vhdx(rng, size, sector, child_of("base")) if is_child else any_vhdx(rng, size, sector, None)
    parents = [base.build()] if is_child else []
    image, overlay = writable(vhdx, *parents)
    model = bytearray(vhdx.surface(base.surface() if is_child else b""))
    for offset, length in writes:
        offset %= size
        data = rng.choice([rng.randbytes(length), bytes(length)])[: size - offset]
        image.write_at(offset, data)
        model[offset : offset + len(data)] = data
    assert image.read_at(0, size) == bytes(model)
    assert opened(overlay.read_at(0, overlay.size), *parents).read_at(0, size) == bytes(model)
    replayed = bytearray(overlay.base.read_at(0, overlay.base.size)).ljust(overlay.size, b"\0")
    for patch in overlay.patches():
        assert replayed[patch.offset : patch.offset + len(patch.before)] == patch.before
        replayed[patch.offset : patch.offset + len(patch.after)] = patch.after
    assert bytes(replayed) == overlay.read_at(0, overlay.size)


def test_anchors_are_the_entries_of_what_was_located() -> None:
    vhdx = small()
    image, overlay = writable(vhdx)
    assert image.anchors() == []
    image.locate(2 * MIB + 5, MIB)
    image.locate(6 * MIB, 10)
    assert image.anchors() == [
        ("VHDX block table", overlay, BAT_AT + 16, 16),
        ("VHDX block table", overlay, BAT_AT + 48, 8),
    ]
