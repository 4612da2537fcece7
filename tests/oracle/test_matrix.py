"""Every kind of image and device, generation 1 and 2: found, repaired, read by others, undone to the byte."""

from __future__ import annotations

import mmap
import os
import re
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bootmend.cli.main import run
from bootmend.engine.diagnose import diagnose
from bootmend.engine.target import Target
from tests.catalog.disks import fingerprint
from tests.oracle import matrix
from tests.oracle.matrix import RULE, Made, dead_disk, look, qemu_img, raw_of
from tests.source.range_server import serving
from tests.support import needs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.oracle.matrix import Dead

pytestmark = pytest.mark.oracle
KINDS = (
    matrix.raw,
    matrix.vhd_fixed,
    matrix.vhd_dynamic,
    matrix.vhd_differencing,
    matrix.vhdx,
    matrix.vhdx_fixed,
    matrix.vhdx_differencing,
    matrix.qcow2,
    matrix.qcow2_with_backing,
    matrix.qcow2_subclusters,
    matrix.qcow2_compressed,
    matrix.vmdk_sparse,
    matrix.vmdk_flat,
    matrix.vmdk_linked,
)
CHECKED_BY_QEMU = {"vhdx", "qcow2"}  # qemu-img check knows VMDK too, but nothing of it that could be wrong here
STORE = re.compile(r"\d (Boot|EFI/Microsoft/Boot)/BCD", re.IGNORECASE)


@pytest.fixture(scope="session")
def dead_disks(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Dead]:
    """One raw disk a generation, made once."""
    made: dict[int, Dead] = {}

    def dead(generation: int) -> Dead:
        if generation not in made:
            made[generation] = dead_disk(tmp_path_factory.mktemp(f"gen{generation}"), generation)
        return made[generation]

    return dead


@pytest.fixture(params=[1, 2], ids=["gen1", "gen2"])
def dead(
    request: pytest.FixtureRequest, dead_disks: Callable[[int], Dead], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Dead:
    needs("qemu-img", "losetup", "ntfs-3g", "ntfsfix", "fsck.fat", "mcopy", "fuser")
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("to look at the disks with ntfs-3g needs root and /dev/fuse")
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "disks").mkdir()
    return dead_disks(request.param)


def found(path: str) -> list[str]:
    with Target(path) as target:
        report = diagnose(target)
    assert not report.inconclusive
    return [finding.rule for finding in report.problems]


def qemus_complaints(made: Made) -> str:
    """What ``qemu-img check`` finds wrong; the count of clusters in use is no complaint."""
    if made.qemu not in CHECKED_BY_QEMU:
        return ""
    done = subprocess.run(
        ["qemu-img", "check", "-f", made.qemu, made.disk], capture_output=True, text=True, check=False, timeout=60
    )
    return f"{done.returncode} {done.stderr} {'No errors' in done.stdout}"


def only_the_store_differs(dead: Dead, raw: str) -> None:
    """ntfs-3g and mtools read every byte of every file as before, but the store; the checkers say what they said."""
    now = look(raw, dead.volumes)
    assert now.verdicts == dead.seen.verdicts
    assert now.files.keys() == dead.seen.files.keys()
    (changed,) = (name for name, digest in now.files.items() if digest != dead.seen.files[name])
    assert STORE.fullmatch(changed)


@pytest.mark.parametrize("make", KINDS)
def test_check_repair_and_undo(
    make: Callable[[Dead, Path], Made], dead: Dead, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make(dead, tmp_path / "disks")
    files = sorted((tmp_path / "disks").iterdir())
    before = {path: fingerprint(str(path)) for path in files}
    complaints = qemus_complaints(made)
    assert run(["check", made.disk]) == 1
    assert found(made.disk) == [RULE]
    assert run(["repair", made.disk, "--yes"]) == 0
    assert found(made.disk) == []
    repaired = {path: fingerprint(str(path)) for path in files}
    assert [path for path in files if repaired[path] != before[path]] == written_files(made, tmp_path / "disks")
    assert run(["repair", made.disk, "--yes"]) == 0
    assert {path: fingerprint(str(path)) for path in files} == repaired, "a second repair writes nothing"
    assert qemus_complaints(made) == complaints
    only_the_store_differs(dead, raw_of(made, tmp_path))
    assert run(["undo", made.disk, "--yes"]) == 0
    assert {path: fingerprint(str(path)) for path in files} == before
    if made.parent:
        capsys.readouterr()
        assert run(["repair", made.parent, "--yes"]) == 4
        assert "builds on it" in capsys.readouterr().err


def written_files(made: Made, folder: Path) -> list[Path]:
    """A flat VMDK is two files: the disk's bytes, and a description with the number of the content, which is a new one then."""
    extent = folder / "disk-flat.vmdk"
    return sorted([folder / os.path.basename(made.disk), *([extent] if extent.exists() else [])])


def test_a_stream_is_looked_at_and_not_written(dead: Dead, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = matrix.vmdk_stream(dead, tmp_path / "disks")
    before = fingerprint(made.disk)
    assert found(made.disk) == [RULE]
    capsys.readouterr()
    assert run(["repair", made.disk, "--yes"]) == 4
    refusal = capsys.readouterr().err
    assert "stream-optimized VMDK cannot be changed" in refusal
    assert "qemu-img convert -O vmdk" in refusal
    assert fingerprint(made.disk) == before


# -- devices ----------------------------------------------------------------------------------------------


@contextmanager
def attached(raw: str, sector: int) -> Iterator[str]:
    """A loop device over a whole disk, with the sector size that it tells the kernel."""
    command = ["losetup", "--find", "--show", "--sector-size", str(sector), raw]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no loop device with sectors of {sector} bytes: {done.stderr.strip()}")
    device = done.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


@pytest.mark.parametrize("sector", [512, 4096])
def test_a_block_device(sector: int, dead: Dead, tmp_path: Path) -> None:
    raw = matrix.raw(dead, tmp_path / "disks").disk
    before = fingerprint(raw)
    with attached(raw, sector) as device:
        assert found(device) == [RULE]
        assert run(["repair", device, "--yes"]) == 0
        assert found(device) == []
    only_the_store_differs(dead, raw)
    with attached(raw, sector) as device:
        assert run(["undo", device, "--yes"]) == 0
    assert fingerprint(raw) == before


# -- a URL ------------------------------------------------------------------------------------------------


@contextmanager
def served(path: str) -> Iterator[Any]:
    """A plain range server with a file that need not fit into memory."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        everything: Any = data  # it is measured and sliced like bytes
        with serving(everything) as server:
            yield server


@pytest.mark.parametrize(
    "make", [matrix.raw, matrix.vhd_fixed, matrix.vhd_dynamic, matrix.vhdx, matrix.qcow2, matrix.vmdk_sparse]
)
def test_a_range_server_is_looked_at_and_not_written(
    make: Callable[[Dead, Path], Made], dead: Dead, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(make(dead, tmp_path / "disks").disk) as server:
        capsys.readouterr()
        assert run(["check", server.url]) == 1
        assert RULE in capsys.readouterr().out
        assert len(server.asked) <= 60
        asked = len(server.asked)
        assert run(["repair", server.url, "--yes"]) == 2
        assert "can only be read" in capsys.readouterr().err
        assert len(server.asked) == asked


def test_the_disks_are_what_they_should_be(dead: Dead) -> None:
    """What the others saw at first: nobody may find the two generations alike, or empty."""
    kinds = [volume.kind for volume in dead.volumes]
    assert kinds == (["NTFS", "NTFS"] if dead.generation == 1 else ["FAT32", "NTFS", "NTFS"][: len(kinds)])
    assert sum(bool(STORE.fullmatch(name)) for name in dead.seen.files) == 1
    assert any(name.lower().endswith("system32/config/system") for name in dead.seen.files)
    assert "raw" in qemu_img("info", "-f", "raw", dead.raw)
