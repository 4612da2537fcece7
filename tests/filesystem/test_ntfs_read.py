"""Reading NTFS: geometry, files of every kind of storage, names, directories of any size."""

from __future__ import annotations

import os
import random

import pytest

from bootmend.errors import CorruptError, TruncatedError, UnsupportedError
from bootmend.filesystem import Attribute
from bootmend.filesystem.ntfs import NtfsTree
from bootmend.source import Extent, MemorySource, Source, Window
from tests.filesystem.build_ntfs import DATA, HOLE, Attr, NtfsBuilder, Record
from tests.filesystem.test_lznt1 import compressed, plain


def tree_of(builder: NtfsBuilder) -> NtfsTree:
    return NtfsTree(MemorySource(builder.finish()))


class CountingSource(Window):
    """Counts what is asked of it."""

    def __init__(self, source: Source) -> None:
        super().__init__(source, 0, source.size)
        self.reads: list[tuple[int, int]] = []

    def read_at(self, offset: int, length: int) -> bytes:
        self.reads.append((offset, length))
        return super().read_at(offset, length)


# -- geometry -------------------------------------------------------------------------------------------

GEOMETRIES = [
    {},
    {"cluster": 512, "clusters": 4096},
    {"cluster": 1024, "clusters": 4096, "record": 4096},
    {"cluster": 65536, "clusters": 64},
    {"cluster": 131072, "clusters": 40},
    {"cluster": 2 << 20, "clusters": 20},
    {"sector": 4096, "record": 4096},
    {"sector": 1024, "block": 8192},
    {"cluster": 8192, "block": 2048},
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_every_geometry_is_read(geometry: dict[str, int]) -> None:
    builder = NtfsBuilder(**geometry)
    builder.fanout = 5
    builder.add_directory("Boot")
    content = os.urandom(30000)
    builder.add("Boot\\BCD", builder.clustered(DATA, content, pieces=3 if builder.cluster < 10000 else 1))
    for index in range(20):
        builder.add(f"Boot\\{index:04}", Attr(DATA, f"file {index}".encode()))
    tree = tree_of(builder)
    assert (tree.boot.cluster, tree.boot.record, tree.boot.index_block) == (builder.cluster, builder.record, builder.block)
    assert tree.read("\\boot\\bcd") == content
    assert [tree.read(f"Boot/{index:04}") for index in range(20)] == [f"file {index}".encode() for index in range(20)]
    assert len(list(tree.list("Boot"))) == 21


def test_the_volume_tells_its_label_version_and_state() -> None:
    builder = NtfsBuilder()
    builder.label = "Größe 東"
    clean = tree_of(builder)
    assert (clean.kind, clean.label, clean.version, clean.dirty) == ("NTFS", "Größe 東", "3.1", False)
    assert clean.boot.serial == 0x1234567890ABCDEF
    dirty = NtfsBuilder()
    dirty.volume_flags, dirty.label = 0x1, ""
    assert (tree_of(dirty).dirty, tree_of(dirty).label) == (True, "")


def test_a_fragmented_mft_is_followed() -> None:
    builder = NtfsBuilder()
    builder.mft_pieces = 5
    for index in range(60):
        builder.add(f"f{index}", Attr(DATA, bytes([index])))
    tree = tree_of(builder)
    assert [tree.read(f"f{index}") for index in range(60)] == [bytes([index]) for index in range(60)]


def test_an_mft_with_an_attribute_list_is_followed() -> None:
    builder = NtfsBuilder()
    builder.mft_pieces, builder.moved_mft_extents = 4, True
    for index in range(60):
        builder.add(f"f{index}", Attr(DATA, bytes([index])))
    tree = tree_of(builder)
    assert [tree.read(f"f{index}") for index in range(60)] == [bytes([index]) for index in range(60)]


# -- how files are stored -------------------------------------------------------------------------------


def test_resident_and_empty_files() -> None:
    builder = NtfsBuilder()
    builder.add("resident", Attr(DATA, b"in the record"))
    builder.add("empty", Attr(DATA, b""))
    tree = tree_of(builder)
    assert tree.read("resident") == b"in the record"
    assert tree.open("resident").read_at(3, 3) == b"the"
    assert tree.read("empty") == b""
    assert tree.open("resident").is_resident


def test_a_file_in_many_runs_and_records() -> None:
    builder = NtfsBuilder(clusters=1024)
    content = os.urandom(40 * 4096)
    runs = builder.store(content, pieces=40)
    extents, lowest = [], 0
    for start in range(0, 40, 10):
        part = runs[start : start + 10]
        extents.append(Attr(DATA, runs=part, size=len(content), lowest=lowest))
        lowest += sum(count for _, count in part)
    builder.add("HIVE", extensions=[[extent] for extent in extents])
    builder.add("HIVE2", extensions=[[extent] for extent in extents], clustered_list=True)
    tree = tree_of(builder)
    for name in ("HIVE", "HIVE2"):
        assert tree.read(name) == content
        file = tree.open(name)
        assert file.size == tree.lookup(name).size == len(content)  # type: ignore[union-attr]
        for _ in range(30):
            offset = random.randrange(len(content))
            length = random.randrange(len(content) - offset)
            assert file.read_at(offset, length) == content[offset : offset + length]


def test_only_the_unnamed_data_are_the_file() -> None:
    builder = NtfsBuilder()
    builder.add("file", Attr(DATA, b"stream", name="Zone.Identifier"), Attr(DATA, b"the file"))
    assert tree_of(builder).read("file") == b"the file"


def test_bytes_from_the_valid_data_length_on_are_zeros() -> None:
    builder = NtfsBuilder()
    builder.add("file", builder.clustered(DATA, b"x" * 10000, valid=5000))
    builder.add("none", builder.clustered(DATA, b"x" * 10000, valid=0))
    tree = tree_of(builder)
    assert tree.read("file") == b"x" * 5000 + bytes(5000)
    assert tree.open("file").read_at(6000, 10) == bytes(10)
    assert tree.read("none") == bytes(10000)


def test_holes_read_as_zeros() -> None:
    builder = NtfsBuilder()
    lcn = builder.allocate(1)
    builder.put(lcn, b"y" * 4096)
    builder.add("sparse", Attr(DATA, runs=[(HOLE, 2), (lcn, 1), (HOLE, 1)], size=4 * 4096 - 5, flags=0x8000))
    tree = tree_of(builder)
    assert tree.read("sparse") == bytes(8192) + b"y" * 4096 + bytes(4091)


def test_compressed_files_are_unfolded() -> None:
    builder = NtfsBuilder()
    unit = 16 * 4096
    noise, pattern = os.urandom(unit), b"0123456789abcdef"
    packed = b"".join([compressed(pattern, (16, 4080))] * 16) + b"\0\0"
    raw = builder.allocate(16)
    builder.put(raw, noise)
    small = builder.allocate(1)
    builder.put(small, packed)
    last = builder.allocate(1)
    builder.put(last, plain(b"the end"))
    runs = [(raw, 16), (small, 1), (HOLE, 15), (HOLE, 16), (last, 1), (HOLE, 15)]
    size = 3 * unit + 7
    builder.add("c", Attr(DATA, runs=runs, size=size, flags=0x0001, unit=4), flags=0x820)
    tree = tree_of(builder)
    expected = noise + pattern * (unit // 16) + bytes(unit) + b"the end"
    assert tree.read("c") == expected
    file = tree.open("c")
    assert file.read_at(unit - 3, 10) == expected[unit - 3 : unit + 7]
    assert file.read_at(size - 1, 1) == b"d"
    assert file.entry.attributes & Attribute.COMPRESSED


def test_encrypted_files_are_named() -> None:
    builder = NtfsBuilder()
    secret = builder.clustered(DATA, b"secret")
    secret.flags = 0x4000
    builder.add("efs", secret, flags=0x4020)
    builder.add("small", Attr(DATA, b"x", flags=0x4000))
    tree = tree_of(builder)
    for name in ("efs", "small"):
        with pytest.raises(UnsupportedError, match="encrypted with EFS"):
            tree.open(name)
    assert tree.lookup("efs").attributes & Attribute.ENCRYPTED  # type: ignore[union-attr]


def test_an_unknown_compression_is_named() -> None:
    builder = NtfsBuilder()
    odd = builder.clustered(DATA, b"odd")
    odd.flags, odd.unit = 0x0002, 4
    builder.add("odd", odd)
    with pytest.raises(UnsupportedError, match="unknown way"):
        tree_of(builder).open("odd")


# -- ranges, places, cost ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resident", "clusters"])
def test_ranges_outside_the_file_are_refused(name: str) -> None:
    builder = NtfsBuilder()
    builder.add("resident", Attr(DATA, b"x" * 100))
    builder.add("clusters", builder.clustered(DATA, b"x" * 100))
    file = tree_of(builder).open(name)
    for offset, length in ((0, 101), (100, 1), (-1, 1), (0, -1), (1 << 70, 1)):
        with pytest.raises(TruncatedError):
            file.read_at(offset, length)
        with pytest.raises(TruncatedError):
            file.locate(offset, length)
    assert file.read_at(100, 0) == b""
    assert file.locate(50, 0) == []


def read_located(extents: list[Extent]) -> bytes:
    return b"".join(
        [extent.source.read_at(extent.offset, extent.length) if extent.source else bytes(extent.length) for extent in extents]
    )


def test_located_bytes_are_the_files_bytes() -> None:
    builder = NtfsBuilder()
    content = os.urandom(20000)
    builder.add("clusters", builder.clustered(DATA, content, pieces=4, valid=15000))
    resident = os.urandom(700)
    builder.add("resident", Attr(DATA, resident))
    lcn = builder.allocate(1)
    builder.put(lcn, b"y" * 4096)
    builder.add("sparse", Attr(DATA, runs=[(HOLE, 1), (lcn, 1)], size=8192, flags=0x8000))
    base = MemorySource(bytes(1 << 20) + builder.finish())
    tree = NtfsTree(Window(base, 1 << 20, base.size - (1 << 20)))
    clusters = tree.open("clusters").locate(100, 19000)
    assert {extent.source for extent in clusters} == {base, None}
    assert read_located(clusters) == content[100:15000] + bytes(4100)
    for start, end in ((0, 700), (300, 301), (100, 650)):
        assert read_located(tree.open("resident").locate(start, end - start)) == resident[start:end]
    assert read_located(tree.open("sparse").locate(4000, 200)) == bytes(96) + b"y" * 104


def test_opening_a_file_reads_little() -> None:
    builder = NtfsBuilder(clusters=1024)
    builder.mft_records = 200
    builder.add_directory("Boot")
    builder.add("Boot\\BCD", builder.clustered(DATA, b"b" * 16384))
    for index in range(60):
        builder.add(f"Boot\\de-DE {index}", Attr(DATA, b""))
        builder.add(f"file {index}", Attr(DATA, b""))
    source = CountingSource(MemorySource(builder.finish()))
    tree = NtfsTree(source)
    file = tree.open("\\Boot\\BCD")
    assert len(source.reads) <= 10
    assert sum(length for _, length in source.reads) <= 26 << 10
    source.reads.clear()
    assert file.read_at(0, file.size) == b"b" * 16384
    assert len(source.reads) == 1
    source.reads.clear()
    tree.open("\\Boot\\BCD")
    assert tree.exists("\\Boot\\de-DE 7")
    assert tree.label == "TEST"
    assert len(source.reads) <= 1


def test_an_attribute_list_that_names_foreign_records_is_damage() -> None:
    builder = NtfsBuilder()
    other = builder.new_record(Record([Attr(DATA, b"foreign")], base=9 << 48 | 7))
    number = builder.add("file")
    attrs = builder.records[number].attrs
    lines = [(attr, number, instance) for instance, attr in enumerate(attrs)]
    builder._add_list(attrs, [*lines, (Attr(DATA, b""), other, 0)], clustered=False)
    with pytest.raises(CorruptError, match="not one of its own"):
        tree_of(builder).open("file")
