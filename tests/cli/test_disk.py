"""``bootmend disk``: files inside disks, looked at and changed."""

from __future__ import annotations

import hashlib
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.target import Target
from tests.cli.running import Bootmend, MakeDisk, run_id
from tests.cli.schema_check import validate
from tests.support import needs
from tests.volume.test_bitlocker import KEY, volume

if TYPE_CHECKING:
    from pathlib import Path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_info(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    said = bootmend("disk", "info", path, expect=0).out
    assert "VHD dynamic" in said
    assert '1  NTFS       "System Reserved"' in said
    document = validate(bootmend("disk", "info", path, "--format", "json", expect=0).json, "disk")
    assert [volume["roles"] for volume in document["volumes"]] == [["system"], ["windows"]]
    assert (document["scheme"], document["disk_id"], document["size"]) == ("MBR", "0x5eed0067", 1 << 30)


def test_info_of_a_directory(bootmend: Bootmend, tmp_path: Path) -> None:
    (tmp_path / "machine" / "Windows").mkdir(parents=True)
    document = validate(bootmend("disk", "info", tmp_path / "machine", "--format", "json", expect=0).json, "disk")
    assert (document["format"], document["scheme"]) == ("directory", "directory")


def test_what_would_unlock_a_volume_is_told(bootmend: Bootmend, tmp_path: Path) -> None:
    """A disk with one partition that BitLocker has encrypted."""
    data = bytearray(1 << 20) + volume(0x0500) + bytes(512)
    data[510:512] = b"\x55\xaa"
    data[446:462] = struct.pack("<B3xB3xII", 0x80, 7, 2048, 8)
    path = tmp_path / "laptop.raw"
    path.write_bytes(bytes(data))
    encryption = validate(bootmend("disk", "info", path, "--format", "json", expect=0).json, "disk")["volumes"][0]["bitlocker"]
    assert encryption["protectors"] == [{"id": f"{{{KEY}}}", "kind": "TPM and PIN"}]
    assert f"unlocked by TPM and PIN {{{KEY}}}" in bootmend("disk", "info", path, expect=0).out


def test_copies_of_hives_are_listed(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    """A copy in RegBack counts when it is not empty."""
    path, copy, empty = disk(), tmp_path / "SYSTEM", tmp_path / "SOFTWARE"
    copy.write_bytes(b"regf" * 1024)
    empty.write_bytes(b"")
    place = "windows:\\Windows\\System32\\config\\RegBack"
    bootmend("disk", "mkdir", path, place, "--yes", expect=0)
    for file in (copy, empty):
        bootmend("disk", "cp", path, file, place, "--yes", expect=0)
    document = validate(bootmend("disk", "info", path, "--format", "json", expect=0).json, "disk")
    found = [(one["kind"], one["name"], one["size"]) for volume in document["volumes"] for one in volume["hive_sources"]]
    assert found == [("RegBack", "\\Windows\\System32\\config\\RegBack\\SYSTEM", 4096)]


def test_a_directory_and_a_file_are_listed(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    assert "\\Boot\\BCD.LOG1" in bootmend("disk", "ls", path, "system:\\Boot", expect=0).out
    one = validate(bootmend("disk", "ls", path, "1:/boot/bcd", "--format", "json", expect=0).json, "files")["files"]
    assert [(file["path"], file["size"]) for file in one] == [("\\boot\\bcd", 32768)]
    below = validate(bootmend("disk", "ls", path, "windows:\\Windows", "-r", "--format", "json", expect=0).json, "files")["files"]
    assert "\\Windows\\System32\\config\\SYSTEM" in {file["path"] for file in below}


def test_what_is_not_there_is_named(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    assert "there is no \\none" in bootmend("disk", "ls", path, "1:\\none", expect=3).err
    assert "the disk has no volume 7; it has 1, 2" in bootmend("disk", "ls", path, "7:\\", expect=3).err
    assert "names no volume" in bootmend("disk", "ls", path, "C:\\Windows", expect=2).err
    assert "neither SOURCE nor DESTINATION" in bootmend("disk", "cp", path, "a", "b", expect=2).err


@pytest.mark.oracle
def test_the_map_leads_to_the_bytes(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    """The bytes at the places told are those that ntfscat reads from the volume."""
    needs("ntfscat", "qemu-img")
    path = disk(form="raw")
    pieces = validate(bootmend("disk", "map", path, "1:\\Boot\\BCD", "--format", "json", expect=0).json, "map")["pieces"]
    data = path.read_bytes()
    found = b"".join(data[piece["offset"] : piece["offset"] + piece["length"]] for piece in pieces)
    volume = tmp_path / "volume.img"
    volume.write_bytes(data[1 << 20 : (1 << 20) + (500 << 20)])
    assert found == subprocess.run(["ntfscat", "-f", volume, "/Boot/BCD"], check=True, capture_output=True).stdout
    assert bootmend("disk", "map", disk(), "1:\\Boot\\BCD.LOG", expect=0).out == "The file is empty.\n"


def test_a_file_is_copied_out_whole_or_not_at_all(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    path, copy = disk(), tmp_path / "BCD"
    bootmend("disk", "cp", path, "system:\\Boot\\BCD", tmp_path, expect=0)
    with Target(str(path)) as target:
        assert copy.read_bytes() == target.machine.volume(1).tree.read("\\Boot\\BCD")
    assert "exists already" in bootmend("disk", "cp", path, "system:\\Boot\\BCD", copy, expect=4).err
    bootmend("disk", "cp", path, "system:\\Boot\\BCD", copy, "--force", expect=0)
    assert "there is no folder" in bootmend("disk", "cp", path, "1:\\Boot\\BCD", tmp_path / "no" / "BCD", expect=3).err
    assert "there is no such file" in bootmend("disk", "cp", path, "1:\\none", tmp_path / "x", expect=3).err
    assert sorted(file.name for file in tmp_path.iterdir() if file.name.startswith(".")) == []


@pytest.mark.parametrize(("gen", "form"), [(1, "vhd-dynamic"), (2, "raw")])
def test_files_are_put_moved_and_deleted_and_undo_restores_every_byte(
    bootmend: Bootmend, disk: MakeDisk, tmp_path: Path, gen: int, form: str
) -> None:
    """On the system volume: NTFS of generation 1, FAT32 of generation 2."""
    path = disk(gen=gen, form=form)
    before = digest(path)
    new = tmp_path / "a new file.efi"
    new.write_bytes(b"MZ" * 50_000)
    runs = [
        bootmend("disk", "mkdir", path, "system:\\Boot\\new\\deep", "--yes", expect=0),
        bootmend("disk", "cp", path, new, "system:\\Boot\\new\\deep", "--yes", expect=0),
        bootmend(
            "disk", "cp", path, "system:\\Boot\\new\\deep\\a new file.efi", "windows:\\Windows\\copy.efi", "--yes", expect=0
        ),
        bootmend("disk", "mv", path, "system:\\Boot\\new\\deep\\a new file.efi", "system:\\Boot\\moved.efi", "--yes", expect=0),
        bootmend("disk", "attrib", path, "system:\\Boot\\moved.efi", "+h", "-a", "--yes", expect=0),
        bootmend("disk", "rm", path, "system:\\Boot\\new\\deep", "--yes", expect=0),
    ]
    assert "\\Boot\\new\\deep: deleted" in runs[-1].out
    moved = bootmend("disk", "ls", path, "system:\\Boot\\moved.efi", "--format", "json", expect=0).json["files"][0]
    assert (moved["size"], moved["attributes"]) == (100_000, ["hidden"])
    with Target(str(path)) as target:
        windows = next(volume for volume in target.machine.volumes if "windows" in target.machine.roles(volume))
        assert windows.tree.read("\\Windows\\copy.efi") == new.read_bytes()
    assert bootmend("check", path).code == 1  # still the fault it was made with, and no new one
    for answer in reversed(runs):
        bootmend("undo", run_id(answer.err), "--yes", expect=0)
    assert digest(path) == before


def test_a_change_is_shown_and_refused_without_consent(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    before = digest(path)
    answer = bootmend("disk", "rm", path, "system:\\Boot\\memtest.exe", expect=4)
    assert answer.out == "volume 1 \\Boot\\memtest.exe: deleted\n"
    assert "no terminal" in answer.err
    assert "is not empty" in bootmend("disk", "rm", path, "system:\\Boot", "--yes", expect=4).err
    assert "moves within its volume only" in bootmend("disk", "mv", path, "1:\\Boot", "2:\\Boot", "--yes", expect=2).err
    assert "none of +r" in bootmend("disk", "attrib", path, "1:\\Boot\\BCD", "+x", "--yes", expect=2).err
    assert digest(path) == before


def test_the_change_in_json(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    document = validate(
        bootmend("disk", "rm", path, "1:\\Boot\\memtest.exe", "--yes", "--format", "json", expect=0).json, "disk-change"
    )
    assert document["changes"] == ["volume 1 \\Boot\\memtest.exe: deleted"]
    bootmend("undo", document["run"], "--yes", expect=0)


def test_a_directory_is_not_changed(bootmend: Bootmend, tmp_path: Path) -> None:
    (tmp_path / "machine" / "Windows").mkdir(parents=True)
    assert (
        "the files of a directory are not ours" in bootmend("disk", "mkdir", tmp_path / "machine", "1:\\x", "--yes", expect=4).err
    )
