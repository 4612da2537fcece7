"""What happened to a disk since a plan was made or a run was done: then neither is safe any more."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from bootmend.cli.main import run
from bootmend.engine.diagnose import diagnose
from bootmend.engine.target import Target
from tests.catalog.disks import SIZE, fingerprint
from tests.oracle.mounting import mounted

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.oracle


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))
    path = str(tmp_path / "disk.raw")
    assert run(["sample", "imc-config-init-failed", "-o", path, "--size", str(SIZE)]) == 0
    return path


def move_the_store(disk: str) -> None:
    """The same content at another place, as a running Windows may leave it."""
    with mounted(disk, 1) as root:
        store = root / "Boot" / "BCD"
        shutil.copyfile(store, root / "Boot" / "BCD.new")
        store.unlink()
        (root / "Boot" / "BCD.new").rename(store)


def test_a_plan_is_stale_when_the_store_has_moved(disk: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = str(tmp_path / "plan.json")
    assert run(["plan", disk, "-o", plan]) == 1
    move_the_store(disk)
    before = fingerprint(disk)
    capsys.readouterr()
    assert run(["apply", plan, "--yes"]) == 4
    assert "has changed since" in capsys.readouterr().err
    assert fingerprint(disk) == before


def test_an_undo_is_refused_when_the_store_has_moved(disk: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["repair", disk, "--yes"]) == 0
    move_the_store(disk)
    before = fingerprint(disk)
    capsys.readouterr()
    assert run(["undo", disk, "--yes"]) == 4
    assert "has changed since run" in capsys.readouterr().err
    assert fingerprint(disk) == before


def test_a_disk_that_is_mounted_is_refused(disk: str, capsys: pytest.CaptureFixture[str]) -> None:
    with mounted(disk, 1):
        capsys.readouterr()
        assert run(["repair", disk, "--yes"]) == 4
        assert "Refused" in capsys.readouterr().err
    with Target(disk) as target:
        assert diagnose(target).problems


def test_a_saved_session_is_refused_and_can_be_discarded(disk: str, capsys: pytest.CaptureFixture[str]) -> None:
    with mounted(disk, 2) as root:
        (root / "hiberfil.sys").write_bytes(b"hibr" + bytes(range(256)) * 4096)
    before = fingerprint(disk)
    capsys.readouterr()
    assert run(["repair", disk, "--yes"]) == 4
    refusal = capsys.readouterr().err
    assert "saved a session on volume 2" in refusal
    assert "--discard-hibernation" in refusal
    assert fingerprint(disk) == before
    assert run(["repair", disk, "--yes", "--discard-hibernation"]) == 0
    with mounted(disk, 2) as root:
        assert (root / "hiberfil.sys").read_bytes() == bytes(4) + bytes(range(256)) * 4096


def test_discarding_a_session_can_be_undone(disk: str) -> None:
    with mounted(disk, 2) as root:
        (root / "hiberfil.sys").write_bytes(b"HIBR" + bytes(1 << 20))
    before = fingerprint(disk)
    assert run(["repair", disk, "--yes", "--discard-hibernation"]) == 0
    assert run(["undo", disk, "--yes"]) == 0
    assert fingerprint(disk) == before
