"""FAT volumes as the specification describes them, and what goes wrong on them."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest

from bootmend.errors import BootmendError, CorruptError, MissingError, TruncatedError
from bootmend.filesystem import Attribute
from bootmend.filesystem.fat import FatTree
from bootmend.filesystem.fat.directory import filetime
from bootmend.filesystem.fat.layout import parse_boot_sector
from bootmend.source import Extent, MemorySource, Overlay, Source, Window
from tests.filesystem.fat_volumes import BCD, DATE, TIME, FatVolume, esp, long_slots, short_slot

BITS = (12, 16, 32)
BCD_PATH = r"\EFI\Microsoft\Boot\BCD"


class Counting(MemorySource):
    """Memory that counts how often and how much it is read."""

    def __init__(self, data: bytes | bytearray) -> None:
        super().__init__(bytes(data))
        self.reads = 0
        self.bytes_read = 0

    def read_at(self, offset: int, length: int) -> bytes:
        self.reads += 1
        self.bytes_read += length
        return super().read_at(offset, length)


def tree_of(volume: FatVolume) -> FatTree:
    return FatTree(MemorySource(bytes(volume.build())))


def names(tree: FatTree, path: str = "") -> list[str]:
    return [entry.name for entry in tree.list(path)]


def root_tree(*slots: bytes) -> FatTree:
    volume = FatVolume(16)
    volume.root.extend(slots)
    return tree_of(volume)


# -- the boot sector ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("clusters", "bits"), [(1, 12), (4084, 12), (4085, 16), (65524, 16), (65525, 32)])
def test_the_number_of_clusters_decides_the_type(clusters: int, bits: int) -> None:
    layout = 32 if bits == 32 else 16
    geometry = parse_boot_sector(FatVolume(layout, clusters=clusters, per_cluster=1).boot_sector())
    assert (geometry.bits, geometry.clusters) == (bits, clusters)


def test_a_small_volume_with_the_fat32_layout_is_fat32_with_a_remark() -> None:
    volume = FatVolume(32, clusters=3000)
    volume.file(b"hello", b"A       TXT")
    tree = tree_of(volume)
    assert tree.kind == "FAT32"
    assert tree.read("a.txt") == b"hello"
    assert any("fewer than the specification" in remark for remark in tree.remarks())


def test_too_many_clusters_for_the_fat16_layout_are_refused() -> None:
    boot = bytearray(FatVolume(16, clusters=60000).boot_sector())
    struct.pack_into("<H", boot, 19, 0)
    struct.pack_into("<I", boot, 32, 70000)
    with pytest.raises(CorruptError, match="need FAT32"):
        parse_boot_sector(bytes(boot))


@pytest.mark.parametrize(
    ("offset", "data"),
    [
        (510, b"\0\0"),
        (11, b"\x00\x01"),
        (11, b"\0\0"),
        (13, b"\0"),
        (13, b"\x03"),
        (14, b"\0\0"),
        (16, b"\0"),
        (22, b"\0\0"),
        (19, b"\x01\0"),
    ],
)
def test_an_impossible_boot_sector_is_corrupt(offset: int, data: bytes) -> None:
    boot = bytearray(FatVolume(16).boot_sector())
    boot[offset : offset + len(data)] = data
    with pytest.raises(CorruptError, match="boot sector"):
        FatTree(MemorySource(bytes(boot)))


def test_a_volume_shorter_than_a_sector_is_truncated() -> None:
    with pytest.raises(TruncatedError):
        FatTree(MemorySource(b"\xeb"))


def test_only_the_active_fat_of_a_volume_without_mirroring_counts() -> None:
    volume = esp(32)
    image = volume.build()
    start = volume.fat_offset
    image[start : start + volume.fat_sectors * 512] = bytes(volume.fat_sectors * 512)
    with pytest.raises(CorruptError):
        FatTree(MemorySource(bytes(image))).read(BCD_PATH)
    struct.pack_into("<H", image, 40, 0x81)
    assert FatTree(MemorySource(bytes(image))).read(BCD_PATH) == BCD
    struct.pack_into("<H", image, 40, 0x82)
    with pytest.raises(CorruptError, match="active"):
        FatTree(MemorySource(bytes(image)))


# -- reading -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("gap", [0, 1, 2])
@pytest.mark.parametrize("per_cluster", [1, 8])
def test_a_file_is_found_and_read(bits: int, gap: int, per_cluster: int) -> None:
    tree = tree_of(esp(bits, gap, per_cluster))
    assert tree.kind == f"FAT{bits}"
    file = tree.open("/efi/MICROSOFT/boot/bcd")
    assert file.size == len(BCD)
    assert file.read_at(0, file.size) == BCD
    assert file.read_at(511, 1030) == BCD[511:1541]
    assert file.read_at(file.size, 0) == b""
    with pytest.raises(TruncatedError, match=r"(?i)bcd"):
        file.read_at(file.size - 1, 2)


@pytest.mark.parametrize("bits", BITS)
def test_entries_are_listed_in_stored_order(bits: int) -> None:
    tree = tree_of(esp(bits))
    assert names(tree) == ["EFI"]
    entries = list(tree.list(r"\EFI\Microsoft\Boot"))
    assert [entry.name for entry in entries] == ["BCD", "BCD.LOG", "bootmgfw.efi"]
    assert entries[0].attributes == Attribute.HIDDEN | Attribute.SYSTEM | Attribute.ARCHIVE
    assert [entry.size for entry in entries] == [len(BCD), 0, 1400]
    stamp = datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)
    assert entries[0].modified == (stamp.days * 86400 + stamp.seconds) * 10_000_000
    assert not entries[0].is_directory
    assert tree.lookup("\\EFI") is not None
    assert tree.lookup("\\EFI").is_directory  # type: ignore[union-attr]


def test_the_root_is_a_directory() -> None:
    entry = tree_of(esp()).lookup("\\")
    assert entry is not None
    assert entry.is_directory


def test_what_is_not_there_is_missing() -> None:
    tree = tree_of(esp())
    assert tree.lookup("\\EFI\\nothing") is None
    assert tree.lookup("\\EFI\\Microsoft\\Boot\\BCD\\deeper") is None
    assert tree.lookup("\\nothing\\at\\all") is None
    assert not tree.exists("\\SYSTEM")  # the label is no file
    with pytest.raises(MissingError, match="no file"):
        tree.open("\\EFI\\nothing")
    with pytest.raises(MissingError, match="is a directory"):
        tree.open("\\EFI")
    with pytest.raises(MissingError, match="no directory"):
        list(tree.list(BCD_PATH))
    with pytest.raises(MissingError, match="no directory"):
        list(tree.list("\\nothing"))


def test_a_fat32_of_the_size_the_specification_demands_has_no_remark() -> None:
    tree = tree_of(volume := FatVolume(32, clusters=65525))
    assert (tree.kind, tree.remarks()) == ("FAT32", [])
    assert volume.table()[:4] == b"\xf8\xff\xff\x0f"


def test_a_file_without_clusters_is_empty() -> None:
    tree = tree_of(esp())
    file = tree.open(r"\EFI\Microsoft\Boot\BCD.LOG")
    assert file.size == 0
    assert file.read_at(0, 0) == b""
    assert file.locate(0, 0) == []
    assert [anchor.what.split()[0] for anchor in file.anchors()] == ["directory"]


def test_opening_the_boot_store_reads_little() -> None:
    source = Counting(esp(32, gap=1).build())
    file = FatTree(source).open(BCD_PATH)
    assert file.read_at(0, 1) == BCD[:1]
    assert source.reads <= 10
    assert source.bytes_read <= 24576


def test_a_directory_may_have_many_clusters() -> None:
    volume = FatVolume(32, gap=1)
    for index in range(3000):
        volume.file(b"", f"F{index:07}   ".encode(), folder="many")
    volume.folder("many", b"MANY       ")
    tree = tree_of(volume)
    assert names(tree, "many") == [f"F{index:07}" for index in range(3000)]
    assert tree.exists("\\many\\f0002999")


def test_a_fat12_entry_may_lie_across_two_pages_of_the_table() -> None:
    volume = FatVolume(12, clusters=4000)
    data = bytes(index % 251 for index in range(3000 * 512))
    volume.file(data, b"BIG        ")
    assert tree_of(volume).read("big") == data


# -- names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "exactly 13 ch", "A name of more than thirteen.txt", "ünïcödé ☃.efi", "𝄞.mid", "x" * 255])
def test_long_names(name: str) -> None:
    tree = root_tree(*long_slots(name, b"SHORT~1    "), short_slot(b"SHORT~1    "))
    assert names(tree) == [name]
    assert tree.exists(name)
    assert tree.exists(name.swapcase() if name.isascii() else name)
    assert tree.exists("short~1")


def test_a_long_name_wins_over_the_short_name_of_another_file() -> None:
    volume = FatVolume(16)
    volume.file(b"first", b"LONGNA~1   ", "Some long name")
    volume.file(b"second", b"OTHER~1    ", "LONGNA~1")
    assert tree_of(volume).read("longna~1") == b"second"


SLOTS = long_slots("A long name of three parts in all.txt", b"ALONGN~1TXT")


@pytest.mark.parametrize(
    "slots",
    [
        pytest.param(SLOTS[1:], id="first part gone"),
        pytest.param(SLOTS[:-1], id="last part gone"),
        pytest.param([SLOTS[0], SLOTS[2]], id="middle part gone"),
        pytest.param([SLOTS[1], SLOTS[0], SLOTS[2]], id="out of order"),
        pytest.param([*SLOTS[:2], SLOTS[2][:13] + b"\x01" + SLOTS[2][14:]], id="checksum of one part"),
        pytest.param([slot[:13] + b"\x01" + slot[14:] for slot in SLOTS], id="checksum of all parts"),
        pytest.param([b"\x40" + SLOTS[0][1:], *SLOTS[1:]], id="order zero"),
        pytest.param([b"\x7f" + SLOTS[0][1:], *SLOTS[1:]], id="order too high"),
        pytest.param([*SLOTS[:2], b"\xe5" + SLOTS[2][1:]], id="deleted part"),
        pytest.param([*SLOTS, short_slot(b"\xe5LONGN~1TXT")], id="deleted owner"),
    ],
)
def test_an_orphaned_long_name_is_ignored(slots: list[bytes]) -> None:
    assert names(root_tree(*slots, short_slot(b"ALONGN~1TXT"))) == ["ALONGN~1.TXT"]


@pytest.mark.parametrize(
    ("raw", "case", "name"),
    [
        (b"BOOTMGR    ", 0, "BOOTMGR"),
        (b"BOOTMGR EFI", 0x08, "bootmgr.EFI"),
        (b"BOOTMGR EFI", 0x10, "BOOTMGR.efi"),
        (b"BOOTMGR EFI", 0x18, "bootmgr.efi"),
        (b"\x05BC        ", 0, "\u03c3BC"),
        (b"\x81BER    TXT", 0, "\u00fcBER.TXT"),
        (b"A B     C D", 0, "A B.C D"),
    ],
)
def test_short_names(raw: bytes, case: int, name: str) -> None:
    tree = root_tree(short_slot(raw, case=case))
    assert names(tree) == [name]
    assert tree.exists(name)


def test_deleted_entries_and_those_behind_the_end_are_not_listed() -> None:
    slots = [short_slot(b"\xe5ONE       "), short_slot(b"HERE       "), bytes(32), short_slot(b"BEHIND     ")]
    assert names(root_tree(*slots)) == ["HERE"]


def test_the_label_comes_from_the_root_directory_first() -> None:
    volume = FatVolume(16, label=b"FROM BOOT  ")
    assert tree_of(volume).label == "FROM BOOT"
    volume.root.append(short_slot(b"FROM ROOT  ", attributes=0x08))
    assert tree_of(volume).label == "FROM ROOT"
    assert tree_of(FatVolume(32)).label == ""
    assert tree_of(FatVolume(32, label=b"BOOT32     ")).label == "BOOT32"
    assert root_tree(short_slot(b"\x05LABEL     ", attributes=0x08)).label == "\u03c3LABEL"


def test_times() -> None:
    def windows(*when: int) -> int:
        passed = datetime(*when, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)  # type: ignore[misc,arg-type]
        return (passed.days * 86400 + passed.seconds) * 10_000_000

    assert filetime(DATE, TIME) == windows(2024, 2, 29, 12, 34, 56)
    for year in (1980, 1981, 1984, 1999, 2000, 2026, 2099, 2100, 2101, 2107):
        for month, day in ((1, 1), (2, 28), (3, 1), (12, 31)):
            assert filetime((year - 1980) << 9 | month << 5 | day, 0) == windows(year, month, day)
    assert filetime(0, 0) == 0
    assert filetime(13 << 5 | 1, 0) == 0
    assert filetime(DATE, 24 << 11) == 0
    assert filetime(DATE, 60 << 5) == 0


# -- writing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", BITS)
def test_overwriting_changes_only_the_bytes_named(bits: int) -> None:
    volume = esp(bits, gap=1)
    before = bytes(volume.build())
    source = MemorySource(before, writable=True)
    file = FatTree(source).open(BCD_PATH)
    file.write_at(500, b"\xaa" * 600)
    file.barrier()
    assert FatTree(source).read(BCD_PATH) == BCD[:500] + b"\xaa" * 600 + BCD[1100:]
    pieces = file.locate(500, 600)
    assert [extent.length for extent in pieces] == [12, 512, 76]
    after = bytearray(before)
    for extent in pieces:
        after[extent.offset : extent.offset + extent.length] = b"\xaa" * extent.length
    assert source.data == after


def test_a_file_cannot_be_grown() -> None:
    file = FatTree(MemorySource(bytes(esp().build()), writable=True)).open(BCD_PATH)
    with pytest.raises(TruncatedError):
        file.write_at(file.size, b"x")


def test_extents_are_those_of_the_bottom_source() -> None:
    volume = esp(16)
    disk = MemorySource(bytes(1048576) + bytes(volume.build()))
    file = FatTree(Window(disk, 1048576, disk.size - 1048576)).open(BCD_PATH)
    extent = file.locate(0, 512)[0]
    assert extent == Extent(disk, extent.offset, 512)
    assert disk.data[extent.offset : extent.offset + 512] == BCD[:512]


def test_a_barrier_reaches_the_overlay() -> None:
    overlay = Overlay(MemorySource(bytes(esp().build())), "disk")
    file = FatTree(overlay).open(BCD_PATH)
    file.write_at(0, b"one")
    file.barrier()
    file.write_at(3, b"two")
    assert [patch.step for patch in overlay.patches()] == [0, 1]


@pytest.mark.parametrize("bits", BITS)
def test_anchors_tell_when_a_file_has_moved_and_stay_when_it_is_overwritten(bits: int) -> None:
    volume = esp(bits, gap=1)
    image = volume.build()

    def witness(source: Source) -> list[tuple[int, bytes]]:
        anchors = FatTree(source).open(BCD_PATH).anchors()
        assert all(anchor.source is source and anchor.offset % 512 == 0 and anchor.length % 512 == 0 for anchor in anchors)
        return [(anchor.offset, source.read_at(anchor.offset, anchor.length)) for anchor in anchors]

    before = witness(MemorySource(bytes(image)))
    source = MemorySource(image, writable=True)
    FatTree(source).open(BCD_PATH).write_at(0, bytes(1000))
    assert witness(source) == before
    first, second = sorted(volume.chains)[bits == 32 :][:2]
    volume.chains[1000 if bits != 12 else 400] = volume.chains[second]
    volume.chains[first] = 1000 if bits != 12 else 400
    assert witness(MemorySource(bytes(volume.build()))) != before


def test_nothing_speaks_against_writing() -> None:
    tree = tree_of(esp())
    assert tree.obstacles() == []
    assert tree.open(BCD_PATH).obstacles() == []


# -- damage --------------------------------------------------------------------------------------------


def spoilt(bits: int, link: int, value: int) -> FatTree:
    """A volume whose boot store's chain has ``value`` in place of its ``link``-th entry (or the first cluster itself: -1)."""
    volume = esp(bits, gap=1)
    first = 3 if bits == 32 else 2
    volume.chains[first + 2 * link] = value
    return tree_of(volume)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("target", [0, 3, 5])
def test_a_chain_that_comes_back_is_corrupt(bits: int, target: int) -> None:
    first = 3 if bits == 32 else 2
    tree = spoilt(bits, 5, first + 2 * target)
    with pytest.raises(CorruptError, match=r"BCD -> FAT: the chain from cluster \d+ comes back"):
        tree.open(BCD_PATH).read_at(0, len(BCD))
    assert tree.open(BCD_PATH).read_at(0, 3072) == BCD[:3072]


def test_a_chain_that_runs_into_its_own_beginning_is_corrupt() -> None:
    volume = FatVolume(16)
    first = volume.file(bytes(10 * 512), b"LOOP       ")
    for cluster, target in ((first + 3, 60), (60, 61), (61, first + 1)):
        volume.chains[cluster] = target
    with pytest.raises(CorruptError, match="comes back"):
        tree_of(volume).read("loop")
    volume.chains[61] = 59
    volume.chains[59] = 60
    with pytest.raises(CorruptError, match="comes back"):
        tree_of(volume).read("loop")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [(0, "a free cluster"), (1, "no cluster"), (0xFFF7, "a bad cluster"), (0xFFF0, "no cluster"), (5002, "no cluster")],
)
def test_a_chain_that_leaves_the_volume_is_corrupt(value: int, sentence: str) -> None:
    with pytest.raises(CorruptError, match=sentence):
        spoilt(16, 5, value).read(BCD_PATH)


@pytest.mark.parametrize("bits", BITS)
def test_a_chain_shorter_than_its_file_is_corrupt(bits: int) -> None:
    tree = spoilt(bits, 5, {12: 0xFF8, 16: 0xFFF8, 32: 0xFFFFFFF8}[bits])
    with pytest.raises(CorruptError, match="holds 3072 bytes, the file has 8192"):
        tree.read(BCD_PATH)
    with pytest.raises(CorruptError, match="holds 3072 bytes"):
        tree.open(BCD_PATH).anchors()
    with pytest.raises(CorruptError, match="holds 3072 bytes"):
        tree.open(BCD_PATH).write_at(0, bytes(len(BCD)))


def test_a_file_whose_first_cluster_is_none_is_corrupt() -> None:
    volume = FatVolume(16)
    volume.root.append(short_slot(b"BAD        ", 0, 100))
    with pytest.raises(CorruptError, match="directory entry"):
        tree_of(volume).read("bad")


def test_a_directory_that_comes_back_to_itself_is_corrupt() -> None:
    volume = FatVolume(32)
    full = [short_slot(f"F{index:07}   ".encode()) for index in range(14)]
    volume.folders["loop"] = full
    first = volume.folder("loop", b"LOOP       ")
    volume.chains[first] = first
    with pytest.raises(CorruptError, match="comes back"):
        list(tree_of(volume).list("loop"))


def test_a_directory_without_a_cluster_is_corrupt() -> None:
    with pytest.raises(CorruptError, match="without a cluster"):
        list(root_tree(short_slot(b"BAD        ", attributes=0x10)).list("bad"))


def test_a_table_shorter_than_its_clusters_is_corrupt() -> None:
    volume = esp(16)
    image = volume.build()
    struct.pack_into("<H", image, 22, 1)
    with pytest.raises(BootmendError):
        FatTree(MemorySource(bytes(image))).read(BCD_PATH)
    big = FatVolume(16)
    big.next_free = 400
    big.file(bytes(5120), b"FAR        ")
    image = big.build()
    table, sectors = big.table()[:512], big.fat_sectors
    struct.pack_into("<HB", image, 14, 1 + 2 * sectors - 1, 1)  # one FAT of one sector just before the root
    struct.pack_into("<H", image, 22, 1)
    start = big.root_offset - 512
    image[start : start + 512] = table
    with pytest.raises(CorruptError, match="the table ends"):
        FatTree(MemorySource(bytes(image))).read("far")


def test_a_volume_cut_off_is_truncated_where_it_is_read() -> None:
    volume = esp(16)
    image = bytes(volume.build())
    tree = FatTree(MemorySource(image[: volume.place(4)]))
    with pytest.raises(TruncatedError):
        tree.read(BCD_PATH)
    assert any("claims" in remark for remark in tree.remarks())


def test_a_sound_volume_has_no_remarks_and_differing_fats_are_one() -> None:
    volume = esp(16)
    image = volume.build()
    tree = FatTree(MemorySource(bytes(image)))
    tree.read(BCD_PATH)
    assert tree.remarks() == []
    image[volume.fat_offset + volume.fat_sectors * 512 + 20] ^= 1
    tree = FatTree(MemorySource(bytes(image)))
    assert tree.read(BCD_PATH) == BCD
    assert tree.remarks() == ["FAT 2 differs from FAT 1"]


@pytest.mark.parametrize(("bits", "mark"), [(16, 0x7FFF), (32, 0x07FFFFFF)])
def test_a_volume_not_dismounted_cleanly_is_remarked(bits: int, mark: int) -> None:
    volume = esp(bits)
    volume.chains[1] = mark
    assert "the volume was not dismounted cleanly" in tree_of(volume).remarks()
