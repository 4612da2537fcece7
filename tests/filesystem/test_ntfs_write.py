"""Writing to NTFS in place: what changes, what must not, and what is refused."""

from __future__ import annotations

import os
import struct

import pytest

from bootmend.errors import RefusedError, TruncatedError
from bootmend.filesystem.ntfs import NtfsTree
from bootmend.source import MemorySource, Overlay, Window
from tests.filesystem.build_ntfs import DATA, HOLE, INFO, Attr, NtfsBuilder


def writable(builder: NtfsBuilder) -> tuple[NtfsTree, MemorySource, bytes]:
    image = builder.finish()
    source = MemorySource(image, writable=True)
    return NtfsTree(source), source, image


def changed_offsets(before: bytes, after: bytes | bytearray) -> list[int]:
    return [index for index in range(len(before)) if before[index] != after[index]]


def test_only_the_clusters_written_to_change() -> None:
    builder = NtfsBuilder()
    data = builder.clustered(DATA, b"x" * 20000, pieces=3)
    builder.add("file", data)
    tree, source, image = writable(builder)
    file = tree.open("file")
    file.write_at(8000, b"Y" * 500)
    assert file.read_at(7990, 520) == b"x" * 10 + b"Y" * 500 + b"x" * 10
    assert NtfsTree(source).read("file") == b"x" * 8000 + b"Y" * 500 + b"x" * 11500
    (first, _), (second, _), _ = data.runs
    assert first is not None
    assert second is not None
    expected = set(range(first * 4096 + 8000, first * 4096 + 8192)) | set(range(second * 4096, second * 4096 + 308))
    assert set(changed_offsets(image, source.data)) == expected
    assert len(source.data) == len(image)


def test_a_file_in_several_records_is_written_in_the_order_of_its_vcns() -> None:
    builder = NtfsBuilder(clusters=1024)
    content = os.urandom(30 * 4096)
    runs = builder.store(content, pieces=30)
    builder.add(
        "HIVE",
        extensions=[
            [Attr(DATA, runs=runs[15:], lowest=sum(count for _, count in runs[:15]))],
            [Attr(DATA, runs=runs[:15], size=len(content))],
        ],
    )
    tree, source, _ = writable(builder)
    fresh = os.urandom(len(content))
    tree.open("HIVE").write_at(0, fresh)
    assert NtfsTree(source).read("HIVE") == tree.read("HIVE") == fresh


def test_a_resident_file_is_written_with_its_record() -> None:
    builder = NtfsBuilder()
    builder.add("small", Attr(DATA, b"a" * 600))
    tree, source, image = writable(builder)
    file = tree.open("small")
    file.write_at(100, b"B" * 450)
    expected = b"a" * 100 + b"B" * 450 + b"a" * 50
    assert file.read_at(0, 600) == tree.read("small") == expected
    assert NtfsTree(source).read("small") == expected
    record = builder.paths["small"]
    at = builder.mft_places[record // 4] * 4096 + record % 4 * 1024
    changed = changed_offsets(image, source.data)
    assert changed
    assert all(at <= offset < at + 1024 for offset in changed)
    assert source.data[at + 0x30 : at + 0x32] == struct.pack("<H", 8)  # the builder's number was 7
    assert source.data[at + 510 : at + 512] == source.data[at + 1022 : at + 1024] == struct.pack("<H", 8)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (0xFFFD, 0xFFFE), (0xFFFE, 1), (0xFFFF, 1)])
def test_the_update_sequence_number_skips_0_and_ffff(before: int, after: int) -> None:
    builder = NtfsBuilder()
    builder.add("small", Attr(DATA, b"a" * 100))
    image = bytearray(builder.finish())
    at = builder.mft_places[builder.paths["small"] // 4] * 4096 + builder.paths["small"] % 4 * 1024
    for place in (0x30, 510, 1022):
        struct.pack_into("<H", image, at + place, before)
    source = MemorySource(image, writable=True)
    NtfsTree(source).open("small").write_at(0, b"b")
    for place in (0x30, 510, 1022):
        assert struct.unpack_from("<H", source.data, at + place) == (after,)
    assert NtfsTree(source).read("small") == b"b" + b"a" * 99


def test_a_resident_file_over_two_records_runs() -> None:
    builder = NtfsBuilder(cluster=512, clusters=4096)
    builder.mft_pieces = 7
    for index in range(40):
        builder.add(f"f{index}", Attr(DATA, b"a" * 500))
    tree, source, _ = writable(builder)
    for index in range(40):
        tree.open(f"f{index}").write_at(250, b"b" * 250)
    fresh = NtfsTree(source)
    assert all(fresh.read(f"f{index}") == b"a" * 250 + b"b" * 250 for index in range(40))


def test_writing_what_is_there_changes_nothing() -> None:
    builder = NtfsBuilder()
    builder.add("small", Attr(DATA, b"resident"))
    builder.add("file", builder.clustered(DATA, b"clusters" * 1000))
    image = builder.finish()
    overlay = Overlay(MemorySource(image), "disk")
    tree = NtfsTree(overlay)
    tree.open("small").write_at(2, b"side")
    tree.open("file").write_at(0, b"clusters" * 1000)
    tree.open("file").write_at(3, b"")
    assert overlay.patches() == []


def test_the_copy_of_the_first_records_is_kept_alike() -> None:
    builder = NtfsBuilder()
    tree, source, image = writable(builder)
    info = tree.mft.inode(3).first(INFO)
    assert info is not None
    tree.mft.patch(3, info.start + 10, b"\x01\x00")
    assert tree.dirty
    assert NtfsTree(source).dirty
    at, mirror = builder.mft_places[0] * 4096 + 3072, builder.mirror * 4096 + 3072
    assert source.data[at : at + 1024] == source.data[mirror : mirror + 1024] != image[at : at + 1024]


def test_what_cannot_be_written_is_refused_and_nothing_changes() -> None:
    builder = NtfsBuilder()
    builder.add("short", builder.clustered(DATA, b"x" * 8000, valid=5000))
    lcn = builder.allocate(2)
    builder.add("sparse", Attr(DATA, runs=[(lcn, 1), (HOLE, 1), (lcn + 1, 1)], size=12288, flags=0x8000))
    builder.add("packed", Attr(DATA, runs=[(builder.allocate(16), 16)], size=65536, flags=0x0001, unit=4), flags=0x820)
    tree, source, image = writable(builder)
    with pytest.raises(RefusedError, match="never written"):
        tree.open("short").write_at(4999, b"ab")
    with pytest.raises(RefusedError, match="hole"):
        tree.open("sparse").write_at(4000, b"y" * 200)
    with pytest.raises(RefusedError, match="compressed by NTFS"):
        tree.open("packed").write_at(0, b"y")
    for name in ("short", "sparse", "packed"):
        file = tree.open(name)
        for offset, data in ((file.size, b"x"), (file.size - 1, b"xy"), (-1, b"x")):
            with pytest.raises(TruncatedError):
                file.write_at(offset, data)
    assert source.data == image
    tree.open("short").write_at(4999, b"a")
    tree.open("sparse").write_at(8192, b"y" * 4096)
    assert NtfsTree(source).read("sparse")[8192:] == b"y" * 4096


def test_a_source_open_for_reading_refuses_and_the_cache_stays_right() -> None:
    builder = NtfsBuilder()
    builder.add("small", Attr(DATA, b"resident"))
    tree = NtfsTree(MemorySource(builder.finish()))
    with pytest.raises(RefusedError):
        tree.open("small").write_at(0, b"X")
    assert tree.read("small") == b"resident"


def test_barriers_reach_the_bottom() -> None:
    builder = NtfsBuilder()
    builder.add("file", builder.clustered(DATA, b"x" * 100))
    image = builder.finish()
    overlay = Overlay(MemorySource(bytes(4096) + image), "disk")
    file = NtfsTree(Window(overlay, 4096, len(image))).open("file")
    file.write_at(0, b"1")
    file.barrier()
    file.write_at(1, b"2")
    assert [patch.step for patch in overlay.patches()] == [0, 1]


# -- obstacles and anchors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "state"),
    [
        (b"hibr", "hibernated"),
        (b"HIBR", "hibernated"),
        (b"RSTR", "hibernated"),
        (b"wake", None),
        (b"WAKE", None),
        (b"\0\0\0\0", None),
        (b"", None),
        (b"hib", None),
    ],
)
@pytest.mark.parametrize("resident", [True, False])
def test_hibernation(start: bytes, state: str | None, resident: bool) -> None:
    builder = NtfsBuilder()
    builder.add("hiberfil.sys", Attr(DATA, start) if resident else builder.clustered(DATA, start + bytes(9000) if start else b""))
    obstacles = NtfsTree(MemorySource(builder.finish())).obstacles()
    assert [obstacle.kind for obstacle in obstacles] == ([state] if state else [])


def test_without_hiberfil_there_is_no_hibernation() -> None:
    assert NtfsTree(MemorySource(NtfsBuilder().finish())).obstacles() == []


def test_hibernation_can_be_discarded_in_place() -> None:
    builder = NtfsBuilder()
    builder.add("hiberfil.sys", builder.clustered(DATA, b"HIBR" + bytes(9000)))
    tree, _, _ = writable(builder)
    assert tree.obstacles()
    tree.open("hiberfil.sys").write_at(0, bytes(4))
    assert tree.obstacles() == []


def test_obstacles_say_how_the_file_is_stored() -> None:
    builder = NtfsBuilder()
    builder.add("plain", builder.clustered(DATA, b"x" * 5000))
    builder.add("small", Attr(DATA, b"x"))
    builder.add("whole", Attr(DATA, runs=[(builder.allocate(2), 2)], size=8192, flags=0x8000))
    builder.add("holes", Attr(DATA, runs=[(builder.allocate(1), 1), (HOLE, 1)], size=8192, flags=0x8000))
    builder.add("late", Attr(DATA, runs=[(builder.allocate(1), 1), (HOLE, 1)], size=8192, valid=4096, flags=0x8000))
    builder.add("packed", Attr(DATA, runs=[(builder.allocate(1), 1), (HOLE, 15)], size=65536, flags=0x0001, unit=4))
    tree, _, _ = writable(builder)
    kinds = {entry.name: [obstacle.kind for obstacle in tree.open(entry.name).obstacles()] for entry in tree.list("\\")}
    assert kinds == {"plain": [], "small": [], "whole": [], "holes": ["sparse"], "late": [], "packed": ["compressed"]}


def test_anchors_cover_what_maps_the_file() -> None:
    builder = NtfsBuilder(clusters=1024, fanout=3)
    builder.mft_records = 100
    directory = builder.add_directory("Boot")
    for index in range(20):
        builder.add(f"Boot\\{index:02}", Attr(DATA, b""))
    content = os.urandom(20 * 4096)
    runs = builder.store(content, pieces=20)
    lowest = sum(count for _, count in runs[:10])
    extents = [[Attr(DATA, runs=runs[:10], size=len(content))], [Attr(DATA, runs=runs[10:], lowest=lowest)]]
    builder.add("Boot\\BCD", extensions=extents, clustered_list=True)
    tree, source, image = writable(builder)
    anchors = tree.open("Boot\\BCD").anchors()
    assert all(anchor.source is source for anchor in anchors)
    places = [(anchor.offset, anchor.length) for anchor in anchors]
    base = builder.paths["Boot\\BCD"]
    for record in (base, base + 1, base + 2, directory):
        at = builder.mft_places[record // 4] * 4096 + record % 4 * 1024
        assert (at, 1024) in places
    blocks = [at for at in builder.index_places[directory] if "BCD".encode("utf-16-le") in image[at : at + 4096]]
    assert [place for place in places if place[1] == 4096 and place[0] in blocks]
    assert (0, 512) in places
    assert any("attribute list" in anchor.what for anchor in anchors)


def test_anchors_move_when_the_file_does() -> None:
    def anchors(pieces: int) -> dict[str, bytes]:
        builder = NtfsBuilder()
        builder.add("BCD", builder.clustered(DATA, b"b" * 16384, pieces=pieces))
        return {
            anchor.what: anchor.source.read_at(anchor.offset, anchor.length)
            for anchor in writable(builder)[0].open("BCD").anchors()
        }

    one, two = anchors(1), anchors(2)
    assert one["boot sector"] == two["boot sector"] or one["boot sector"][0x30:0x38] != two["boot sector"][0x30:0x38]
    assert one["file record of \\BCD"] != two["file record of \\BCD"]
