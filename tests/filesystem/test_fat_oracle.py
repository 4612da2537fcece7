"""FAT volumes made by mkfs.vfat and mtools, and third-party images as dissect.fat reads them."""

from __future__ import annotations

import io
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from bootmend.filesystem.fat import FatTree
from bootmend.source import FileSource, MemorySource, Overlay
from tests.support import needs, shared_data, unpacked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.oracle

FILES = {
    "EFI/Microsoft/Boot/BCD": os.urandom(32768),
    "EFI/Microsoft/Boot/bootmgfw.efi": b"MZ" * 70000,
    "EFI/Boot/bootx64.efi": b"MZ" * 7,
    "EFI/Boot/A name that is long enough for three entries.txt": b"long",
    "EFI/Boot/lower.txt": b"",
    "EFI/Boot/Grüne.txt": b"umlauts",
    "README.TXT": b"short",
}


def run(*command: object) -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, env=environment)
    return done.stdout


@pytest.fixture(
    scope="module", params=[("12", "4M", "4"), ("16", "32M", "4"), ("32", "64M", "1"), ("32", "300M", "8")], ids="-".join
)
def volume(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A volume formatted by mkfs.vfat and filled by mtools, fragmented by deletions between."""
    needs("mkfs.vfat", "mcopy", "mmd", "mdel", "fsck.fat")
    bits, size, cluster = request.param
    folder = tmp_path_factory.mktemp("fat")
    image = folder / "volume.img"
    run("truncate", "-s", size, image)
    run("mkfs.vfat", "-F", bits, "-s", cluster, "-n", "SYSTEM", image)
    run("mmd", "-i", image, "::/EFI", "::/EFI/Microsoft", "::/EFI/Microsoft/Boot", "::/EFI/Boot")
    for index in range(40):
        copy(folder, image, f"fill{index}", bytes(3000))
    run("mdel", "-i", image, *(f"::/fill{index}" for index in range(0, 40, 2)))
    for path, data in FILES.items():
        copy(folder, image, path, data)
    run("mdel", "-i", image, *(f"::/fill{index}" for index in range(1, 40, 2)))
    return image, f"FAT{bits}"


def copy(folder: Path, image: Path, path: str, data: bytes) -> None:
    (folder / "one").write_bytes(data)
    run("mcopy", "-o", "-i", image, folder / "one", f"::/{path}")


def test_every_file_of_a_foreign_volume_is_read(volume: tuple[Path, str]) -> None:
    image, kind = volume
    with FileSource(image) as source:
        tree = FatTree(source)
        assert (tree.kind, tree.label) == (kind, "SYSTEM")
        assert [entry.name for entry in tree.list("")] == ["EFI", "README.TXT"]
        found = {entry.name for entry in tree.list("EFI/Boot")}
        assert found == {path.rpartition("/")[2] for path in FILES if path.startswith("EFI/Boot/")}
        for path, data in FILES.items():
            assert tree.read(path) == data
            assert tree.read(path.upper()) == data
        assert [remark for remark in tree.remarks() if "fewer" not in remark] == []


def test_mtools_reads_what_was_overwritten_and_fsck_is_content(volume: tuple[Path, str]) -> None:
    image, _ = volume
    new = os.urandom(32768)
    with FileSource(image) as source:
        overlay = Overlay(source, "volume")
        FatTree(overlay).open("EFI/Microsoft/Boot/BCD").write_at(0, new)
        patches = overlay.patches()
    with image.open("r+b") as file:
        for patch in patches:
            file.seek(patch.offset)
            file.write(patch.after)
    assert subprocess.run(["mtype", "-i", image, "::/EFI/Microsoft/Boot/BCD"], check=True, capture_output=True).stdout == new
    run("fsck.fat", "-n", image)


def test_the_boot_store_of_a_foreign_volume_is_opened_with_few_reads(volume: tuple[Path, str]) -> None:
    with FileSource(volume[0]) as source:
        FatTree(source).open(r"\EFI\Microsoft\Boot\BCD").read_at(0, 1)
        assert source.reads <= 10


@pytest.mark.parametrize("bits", ["12", "16", "32"])
def test_third_party_images_read_as_dissect_reads_them(bits: str) -> None:
    fat = pytest.importorskip("dissect.fat").fat
    image = unpacked(shared_data("disks") / f"dissect-fat-fat{bits}.bin.gz")
    tree = FatTree(MemorySource(image))
    assert tree.kind == f"FAT{bits}"
    theirs = fat.FATFS(io.BytesIO(image))
    seen = compare(tree, theirs, "")
    assert seen > 0


def compare(tree: FatTree, theirs: Any, path: str) -> int:
    """Compare one directory and all below; dissect lists the volume label as if it were a file."""
    expected = {
        entry.name: entry
        for entry in theirs.get(path.replace("\\", "/") or "/").iterdir()
        if entry.name not in (".", "..", tree.label)
    }
    ours = {entry.name: entry for entry in tree.list(path)}
    assert {name.upper() for name in ours} == {name.upper() for name in expected}
    count = 0
    for name, entry in ours.items():
        other = next(other for key, other in expected.items() if key.upper() == name.upper())
        assert entry.is_directory == other.is_directory()
        if entry.is_directory:
            count += compare(tree, theirs, f"{path}\\{name}")
        else:
            assert tree.read(f"{path}\\{name}") == other.open().read()
            count += 1
    return count
