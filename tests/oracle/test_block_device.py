"""A block device is a target like any other: a loop device stands for a disk."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from bootmend.cli.main import run
from tests.catalog.disks import fingerprint
from tests.support import needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.oracle


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """A loop device over a broken sample, and the file behind it."""
    needs("losetup")
    if os.geteuid() != 0:
        pytest.skip("loop devices need root")
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))
    image = str(tmp_path / "disk.raw")
    assert run(["sample", "imc-config-init-failed", "-o", image, "--gen", "2", "--size", "1G"]) == 0
    made = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no loop device: {made.stderr.strip()}")
    name = made.stdout.strip()
    yield name, image
    subprocess.run(["losetup", "-d", name], check=True)


def test_check_repair_undo(device: tuple[str, str]) -> None:
    name, image = device
    before = fingerprint(image)
    assert run(["check", name]) == 1
    assert run(["repair", name, "--yes"]) == 0
    assert run(["check", name]) == 0
    assert run(["undo", name, "--yes"]) == 0
    assert fingerprint(image) == before


def test_the_file_behind_a_device_is_in_use(device: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    name, image = device
    before = fingerprint(image)
    assert run(["repair", image, "--yes"]) == 4
    assert name in capsys.readouterr().err
    assert fingerprint(image) == before
