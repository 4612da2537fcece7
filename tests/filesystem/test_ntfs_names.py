"""Names on NTFS: case, short names, hard links, links and other reparse points, directories of any size."""

from __future__ import annotations

import struct

import pytest

from bootmend.errors import MissingError, UnsupportedError
from bootmend.filesystem import Attribute
from tests.filesystem.build_ntfs import DATA, HOLE, MODIFIED, REPARSE, Attr, NtfsBuilder
from tests.filesystem.test_ntfs_read import tree_of

# -- reparse points ---------------------------------------------------------------------------------------


def reparse(tag: int, body: bytes) -> Attr:
    return Attr(REPARSE, struct.pack("<IHH", tag, len(body), 0) + body)


def wof(algorithm: int) -> Attr:
    return reparse(0x80000017, struct.pack("<IIIII", 1, 2, 1, algorithm, 0))


def link(tag: int, target: str, extra: int) -> Attr:
    raw, shown = ("\\??\\" + target).encode("utf-16-le"), target.encode("utf-16-le")
    head = struct.pack("<HHHH", 0, len(raw), len(raw), len(shown))
    return reparse(tag, head + bytes(extra) + raw + shown)


def test_files_that_wof_keeps_in_an_unknown_way_are_named() -> None:
    algorithm, name = 9, "algorithm 9"
    builder = NtfsBuilder()
    builder.add("winload.exe", Attr(DATA, runs=[(HOLE, 3)], size=12000, flags=0x8000), wof(algorithm), flags=0x620)
    tree = tree_of(builder)
    file = tree.open("winload.exe")
    assert (file.size, file.entry.size) == (12000, 12000)
    for use in (lambda: file.read_at(0, 1), lambda: file.locate(0, 1), lambda: file.write_at(0, b"x")):
        with pytest.raises(UnsupportedError, match=f"compressed by CompactOS \\(WOF {name}\\)"):
            use()
    assert "reparse" in [obstacle.kind for obstacle in file.obstacles()]


@pytest.mark.parametrize(
    ("attribute", "phrase"),
    [
        (link(0xA000000C, "D:\\else", 4), r"symbolic link to D:\\else"),
        (reparse(0x80000013, b""), "deduplication"),
        (reparse(0x9000601A, b""), "cloud"),
        (reparse(0x12345678, b""), "tag 0x12345678"),
        (reparse(0x80000017, struct.pack("<II", 1, 1)), None),
        (reparse(0xA000000C, b""), "does not name"),
    ],
)
def test_other_reparse_points_are_named(attribute: Attr, phrase: str | None) -> None:
    builder = NtfsBuilder()
    builder.add("file", Attr(DATA, b""), attribute, flags=0x420)
    tree = tree_of(builder)
    if phrase is None:
        with pytest.raises(UnsupportedError, match="WIM"):
            tree.open("file").read_at(0, 0)
        return
    with pytest.raises(UnsupportedError, match=phrase):
        tree.open("file")
    assert tree.lookup("file").attributes & Attribute.REPARSE_POINT  # type: ignore[union-attr]


def test_junctions_are_not_followed_but_named() -> None:
    builder = NtfsBuilder()
    builder.add("Documents and Settings", link(0xA0000003, "C:\\Users", 0), directory=True, flags=0x410)
    builder.add("layer", reparse(0x80000018, b""), directory=True, flags=0x410)
    builder.add("layer\\file", Attr(DATA, b"through"))
    tree = tree_of(builder)
    assert tree.lookup("Documents and Settings").is_directory  # type: ignore[union-attr]
    with pytest.raises(UnsupportedError, match=r"junction or mount point to C:\\Users: links are not followed"):
        tree.lookup("Documents and Settings\\me")
    assert tree.read("layer\\file") == b"through"


# -- names ------------------------------------------------------------------------------------------------


def test_names_are_compared_without_case_by_the_volumes_own_table() -> None:
    builder = NtfsBuilder()
    builder.add_directory("Ünïcode")
    names = ["Äpfel", "straße", "ωmega", "日本", "ы", "a\ud800b", "\U0001f600", "\ue000", "z~!"]
    for name in names:
        builder.add(f"Ünïcode\\{name}", Attr(DATA, name.encode("utf-8", "surrogatepass")))
    tree = tree_of(builder)
    for name in [*names, "äPFEL", "STRAßE", "ΩMEGA", "Ы"]:
        same = next(one for one in names if one.lower() == name.lower())
        assert tree.read(f"üNÏCODE\\{name}") == same.encode("utf-8", "surrogatepass")
    assert tree.lookup("Ünïcode\\STRASSE") is None
    assert [entry.name for entry in tree.list("Ünïcode")] == sorted(names, key=lambda name: _upper_units(builder, name))


def _upper_units(builder: NtfsBuilder, name: str) -> list[int]:
    raw = name.encode("utf-16-le", "surrogatepass")
    return [builder.upcase[unit] for unit in struct.unpack(f"<{len(raw) // 2}H", raw)]


def test_a_table_of_its_own_decides() -> None:
    builder = NtfsBuilder()
    builder.upcase[ord("ж")] = ord("Щ")
    builder.add("Щ", Attr(DATA, b"found"))
    assert tree_of(builder).read("ж") == b"found"


def test_short_names_are_found_but_not_listed() -> None:
    builder = NtfsBuilder()
    number = builder.add("Program Files", directory=True, flags=0x10)
    builder.add_name("PROGRA~1", number)
    builder.add("Program Files\\x", Attr(DATA, b"1"))
    tree = tree_of(builder)
    assert [entry.name for entry in tree.list("\\")] == ["Program Files"]
    assert tree.read("progra~1\\x") == b"1"


def test_hard_links_tell_the_true_size() -> None:
    builder = NtfsBuilder()
    builder.add_directory("WinSxS")
    number = builder.add("WinSxS\\ntdll.dll", builder.clustered(DATA, b"d" * 9000), size=9000)
    builder.add_name("ntdll.dll", number, namespace=1)
    tree = tree_of(builder)
    assert [(entry.name, entry.size) for entry in tree.list("\\") if not entry.is_directory] == [("ntdll.dll", 0)]
    assert tree.lookup("ntdll.dll").size == 9000  # type: ignore[union-attr]
    assert tree.open("ntdll.dll").entry.size == 9000


def test_entries_tell_attributes_and_time() -> None:
    builder = NtfsBuilder()
    builder.add("hidden", Attr(DATA, b"12345"), flags=0x27, size=5)
    builder.add_directory("folder")
    tree = tree_of(builder)
    listed = {entry.name: entry for entry in tree.list("\\")}
    flags = Attribute.READONLY | Attribute.HIDDEN | Attribute.SYSTEM | Attribute.ARCHIVE
    assert listed["hidden"] == tree.lookup("hidden") == ("hidden", 5, flags, MODIFIED)
    assert listed["folder"].is_directory
    assert not listed["hidden"].is_directory
    root = tree.lookup("\\")
    assert root is not None
    assert root.is_directory
    assert (root.name, root.size) == ("", 0)


def test_what_is_not_there() -> None:
    builder = NtfsBuilder()
    builder.add_directory("Boot")
    builder.add("Boot\\BCD", Attr(DATA, b"x"))
    tree = tree_of(builder)
    for path in ("nothing", "Boot\\nothing", "nothing\\BCD", "Boot\\BCD\\below", "Boot\\ünknown"):
        assert tree.lookup(path) is None
        assert not tree.exists(path)
        with pytest.raises(MissingError):
            tree.open(path)
    for path in ("\\", "", "Boot", "boot/bcd", "\\\\Boot\\\\BCD"):
        assert tree.exists(path)
    with pytest.raises(MissingError, match="directory, not a file"):
        tree.open("Boot")
    with pytest.raises(MissingError, match="no such directory"):
        tree.list("Boot\\BCD")
    with pytest.raises(MissingError, match="no such directory"):
        tree.list("nowhere")


def test_the_file_systems_own_files_can_be_opened_but_are_not_listed() -> None:
    tree = tree_of(NtfsBuilder())
    assert list(tree.list("\\")) == []
    assert tree.read("$UpCase")[:2] == b"\0\0"
    assert tree.open("$mftmirr").size == 4096


# -- directories of any size ------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 4, 5, 13, 40, 400])
@pytest.mark.parametrize("fanout", [2, 12])
def test_directories_of_any_size(count: int, fanout: int) -> None:
    builder = NtfsBuilder(clusters=4096, fanout=fanout)
    builder.mft_records = 480
    builder.add_directory("d")
    names = [f"{index * 7919 % 10007:05}.dat" for index in range(count)]
    for name in names:
        builder.add(f"d\\{name}", Attr(DATA, name.encode()))
    tree = tree_of(builder)
    assert [entry.name for entry in tree.list("d")] == sorted(names)
    assert all(tree.read(f"d\\{name.upper()}") == name.encode() for name in names)
    assert tree.lookup("d\\99999.dat") is None
    assert tree.lookup("d\\00000a.dat") is None
