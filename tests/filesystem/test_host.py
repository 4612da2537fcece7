"""A directory of this computer as a file tree."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import MissingError, ReadError, RefusedError, UnsupportedError
from bootmend.filesystem import Attribute
from bootmend.filesystem.host import HostTree
from bootmend.source import FileSource, Overlay, Source

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "mounted"
    (folder / "Windows" / "System32" / "config").mkdir(parents=True)
    (folder / "Windows" / "System32" / "config" / "SYSTEM").write_bytes(b"regf" + bytes(8188))
    (folder / "Boot").mkdir()
    (folder / "Boot" / "BCD").write_bytes(b"store")
    (tmp_path / "secret").write_bytes(b"outside")
    return folder


@pytest.fixture
def tree(root: Path) -> HostTree:
    return HostTree(str(root), FileSource)


def test_a_file_is_found_in_any_letter_case(tree: HostTree) -> None:
    assert tree.read(r"\windows\SYSTEM32\Config\system")[:4] == b"regf"
    entry = tree.lookup("/boot/bcd")
    assert entry is not None
    assert (entry.name, entry.size, entry.is_directory) == ("BCD", 5, False)
    assert tree.lookup("\\windows").is_directory  # type: ignore[union-attr]
    assert tree.lookup("").is_directory  # type: ignore[union-attr]
    assert (tree.kind, tree.label) == ("directory", "")


def test_the_name_as_spelt_is_preferred(root: Path, tree: HostTree) -> None:
    try:
        (root / "Boot" / "bcd").write_bytes(b"other")
    except OSError:
        pytest.skip("this file system cannot hold both names")
    if len(os.listdir(root / "Boot")) < 2:
        pytest.skip("this file system cannot hold both names")
    assert tree.read("Boot\\bcd") == b"other"
    assert tree.read("Boot\\BCD") == b"store"
    assert tree.read("Boot\\Bcd") == b"store"


def test_entries_are_listed_by_name(tree: HostTree) -> None:
    assert [entry.name for entry in tree.list("")] == ["Boot", "Windows"]
    assert [entry.name for entry in tree.list("boot")] == ["BCD"]


def test_times_and_attributes(root: Path, tree: HostTree) -> None:
    file = root / "Boot" / "BCD"
    os.utime(file, ns=(0, 1_700_000_000_000_000_000))
    file.chmod(0o444)
    entry = tree.open("Boot/BCD").entry
    assert entry.modified == 1_700_000_000 * 10_000_000 + 116_444_736_000_000_000
    assert entry.attributes & Attribute.READONLY
    file.chmod(0o644)
    assert not tree.open("Boot/BCD").entry.attributes & Attribute.READONLY


def test_what_is_not_there_is_missing(root: Path, tree: HostTree) -> None:
    assert tree.lookup("\\Boot\\BCD\\deeper") is None
    assert tree.lookup("\\nothing") is None
    assert tree.lookup("\\Boot\\\0") is None
    assert not tree.exists("\\nothing\\more")
    with pytest.raises(MissingError, match="no file"):
        tree.open("\\nothing")
    with pytest.raises(MissingError, match="is a directory"):
        tree.open("\\Boot")
    with pytest.raises(MissingError, match="no directory"):
        list(tree.list("\\Boot\\BCD"))
    with pytest.raises(MissingError, match="no directory"):
        HostTree(str(root / "nothing"), FileSource)


def test_nothing_outside_is_reached(tree: HostTree) -> None:
    assert tree.lookup("..\\secret") is None
    assert tree.lookup("Boot\\..\\..\\secret") is None
    assert tree.lookup(".") is None


def test_a_link_that_leads_outside_is_named_and_not_followed(root: Path, tree: HostTree) -> None:
    (root / "file").symlink_to(root.parent / "secret")
    (root / "folder").symlink_to(root.parent)
    listed = {entry.name: entry for entry in tree.list("")}
    assert listed["file"].attributes & Attribute.REPARSE_POINT
    assert not listed["Boot"].attributes & Attribute.REPARSE_POINT
    for path in ("file", "folder", "folder\\secret"):
        with pytest.raises(UnsupportedError, match="outside"):
            tree.lookup(path)
    with pytest.raises(UnsupportedError, match="outside"):
        tree.open("file")


def test_a_sibling_with_the_same_beginning_is_outside(root: Path, tree: HostTree) -> None:
    sibling = root.parent / (root.name + "-other")
    sibling.mkdir()
    (root / "link").symlink_to(sibling)
    with pytest.raises(UnsupportedError, match="outside"):
        tree.exists("link")


def test_a_link_that_stays_inside_is_followed(root: Path, tree: HostTree) -> None:
    (root / "System").symlink_to("Windows/System32")
    assert tree.read("system\\CONFIG\\system")[:4] == b"regf"


def test_a_link_to_nothing_or_to_itself_is_no_file(root: Path, tree: HostTree) -> None:
    (root / "dangling").symlink_to("nowhere")
    (root / "circle").symlink_to("circle")
    for name in ("dangling", "circle"):
        with pytest.raises(ReadError):
            tree.open(name)


def test_a_pipe_is_not_opened(root: Path, tree: HostTree) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo(root / "pipe")
    with pytest.raises(UnsupportedError, match="regular"):
        tree.open("pipe")


def test_the_root_itself_may_be_a_link(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    assert HostTree(str(link), FileSource).read("boot\\bcd") == b"store"


def test_bytes_come_from_the_opener(root: Path) -> None:
    opened: list[str] = []
    overlays: dict[str, Overlay] = {}

    def opener(path: str) -> Source:
        opened.append(path)
        return overlays.setdefault(path, Overlay(FileSource(path), path))

    tree = HostTree(str(root), opener)
    file = tree.open("boot\\bcd")
    assert opened == [os.path.realpath(root / "Boot" / "BCD")]
    file.write_at(0, b"S")
    file.barrier()
    file.write_at(1, b"T")
    assert tree.read("Boot/BCD") == b"STore"
    assert [patch.step for patch in overlays[opened[0]].patches()] == [0, 1]
    assert file.locate(1, 2)[0].source is overlays[opened[0]]
    assert (root / "Boot" / "BCD").read_bytes() == b"store"
    assert tree.host_path("boot/bcd") == opened[0]


def test_a_plain_file_source_cannot_be_written(tree: HostTree) -> None:
    with pytest.raises(RefusedError):
        tree.open("Boot/BCD").write_at(0, b"x")


def test_the_anchor_is_the_beginning_of_the_file(tree: HostTree) -> None:
    assert [(anchor.offset, anchor.length) for anchor in tree.open("Boot/BCD").anchors()] == [(0, 5)]
    assert [(anchor.offset, anchor.length) for anchor in tree.open("Windows/System32/config/SYSTEM").anchors()] == [(0, 4096)]


def test_an_empty_file_has_no_anchor(root: Path, tree: HostTree) -> None:
    (root / "empty").touch()
    assert tree.open("empty").anchors() == []


@pytest.mark.parametrize(("begin", "hibernated"), [(b"hibr", True), (b"HIBR", True), (b"\0\0\0\0", False), (b"hi", False)])
def test_a_hibernated_windows_is_an_obstacle(root: Path, tree: HostTree, begin: bytes, hibernated: bool) -> None:
    assert tree.obstacles() == []
    (root / "hiberfil.sys").write_bytes(begin)
    assert [obstacle.kind for obstacle in tree.obstacles()] == ["hibernated"] * hibernated


def test_what_may_not_be_written_is_an_obstacle(tree: HostTree, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tree.open("Boot/BCD")
    assert file.obstacles() == []
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert [obstacle.kind for obstacle in file.obstacles()] == ["read-only-tree"]
    assert [obstacle.kind for obstacle in tree.obstacles()] == ["read-only-tree"]


def test_a_directory_that_cannot_be_listed_is_an_error(tree: HostTree, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> list[str]:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(ReadError, match="Permission denied"):
        tree.lookup("Boot")
