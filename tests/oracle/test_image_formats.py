"""The main job in images in a special state: copied checkpoints, dirty logs, moved blocks (test_matrix.py has the usual ones)."""

from __future__ import annotations

import struct
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bootmend.cli.main import run
from bootmend.engine.diagnose import diagnose
from bootmend.engine.sample import make_sample
from bootmend.engine.target import Target
from tests.catalog.disks import SIZE, fingerprint
from tests.image import vhdx_writer
from tests.image.vhdx_writer import MIB, Vhdx
from tests.support import needs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.oracle
RULE = "imc-config-init-failed"


class Made(NamedTuple):
    """A disk, and the one it builds on."""

    disk: str
    parent: str = ""


def qemu_img(*arguments: str) -> str:
    return subprocess.run(["qemu-img", *arguments], check=True, capture_output=True, text=True, timeout=120).stdout


def sample(folder: Path, generation: int, image_format: str) -> str:
    path = str(folder / f"sample.{image_format}")
    make_sample(RULE, path, generation=generation, layout="usual", image_format=image_format, size=SIZE)
    return path


def vhdx(folder: Path, generation: int) -> Made:
    path = str(folder / "disk.vhdx")
    raw = sample(folder, generation, "raw")
    qemu_img("convert", "-O", "vhdx", "-o", "subformat=dynamic,block_size=32M", raw, path)
    return Made(path)


def vhdx_child(folder: Path, generation: int) -> Made:
    """An empty checkpoint of a disk that qemu made."""
    parent = vhdx(folder, generation).disk
    with open(parent, "rb") as file:
        headers = [file.read(4096) for at in (64 << 10, 128 << 10) if file.seek(at) >= 0]
    current = max(headers, key=lambda header: struct.unpack_from("<Q", header, 8))
    child = folder / "checkpoint.avhdx"
    child.write_bytes(Vhdx(size=SIZE, block_size=2 * MIB, parent=vhdx_writer.child_of("disk.vhdx", current[32:48])).build())
    return Made(str(child), parent)


@pytest.fixture(params=[1, 2], ids=["gen1", "gen2"])
def generation(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "disks").mkdir()
    needs("qemu-img")
    return int(request.param)


def found(path: str) -> list[str]:
    with Target(path) as target:
        report = diagnose(target)
    assert not report.inconclusive
    return [finding.rule for finding in report.problems]


def test_the_copy_of_a_checkpoint_in_another_folder_is_repaired(generation: int, tmp_path: Path) -> None:
    made = vhdx_child(tmp_path / "disks", generation)
    before, copy = fingerprint(made.disk), str(tmp_path / "copy.avhdx")
    assert run(["repair", made.disk, "--output", copy, "--yes"]) == 0
    assert fingerprint(made.disk) == before
    assert run(["check", copy]) == 3
    assert run(["check", copy, "--parent", made.parent]) == 0
    assert run(["bcdedit", "--parent", made.parent, "/store", copy, "/set", "{default}", "bootlog", "yes"]) == 0
    assert run(["undo", copy, "--yes"]) == 0
    assert run(["hive", "get", f"{copy}:SYSTEM", "Select", "Current", "--parent", made.parent]) == 0
    assert run(["undo", copy, "--yes"]) == 0
    assert fingerprint(copy) == before


def test_a_dirty_vhdx_is_looked_at_as_its_host_left_it_and_repaired(generation: int, tmp_path: Path) -> None:
    """The block that holds the first partition is in the table in the log alone."""
    disk = vhdx(tmp_path / "disks", generation).disk
    with open(disk, "r+b") as file:
        headers = {at: file.read(4096) for at in (64 << 10, 128 << 10) if file.seek(at) >= 0}
        file.seek(192 << 10)
        table = file.read(4096)
        count = struct.unpack_from("<I", table, 8)[0]
        regions = dict(struct.unpack_from("<16sQ", table, 16 + 32 * index) for index in range(count))
        bat = regions[vhdx_writer.guid("2DC27766-F623-4200-9D64-115E9BFD4A08")]
        file.seek(bat)
        sector = file.read(4096)
        file.seek(0, 2)
        end = file.tell()
        log_at = struct.unpack_from("<Q", headers[64 << 10], 72)[0]
        entry = vhdx_writer.log_entry(7, 0, [(bat, sector)], flushed=end, last=end)
        for at, data in [
            (bat, bytes(4096)),
            (log_at, entry),
            *((at, vhdx_writer.summed(head[:48] + vhdx_writer.LOG_GUID + head[64:])) for at, head in headers.items()),
        ]:
            file.seek(at)
            file.write(data)
    before = fingerprint(disk)
    with Target(disk) as target:
        report = diagnose(target)
    assert [finding.rule for finding in report.problems] == [RULE]
    assert any("log was replayed in memory" in remark for remark in report.remarks)
    assert fingerprint(disk) == before
    assert run(["repair", disk, "--yes"]) == 0
    qemu_img("check", "-q", "-f", "vhdx", disk)
    with Target(disk) as target:
        report = diagnose(target)
    assert (report.verdict, report.remarks) == ("healthy", ())
    assert run(["undo", disk, "--yes"]) == 0
    assert fingerprint(disk) == before


def test_a_plan_for_a_vhdx_is_the_same_when_it_is_made_again(generation: int, tmp_path: Path) -> None:
    disk = vhdx(tmp_path / "disks", generation).disk
    plan = str(tmp_path / "plan.json")
    before = fingerprint(disk)
    assert run(["plan", disk, "-o", plan]) == 1
    assert fingerprint(disk) == before
    assert run(["apply", plan, "--yes"]) == 0
    assert found(disk) == []
    assert run(["undo", disk, "--yes"]) == 0
    assert fingerprint(disk) == before
    assert run(["apply", plan, "--yes"]) == 0


def test_the_undo_is_refused_when_its_host_has_moved_the_blocks(generation: int, tmp_path: Path) -> None:
    """A compacted dynamic VHD: the store's bytes are still where they were, but nothing points there any more."""
    made = str(tmp_path / "disks" / "disk.vhd")
    make_sample(RULE, made, generation=generation, layout="usual", image_format="vhd-dynamic", size=SIZE)
    assert run(["repair", made, "--yes"]) == 0
    with open(made, "r+b") as file:
        data = file.read()
        table = int.from_bytes(data[512 + 16 : 512 + 24], "big")
        start = int.from_bytes(data[table : table + 4], "big") * 512
        block = data[start : start + 512 + 2 * MIB]
        file.seek(len(data) - 512)
        file.write(block + data[-512:])
        file.seek(table)
        file.write(((len(data) - 512) // 512).to_bytes(4, "big"))
    assert found(made) == []
    assert run(["undo", made, "--yes"]) == 4
