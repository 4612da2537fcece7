"""The main job in images made by qemu-img, and in children of them: looked at, repaired, undone, and read by others."""

from __future__ import annotations

import struct
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from bootmend.cli.main import run
from bootmend.engine.diagnose import diagnose
from bootmend.engine.sample import make_sample
from bootmend.engine.target import Target
from tests.catalog.disks import SIZE, fingerprint
from tests.image import vhd_writer, vhdx_writer
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


def vhdx(folder: Path, generation: int, subformat: str = "dynamic") -> Made:
    path = str(folder / "disk.vhdx")
    raw = sample(folder, generation, "raw")
    qemu_img("convert", "-O", "vhdx", "-o", f"subformat={subformat},block_size=32M", raw, path)
    return Made(path)


def fixed_vhdx(folder: Path, generation: int) -> Made:
    return vhdx(folder, generation, "fixed")


def vhdx_child(folder: Path, generation: int) -> Made:
    """An empty checkpoint of a disk that qemu made."""
    parent = vhdx(folder, generation).disk
    with open(parent, "rb") as file:
        headers = [file.read(4096) for at in (64 << 10, 128 << 10) if file.seek(at) >= 0]
    current = max(headers, key=lambda header: struct.unpack_from("<Q", header, 8))
    child = folder / "checkpoint.avhdx"
    child.write_bytes(Vhdx(size=SIZE, block_size=2 * MIB, parent=vhdx_writer.child_of("disk.vhdx", current[32:48])).build())
    return Made(str(child), parent)


def vhd_child(folder: Path, generation: int) -> Made:
    """An empty checkpoint of a dynamic VHD."""
    parent = sample(folder, generation, "vhd-dynamic")
    with open(parent, "rb") as file:
        footer = file.read(512)
    child = folder / "checkpoint.avhd"
    layout = vhd_writer.Dynamic(size=SIZE, parent="sample.vhd-dynamic", parent_id=footer[68:84], unique_id=b"checkpoint's id.")
    child.write_bytes(layout.build())
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


@pytest.mark.parametrize("make", [vhdx, fixed_vhdx, vhdx_child, vhd_child])
def test_check_repair_and_undo(make: Any, generation: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = make(tmp_path / "disks", generation)
    before, parent = fingerprint(made.disk), made.parent and fingerprint(made.parent)
    assert run(["check", made.disk]) == 1
    assert found(made.disk) == [RULE]
    assert run(["repair", made.disk, "--yes", "--serial-console"]) == 0
    assert found(made.disk) == []
    assert fingerprint(made.disk) != before
    assert run(["repair", made.disk, "--yes"]) == 0, "a second repair is no repair"
    others_agree(made)
    assert run(["undo", made.disk, "--yes"]) == 0
    assert fingerprint(made.disk) == before
    assert (made.parent and fingerprint(made.parent)) == parent
    if made.parent:
        capsys.readouterr()
        assert run(["repair", made.parent, "--yes"]) == 4
        assert "builds on it" in capsys.readouterr().err


def others_agree(made: Made) -> None:
    """qemu finds the structures sound; libvhdi, and for a disk without parent qemu, read the same bytes as we."""
    if made.disk.endswith("avhd"):
        agrees_with_the_book(made)
        return
    if not made.parent:
        qemu_img("check", "-q", "-f", "vhdx", made.disk)
    pyvhdi: Any = pytest.importorskip("pyvhdi")
    image = pyvhdi.file()
    image.open(made.disk)
    if made.parent:
        below = pyvhdi.file()
        below.open(made.parent)
        image.set_parent(below)
    with Target(made.disk) as target:
        ours = target.image
        assert ours is not None
        for at in [*range(0, 8 * MIB, 4096), *range(ours.size - MIB, ours.size, 4096)]:
            assert ours.read_at(at, 4096) == image.read_buffer_at_offset(4096, at)


def agrees_with_the_book(made: Made) -> None:
    """Block by block after the specification: libvhdi 20260901 errs in bitmaps with single sectors, qemu ignores them."""
    raw = made.parent + ".raw"
    qemu_img("convert", "-f", "vpc", "-O", "raw", made.parent, raw)
    with open(made.disk, "rb") as child, open(raw, "rb") as parent, Target(made.disk) as target:
        assert target.image is not None
        data = child.read()
        table = int.from_bytes(data[512 + 16 : 512 + 24], "big")
        starts = struct.unpack_from(f">{SIZE // (2 * MIB)}I", data, table)
        assert 1 <= sum(start != 0xFFFFFFFF for start in starts) <= 4
        for block, start in enumerate(starts):
            if start != 0xFFFFFFFF:
                parent.seek(block * 2 * MIB)
                expected = bytearray(parent.read(2 * MIB))
                for sector in range(4096):
                    if data[start * 512 + sector // 8] << sector % 8 & 0x80:
                        at = (start + 1 + sector) * 512
                        expected[sector * 512 : sector * 512 + 512] = data[at : at + 512]
                assert target.image.read_at(block * 2 * MIB, 2 * MIB) == bytes(expected)


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
