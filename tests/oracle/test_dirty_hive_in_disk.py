"""A SYSTEM hive that its computer left dirty, inside a disk, with both its logs: recovered in place, and taken back.

The files are put onto the NTFS volume by ntfscp and read by ntfscat, which know nothing of this project.
"""

from __future__ import annotations

import subprocess
from hashlib import file_digest
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bootmend.engine.target import Target
from bootmend.registry import Hive, HiveEditor, check_buffer
from bootmend.samples import write_sample
from bootmend.source import MemorySource
from tests.cli.conftest import bootmend, clean_environment
from tests.cli.running import Bootmend, run_id
from tests.registry.editing import NOW, tree, written
from tests.registry.raw_hive import dirty, new_log
from tests.registry.readers import Readers
from tests.support import needs, shared_data, unpacked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.oracle
__all__ = ["bootmend", "clean_environment"]

SYSTEM = "Windows/System32/config/SYSTEM"
MIB = 1 << 20
SIZE = 1 << 30


class Disk(NamedTuple):
    """A raw image, and where in it the volume of Windows lies."""

    path: Path
    offset: int
    size: int

    def put(self, files: dict[str, bytes]) -> None:
        """Write files into folders that are there."""
        volume = self._volume()
        for name, data in files.items():
            source = self.path.with_name("source")
            source.write_bytes(data)
            subprocess.run(["ntfscp", "-f", volume, source, name], check=True, capture_output=True, timeout=120)
        with volume.open("rb") as new, self.path.open("r+b") as image:
            for place in range(self.offset, self.offset + self.size, MIB):
                image.seek(place)
                block = new.read(MIB)
                if image.read(len(block)) != block:  # what is the same stays, so that a hole stays one
                    image.seek(place)
                    image.write(block)

    def get(self, name: str) -> bytes:
        """Read a file."""
        return subprocess.run(["ntfscat", "-f", self._volume(), name], check=True, capture_output=True, timeout=120).stdout

    def _volume(self) -> Path:
        volume = self.path.with_name("volume")
        part = [f"skip={self.offset // MIB}", f"count={self.size // MIB}"]
        subprocess.run(["dd", f"if={self.path}", f"of={volume}", "bs=1M", "conv=sparse", "status=none", *part], check=True)
        return volume

    def digest(self) -> str:
        """SHA-256 of the whole image."""
        with self.path.open("rb") as image:
            return file_digest(image, "sha256").hexdigest()


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    needs("ntfscp", "ntfscat")
    path = tmp_path / "os.raw"
    write_sample(str(path), generation=1, layout="usual", format="raw", size=SIZE)
    with Target(str(path)) as target:
        partition = target.machine.windows[0].volume.partition
    assert partition is not None
    place = Disk(path, partition.offset, partition.size)
    assert place.offset % MIB == 0
    return place


def test_a_dirty_hive_with_two_logs_is_recovered_in_place_and_taken_back(disk: Disk, bootmend: Bootmend) -> None:
    """The first entries are in LOG1 and the later ones in LOG2: both are needed, and neither is written to."""
    first = disk.get(SYSTEM)
    second = with_text(first, "kept in LOG1")
    third = with_text(second, "kept in LOG2")
    assert len(first) == len(second) == len(third)
    logs = {f"{SYSTEM}.LOG1": new_log(first, 7, [first, second]), f"{SYSTEM}.LOG2": new_log(first, 8, [second, third])}
    left = bytes(dirty(first, sequence=7))
    disk.put({SYSTEM: left, **logs})
    before = disk.digest()
    hive = f"{disk.path}:SYSTEM"

    assert "logs applied" in bootmend("hive", "get", hive, "Select", "Note", expect=0).err
    assert "dirty" in bootmend("hive", "info", hive, expect=0).out
    assert disk.digest() == before  # looking changes nothing
    refused = bootmend("hive", "recover", hive, expect=4)  # no terminal and no --yes
    assert "--yes" in refused.err
    assert disk.digest() == before
    answer = bootmend("hive", "recover", hive, "--yes", expect=0)
    after = disk.get(SYSTEM)
    assert check_buffer(after) == []
    assert tree(after) == tree(third)
    assert {name: disk.get(name) for name in logs} == logs
    assert "nothing to recover" in bootmend("hive", "recover", hive, expect=0).err
    bootmend("undo", run_id(answer.err), "--yes", expect=0)
    assert disk.digest() == before


def with_text(hive: bytes, text: str) -> bytes:
    """The next state of a hive: one value more, and equal sequence numbers."""
    edit = HiveEditor(MemorySource(hive), now=NOW)
    edit.set_value("Select", "Note", 1, f"{text}\0".encode("utf-16-le"))
    return written(hive, edit.commit())


def test_the_real_one_of_a_windows_10(disk: Disk, bootmend: Bootmend, tmp_path: Path) -> None:
    """24 entries in two logs; what comes of them is published: 35,595 keys and 78,901 values."""
    folder = shared_data("hives")
    parts = {suffix: unpacked(folder / f"regipy_SYSTEM_B{suffix}.xz") for suffix in ("", ".LOG1", ".LOG2")}
    disk.put({SYSTEM + suffix: data for suffix, data in parts.items()})
    before = disk.digest()
    answer = bootmend("hive", "recover", f"{disk.path}:SYSTEM", "--yes", expect=0)
    after = disk.get(SYSTEM)
    assert len(after) == len(parts[""])
    assert check_buffer(after) == []
    hive = Hive(MemorySource(after))
    assert (sum(1 for _ in hive.walk()), sum(key.value_count for _, key in hive.walk())) == (35_595, 78_901)
    needs("hivexsh")
    readers = Readers(tmp_path)
    try:
        readers.write(after)
        found = readers.hivex()
    finally:
        readers.close()
    assert (len(found), sum(map(len, found.values()))) == (35_595, 78_901)
    bootmend("undo", run_id(answer.err), "--yes", expect=0)
    assert disk.digest() == before


def test_where_the_logs_do_not_help_nothing_is_written(disk: Disk, bootmend: Bootmend) -> None:
    disk.put({SYSTEM: bytes(dirty(disk.get(SYSTEM), sequence=7))})
    before = disk.digest()
    bootmend("hive", "recover", f"{disk.path}:SYSTEM", "--yes", expect=4)
    assert disk.digest() == before
