"""Files made, replaced, renamed and deleted on NTFS, judged by ntfs-3g, ntfsresize, ntfsfix and dissect."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import MissingError, RefusedError
from bootmend.filesystem.edit import edit_volume
from bootmend.filesystem.ntfs import NtfsTree
from bootmend.filesystem.ntfs.edit import NtfsEditor
from bootmend.filesystem.ntfs.runs import HOLE, Run, Stretch, decode_runs, encode_runs
from bootmend.filesystem.tree import Attribute
from bootmend.source import FileSource, Overlay
from tests.filesystem.test_ntfs_oracle import compare_with_dissect, mkntfs, mounted
from tests.support import fuzz_cases, needs

if TYPE_CHECKING:
    from pathlib import Path

NOW = 133_700_000_000_000_000
SHAPES = {"4096": (48, ()), "512": (24, ("-c", "512")), "65536": (96, ("-c", "65536"))}
NAMES = ("BCD", "bootmgfw.efi", "A name that is long.txt", "Grüne.txt", "bootmgr", "lower", "x" * 90 + ".dat")


def written(overlay: Overlay, image: Path, name: str = "new.img") -> Path:
    """A copy of the image with the overlay's patches."""
    result = image.parent / name
    subprocess.run(["cp", "--sparse=always", image, result], check=True)
    with result.open("r+b") as file:
        for patch in overlay.patches():
            file.seek(patch.offset)
            file.write(patch.after)
    return result


def check(image: Path) -> None:
    """ntfsfix mounts it, and ntfsresize finds every used cluster in just one file and in the bitmap."""
    needs("ntfsfix", "ntfsresize")
    for command in (["ntfsfix", "-n"], ["ntfsresize", "--info", "--force", "--no-progress-bar"]):
        done = subprocess.run([*command, image], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


class Model:
    """Files and directories as a dictionary; every change is made to the editor as well."""

    def __init__(self, editor: NtfsEditor, chance: random.Random) -> None:
        self.editor, self.chance = editor, chance
        self.files: dict[str, bytes] = {}
        self.directories = [""]

    def free_path(self) -> str:
        taken = {path.lower() for path in (*self.files, *self.directories)}
        while True:
            stem, dot, suffix = self.chance.choice(NAMES).rpartition(".")
            path = f"{self.chance.choice(self.directories)}\\{stem}{self.chance.randrange(900)}{dot}{suffix}"
            if path.lower() not in taken:
                return path

    def content(self) -> bytes:
        return self.chance.randbytes(self.chance.choice((0, 1, 200, 600, 700, 4096, 5000, 70_000)))

    def change(self) -> None:
        kind = self.chance.choice(("new", "new", "new", "replace", "delete", "rename", "directory", "attributes"))
        some = self.chance.choice(sorted(self.files)) if self.files else None
        if kind == "directory" and len(self.directories) < 4:
            self.directories.append(path := self.free_path())
            self.editor.make_directory(path)
        elif kind == "new" or some is None:
            path = self.free_path()
            self.files[path] = data = self.content()
            self.editor.write(path, data)
        elif kind == "replace":
            self.files[some] = data = self.content()
            self.editor.write(some.swapcase().replace("ü", "Ü"), data)
        elif kind == "delete":
            self.editor.delete(some)
            del self.files[some]
        elif kind == "rename":
            self.editor.rename(some, path := self.free_path())
            self.files[path] = self.files.pop(some)
        else:
            self.editor.set_attributes(some, Attribute.HIDDEN | Attribute.SYSTEM)


@pytest.mark.oracle
@pytest.mark.parametrize("shape", SHAPES)
def test_random_changes_leave_a_volume_that_others_find_whole(shape: str, tmp_path: Path) -> None:
    """All bytes are read back through ntfs-3g, which then deletes every file: its own code walks and empties our indexes."""
    size, options = SHAPES[shape]
    image = tmp_path / "volume.img"
    mkntfs(image, size << 20, *options)
    for seed in range(max(1, fuzz_cases(1))):
        overlay = Overlay(FileSource(image), "image")
        model = Model(NtfsEditor(overlay, NOW), random.Random(seed))
        for _ in range(200):
            model.change()
        result = written(overlay, image)
        check(result)
        compare_with_dissect(FileSource(result))
        with mounted(result, tmp_path) as folder:
            found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
            assert found == {path[1:].replace("\\", "/"): data for path, data in model.files.items()}
            for directory in folder.iterdir():
                shutil.rmtree(directory) if directory.is_dir() else directory.unlink()
            (folder / "afterwards").write_bytes(b"written by ntfs-3g")
        check(result)


@pytest.mark.oracle
def test_files_made_by_ntfs_3g_are_replaced_renamed_and_deleted(tmp_path: Path) -> None:
    """Hard links, short names, and an index of several levels that ntfs-3g built."""
    image = tmp_path / "volume.img"
    mkntfs(image, 64 << 20)
    with mounted(image, tmp_path) as folder:
        (folder / "drivers").mkdir()
        for number in range(400):
            (folder / "drivers" / f"driver number {number:04}.sys").write_bytes(b"%d" % number * 300)
        os.link(folder / "drivers" / "driver number 0007.sys", folder / "link.sys")
    overlay = Overlay(FileSource(image), "image")
    editor = NtfsEditor(overlay, NOW)
    for number in range(0, 400, 3):
        editor.delete(f"\\drivers\\DRIVER number {number:04}.sys")
    editor.delete("\\drivers\\driver number 0007.sys")
    for number in range(1, 400, 30):
        editor.write(f"\\drivers\\driver number {number:04}.sys", b"new" * 9000)
    editor.rename("\\drivers\\driver number 0008.sys", "\\moved.sys")
    result = written(overlay, image)
    check(result)
    with mounted(result, tmp_path) as folder:
        names = {path.name for path in (folder / "drivers").iterdir()}
        assert names == {f"driver number {n:04}.sys" for n in range(400) if n % 3 and n not in (7, 8)}
        assert (folder / "link.sys").read_bytes() == b"7" * 300
        assert (folder / "link.sys").stat().st_nlink == 1
        assert (folder / "moved.sys").read_bytes() == b"8" * 300
        assert (folder / "drivers" / "driver number 0031.sys").read_bytes() == b"new" * 9000


@pytest.mark.oracle
def test_a_directory_keeps_its_order_while_it_grows_and_shrinks(tmp_path: Path) -> None:
    """From the record into blocks, to two levels, and back."""
    image = tmp_path / "volume.img"
    mkntfs(image, 48 << 20)
    overlay = Overlay(FileSource(image), "image")
    editor = NtfsEditor(overlay, NOW)
    editor.make_directory("\\d")
    names = [f"name {number:03} {'x' * 60}" for number in range(300)]
    random.Random(1).shuffle(names)
    for name in names:
        editor.write("\\d\\" + name, b"")
    assert [entry.name for entry in NtfsTree(overlay).list("\\d")] == sorted(names)
    check(written(overlay, image))
    for name in names[:-2]:
        editor.delete("\\d\\" + name)
    assert [entry.name for entry in NtfsTree(overlay).list("\\d")] == sorted(names[-2:])
    check(written(overlay, image))


@pytest.mark.oracle
def test_only_the_file_its_directory_and_the_bitmaps_change(tmp_path: Path) -> None:
    image = tmp_path / "volume.img"
    mkntfs(image, 48 << 20)
    base = Overlay(FileSource(image), "image")
    editor = NtfsEditor(base, NOW)
    editor.make_directory("\\Boot")
    for number in range(30):
        editor.write(f"\\Boot\\{number}", b"%d" % number * 3000)
    image = written(base, image, "before.img")
    overlay = Overlay(FileSource(image), "image")
    NtfsEditor(overlay, NOW + 1).write("\\Boot\\BCD", b"x" * 20000)
    before, after = NtfsTree(FileSource(image)), NtfsTree(overlay)
    file, parent = after.find(["Boot", "BCD"]), after.find(["Boot"])
    assert file is not None
    assert parent is not None
    records = {file.inode.number, parent.inode.number, 0, *range(before.mft.records, after.mft.records)}
    allowed = [stretch for number in records for stretch in after.mft.stretches(number)]
    maps = ((file.inode, 0x80, ""), (parent.inode, 0xA0, "$I30"), (after.mft.inode(6), 0x80, ""), (after.mft.inode(0), 0xB0, ""))
    for inode, kind, name in (*maps, (after.mft.inode(1), 0x80, "")):  # the last is the mirror of record 0
        runs = [run for extent in inode.find(kind, name) for run in extent.runs(after.boot.clusters)]
        allowed += [Stretch(run.lcn * 4096, run.clusters * 4096) for run in runs]
    for patch in overlay.patches():
        assert any(start <= patch.offset < start + length for start, length in allowed), hex(patch.offset)


# -- what is refused -------------------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "volume.img"
    mkntfs(path, 24 << 20)
    return path


@pytest.mark.oracle
def test_what_cannot_be_done_is_refused(image: Path) -> None:
    overlay = Overlay(FileSource(image), "image")
    editor = edit_volume(overlay, NOW)
    editor.make_directory("\\Boot")
    editor.write("\\Boot\\BCD", b"1")
    before = len(overlay.patches())
    with pytest.raises(MissingError, match=r"there is no directory \\none"):
        editor.write("\\none\\BCD", b"")
    with pytest.raises(MissingError, match="there is no such file"):
        editor.delete("\\none")
    with pytest.raises(RefusedError, match="not empty"):
        editor.delete("\\Boot")
    with pytest.raises(RefusedError, match="this is a directory"):
        editor.write("\\Boot", b"")
    with pytest.raises(RefusedError, match="lies inside it"):
        editor.rename("\\Boot", "\\Boot\\Boot")
    with pytest.raises(RefusedError, match="there already"):
        editor.rename("\\Boot\\BCD", "\\Boot")
    with pytest.raises(RefusedError, match="file system itself"):
        editor.delete("\\$MFT")
    with pytest.raises(RefusedError, match="cannot be the name"):
        editor.write("\\a:b", b"")
    assert len(overlay.patches()) == before


@pytest.mark.oracle
def test_a_full_volume_is_refused(image: Path) -> None:
    editor = edit_volume(Overlay(FileSource(image), "image"), NOW)
    with pytest.raises(RefusedError, match="the volume is full"):
        editor.write("\\large", bytes(30 << 20))


@pytest.mark.oracle
def test_a_volume_to_be_checked_is_refused(image: Path) -> None:
    tree = NtfsTree(overlay := Overlay(FileSource(image), "image"))
    information = tree.mft.inode(3).first(0x70)
    assert information is not None
    tree.mft.patch(3, information.start + 10, b"\x01\x00")
    with pytest.raises(RefusedError, match="marked to be checked"):
        NtfsEditor(overlay, NOW)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("flag", "word"), [(0x800, "compressed"), (0x200, "sparse"), (0x4000, "encrypted"), (0x400, "reparse point")]
)
def test_a_file_that_is_stored_in_a_special_way_is_refused(image: Path, flag: int, word: str) -> None:
    overlay = Overlay(FileSource(image), "image")
    NtfsEditor(overlay, NOW).write("\\file", b"1")
    tree = NtfsTree(overlay)
    found = tree.find(["file"])
    assert found is not None
    standard = found.inode.first(0x10)
    assert standard is not None
    tree.mft.patch(found.inode.number, standard.start + 32, (0x20 | flag).to_bytes(4, "little"))
    with pytest.raises(RefusedError, match=f"the file is {word}"):
        NtfsEditor(overlay, NOW).write("\\file", b"2")
    with pytest.raises(RefusedError, match=f"the file is {word}"):
        NtfsEditor(overlay, NOW).delete("\\file")


@pytest.mark.parametrize(
    "runs",
    [
        [Run(0, 0x1234, 0x18)],
        [Run(0, 0x7F, 0x7F), Run(0x7F, 0x80, 0x80), Run(0xFF, 0x7FFF, 1)],
        [Run(0, 0x8000, 0x8000), Run(0x8000, HOLE, 5), Run(0x8005, 1, 0x10000)],
    ],
)
def test_run_lists_come_back(runs: list[Run]) -> None:
    end = runs[-1].vcn + runs[-1].clusters - 1
    assert decode_runs(encode_runs(runs), 0, end, 1 << 24) == runs


def test_a_run_list_is_that_of_the_documentation() -> None:
    """The example of the Linux-NTFS documentation: 0x18 clusters at 0x5634, as 21 18 34 56 00."""
    assert encode_runs([Run(0, 0x5634, 0x18)]) == bytes.fromhex("2118345600")
