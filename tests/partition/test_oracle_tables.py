"""Partition tables that sfdisk and sgdisk made, and their opinion on ours."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from bootmend.image import open_image
from bootmend.partition import read_partitions, set_disk_id
from bootmend.source import FileSource, MemorySource, Overlay
from tests.support import needs, shared_data, shared_files, unpacked

if TYPE_CHECKING:
    from pathlib import Path

    from bootmend.partition import PartitionTable

pytestmark = pytest.mark.oracle
MIB = 1 << 20


def run(*command: str, text: str = "") -> str:
    program = shutil.which(command[0], path="/usr/sbin:/sbin:/usr/bin:/bin") or command[0]
    return subprocess.run([program, *command[1:]], check=True, capture_output=True, text=True, timeout=60, input=text).stdout


def disk(folder: Path, size: int) -> Path:
    path = folder / "disk.img"
    with path.open("wb") as file:
        file.truncate(size)
    return path


def ours(path: Path) -> PartitionTable:
    with FileSource(path) as source:
        return read_partitions(open_image(source))


def theirs(path: Path) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(run("sfdisk", "-J", str(path)))["partitiontable"]
    return table


def compare(path: Path) -> PartitionTable:
    """Slot, place, size, type, activity, names and GUIDs against ``sfdisk --json``."""
    table, expected = ours(path), theirs(path)
    gpt = expected["label"] == "gpt"
    assert table.disk_id == (f"{{{expected['id'].lower()}}}" if gpt else expected["id"])
    listed = {int(entry["node"][len(str(path)) :].lstrip("p")): entry for entry in expected["partitions"]}
    containers = {slot for slot, entry in listed.items() if not gpt and entry["type"] in ("5", "f", "85")}
    assert [each.slot for each in table.partitions] == [slot for slot in sorted(listed) if slot not in containers]
    assert [each.index for each in table.partitions] == list(range(1, len(table.partitions) + 1))
    for each in table.partitions:
        entry = listed[each.slot]
        assert (each.offset, each.size) == (entry["start"] * table.sector, entry["size"] * table.sector)
        assert each.active == entry.get("bootable", False)
        if gpt:
            assert (each.type, each.guid) == (f"{{{entry['type'].lower()}}}", f"{{{entry['uuid'].lower()}}}")
            assert each.name == entry.get("name", "")
        else:
            assert each.type == int(entry["type"], 16)
            assert each.logical == (each.slot > 4)
    return table


def test_an_mbr_with_logical_partitions(tmp_path: Path) -> None:
    needs("sfdisk")
    path = disk(tmp_path, 64 * MIB)
    script = "label: dos\nlabel-id: 0x5eed0067\nsize=8M, type=7, bootable\nsize=4M, type=27\nsize=40M, type=f\n"
    run("sfdisk", "-q", str(path), text=script + "size=3M, type=7\nsize=5M, type=c\nsize=1M, type=83\n")
    table = compare(path)
    assert len(table.partitions) == 5
    assert table.remarks == []


def test_a_gpt(tmp_path: Path) -> None:
    needs("sgdisk", "sfdisk")
    path = disk(tmp_path, 64 * MIB)
    run("sgdisk", "-n", "1:0:+10M", "-t", "1:ef00", "-c", "1:EFI system partition", "-n", "3:0:+16M", "-t", "3:0c01", str(path))
    run("sgdisk", "-n", "2:0:0", "-t", "2:0700", "-c", "2:Windows \u00fc", str(path))
    table = compare(path)
    assert table.remarks == []


def test_damaged_copies_as_sgdisk_sees_them(tmp_path: Path) -> None:
    needs("sgdisk", "sfdisk")
    path = disk(tmp_path, 16 * MIB)
    run("sgdisk", "-n", "1:0:0", "-t", "1:0700", str(path))
    sound = path.read_bytes()
    assert compare(path).remarks == []
    for at in (512 + 60, 16 * MIB - 512 + 60):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        verdict = subprocess.run(
            [shutil.which("sgdisk") or "sgdisk", "-v", str(path)], capture_output=True, text=True, timeout=60, check=False
        )
        assert "rror" in verdict.stdout + verdict.stderr or "CRC" in verdict.stdout + verdict.stderr
        table = ours(path)
        assert len(table.remarks) == 1
        assert table.disk_id is not None


def test_sgdisk_finds_no_problem_after_the_disk_got_its_guid_back(tmp_path: Path) -> None:
    needs("sgdisk")
    path = disk(tmp_path, 16 * MIB)
    run("sgdisk", "-n", "1:0:0", "-t", "1:0700", str(path))
    overlay = Overlay(MemorySource(path.read_bytes()), "disk")
    set_disk_id(overlay, "{abcdef01-2345-6789-abcd-ef0123456789}")
    path.write_bytes(overlay.read_at(0, overlay.size))
    assert "No problems found" in run("sgdisk", "-v", str(path))
    assert "ABCDEF01-2345-6789-ABCD-EF0123456789" in run("sgdisk", "-p", str(path))


def test_sfdisk_sees_the_signature_that_we_wrote(tmp_path: Path) -> None:
    needs("sfdisk")
    path = disk(tmp_path, 16 * MIB)
    run("sfdisk", "-q", str(path), text="label: dos\nsize=8M, type=7\n")
    overlay = Overlay(MemorySource(path.read_bytes()), "disk")
    set_disk_id(overlay, "0x5eed0067")
    path.write_bytes(overlay.read_at(0, overlay.size))
    assert theirs(path)["id"] == "0x5eed0067"
    compare(path)


@pytest.mark.parametrize(
    "path", [path for path in shared_files("disks", "ntfs-*.raw.gz") if path.stat().st_size < 500_000], ids=lambda path: path.name
)
def test_disks_that_windows_partitioned(tmp_path: Path, path: Path) -> None:
    needs("sfdisk")
    copy = tmp_path / "disk.img"
    copy.write_bytes(unpacked(path)[: 64 * MIB])
    table = ours(copy)
    entry = theirs(copy)["partitions"][0]
    assert (table.partitions[0].offset, table.partitions[0].size) == (entry["start"] * 512, entry["size"] * 512)
    assert any("behind the end of the disk" in remark for remark in table.remarks)


def test_a_third_party_disk_with_a_logical_partition(tmp_path: Path) -> None:
    needs("sfdisk")
    path = tmp_path / "disk.img"
    path.write_bytes((shared_data("disks") / "plaso-tsk_volume_system.raw").read_bytes())
    compare(path)


def test_dissect_reads_the_same_gpt(tmp_path: Path) -> None:
    """Sizes are compared with sfdisk's above: dissect.volume 3.18 leaves out the last sector of each partition."""
    needs("sgdisk")
    volume = pytest.importorskip("dissect.volume.disk")
    path = disk(tmp_path, 32 * MIB)
    run("sgdisk", "-n", "1:0:+10M", "-t", "1:ef00", "-n", "2:0:0", "-t", "2:0700", str(path))
    table = ours(path)
    with path.open("rb") as file:
        partitions = volume.Disk(file).partitions
        assert [each.offset for each in table.partitions] == [each.offset for each in partitions]
        assert [each.guid for each in table.partitions] == [f"{{{each.guid}}}" for each in partitions]
