"""Files made, replaced, renamed and deleted on FAT volumes, judged by fsck.fat and mtools."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import MissingError, RefusedError
from bootmend.filesystem.edit import edit_volume
from bootmend.filesystem.fat import FatTree
from bootmend.filesystem.fat.edit import FatEditor
from bootmend.filesystem.tree import Attribute
from bootmend.source import FileSource, MemorySource, Overlay
from tests.filesystem.fat_volumes import FatVolume, esp
from tests.support import fuzz_cases, needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 133_700_000_000_000_000  # 2024-09-05 13:46:40 UTC
SHAPES = [("12", "4M", "4"), ("16", "32M", "4"), ("32", "64M", "1"), ("32", "300M", "8")]
NAMES = ("BCD", "bootmgfw.efi", "bootx64.efi", "A name that is long.txt", "Grüne.txt", "BOOTMGR", "lower", "x" * 40 + ".dat")


def formatted(folder: Path, bits: str, size: str, cluster: str) -> Path:
    needs("mkfs.vfat", "fsck.fat", "mcopy", "mdir")
    image = folder / "volume.img"
    subprocess.run(["truncate", "-s", size, image], check=True)
    subprocess.run(["mkfs.vfat", "-F", bits, "-s", cluster, image], check=True, capture_output=True)
    return image


def written(overlay: Overlay, image: Path, steps: int | None = None) -> Path:
    """The image with the overlay's patches, or with those of its first steps."""
    result = image.with_suffix(".new")
    subprocess.run(["cp", "--sparse=always", image, result], check=True)
    with result.open("r+b") as file:
        for patch in overlay.patches():
            if steps is None or patch.step < steps:
                file.seek(patch.offset)
                file.write(patch.after)
    return result


def complaints(image: Path) -> str:
    """What fsck.fat finds, without its summary."""
    done = subprocess.run(["fsck.fat", "-n", image], capture_output=True, text=True, check=False)
    return "\n".join(done.stdout.splitlines()[1:-1]) if done.returncode else ""


def listed_by_mtools(image: Path) -> dict[str, bytes]:
    """All files as mtools reads them."""
    done = subprocess.run(
        ["mdir", "-i", image, "-/", "-b", "-a", "::"], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    paths = [line for line in done.stdout.decode().splitlines() if line and not line.endswith("/")]
    return {
        path.removeprefix("::"): subprocess.run(
            ["mtype", "-i", image, path], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
        ).stdout
        for path in paths
    }


class Model:
    """Files and directories as a dictionary; every change is made to the editor as well."""

    def __init__(self, editor: FatEditor, chance: random.Random) -> None:
        self.editor, self.chance = editor, chance
        self.files: dict[str, bytes] = {}
        self.directories = [""]

    def free_path(self) -> str:
        taken = {path.lower() for path in (*self.files, *self.directories)}
        while True:
            stem, dot, suffix = self.chance.choice(NAMES).rpartition(".")
            name = f"{stem}{self.chance.randrange(400)}{dot}{suffix}"
            path = f"{self.chance.choice(self.directories)}/{name}"
            if path.lower() not in taken:
                return path

    def content(self) -> bytes:
        return self.chance.randbytes(self.chance.choice((0, 1, 511, 512, 4096, 5000, 70_000)))

    def change(self) -> None:
        kind = self.chance.choice(("new", "new", "replace", "delete", "rename", "directory", "attributes"))
        some = self.chance.choice(sorted(self.files)) if self.files else None
        if kind == "directory" and len(self.directories) < 12:
            self.directories.append(path := self.free_path())
            self.editor.make_directory(path)
        elif kind == "new" or some is None:
            path = self.free_path()
            self.files[path] = data = self.content()
            self.editor.write(path, data)
        elif kind == "replace":
            self.files[some] = data = self.content()
            self.editor.write(some.swapcase().replace("/", "\\"), data)
        elif kind == "delete":
            self.editor.delete(some)
            del self.files[some]
        elif kind == "rename":
            self.editor.rename(some, path := self.free_path())
            self.files[path] = self.files.pop(some)
        else:
            self.editor.set_attributes(some, Attribute.HIDDEN | Attribute.SYSTEM)


@pytest.mark.oracle
@pytest.mark.parametrize("shape", SHAPES, ids="-".join)
def test_random_changes_leave_a_volume_that_fsck_finds_nothing_on(shape: tuple[str, str, str], tmp_path: Path) -> None:
    image = formatted(tmp_path, *shape)
    for seed in range(max(1, fuzz_cases(1))):
        overlay = Overlay(FileSource(image), "image")
        model = Model(FatEditor(overlay, NOW), random.Random(seed))
        for _ in range(90):
            model.change()
        result = written(overlay, image)
        assert complaints(result) == ""
        assert listed_by_mtools(result) == model.files
        read = {path: FatTree(overlay).read(path) for path in model.files}
        assert read == model.files


@pytest.mark.oracle
def test_a_volume_cut_off_between_two_steps_has_lost_clusters_at_worst(tmp_path: Path) -> None:
    """Whatever step was the last: every file holds its old or its new bytes, and fsck knows of nothing but lost clusters."""
    image = formatted(tmp_path, "32", "64M", "1")
    base = Overlay(FileSource(image), "image")
    FatEditor(base, NOW).make_directory("/EFI")
    FatEditor(base, NOW).write("/EFI/BCD", b"old" * 1000)
    image = written(base, image).rename(tmp_path / "before.img")
    overlay = Overlay(FileSource(image), "image")
    FatEditor(overlay, NOW).write("/EFI/BCD", b"new" * 5000)
    steps = max(patch.step for patch in overlay.patches()) + 1
    assert steps == 3
    for done in range(steps + 1):
        cut = written(overlay, image, done)
        assert listed_by_mtools(cut)["/EFI/BCD"] in (b"old" * 1000, b"new" * 5000)
        rest = [line for line in complaints(cut).splitlines() if "Reclaimed" not in line and "Free cluster summary" not in line]
        assert [line for line in rest if line.strip() and "Auto-" not in line and "Leaving" not in line] == []


def tree_and_editor(volume: FatVolume) -> tuple[FatTree, FatEditor]:
    overlay = Overlay(MemorySource(bytes(volume.build())), "volume")
    return FatTree(overlay), FatEditor(overlay, NOW)


def names(tree: FatTree, path: str = "\\") -> Iterator[str]:
    return (entry.name for entry in tree.list(path))


@pytest.mark.parametrize("bits", [12, 16, 32])
def test_a_file_is_made_and_found_under_its_long_name(bits: int) -> None:
    overlay = Overlay(MemorySource(bytes(FatVolume(bits=bits).build())), "volume")
    editor = edit_volume(overlay, NOW)
    editor.make_directory("\\EFI\\Microsoft\\Boot")
    editor.write("\\EFI\\Microsoft\\Boot\\a long file name.efi", b"loader")
    tree = FatTree(overlay)
    entry = tree.lookup("\\efi\\microsoft\\boot\\A LONG FILE NAME.EFI")
    assert entry is not None
    assert (entry.name, entry.size, entry.attributes) == ("a long file name.efi", 6, Attribute.ARCHIVE)
    assert entry.modified == NOW
    assert tree.read("\\EFI\\Microsoft\\Boot\\ALONGF~1.EFI") == b"loader"


def test_a_replaced_file_keeps_its_attributes_and_gives_its_clusters_back() -> None:
    overlay = Overlay(MemorySource(bytes(FatVolume(bits=12, clusters=20).build())), "volume")
    editor = FatEditor(overlay, NOW)
    editor.write("\\BOOTMGR", b"1" * 512 * 9, Attribute.HIDDEN | Attribute.READONLY)
    for _ in range(30):
        editor.write("\\BOOTMGR", b"2" * 512 * 10)
    entry = FatTree(overlay).lookup("\\bootmgr")
    assert entry is not None
    assert entry.attributes == Attribute.HIDDEN | Attribute.READONLY
    with pytest.raises(RefusedError, match="the volume is full: 5632 bytes are needed"):
        editor.write("\\OTHER", b"3" * 512 * 11)
    editor.write("\\OTHER", b"3" * 512 * 10)


def test_what_cannot_be_done_is_refused_and_changes_nothing() -> None:
    overlay = Overlay(MemorySource(bytes(esp().build())), "volume")
    editor = FatEditor(overlay, NOW)
    with pytest.raises(MissingError, match=r"there is no directory \\none"):
        editor.write("\\none\\BCD", b"")
    with pytest.raises(MissingError, match=r"there is no \\none"):
        editor.delete("\\none")
    with pytest.raises(RefusedError, match=r"\\EFI is not empty"):
        editor.delete("\\EFI")
    with pytest.raises(RefusedError, match=r"\\EFI is a directory"):
        editor.write("\\EFI", b"")
    with pytest.raises(RefusedError, match="lies inside"):
        editor.rename("\\EFI", "\\EFI\\Microsoft\\EFI")
    for name in ("a:b", "what?", " ", "ends with a dot.", "x" * 256):
        with pytest.raises(RefusedError, match="cannot be the name of a file"):
            editor.write("\\" + name, b"")
    assert overlay.patches() == []


def test_a_root_directory_of_fixed_size_can_be_full() -> None:
    tree, editor = tree_and_editor(FatVolume(bits=16))
    for number in range(512):
        editor.write(f"\\F{number}", b"")
    with pytest.raises(RefusedError, match="the root directory is full"):
        editor.write("\\ONE", b"")
    assert sum(1 for _ in names(tree)) == 512


def test_what_lies_behind_the_end_of_a_directory_does_not_come_to_life() -> None:
    """Old slots behind the end mark are no files, and must not become files when the mark moves."""
    raw = bytearray(FatVolume(bits=16).build())
    at = FatTree(MemorySource(bytes(raw))).geometry.root_offset
    raw[at + 32 : at + 96] = b"\0" * 32 + b"GHOST   SYS" + bytes(21)
    overlay = Overlay(MemorySource(bytes(raw)), "volume")
    FatEditor(overlay, NOW).write("\\A", b"")
    FatEditor(overlay, NOW).write("\\B", b"")
    FatEditor(overlay, NOW).write("\\a long name in four slots, so to say", b"")
    assert sorted(names(FatTree(overlay))) == ["A", "B", "a long name in four slots, so to say"]


def test_short_names_do_not_collide() -> None:
    tree, editor = tree_and_editor(FatVolume(bits=32))
    wanted = [f"a long name {number}.txt" for number in range(12)]
    for name in wanted:
        editor.write("\\" + name, name.encode())
    tree.forget()
    assert sorted(names(tree)) == sorted(wanted)
    assert tree.read("\\ALONGN~9.TXT") == b"a long name 8.txt"
    assert tree.read("\\ALONG~12.TXT") == b"a long name 11.txt"


def test_a_moved_directory_knows_its_new_parent() -> None:
    overlay = Overlay(MemorySource(bytes(FatVolume(bits=32).build())), "volume")
    editor = FatEditor(overlay, NOW)
    editor.make_directory("\\a\\b")
    editor.make_directory("\\c")
    editor.rename("\\a\\b", "\\c\\B")
    tree = FatTree(overlay)
    above, moved = tree.find("\\c"), tree.find("\\c\\B")
    assert above is not None
    assert moved is not None
    dots = overlay.read_at(tree.geometry.cluster_offset(moved.cluster) + 32, 32)
    assert int.from_bytes(dots[26:28], "little") == above.cluster
    assert list(names(tree, "\\a")) == []


def test_a_name_can_change_its_case() -> None:
    tree, editor = tree_and_editor(FatVolume(bits=16))
    editor.write("\\Bootmgr", b"1")
    editor.rename("\\BOOTMGR", "\\bootMGR")
    tree.forget()
    assert list(names(tree)) == ["bootMGR"]
