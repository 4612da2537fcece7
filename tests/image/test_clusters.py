"""Neighbouring clusters and grains are read at once: in any order of any of them, the bytes are the same."""

from __future__ import annotations

import random
from struct import pack
from typing import ClassVar

import pytest

from bootmend.errors import CorruptError, TruncatedError
from bootmend.image import open_image
from bootmend.image.clusters import steps
from bootmend.source import MemorySource
from tests.image import crafted
from tests.image.crafted import CLUSTER, COPIED
from tests.support import fuzz_cases

ZEROS = 1
COUNT = 600  # entries of more than one page of a table
FIRST = 5


def surface(places: list[int | None], data: bytes, first: int) -> bytes:
    return b"".join(bytes(CLUSTER) if place is None else data[(place - first) * CLUSTER :][:CLUSTER] for place in places)


def layout_of(rng: random.Random, first: int) -> tuple[list[int | None], bytes]:
    """Runs in order, single ones out of order, holes: where each of the first blocks lies."""
    numbers = list(range(first, first + 40))
    places: list[int | None] = []
    while len(places) < 60:
        kind = rng.randrange(3)
        if kind == 0 and numbers:
            taken = [numbers.pop(0) for _ in range(min(rng.randrange(1, 9), len(numbers)))]
            places += taken
        elif kind == 1 and numbers:
            places.append(numbers.pop(rng.randrange(len(numbers))))
        else:
            places += [None] * rng.randrange(1, 5)
    data = b"".join(number.to_bytes(2, "big") * (CLUSTER // 2) for number in range(first, first + 40))
    shift = rng.choice((0, COUNT - 120, 512 - 30))  # over the end of a page, too
    return [None] * shift + places, data


def reads_right(image_bytes: bytes, expected: bytes, rng: random.Random) -> None:
    image = open_image(MemorySource(image_bytes))
    for _ in range(20):
        offset = rng.randrange(len(expected))
        length = min(rng.choice((1, 512, CLUSTER, 20 * CLUSTER, rng.randrange(60 * CLUSTER))), len(expected) - offset)
        assert image.read_at(offset, length) == expected[offset : offset + length]
    assert image.read_at(0, len(expected)) == expected


@pytest.mark.parametrize("seed", range(fuzz_cases(6)))
def test_qcow2_in_any_order(seed: int) -> None:
    rng = random.Random(seed)
    places, data = layout_of(rng, FIRST)
    entries = [rng.choice((0, ZEROS)) if place is None else place * CLUSTER | COPIED for place in places]
    reads_right(crafted.qcow2(size=len(places) * CLUSTER, l2=entries, tail=data), surface(places, data, FIRST), rng)


@pytest.mark.parametrize("seed", range(fuzz_cases(6)))
def test_vmdk_in_any_order(seed: int) -> None:
    rng = random.Random(seed)
    places, data = layout_of(rng, 2)
    entries = [rng.choice((0, 1)) if place is None else place * 128 for place in places]
    tables = [128 + 4 * index for index in range(2)]
    image = crafted.vmdk(sectors=len(places) * 128, table=entries, directory=tables, flags=5, tail=data)
    reads_right(image, surface(places, data, 2), rng)


def test_a_run_that_leaves_the_file_is_an_error() -> None:
    entries = [(FIRST + number) * CLUSTER | COPIED for number in range(8)]
    image = open_image(MemorySource(crafted.qcow2(size=8 * CLUSTER, l2=entries, tail=bytes(7 * CLUSTER))))
    assert image.read_at(0, 7 * CLUSTER) == bytes(7 * CLUSTER)
    with pytest.raises(TruncatedError, match="cluster 0x7 at 0xc0000 lies past the end"):
        image.read_at(0, 8 * CLUSTER)


def test_a_megabyte_of_neighbours_is_one_read() -> None:
    class Counting(MemorySource):
        reads: ClassVar[list[int]] = []

        def read_at(self, offset: int, length: int) -> bytes:
            self.reads.append(length)
            return super().read_at(offset, length)

    entries = [(FIRST + number) * CLUSTER | COPIED for number in range(16)]
    image = open_image(Counting(crafted.qcow2(size=16 * CLUSTER, l2=entries, tail=bytes(16 * CLUSTER))))
    image.read_at(0, 10)
    Counting.reads.clear()
    image.read_at(100, 16 * CLUSTER - 100)
    assert Counting.reads == [16 * CLUSTER - 100]


@pytest.mark.parametrize(
    ("entries", "step", "count"), [((5,), 1, 1), ((5, 6, 7), 1, 3), ((5, 6, 8), 1, 2), ((0, 0, 0, 4), 0, 3), ((9, 1), 8, 1)]
)
def test_steps(entries: tuple[int, ...], step: int, count: int) -> None:
    assert steps(entries, step) == count


@pytest.mark.parametrize("text", ["1c6c3131", "c6c3131", "1"])
def test_the_content_id_is_changed_whatever_its_length(text: str) -> None:
    """QEMU writes it without leading zeros."""
    from bootmend.source import Overlay

    words = crafted.descriptor('RW 65536 SPARSE "d.vmdk"').replace("\nCID=12345678", f"\nCID={text}")
    data = crafted.vmdk(words, sectors=65536, table=[256] + [0] * 511, tail=bytes(CLUSTER))
    overlay = Overlay(MemorySource(data), "d.vmdk")
    image = open_image(overlay, seed=b"a plan")
    assert image.linkage == text.rjust(8, "0").encode()
    image.write_at(0, b"x")
    found = overlay.read_at(512, 512).split(b"\nCID=")[1].split(b"\n")[0]
    assert len(found) == len(text)
    assert found != text.encode()
    assert int(found, 16) != 0xFFFFFFFF
    assert pack("<I", int(found, 16))


@pytest.mark.parametrize("place", [5, 4, 3, 1])
def test_a_cluster_in_use_twice_is_not_written(place: int) -> None:
    """By another block of the same write; by the L2 table, the L1 table and the table of counts."""
    from bootmend.source import Overlay

    entries = [5 * CLUSTER | COPIED, place * CLUSTER | COPIED]
    overlay = Overlay(MemorySource(crafted.qcow2(size=2 * CLUSTER, l2=entries, tail=bytes(CLUSTER))), "d.qcow2")
    with pytest.raises(CorruptError, match=r"cluster 0x1 at .* lies over a table or another cluster"):
        open_image(overlay).write_at(CLUSTER - 1, b"xy")
    assert overlay.patches() == []
