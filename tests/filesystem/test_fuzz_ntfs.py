"""Any damage to an NTFS volume gives an answer or one of our errors, in bounded time and memory."""

from __future__ import annotations

import random
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from bootmend.errors import BootmendError, CorruptError
from bootmend.filesystem.ntfs import NtfsTree
from bootmend.filesystem.ntfs.runs import decode_runs
from bootmend.source import MemorySource
from tests.filesystem.build_ntfs import encode_runs
from tests.filesystem.small_volume import record_at, small_volume
from tests.support import fuzz_cases


def exercise(image: bytes) -> None:
    """Use everything; only our errors may come out."""
    try:
        tree = NtfsTree(MemorySource(image, writable=True))
    except BootmendError:
        return
    for use in (
        lambda: tree.label,
        lambda: tree.dirty,
        lambda: tree.obstacles(),
        lambda: tree.lookup("ünknown"),
        lambda: list(tree.list("\\")),
        lambda: list(tree.list("Boot")),
    ):
        try:
            use()
        except BootmendError:
            continue
    for path in ("Boot\\BCD", "Boot\\small", "listed", "packed", "$UpCase"):
        try:
            file = tree.open(path)
            file.obstacles()
            file.anchors()
            data = file.read_at(0, min(file.size, 200000))
            file.locate(0, min(file.size, 200000))
            file.write_at(0, data[:10][::-1])
        except BootmendError:
            continue


def test_bytes_changed_anywhere_give_only_our_errors() -> None:
    source = random.Random(20)
    builder, image = small_volume()
    records = [record_at(builder, number) for number in (0, 1, 2, 3, 5, 10, *range(24, 45))]
    areas = [(0, 90), *[(at, 500) for at in records], *[(at, 600) for at in builder.index_places[builder.paths["Boot"]]]]
    for _ in range(fuzz_cases(250)):
        damaged = bytearray(image)
        for _ in range(source.randint(1, 5)):
            start, length = source.choice(areas)
            at = start + source.randrange(length)
            damaged[at] = source.choice([0, 1, 0x7F, 0x80, 0xFF, source.randrange(256)])
        exercise(bytes(damaged))


def test_fields_set_to_extremes_give_only_our_errors() -> None:
    source = random.Random(21)
    builder, image = small_volume()
    paths = ["Boot", "Boot\\BCD", "listed", "packed"]
    for _ in range(fuzz_cases(250)):
        damaged = bytearray(image)
        number = source.choice([0, 2, 5, *[builder.paths[path] for path in paths], builder.paths["listed"] + 1])
        at = record_at(builder, number) + source.randrange(0x10, 0x1F0, 2)
        width, form = source.choice([(2, "<H"), (4, "<I"), (8, "<Q")])
        value = source.choice([0, 1, (1 << 8 * width) - 1, 1 << 8 * width - 1, source.getrandbits(8 * width)])
        struct.pack_into(form, damaged, at, value)
        exercise(bytes(damaged))


@settings(max_examples=fuzz_cases(200), deadline=None)
@given(st.binary(max_size=60), st.integers(0, 1 << 40), st.integers(0, 1 << 40))
def test_any_bytes_as_a_run_list(data: bytes, highest: int, clusters: int) -> None:
    try:
        runs = decode_runs(data, 0, highest, clusters)
    except CorruptError:
        return
    assert sum(run.clusters for run in runs) == highest + 1
    assert all(run.lcn == -1 or 0 <= run.lcn <= clusters - run.clusters for run in runs)


@settings(max_examples=fuzz_cases(200), deadline=None)
@given(st.lists(st.tuples(st.none() | st.integers(0, 1 << 45), st.integers(1, 1 << 40)), min_size=1, max_size=20))
def test_run_lists_come_back(runs: list[tuple[int | None, int]]) -> None:
    decoded = decode_runs(encode_runs(runs), 0, sum(count for _, count in runs) - 1, 1 << 50)
    assert [(None if run.lcn == -1 else run.lcn, run.clusters) for run in decoded] == runs
