"""Broken FAT volumes give our errors and nothing else, in bounded time."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootmend.errors import BootmendError
from bootmend.filesystem.fat import FatTree
from bootmend.filesystem.fat.directory import Slot, records
from bootmend.source import MemorySource
from tests.filesystem.fat_volumes import esp
from tests.support import fuzz_cases


def visit(tree: FatTree, path: str = "", depth: int = 0) -> None:
    """List and read everything, as far as it goes."""
    for entry in list(tree.list(path))[:200]:
        below = f"{path}\\{entry.name}"
        if entry.is_directory and depth < 6:
            attempt(visit, tree, below, depth + 1)
        elif not entry.is_directory:
            attempt(read, tree, below)


def read(tree: FatTree, path: str) -> None:
    file = tree.open(path)
    assert len(file.read_at(0, min(file.size, 65536))) == min(file.size, 65536)
    file.anchors()
    file.locate(0, min(file.size, 4096))


def attempt(function: object, *arguments: object) -> None:
    assert callable(function)
    try:
        function(*arguments)
    except BootmendError:
        return


def explore(image: bytes) -> None:
    def everything() -> None:
        tree = FatTree(MemorySource(image))
        attempt(lambda: tree.label)
        attempt(tree.remarks)
        visit(tree)

    attempt(everything)


@pytest.mark.parametrize("bits", [12, 16, 32])
def test_mutated_volumes(bits: int) -> None:
    volume = esp(bits, gap=1)
    image = bytes(volume.build())
    table = (volume.fat_offset, volume.fat_offset + 256)
    places = [
        (0, 512),
        table,
        table,
        (volume.root_offset, volume.root_offset + 256),
        (volume.data_offset, volume.data_offset + 40 * 512),
    ]
    for case in range(fuzz_cases(150)):
        chance = random.Random(f"{bits}/{case}")
        mutated = bytearray(image)
        for _ in range(chance.randint(1, 12)):
            start, end = chance.choice(places)
            mutated[chance.randrange(start, end)] = chance.choice([0, 1, 0xFF, 0xE5, 0x0F, 0x10, chance.randrange(256)])
        explore(bytes(mutated[: chance.choice([len(mutated), len(mutated), chance.randrange(len(mutated))])]))


@settings(max_examples=fuzz_cases(100), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=2048))
def test_any_bytes_as_a_volume(data: bytes) -> None:
    explore(data)
    explore((data + bytes(512))[:510] + b"\x55\xaa" + data)


@settings(max_examples=fuzz_cases(100), deadline=None)
@given(st.lists(st.binary(min_size=32, max_size=32), max_size=60))
def test_any_bytes_as_a_directory(slots: list[bytes]) -> None:
    for record in records(Slot(32 * index, data) for index, data in enumerate(slots)):
        assert record.slots
        record.entry.name.encode()


@settings(max_examples=fuzz_cases(50), deadline=None)
@given(st.data())
def test_any_links_as_a_table(data: st.DataObject) -> None:
    volume = esp(16)
    image = volume.build()
    links = data.draw(st.lists(st.integers(0, 40) | st.sampled_from([0xFFF7, 0xFFFF]), min_size=30, max_size=30))
    struct.pack_into("<30H", image, volume.fat_offset + 4, *links)
    explore(bytes(image))
